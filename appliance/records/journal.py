"""The journal: the chain of sealed records that is also the outbox, and every step of the open crossing.

The records need no key of this box to be delivered, so they may lie on a disk that opens without one; the
steps lie in a file of their own (`steps.py`).

SQLite in WAL mode with synchronous=FULL: what a method has returned is on disk (NORMAL loses committed
rows at a power cut, and FULL does not). One process at a time holds it. Safe to use from several threads.
"""

import contextlib
import datetime as dt
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

from appliance.contracts.lane import SealedRecord
from appliance.contracts.movement import (
    RECORD_TYPE_MEDIA,
    RECORD_TYPE_MOVEMENT,
    RECORD_TYPE_RETENTION,
    Stamp,
    media_body,
)
from appliance.records.chain import (
    MEDIA,
    JournalStatus,
    Sealer,
    VerifyReport,
    append,
    chain_hash_of,
    set_meta,
    status_of,
    walk,
)
from appliance.records.commands import read_command
from appliance.records.database import hold, open_database, read_meta, translated
from appliance.records.errors import CommandError, StorageBroken, StorageFull, WatermarkError
from appliance.records.keys import BoxKeys, CentralKeys
from appliance.records.orders import Local, carry_out
from appliance.records.quota import Disk, Level, measure
from appliance.records.retention import drop_media, mark, remove_old
from appliance.records.steps import OpenCrossing, Steps
from appliance.records.watermark import read_watermark

MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
"""One page of the outbox, beyond its first record: what a small board spares twice over."""
MAX_PAGE_RECORDS: Final = 256
_META: Final = {
    "device",
    "last_hash",
    "base_hash",
    "acknowledged_at",
    "command_counter",
    "resynced_at",
    "crossings",
}
_MAX_SEQ: Final = 2**63 - 1
"""What SQLite counts to; callers across a socket may ask for more."""
STEPS: Final = "steps.db"
SET_ASIDE: Final = "database_set_aside"
"""Notice: a damaged journal lies beside this one, kept for those who can read it."""


