"""The journal: every step of the open crossing, and the chain of sealed records that is also the outbox.

SQLite in WAL mode with synchronous=FULL: what a method has returned is on disk (NORMAL loses committed
rows at a power cut, and FULL does not). One process at a time holds it. Safe to use from several threads.
"""

import contextlib
import datetime as dt
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from nacl.exceptions import CryptoError

from appliance.contracts.lane import SealedRecord
from appliance.contracts.movement import Stamp
from appliance.records import envelope as envelopes
from appliance.records.database import hold, open_database, read_meta, translated
from appliance.records.errors import (
    EnvelopeError,
    StorageBroken,
    WatermarkError,
)
from appliance.records.keys import BoxKeys, CentralKeys
from appliance.records.watermark import read_watermark

MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
"""One page of the outbox, beyond its first record: what a small board spares twice over."""
ALMOST_FULL: Final = 0.1
"""Share of the disk that should be free: at 300 travellers a day the last tenth lasts for weeks."""
MAX_PAGE_RECORDS: Final = 256
_MAX_SEQ: Final = 2**63 - 1
"""What SQLite counts to; callers across a socket may ask for more."""
SET_ASIDE: Final = "database_set_aside"
"""Notice: a damaged journal lies beside this one, kept for those who can read it."""


@dataclass(frozen=True, slots=True)
class OpenCrossing:
    """The crossing that was under way, with its events in order."""

    crossing: str
    events: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """Where the journal stands."""

    epoch: str
    last_seq: int
    acknowledged_seq: int

    @property
    def unsent(self) -> int:
        return self.last_seq - self.acknowledged_seq


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a walk along the chain found."""

    epoch: str
    records: int
    problems: tuple[str, ...]


class Journal:
    """An open journal; `notices` are codes for the screen."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        lock: int,
        keys: BoxKeys,
        central: CentralKeys,
        device: str,
        notices: tuple[str, ...],
        folder: Path,
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._keys = keys
        self._central = central
        self._device = device
        self._mutex = threading.Lock()
        self._folder = folder
        self.notices = notices

    @classmethod
    def open(
        cls, path: Path, *, keys: BoxKeys, central: CentralKeys, device: str, begin: bool = True
    ) -> Self:
        """Open the journal, or begin one; a damaged one is kept aside and a new one begun.

        Whoever only looks does not `begin` one: then what is not there, or damaged, is an error.

        Raises:
            JournalBusy: another process holds it.
            StorageError: the disk does not let us, or the journal is another box's.
        """
        if not begin:
            must_exist(path)
        lock = hold(path)
        try:
            connection, aside = open_database(
                path, device=device, check=lambda found: _check(found, keys), begin=begin
            )
        except BaseException:
            os.close(lock)
            raise
        return cls(
            connection,
            lock=lock,
            keys=keys,
            central=central,
            device=device,
            notices=(SET_ASIDE,) if aside else (),
            folder=path.parent,
        )

    def close(self) -> None:
        """Let go of the file; closing twice does nothing."""
        with self._mutex:
            if self._lock >= 0:
                self._connection.close()
                os.close(self._lock)
                self._lock = -1

    def almost_full(self) -> bool:
        """Whether the journal's disk has less room left than `ALMOST_FULL` asks for."""
        usage = shutil.disk_usage(self._folder)
        return usage.free < ALMOST_FULL * usage.total

    # The open crossing

    def append_event(self, crossing: str, name: str, payload: bytes) -> int:
        """One step, on disk when this returns; encrypted, because it is a traveller's.

        Raises:
            StorageError: it is not on disk, and may be tried again.
        """
        sealed = bytes(self._keys.storage.encrypt(_pack(crossing, name, payload)))
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO events (crossing, sealed) VALUES (?, ?)", (crossing, sealed)
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def open_crossing(self) -> OpenCrossing | None:
        """The crossing that has begun and is not recorded, None when there is none.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._reading() as connection:
            rows = connection.execute("SELECT crossing, sealed FROM events ORDER BY id").fetchall()
        if not rows:
            return None
        crossing = str(rows[-1][0])
        events = tuple(_unpack(self._keys, owner, sealed) for owner, sealed in rows if owner == crossing)
        return OpenCrossing(crossing, events)

    # The chain

    def commit(self, crossing: str, record_type: str, body: Mapping[str, Any], stamp: Stamp) -> int:
        """Seal the record, link it to the chain, and end the crossing, all in one transaction.

        A crossing that is recorded already is not recorded again: its first number is returned.

        Raises:
            StorageError: nothing was written, and it may be tried again.
        """
        with self._transaction() as connection:
            known = connection.execute("SELECT seq FROM records WHERE crossing = ?", (crossing,)).fetchone()
            if known is not None:
                connection.execute("DELETE FROM events WHERE crossing = ?", (crossing,))
                return int(known[0])
            meta = read_meta(connection)
            seq = int(meta["last_seq"]) + 1
            envelope, chain_hash = envelopes.seal(
                record_type=record_type,
                body=body,
                device=self._device,
                epoch=meta["epoch"],
                seq=seq,
                prev=meta["last_hash"],
                stamp=stamp,
                signing_key=self._keys.signing,
                recipient=self._central.sealing,
            )
            connection.execute(
                "INSERT INTO records (seq, crossing, envelope, chain_hash) VALUES (?, ?, ?, ?)",
                (seq, crossing, envelope, chain_hash),
            )
            connection.execute("UPDATE meta SET value = ? WHERE name = 'last_seq'", (seq,))
            connection.execute("UPDATE meta SET value = ? WHERE name = 'last_hash'", (chain_hash,))
            connection.execute("DELETE FROM events WHERE crossing = ?", (crossing,))
            return seq

    def page(self, after: int, limit: int) -> tuple[SealedRecord, ...]:
        """Sealed records after this number, in order: at most `limit`, and few enough to carry.

        Raises:
            StorageError: the database cannot be read.
        """
        records: list[SealedRecord] = []
        size = 0
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT seq, envelope FROM records WHERE seq > ? ORDER BY seq LIMIT ?",
                (max(0, min(after, _MAX_SEQ)), max(0, min(limit, MAX_PAGE_RECORDS))),
            )
            for seq, envelope in rows:
                size += len(envelope)
                if records and size > MAX_PAGE_BYTES:
                    break
                records.append(SealedRecord(seq=seq, envelope=envelope))
        return tuple(records)

    def acknowledge(self, data: bytes) -> JournalStatus:
        """Take central's signed word; an older one than we have changes nothing.

        Raises:
            WatermarkError: it is not central's, not for this journal, or for what was never recorded.
            StorageError: it is not on disk.
        """
        watermark = read_watermark(data, verify_key_for=_only(self._central.watermark))
        with self._transaction() as connection:
            meta = read_meta(connection)
            if watermark.device != self._device:
                raise WatermarkError("The acknowledgement is for another box.")
            if watermark.epoch != meta["epoch"]:
                raise WatermarkError("The acknowledgement is for an earlier journal of this box.")
            if watermark.seq > meta["last_seq"]:
                raise WatermarkError("The acknowledgement is for records that this box has not made.")
            if watermark.chain != _chain_hash(connection, watermark.seq):
                raise WatermarkError("The acknowledgement is for other records with the same numbers.")
            if watermark.seq > meta["acknowledged_seq"]:
                connection.execute(
                    "UPDATE meta SET value = ? WHERE name = 'acknowledged_seq'", (watermark.seq,)
                )
                connection.execute(
                    "UPDATE meta SET value = ? WHERE name = 'acknowledged_at'", (watermark.issued_at,)
                )
            return _status(read_meta(connection))

    def status(self) -> JournalStatus:
        """Where the journal stands.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._reading() as connection:
            return _status(read_meta(connection))

    def time_floor(self) -> dt.datetime | None:
        """The latest moment that central has signed for: true time is not before it."""
        with self._reading() as connection:
            issued_at = read_meta(connection)["acknowledged_at"]
        try:
            moment = dt.datetime.fromisoformat(issued_at)
        except ValueError:
            return None  # nothing acknowledged yet
        return moment if moment.tzinfo else None

    def verify(self) -> VerifyReport:
        """Walk the whole chain: signatures, links, numbers, and the end that `meta` remembers.

        Raises:
            StorageError: the database cannot be read.
        """
        problems: list[str] = []
        prev, expected, count = envelopes.GENESIS, 1, 0
        with self._reading() as connection:
            meta = read_meta(connection)
            for seq, envelope in connection.execute("SELECT seq, envelope FROM records ORDER BY seq"):
                count += 1
                try:
                    sealed = envelopes.verify(envelope, verify_key_for=_only(self._keys.signing.verify_key))
                except EnvelopeError as error:
                    problems.append(f"record {seq}: {error}")
                    expected = seq + 1
                    continue
                header = sealed.header
                if (header.device, header.epoch, header.seq) != (self._device, meta["epoch"], seq):
                    problems.append(f"record {seq}: it says that it is another one")
                if seq != expected:
                    problems.append(f"record {expected}: missing")
                if header.prev != prev:
                    problems.append(f"record {seq}: it does not follow the record before it")
                prev, expected = sealed.chain_hash, seq + 1
        if expected - 1 != meta["last_seq"]:
            problems.append(f"record {meta['last_seq']}: missing at the end")
        elif not problems and prev != meta["last_hash"]:
            problems.append(f"record {meta['last_seq']}: it is not the one that was recorded last")
        return VerifyReport(meta["epoch"], count, tuple(problems))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back by itself
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise translated(error) from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise translated(error) from error


