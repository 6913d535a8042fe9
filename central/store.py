"""Central's database: what was committed, what was refused and why, and which devices there are.

SQLAlchemy Core over SQLite (a path) or PostgreSQL (a URL). A batch is one transaction, so that a
watermark is only ever signed for what has been committed.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from appliance.records.envelope import GENESIS, Sealed
from appliance.records.watermark import Watermark
from central.database import (
    WRITES,
    StoreError,
    insert_many,
    insert_once,
    lock_names,
    open_engine,
    translating,
)
from central.fleet.box_keys import KeyRing, note_registered, ring_of
from central.fleet.tables import HEARD
from central.progress import Progress
from central.schema import create_schema
from central.tables import (
    CLOCKS,
    CROSSINGS,
    DEVICES,
    MAX_REFUSED_BYTES,
    RECORD_CROSSINGS,
    RECORDS,
    REFUSED,
    SETTINGS,
)
from central.waiting import enqueue

__all__ = ["Arrived", "Batch", "Device", "Store", "StoreError"]

LINK_KEY: Final = "link_key"
"""Setting: the key of persons' pseudonyms, so that they mean nothing outside this database."""

_RECORD_COLUMNS: Final = tuple(column.name for column in RECORDS.columns)
_RECORD_CROSSING_COLUMNS: Final = tuple(column.name for column in RECORD_CROSSINGS.columns)
_IN_ONE_STATEMENT: Final = 10_000
"""Values that SQLite and PostgreSQL take in one list."""


@dataclass(frozen=True, slots=True)
class Device:
    """A registered box."""

    name: str
    signing_key: bytes
    sealing_key: bytes | None
    """What answers to its live queries are sealed to; None when it was registered without."""
    ring: KeyRing
    """Its signing keys, this one and those before."""


@dataclass(slots=True)
class Arrived:
    """What a batch adds."""

    records: list[tuple[Sealed, bytes, str, bool]] = field(default_factory=list)
    """Verified, with envelope, type, and whether it is a movement that is known here."""
    crossings: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Device, epoch, number, and which crossing that record is about."""
    copies: list[tuple[str, str, int]] = field(default_factory=list)
    """Those that came once more."""


class Store:
    """One database. A transaction is a `Batch`."""

    def __init__(self, database: str) -> None:
        self.database = database
        self._engine: Engine = open_engine(database)
        with translating():
            self._create()

    def close(self) -> None:
        self._engine.dispose()

    def _create(self) -> None:
        """Tables, views and settings that are not there yet; two that begin at once get in no one's way."""
        with self._engine.execution_options(**{WRITES: True}).begin() as connection:
            lock_names(connection, {"borne schema"})
            create_schema(connection)
            insert_once(connection, SETTINGS, name=LINK_KEY, value=secrets.token_hex(32))

    @contextmanager
    def batch(self) -> Iterator["Batch"]:
        """One transaction that writes, committed at the end of the block.

        Raises:
            StoreError: nothing of it is committed.
        """
        with translating(), self._engine.execution_options(**{WRITES: True}).begin() as connection:
            yield Batch(connection)

    @contextmanager
    def reading(self) -> Iterator["Batch"]:
        """One transaction that only reads, and holds up nobody who writes.

        Raises:
            StoreError: the database does not answer.
        """
        with translating(), self._engine.connect() as connection:
            yield Batch(connection)

    def wipe(self) -> None:
        """After an erasure: SQLite's write-ahead log, which still has the old pages, is emptied.

        As far as others let it: who is just reading keeps some of it until the next time.
        """
        if self._engine.dialect.name == "sqlite":
            with translating(), self._engine.connect() as connection:
                connection.rollback()  # a checkpoint is not possible within a transaction
                cursor = connection.connection.cursor()
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                cursor.close()

    def counts(self) -> dict[str, int]:
        """How many records, crossings, refused messages, duplicates and devices there are."""
        with translating(), self._engine.connect() as connection:
            copies = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(RECORDS.c.copies - 1), 0)))
            return {
                "records": _count(connection, RECORDS),
                "crossings": _count(connection, CROSSINGS),
                "refused": _count(connection, REFUSED),
                "duplicates": int(copies.scalar_one()),
                "devices": _count(connection, DEVICES),
            }