class Journal:
    """An open journal; `notices` are codes for the screen."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        lock: int,
        steps: Steps,
        keys: BoxKeys,
        central: CentralKeys,
        device: str,
        notices: tuple[str, ...],
        folder: Path,
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._steps = steps
        self._keys = keys
        self._central = central
        self._device = device
        self._sealer = Sealer(device=device, keys=keys, central=central)
        self._mutex = threading.Lock()
        self._folder = folder
        self.notices = notices

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        keys: BoxKeys,
        central: CentralKeys,
        device: str,
        begin: bool = True,
        steps: Path | None = None,
    ) -> Self:
        """Open the journal, or begin one; a damaged one is kept aside and a new one begun.

        `steps` is the file of the open crossing; None: beside the journal. Whoever only looks does not
        `begin` one: then what is not there, or damaged, is an error.

        Raises:
            JournalBusy: another process holds it.
            StorageError: the disk does not let us, or the journal is another box's.
        """
        if not begin:
            must_exist(path)
        with contextlib.ExitStack() as undo:
            lock = hold(path)
            undo.callback(os.close, lock)
            connection, aside = open_database(path, device=device, check=_check, begin=begin)
            undo.callback(connection.close)
            kept = Steps.open(steps or path.with_name(STEPS), storage=keys.storage)
            undo.callback(kept.close)
            _move_steps(connection, kept)
            undo.pop_all()
        return cls(
            connection,
            lock=lock,
            steps=kept,
            keys=keys,
            central=central,
            device=device,
            notices=(SET_ASIDE,) if aside or kept.damaged else (),
            folder=path.parent,
        )

    def close(self) -> None:
        """Let go of the file; closing twice does nothing."""
        with self._mutex:
            if self._lock >= 0:
                self._connection.close()
                self._steps.close()
                os.close(self._lock)
                self._lock = -1

    def disk(self) -> Disk:
        """How full the journal's disk is.

        Raises:
            StorageError: it does not answer.
        """
        with self._reading() as connection:
            pages = connection.execute("PRAGMA freelist_count").fetchone()[0]
            size = connection.execute("PRAGMA page_size").fetchone()[0]
        try:
            return measure(self._folder, reusable=pages * size)
        except OSError as error:
            raise translated(error) from error

    def room_to_begin(self) -> None:
        """Whether a new crossing can be brought to its end.

        Raises:
            StorageError: it cannot, and may be tried again.
        """
        if self.disk().level is Level.FULL:
            raise StorageFull("The disk is full of records that central does not have: nobody new is begun.")

    # The open crossing

    def append_event(self, crossing: str, name: str, payload: bytes) -> int:
        """One step, on disk when this returns; encrypted, because it is a traveller's.

        Raises:
            StorageError: it is not on disk, and may be tried again.
        """
        with self._mutex:
            return self._steps.append(crossing, name, payload)

    def open_crossing(self) -> OpenCrossing | None:
        """The crossing that has begun and is not recorded, None when there is none.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._mutex:
            return self._steps.open_crossing()

    # The chain

    def commit(
        self,
        crossing: str,
        record_type: str,
        body: Mapping[str, Any],
        stamp: Stamp,
        *,
        alert: bool = False,
        media: Mapping[str, bytes] | None = None,
    ) -> int:
        """Seal the record and link it to the chain, and its media behind it, in one transaction; then the
        steps of the crossing go.

        A crossing that is recorded already is not recorded again: its first number is returned, which is what
        happens after a power cut between the two. An `alert` goes to central before all history.

        Raises:
            StorageError: it may be tried again.
        """
        with self._transaction() as connection:
            known = connection.execute("SELECT seq FROM records WHERE crossing = ?", (crossing,)).fetchone()
            if known is None:
                seq = append(
                    connection, self._sealer, crossing=crossing, record_type=record_type, body=body,
                    stamp=stamp, alert=alert,
                )  # fmt: skip
                for name, content in (media or {}).items():
                    append(
                        connection, self._sealer, crossing=f"{crossing}/{name}", kind=MEDIA, stamp=stamp,
                        record_type=RECORD_TYPE_MEDIA, body=media_body(crossing, name, content),
                    )  # fmt: skip
                if record_type == RECORD_TYPE_MOVEMENT:
                    set_meta(connection, crossings=int(read_meta(connection)["crossings"]) + 1)
            else:
                seq = int(known[0])
        with self._mutex:
            self._steps.end(crossing)
        return seq

    def page(self, after: int, limit: int) -> tuple[SealedRecord, ...]:
        """Sealed records after this number, in order: at most `limit`, and few enough to carry.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._reading() as connection:
            return _bounded(
                connection.execute(
                    "SELECT seq, envelope, alert FROM records WHERE seq > ? ORDER BY seq LIMIT ?",
                    (max(0, min(after, _MAX_SEQ)), max(0, min(limit, MAX_PAGE_RECORDS))),
                )
            )

    def alerts(self, limit: int, *, after: int = 0) -> tuple[SealedRecord, ...]:
        """Alerts after this number that central has not acknowledged, in order, at most `limit`.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._reading() as connection:
            return _bounded(
                connection.execute(
                    "SELECT seq, envelope, alert FROM records WHERE alert AND seq > ? ORDER BY seq LIMIT ?",
                    (max(read_meta(connection)["acknowledged_seq"], min(after, _MAX_SEQ)), limit),
                )
            )

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
            if watermark.chain != chain_hash_of(connection, watermark.seq):
                if watermark.seq < meta["base_seq"]:
                    return status_of(meta)  # an old word for what was removed long ago
                raise WatermarkError("The acknowledgement is for other records with the same numbers.")
            issued_at = _moment(watermark.issued_at)
            resynced_at = _moment(meta["resynced_at"])
            if resynced_at and (issued_at is None or issued_at <= resynced_at):
                return status_of(meta)  # said before central was put back: it holds for nothing now
            if watermark.seq > meta["acknowledged_seq"]:
                set_meta(connection, acknowledged_seq=watermark.seq, acknowledged_at=watermark.issued_at)
                if issued_at is not None:
                    mark(connection, watermark.seq, issued_at)
            if watermark.seq >= meta["acknowledged_seq"]:
                gaps = (n for gap in watermark.gaps if gap[1] <= meta["last_seq"] for n in gap)
                set_meta(connection, gaps=" ".join(str(n) for n in gaps))
            return status_of(read_meta(connection))

    def command(self, data: bytes, *, stamp: Stamp, now: dt.datetime, local: Local) -> bool:
        """Carry out what central's operator has signed, and record it; False when that was done before.

        `now` is the latest moment that is certainly past; `local` does what a person's request asks of what
        the box itself can read.

        Raises:
            CommandError: it is not the operator's, not for this journal, or too late.
            StorageError: nothing was done, and it may be tried again.
        """
        operator = self._central.operator
        if operator is None:
            raise CommandError("This box obeys nobody: no operator's key is configured.")
        command = read_command(data, verify_key_for=_only(operator))
        with self._transaction() as connection:
            return carry_out(connection, self._sealer, command, stamp=stamp, now=now, local=local)

    def retain(self, *, stamp: Stamp, now: dt.datetime) -> tuple[int, int]:
        """Remove what central acknowledged long enough ago, and record that; how many, and their bytes.

        `now` is the latest moment that is certainly past.

        Raises:
            StorageError: nothing was removed.
        """
        with self._transaction() as connection:
            count, size = remove_old(connection, now=now)
            if count:
                through = read_meta(connection)["base_seq"]
                self._record_retention(connection, stamp, removed=count, through=through, bytes=size)
            return count, size

    def make_room(self, wanted: int, *, stamp: Stamp) -> tuple[int, int]:
        """Acknowledged media give up their bodies, the oldest first; how many, and the bytes that are free.

        Raises:
            StorageError: nothing was given up.
        """
        with self._transaction() as connection:
            count, size = drop_media(connection, wanted)
            if count:
                self._record_retention(connection, stamp, media_dropped=count, bytes=size)
            return count, size

    def _record_retention(self, connection: sqlite3.Connection, stamp: Stamp, **body: int) -> None:
        number = read_meta(connection)["last_seq"] + 1
        append(
            connection, self._sealer, crossing=f"retention/{number}", record_type=RECORD_TYPE_RETENTION,
            body=body, stamp=stamp,
        )  # fmt: skip

    def status(self) -> JournalStatus:
        """Where the journal stands.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._reading() as connection:
            return status_of(read_meta(connection))

    def time_floor(self) -> dt.datetime | None:
        """The latest moment that central has signed for: true time is not before it."""
        with self._reading() as connection:
            issued_at = read_meta(connection)["acknowledged_at"]
        return _moment(issued_at)

    def verify(self) -> VerifyReport:
        """Walk the whole chain: signatures, links, numbers, and the end that `meta` remembers.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._reading() as connection:
            return walk(connection, device=self._device, key_of=_only(self._keys.signing.verify_key))

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


