"""The journal: every step of the open crossing, and the chain of sealed records that is also the outbox.

SQLite in WAL mode with synchronous=FULL: what a method has returned is on disk (NORMAL loses committed
rows at a power cut, and FULL does not). One process at a time holds it. Safe to use from several threads.
"""

import contextlib
import datetime as dt
import errno
import fcntl
import os
import secrets
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
from appliance.records.errors import (
    EnvelopeError,
    JournalBusy,
    StorageBroken,
    StorageError,
    StorageFull,
    WatermarkError,
)
from appliance.records.keys import BoxKeys, CentralKeys
from appliance.records.watermark import read_watermark

FORMAT: Final = 1
"""user_version of the database."""
APPLICATION_ID: Final = 0x424F524A
"""BORJ: this file is a journal and not some other database."""
MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
"""One page of the outbox, beyond its first record: what a small board spares twice over."""
MAX_PAGE_RECORDS: Final = 256
_MAX_SEQ: Final = 2**63 - 1
"""What SQLite counts to; callers across a socket may ask for more."""
BUSY_SECONDS: Final = 5.0
_DAMAGE: Final = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_ERROR,  # a table or a column that is not there
}
SET_ASIDE: Final = "database_set_aside"
"""Notice: a damaged journal lies beside this one, kept for those who can read it."""

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, crossing TEXT NOT NULL, sealed BLOB NOT NULL
);
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    crossing TEXT NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    chain_hash BLOB NOT NULL
);
"""


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
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._keys = keys
        self._central = central
        self._device = device
        self._mutex = threading.Lock()
        self.notices = notices

    @classmethod
    def open(cls, path: Path, *, keys: BoxKeys, central: CentralKeys, device: str) -> Self:
        """Open the journal, or begin one; a damaged one is kept aside and a new one begun.

        Raises:
            JournalBusy: another process holds it.
            StorageError: the disk does not let us, or the journal is another box's.
        """
        lock = _hold(path)
        try:
            try:
                connection = _connect(path)
                _check_readable(connection, keys)
            except _Damaged:
                _set_aside(path)
                connection = _connect(path)
            _prepare(connection, device)
            aside = any(path.parent.glob(f"{path.name}.corrupt-*"))
        except BaseException as error:
            os.close(lock)
            if isinstance(error, sqlite3.Error | OSError):
                raise _translated(error) from error
            raise
        return cls(
            connection,
            lock=lock,
            keys=keys,
            central=central,
            device=device,
            notices=(SET_ASIDE,) if aside else (),
        )

    def close(self) -> None:
        """Let go of the file; closing twice does nothing."""
        with self._mutex:
            if self._lock >= 0:
                self._connection.close()
                os.close(self._lock)
                self._lock = -1

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
            meta = _meta(connection)
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
            meta = _meta(connection)
            if watermark.device != self._device:
                raise WatermarkError("The acknowledgement is for another box.")
            if watermark.epoch != meta["epoch"]:
                raise WatermarkError("The acknowledgement is for an earlier journal of this box.")
            if watermark.seq > meta["last_seq"]:
                raise WatermarkError("The acknowledgement is for records that this box has not made.")
            if watermark.seq > meta["acknowledged_seq"]:
                connection.execute(
                    "UPDATE meta SET value = ? WHERE name = 'acknowledged_seq'", (watermark.seq,)
                )
                connection.execute(
                    "UPDATE meta SET value = ? WHERE name = 'acknowledged_at'", (watermark.issued_at,)
                )
            return _status(_meta(connection))

    def status(self) -> JournalStatus:
        """Where the journal stands.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._reading() as connection:
            return _status(_meta(connection))

    def time_floor(self) -> dt.datetime | None:
        """The latest moment that central has signed for: true time is not before it."""
        with self._reading() as connection:
            issued_at = _meta(connection)["acknowledged_at"]
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
            meta = _meta(connection)
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
                raise _translated(error) from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise _translated(error) from error


class _Damaged(Exception):
    """The database cannot be used as it is."""


def _hold(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _translated(error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise JournalBusy(f"Another Borne process is using {path}; stop it first.") from None
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size and not (path.exists() and path.stat().st_size):
        # SQLite would take the empty file for a new database, and delete the log with what is in it.
        raise _Damaged
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        path.chmod(0o600)
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        healthy = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        usable = healthy == "ok" and (not tables or (application, version) == (APPLICATION_ID, FORMAT))
        if usable:  # or it is somebody else's, and kept as it was found
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
    except sqlite3.DatabaseError as error:
        connection.close()
        if _is_damage(error):
            raise _Damaged from error
        raise
    if not usable:
        connection.close()
        raise _Damaged
    return connection


def _check_readable(connection: sqlite3.Connection, keys: BoxKeys) -> None:
    """Its tables are there, and the open crossing can be decrypted, or the journal is of no use here."""
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return
        _status(_meta(connection))
        for owner, sealed in connection.execute("SELECT crossing, sealed FROM events ORDER BY id"):
            _unpack(keys, owner, sealed)
    except (sqlite3.DatabaseError, KeyError, StorageBroken) as error:
        connection.close()
        if isinstance(error, sqlite3.DatabaseError) and not _is_damage(error):
            raise
        raise _Damaged from error


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is at fault; a disk that is full, read-only or gone leaves it as good as it was."""
    return _code(error) in _DAMAGE


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _prepare(connection: sqlite3.Connection, device: str) -> None:
    """A new database gets its tables and its epoch, in one transaction; an old one must be this box's."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        owner = _meta(connection)["device"]
        if owner != device:
            connection.close()
            raise StorageBroken(f"This journal belongs to the box {owner}, and this box is {device}.")
        return
    now = dt.datetime.now(dt.UTC)
    values = {
        "device": device,
        "epoch": f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        "last_seq": 0,
        "last_hash": envelopes.GENESIS,
        "acknowledged_seq": 0,
        "acknowledged_at": "",
    }
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


def _set_aside(path: Path) -> None:
    """Keep the damaged database, its write-ahead log too, under another name; nothing is deleted."""
    suffix = f".corrupt-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    for tail in ("", "-wal", "-shm"):
        file = Path(f"{path}{tail}")
        if file.exists():
            file.rename(f"{path}{suffix}{tail}")


def _meta(connection: sqlite3.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT name, value FROM meta").fetchall())


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


def _only(key: Any) -> Any:
    """The one key that is believed, whatever key id a message names: the signature decides."""
    return lambda _kid: key


def _translated(error: sqlite3.Error | OSError) -> StorageError:
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StorageFull("The disk is full.")
        return StorageBroken(f"The journal's disk does not answer: {error.strerror}.")
    if _code(error) == sqlite3.SQLITE_FULL:
        return StorageFull("The disk is full: this step is not kept yet.")
    return StorageBroken(f"The journal cannot be used: {error}.")