class Batch(Progress):
    """What can be done within one transaction."""

    _link_key: bytes | None = None

    def link_key(self) -> bytes:
        """The key of this database's pseudonyms."""
        if self._link_key is None:
            query = sa.select(SETTINGS.c.value).where(SETTINGS.c.name == LINK_KEY)
            self._link_key = bytes.fromhex(self.connection.execute(query).scalar_one())
        return self._link_key

    def register(self, device: str, signing_key: bytes, sealing_key: bytes | None) -> None:
        """Know this box from now on; its keys replace those known before."""
        keys = {"signing_key": signing_key, "sealing_key": sealing_key}
        before = self.device(device, hold=True)
        note_registered(
            self.connection, device, signing_key, before=None if before is None else before.signing_key
        )
        known = self.connection.execute(sa.update(DEVICES).where(DEVICES.c.device == device).values(**keys))
        if not known.rowcount:
            self.connection.execute(sa.insert(DEVICES).values(device=device, **keys))

    def device(self, name: str, *, hold: bool = False) -> Device | None:
        """A registered box; `hold` keeps other workers from its records until this transaction ends."""
        query = sa.select(DEVICES.c.device, DEVICES.c.signing_key, DEVICES.c.sealing_key).where(
            DEVICES.c.device == name
        )
        row = self.connection.execute(query.with_for_update() if hold else query).one_or_none()
        if row is None:
            return None
        signing = bytes(row.signing_key)
        ring = ring_of(self.connection, row.device, signing)
        return Device(row.device, signing, row.sealing_key and bytes(row.sealing_key), ring)

    def chain_hash(self, device: str, epoch: str, seq: int) -> bytes | None:
        """Of a committed record."""
        query = sa.select(RECORDS.c.chain_hash).where(_is(device, epoch, seq))
        found = self.connection.execute(query).scalar_one_or_none()
        return None if found is None else bytes(found)

    def word(self, device: str, epoch: str, *, above: int = 0) -> Watermark:
        """What central may sign for now; the numbers up to `above` were all there when asked before."""
        seq = self.acknowledged(device, epoch, above=above)
        gaps = self.gaps(device, epoch, above=seq)
        return Watermark(
            device=device,
            epoch=epoch,
            seq=seq,
            chain=self.chain_hash(device, epoch, seq) or GENESIS,
            issued_at=_now(),
            gaps=gaps,
            top=self.top(device, epoch) if gaps else None,
        )

    def envelopes(self, device: str, epoch: str, seqs: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """Numbers and envelopes of those of these that are committed."""
        here = sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq.in_(list(seqs)))
        for row in self.connection.execute(sa.select(RECORDS.c.seq, RECORDS.c.envelope).where(here)):
            yield row.seq, bytes(row.envelope)

    def links(self, device: str, epoch: str, seqs: Iterable[int]) -> dict[int, tuple[bytes, bytes]]:
        """Of these numbers and their neighbours, those that are committed: chain hash and `prev`."""
        near = sorted({number for seq in seqs for number in (seq - 1, seq, seq + 1)})
        here = sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch)
        columns = (RECORDS.c.seq, RECORDS.c.chain_hash, RECORDS.c.prev)
        found: dict[int, tuple[bytes, bytes]] = {}
        for at in range(0, len(near), _IN_ONE_STATEMENT):
            query = sa.select(*columns).where(here, RECORDS.c.seq.in_(near[at : at + _IN_ONE_STATEMENT]))
            found |= {
                row.seq: (bytes(row.chain_hash), bytes(row.prev)) for row in self.connection.execute(query)
            }
        return found

    def add(self, arrived: "Arrived", *, waiting: Sequence[tuple[str, str, int]]) -> None:
        """Keep verified records, in few statements; `waiting` names those that something is derived from."""
        now = _now()
        records = [
            (
                *(one.header.device, one.header.epoch, one.header.seq, one.chain_hash, one.header.prev),
                *(record_type[:32], readable, envelope, 1, now),
            )
            for one, envelope, record_type, readable in arrived.records
        ]
        insert_many(self.connection, RECORDS, _RECORD_COLUMNS, records)
        insert_many(self.connection, RECORD_CROSSINGS, _RECORD_CROSSING_COLUMNS, arrived.crossings)
        enqueue(self.connection, waiting)
        if arrived.copies:
            again = sa.update(RECORDS).where(
                RECORDS.c.device == sa.bindparam("of"),
                RECORDS.c.epoch == sa.bindparam("in_epoch"),
                RECORDS.c.seq == sa.bindparam("number"),
            )
            self.connection.execute(
                again.values(copies=RECORDS.c.copies + sa.bindparam("times")),
                [
                    {"of": device, "in_epoch": epoch, "number": seq, "times": times}
                    for (device, epoch, seq), times in sorted(Counter(arrived.copies).items())
                ],
            )

    def refuse(self, device: str, reason: str, envelope: bytes) -> None:
        """Keep what cannot be believed, once, with the reason."""
        digest = hashlib.sha256(envelope).digest()
        first = insert_once(
            self.connection,
            REFUSED,
            device=device[:200],
            reason=reason,
            sha256=digest,
            envelope=envelope[:MAX_REFUSED_BYTES],
            times=1,
            received_at=_now(),
        )
        if not first:
            self.connection.execute(
                sa.update(REFUSED).where(REFUSED.c.sha256 == digest).values(times=REFUSED.c.times + 1)
            )

    def note_device(self, device: str, *, status: str | None = None, telemetry: str | None = None) -> None:
        """What a box last said of itself."""
        values: dict[str, Any] = {"heard_at": _now()}
        if status is not None:
            values["status"] = status
        if telemetry is not None:
            values["telemetry"] = telemetry
        done = self.connection.execute(sa.update(DEVICES).where(DEVICES.c.device == device).values(**values))
        if done.rowcount and telemetry is not None:
            insert_once(self.connection, HEARD, device=device, hour=values["heard_at"][:13])

    def note_clock(self, device: str, offset_seconds: float) -> None:
        """How far the box's clock is from ours."""
        values = {"offset_seconds": offset_seconds, "measured_at": _now()}
        known = self.connection.execute(sa.update(CLOCKS).where(CLOCKS.c.device == device).values(**values))
        if not known.rowcount and self.device(device) is not None:
            insert_once(self.connection, CLOCKS, device=device, **values)


def _is(device: str, epoch: str, seq: int) -> sa.ColumnElement[bool]:
    return sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq == seq)


def _count(connection: Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
