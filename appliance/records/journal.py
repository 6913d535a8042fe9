"""The journal: the chain of sealed records that is also the outbox, and every step of the open crossing.

The records need no key of this box to be delivered, so they may lie on a disk that opens without one; the
steps lie in a file of their own (`steps.py`).

SQLite in WAL mode with synchronous=FULL: what a method has returned is on disk (NORMAL loses committed
rows at a power cut, and FULL does not). One process at a time holds it. Safe to use from several threads.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from nacl.signing import SigningKey

from appliance.config import Retention
from appliance.contracts.lane import Retained, SealedRecord
from appliance.contracts.movement import (
    RECORD_TYPE_CORRECTION,
    RECORD_TYPE_KEYS,
    RECORD_TYPE_MEDIA,
    RECORD_TYPE_MOVEMENT,
    RECORD_TYPE_RETENTION,
    Stamp,
    media_body,
)
from appliance.records import rotation
from appliance.records.book import Book
from appliance.records.chain import (
    MEDIA,
    JournalStatus,
    VerifyReport,
    append,
    chain_hash_of,
    set_meta,
    status_of,
    walk,
)
from appliance.records.commands import ChangeKey, Support, read_command
from appliance.records.database import read_meta, translated
from appliance.records.errors import CommandError, StorageError, WatermarkError
from appliance.records.orders import Local, carry_out
from appliance.records.report_counter import ReportCounter
from appliance.records.retention import drop_media, drop_old_media, mark, remove_old
from appliance.records.steps import OpenCrossing
from appliance.records.support import check_support
from appliance.records.timekeeping import certainly_past, moment_of, past_by
from appliance.records.watermark import Watermark, read_watermark

MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
"""One page of the outbox, beyond its first record: what a small board spares twice over."""
MAX_PAGE_RECORDS: Final = 256
_MAX_SEQ: Final = 2**63 - 1
"""What SQLite counts to; callers across a socket may ask for more."""


class Journal(Book):
    """What is done with an open journal."""

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

    def has_record(self, crossing: str) -> bool:
        """Whether the journal still holds a record of this name.

        Raises:
            StorageError: it may be asked again.
        """
        with self._transaction() as connection:
            query = "SELECT 1 FROM records WHERE crossing = ?"
            return connection.execute(query, (crossing,)).fetchone() is not None

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

        A word for more than was ever recorded here, or for other records with these numbers, means that this
        journal has lost its end, or is an older copy that was put back. It is kept aside, and a new one
        begun: its numbers were used before, and central would take none of its records any more.

        Raises:
            WatermarkError: it is not central's, or not for this journal.
            StorageError: it is not on disk.
        """
        with self._transaction() as connection:
            meta = read_meta(connection)
            past = certainly_past(meta)
            watermark = read_watermark(data, verify_key_for=lambda kid: self._central.watermark(kid, past))
            if watermark.device != self._device:
                raise WatermarkError("The acknowledgement is for another box.")
            if watermark.epoch != meta["epoch"]:
                raise WatermarkError("The acknowledgement is for an earlier journal of this box.")
            if watermark.seq < meta["base_seq"]:
                return status_of(meta)  # an old word, for what was removed long ago
            if watermark.chain == chain_hash_of(connection, watermark.seq):
                return self._take_word(connection, meta, watermark)
        self._begin_anew({"central_has": watermark.seq, "recorded": meta["last_seq"], "epoch": meta["epoch"]})
        return self.status()

    def _take_word(
        self, connection: sqlite3.Connection, meta: Mapping[str, Any], watermark: Watermark
    ) -> JournalStatus:
        issued_at = moment_of(watermark.issued_at)
        resynced_at = moment_of(meta["resynced_at"])
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
        if not self._central.takes_orders:
            raise CommandError("This box obeys nobody: no operator's key is configured.")
        command = read_command(data, verify_key_for=lambda kid: self._central.operator(kid, now))

        if isinstance(command.order, Support):
            check_support(command, self._central.support)

        def carry(connection: sqlite3.Connection) -> bool:
            return carry_out(connection, self._sealer, command, stamp=stamp, now=now, local=local)

        if isinstance(command.order, ChangeKey):
            said = {"by": "central", "reason": command.order.reason, "counter": command.counter}
            return self._change_key(carry, said=said, stamp=stamp) is not None
        with self._transaction() as connection:
            return carry(connection)

    def change_key(self, *, reason: str, stamp: Stamp) -> int:
        """Sign with a new key from the next record on; the number of the record that says so.

        Raises:
            StorageError: the old key goes on counting.
        """
        seq = self._change_key(lambda _: True, said={"by": "box", "reason": reason}, stamp=stamp)
        assert seq is not None
        return seq

    def _change_key(
        self, first: Callable[[sqlite3.Connection], bool], *, said: Mapping[str, Any], stamp: Stamp
    ) -> int | None:
        """The steps of `rotation.py`, if what comes `first` in the same transaction says so."""
        new = rotation.prepare(self._keys)
        numbers: list[int] = []

        def adopt() -> None:
            if numbers:
                rotation.adopt(self._keys, new)

        try:
            with self._transaction(then=adopt) as connection:
                if first(connection):
                    seq = rotation.record_change(connection, self._sealer, new, said=said, stamp=stamp)
                    numbers.append(seq)
        finally:
            if self._keys.signing != new:  # it was not committed, or the disk does not say
                with self._reading() as connection:
                    rotation.settle(connection, self._keys, write=True)
        return numbers[0] if numbers else None

    @property
    def signing_key(self) -> SigningKey:
        """What this box signs with now; another one after a change."""
        return self._keys.signing

    def correct(
        self, crossing: str, *, reason: str, values: Mapping[str, str], stamp: Stamp
    ) -> tuple[int, int | None]:
        """Record that an earlier crossing was recorded wrongly; this record's number, and the wrong one's.

        Nothing that was recorded changes. A crossing can be corrected again and again.

        Raises:
            StorageError: nothing was written, and it may be tried again.
        """
        with self._transaction() as connection:
            row = connection.execute("SELECT seq FROM records WHERE crossing = ?", (crossing,)).fetchone()
            corrects = None if row is None else int(row[0])
            number = int(read_meta(connection)["last_seq"]) + 1
            body = {"crossing": crossing, "seq": corrects, "reason": reason, "values": dict(values)}
            seq = append(
                connection, self._sealer, crossing=f"{crossing}/correction/{number}", body=body, stamp=stamp,
                record_type=RECORD_TYPE_CORRECTION,
            )  # fmt: skip
        return seq, corrects

    def install_keys(self, data: bytes, *, stamp: Stamp) -> bool:
        """Take a list of central's keys that its authority has signed, and record it; False when it is known.

        Raises:
            ManifestError: it is not the authority's, older than what this box has had, or of no use.
            StorageError: it is not on disk.
        """
        try:
            new = self._central.install(data)
        except OSError as error:
            raise translated(error) from error
        if new:
            version = self._central.version
            self.commit(f"keys/{version}", RECORD_TYPE_KEYS, {"owner": "central", "version": version}, stamp)
        return new

    def next_report(self, now: dt.datetime) -> int:
        """The number of the box's next report of itself, greater than any before; `now` is wall time.

        Raises:
            StorageError: it is not on disk.
        """
        try:
            with self._transaction() as connection:
                return self._report_counter.next(connection, max(0, int(now.timestamp() * 1000)))
        except StorageError:
            self._report_counter = ReportCounter()  # what it has kept may not be on disk
            raise

    def retain(
        self, *, stamp: Stamp, now: dt.datetime, settings: Retention | None = None, forgotten: int = 0
    ) -> Retained:
        """Remove what central acknowledged long enough ago, by class, and record that.

        `now` is the latest moment that is certainly past; `forgotten` is what went elsewhere on the box, and
        is recorded with it.

        Raises:
            StorageError: nothing was removed.
        """
        settings = settings or Retention()
        with self._transaction() as connection:
            removed, freed = remove_old(connection, now=now, days=settings.facts_days)
            dropped, more = drop_old_media(connection, now=now, days=settings.media_days)
            done = Retained(
                records_removed=removed, media_dropped=dropped, bytes_freed=freed + more, forgotten=forgotten
            )
            if removed or dropped or forgotten:
                through = {"through": read_meta(connection)["base_seq"]} if removed else {}
                self._record_retention(
                    connection, stamp, removed=removed, media_dropped=dropped, bytes=freed + more,
                    forgotten=forgotten, **through,
                )  # fmt: skip
            return done

    def make_room(self, wanted: int, *, stamp: Stamp) -> Retained:
        """Acknowledged media give up their bodies, the oldest first.

        Raises:
            StorageError: nothing was given up.
        """
        with self._transaction() as connection:
            count, size = drop_media(connection, wanted)
            if count:
                self._record_retention(connection, stamp, media_dropped=count, bytes=size)
            return Retained(records_removed=0, media_dropped=count, bytes_freed=size)

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
        """The latest moment that is past by central's signed word or by the last record; true time is not
        before it."""
        with self._reading() as connection:
            meta = read_meta(connection)
        return max(
            (past for past in (moment_of(meta["acknowledged_at"]), past_by(meta["last_stamp"])) if past),
            default=None,
        )

    def acknowledged_at(self) -> dt.datetime | None:
        """The latest moment that central has signed for; None when it has signed for nothing yet."""
        with self._reading() as connection:
            return moment_of(read_meta(connection)["acknowledged_at"])

    def support(self) -> tuple[dt.datetime, str] | None:
        """Until when support was let in last, and by what name; None when never."""
        with self._reading() as connection:
            meta = read_meta(connection)
        until = moment_of(meta.get("support_until", ""))
        return None if until is None else (until, str(meta["support_request"]))

    def last_stamp(self) -> Stamp | None:
        """Of the last record; None when there is none that this version can read."""
        with self._reading() as connection:
            meta = read_meta(connection)
        try:
            return msgspec.json.decode(meta["last_stamp"], type=Stamp)
        except msgspec.MsgspecError:
            return None

    def verify(self) -> VerifyReport:
        """Walk the whole chain: signatures, links, numbers, and the end that `meta` remembers.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._reading() as connection:
            return walk(connection, device=self._device, newest=self._keys.signing.verify_key)


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