def must_exist(path: Path) -> None:
    """For those who only look, before they make so much as a folder.

    Raises:
        StorageBroken: there is no journal here.
    """
    if not any(Path(f"{path}{tail}").exists() for tail in ("", "-wal")):
        raise StorageBroken(f"There is no journal at {path}.")


def _check(connection: sqlite3.Connection, keys: BoxKeys) -> None:
    """The journal stands somewhere, and the open crossing can be decrypted."""
    meta = read_meta(connection)
    _status(meta)
    if missing := {"device", "last_hash", "acknowledged_at"} - set(meta):
        raise StorageBroken(f"The journal does not know its {', '.join(sorted(missing))}.")
    for owner, sealed in connection.execute("SELECT crossing, sealed FROM events ORDER BY id"):
        _unpack(keys, owner, sealed)


def _status(meta: Mapping[str, Any]) -> JournalStatus:
    return JournalStatus(
        epoch=meta["epoch"], last_seq=meta["last_seq"], acknowledged_seq=meta["acknowledged_seq"]
    )


def _pack(crossing: str, name: str, payload: bytes) -> bytes:
    """The event with whose it is inside, so that rows cannot be moved between crossings."""
    return b"\0".join((crossing.encode(), name.encode(), payload))


def _unpack(keys: BoxKeys, owner: str, sealed: bytes) -> bytes:
    """The payload of an event that belongs to this crossing."""
    try:
        crossing, _name, payload = bytes(keys.storage.decrypt(sealed)).split(b"\0", 2)
    except (CryptoError, ValueError, TypeError) as error:
        raise StorageBroken("An open crossing cannot be decrypted with this box's key.") from error
    if crossing != owner.encode():
        raise StorageBroken("A step of another crossing lies in the open one.")
    return payload


def _chain_hash(connection: sqlite3.Connection, seq: int) -> bytes:
    """Of the record with this number; before the first one the chain begins."""
    row = connection.execute("SELECT chain_hash FROM records WHERE seq = ?", (seq,)).fetchone()
    return envelopes.GENESIS if row is None else bytes(row[0])


def _only(key: Any) -> Any:
    """The one key that is believed, whatever key id a message names: the signature decides."""
    return lambda _kid: key
