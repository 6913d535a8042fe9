"""Central's database: what was committed, what was refused and why, and which devices there are.

SQLAlchemy Core over SQLite (a path) or PostgreSQL (a URL). A batch is one transaction, so that a
watermark is only ever signed for what has been committed.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from appliance.contracts.movement import Movement
from appliance.records.envelope import Sealed
from appliance.records.watermark import MAX_GAPS
from central.database import WRITES, StoreError, insert_once, lock_names, open_engine, translating
from central.fleet.tables import HEARD
from central.schema import create_schema
from central.tables import (
    CLOCKS,
    CROSSINGS,
    DEVICES,
    EPOCHS,
    MAX_REFUSED_BYTES,
    RECORD_CROSSINGS,
    RECORDS,
    REFUSED,
    SETTINGS,
    facts_of,
)

__all__ = ["Batch", "Device", "Store", "StoreError"]

LINK_KEY: Final = "link_key"
"""Setting: the key of persons' pseudonyms, so that they mean nothing outside this database."""

MAX_REPORT_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Device:
    """A registered box."""

    name: str
    signing_key: bytes
    sealing_key: bytes | None = None
    """What answers to its live queries are sealed to; None when it was registered without."""


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


class Batch:
    """What can be done within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def link_key(self) -> bytes:
        """The key of this database's pseudonyms."""
        found = self.connection.execute(sa.select(SETTINGS.c.value).where(SETTINGS.c.name == LINK_KEY))
        return bytes.fromhex(found.scalar_one())

    def register(self, device: str, signing_key: bytes, sealing_key: bytes | None) -> None:
        """Know this box from now on; its keys replace those known before."""
        keys = {"signing_key": signing_key, "sealing_key": sealing_key}
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
        return Device(row.device, bytes(row.signing_key), row.sealing_key and bytes(row.sealing_key))

    def record(self, device: str, epoch: str, seq: int) -> tuple[bytes, bytes] | None:
        """Chain hash and envelope of a committed record."""
        row = self.connection.execute(
            sa.select(RECORDS.c.chain_hash, RECORDS.c.envelope).where(_is(device, epoch, seq))
        ).one_or_none()
        return None if row is None else (bytes(row.chain_hash), bytes(row.envelope))

    def previous_link(self, device: str, epoch: str, seq: int) -> bytes | None:
        """`prev` of a committed record."""
        row = self.connection.execute(sa.select(RECORDS.c.prev).where(_is(device, epoch, seq))).one_or_none()
        return None if row is None else bytes(row.prev)

    def count_copy(self, device: str, epoch: str, seq: int) -> None:
        """The same record came once more."""
        self.connection.execute(
            sa.update(RECORDS).where(_is(device, epoch, seq)).values(copies=RECORDS.c.copies + 1)
        )

    def add_record(self, sealed: Sealed, envelope: bytes, *, record_type: str, readable: bool) -> None:
        """Keep a verified record."""
        header = sealed.header
        self.connection.execute(
            sa.insert(RECORDS).values(
                device=header.device,
                epoch=header.epoch,
                seq=header.seq,
                chain_hash=sealed.chain_hash,
                prev=header.prev,
                type=record_type[:32],
                readable=readable,
                envelope=envelope,
                copies=1,
                received_at=_now(),
            )
        )

    def note_crossing(self, sealed: Sealed, crossing: str) -> None:
        """Which crossing this record is about."""
        header = sealed.header
        insert_once(
            self.connection,
            RECORD_CROSSINGS,
            device=header.device,
            epoch=header.epoch,
            seq=header.seq,
            crossing=crossing,
        )

    def add_crossing(self, sealed: Sealed, movement: Movement) -> bool:
        """The facts of a movement that `fits`, pictures stay in the record; False if it is known already."""
        header = sealed.header
        return insert_once(
            self.connection,
            CROSSINGS,
            device=header.device,
            epoch=header.epoch,
            seq=header.seq,
            **facts_of(movement),
        )

    def note_epoch(self, device: str, epoch: str) -> int:
        """Remember when this journal of the box was first heard of; the how manieth it is, 0 if known."""
        if not insert_once(self.connection, EPOCHS, device=device, epoch=epoch, first_seen_at=_now()):
            return 0
        query = sa.select(sa.func.count()).where(EPOCHS.c.device == device)
        return int(self.connection.execute(query).scalar_one())

    def epochs(self) -> list[tuple[str, str]]:
        """Every journal of a box that was heard of, as device and epoch."""
        rows = self.connection.execute(
            sa.select(EPOCHS.c.device, EPOCHS.c.epoch).order_by(EPOCHS.c.device, EPOCHS.c.epoch)
        )
        return [(row.device, row.epoch) for row in rows]

    def knows_epoch(self, device: str, epoch: str) -> bool:
        found = self.connection.execute(sa.select(EPOCHS.c.epoch).where(_is_epoch(device, epoch)))
        return found.first() is not None

    def note_fork(self, device: str, epoch: str, seq: int) -> None:
        """The box has signed two records with this number: nothing from here on is acknowledged."""
        self.connection.execute(
            sa.update(EPOCHS)
            .where(_is_epoch(device, epoch), sa.func.coalesce(EPOCHS.c.forked_at, seq) >= seq)
            .values(forked_at=seq)
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

    def acknowledged(self, device: str, epoch: str, *, above: int = 0) -> int:
        """How far records may be acknowledged: no gap, and no number that was signed twice.

        The numbers up to `above` were all there when asked before, which saves the walk over them.
        """
        forked_at = self.connection.execute(
            sa.select(EPOCHS.c.forked_at).where(_is_epoch(device, epoch))
        ).scalar_one_or_none()
        reached = self._contiguous(device, epoch, above)
        return reached if forked_at is None else min(reached, int(forked_at) - 1)

    def _contiguous(self, device: str, epoch: str, above: int) -> int:
        """The highest number without a gap below it."""
        if above and not self._has(device, epoch, above):
            above = 0  # an older copy of the database was put back: only what it holds is signed for
        start = above or 1
        if not self._has(device, epoch, start):
            return 0
        # The first number whose successor is missing, by one index walk from where we stand.
        here, successor = RECORDS.alias("here"), RECORDS.alias("successor")
        query = (
            sa.select(here.c.seq)
            .select_from(
                here.outerjoin(
                    successor,
                    (successor.c.device == here.c.device)
                    & (successor.c.epoch == here.c.epoch)
                    & (successor.c.seq == here.c.seq + 1),
                )
            )
            .where(
                here.c.device == device,
                here.c.epoch == epoch,
                here.c.seq >= start,
                successor.c.seq.is_(None),
            )
            .order_by(here.c.seq)
            .limit(1)
        )
        return int(self.connection.execute(query).scalar_one())

    def present_epoch(self, device: str) -> str | None:
        """The journal of the box that was heard of last."""
        query = (
            sa.select(EPOCHS.c.epoch)
            .where(EPOCHS.c.device == device)
            .order_by(EPOCHS.c.first_seen_at.desc(), EPOCHS.c.epoch.desc())
            .limit(1)
        )
        return self.connection.execute(query).scalar()

    def is_forked(self, device: str, epoch: str) -> bool:
        query = sa.select(EPOCHS.c.forked_at).where(_is_epoch(device, epoch))
        return self.connection.execute(query).scalar() is not None

    def gaps(self, device: str, epoch: str, *, above: int) -> tuple[tuple[int, int], ...]:
        """First and last number of each run that is missing below others, the lowest first."""
        before = sa.func.lag(RECORDS.c.seq, 1, above).over(order_by=RECORDS.c.seq).label("before")
        above_it = sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq > above)
        held = sa.select(RECORDS.c.seq, before).where(above_it).subquery()
        query = (
            sa.select(held.c.before, held.c.seq)
            .where(held.c.seq - held.c.before > 1)
            .order_by(held.c.seq)
            .limit(MAX_GAPS)
        )
        return tuple((int(row.before) + 1, int(row.seq) - 1) for row in self.connection.execute(query))

    def _has(self, device: str, epoch: str, seq: int) -> bool:
        found = self.connection.execute(sa.select(RECORDS.c.seq).where(_is(device, epoch, seq)))
        return found.first() is not None

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


def _is_epoch(device: str, epoch: str) -> sa.ColumnElement[bool]:
    return sa.and_(EPOCHS.c.device == device, EPOCHS.c.epoch == epoch)


def _count(connection: Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