def _check(connection: sqlite3.Connection) -> None:
    """The journal stands somewhere."""
    meta = read_meta(connection)
    if missing := _META - set(meta):
        raise StorageBroken(f"The journal does not know its {', '.join(sorted(missing))}.")
    status_of(meta)


def _move_steps(connection: sqlite3.Connection, steps: Steps) -> None:
    """Format 1 kept the steps with the records; a cut between the two lines does no harm."""
    try:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
            steps.take_over(connection.execute("SELECT crossing, sealed FROM events ORDER BY id").fetchall())
            connection.execute("DROP TABLE events")
    except sqlite3.Error as error:
        raise translated(error) from error


def _bounded(rows: Iterable[tuple[int, bytes, int]]) -> tuple[SealedRecord, ...]:
    """Few enough to carry, and never nothing, or the outbox would stand still."""
    records: list[SealedRecord] = []
    size = 0
    for seq, envelope, alert in rows:
        size += len(envelope)
        if records and size > MAX_PAGE_BYTES:
            break
        records.append(SealedRecord(seq=seq, envelope=envelope, alert=bool(alert)))
    return tuple(records)


def _moment(text: str) -> dt.datetime | None:
    """A moment that was written with its time zone; None when there is none."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _only(key: Any) -> Any:
    """The one key that is believed, whatever key id a message names: the signature decides."""
    return lambda _kid: key
