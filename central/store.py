"""Central's database: what was committed, what was refused and why, and which devices there are.

SQLAlchemy Core over SQLite (a path) or PostgreSQL (a URL). A batch is one transaction, so that a
watermark is only ever signed for what has been committed.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from appliance.contracts.movement import Movement
from appliance.records.envelope import Sealed
from central.tables import CROSSINGS, DEVICES, EPOCHS, METADATA, RECORDS, REFUSED, facts_of

MAX_REFUSED_BYTES: Final = 256 * 1024
"""Of what was refused, so much is kept to look at."""
MAX_REPORT_BYTES: Final = 256 * 1024


class StoreError(Exception):
    """The database does not take it; nothing was committed, and it may be tried again."""


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
        url = database if "://" in database else f"sqlite:///{database}"
        with _translating():
            self._engine: Engine = sa.create_engine(url, pool_pre_ping=True)
            if self._engine.dialect.name == "sqlite":
                sa.event.listen(self._engine, "connect", _durable)
                _make_private(self._engine.url.database)
            METADATA.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def batch(self) -> Iterator["Batch"]:
        """One transaction, committed at the end of the block.

        Raises:
            StoreError: nothing of it is committed.
        """
        with _translating(), self._engine.begin() as connection:
            yield Batch(connection)

    def counts(self) -> dict[str, int]:
        """How many records, crossings, refused messages, duplicates and devices there are."""
        with _translating(), self._engine.connect() as connection:
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
        self._connection = connection

    def register(self, device: str, signing_key: bytes, sealing_key: bytes | None) -> None:
        """Know this box from now on; its keys replace those known before."""
        keys = {"signing_key": signing_key, "sealing_key": sealing_key}
        known = self._connection.execute(sa.update(DEVICES).where(DEVICES.c.device == device).values(**keys))
        if not known.rowcount:
            self._connection.execute(sa.insert(DEVICES).values(device=device, **keys))

    def device(self, name: str) -> Device | None:
        row = self._connection.execute(
            sa.select(DEVICES.c.device, DEVICES.c.signing_key, DEVICES.c.sealing_key).where(
                DEVICES.c.device == name
            )
        ).one_or_none()
        if row is None:
            return None
        return Device(row.device, bytes(row.signing_key), row.sealing_key and bytes(row.sealing_key))

    def record(self, device: str, epoch: str, seq: int) -> tuple[bytes, bytes] | None:
        """Chain hash and envelope of a committed record."""
        row = self._connection.execute(
            sa.select(RECORDS.c.chain_hash, RECORDS.c.envelope).where(_is(device, epoch, seq))
        ).one_or_none()
        return None if row is None else (bytes(row.chain_hash), bytes(row.envelope))

    def previous_link(self, device: str, epoch: str, seq: int) -> bytes | None:
        """`prev` of a committed record."""
        row = self._connection.execute(sa.select(RECORDS.c.prev).where(_is(device, epoch, seq))).one_or_none()
        return None if row is None else bytes(row.prev)

    def count_copy(self, device: str, epoch: str, seq: int) -> None:
        """The same record came once more."""
        self._connection.execute(
            sa.update(RECORDS).where(_is(device, epoch, seq)).values(copies=RECORDS.c.copies + 1)
        )

    def add_record(self, sealed: Sealed, envelope: bytes, *, record_type: str, readable: bool) -> None:
        """Keep a verified record."""
        header = sealed.header
        self._connection.execute(
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

    def has_crossing(self, crossing: str) -> bool:
        found = self._connection.execute(
            sa.select(CROSSINGS.c.crossing).where(CROSSINGS.c.crossing == crossing)
        ).first()
        return found is not None

    def add_crossing(self, sealed: Sealed, movement: Movement) -> None:
        """The facts of a movement that `fits`; pictures stay in the record."""
        header = sealed.header
        self._connection.execute(
            sa.insert(CROSSINGS).values(
                device=header.device, epoch=header.epoch, seq=header.seq, **facts_of(movement)
            )
        )

    def note_epoch(self, device: str, epoch: str) -> None:
        """Remember when this journal of the box was first heard of."""
        known = self._connection.execute(sa.select(EPOCHS.c.epoch).where(_is_epoch(device, epoch))).first()
        if known is None:
            self._connection.execute(
                sa.insert(EPOCHS).values(device=device, epoch=epoch, first_seen_at=_now())
            )

    def epochs(self) -> list[tuple[str, str]]:
        """Every journal of a box that was heard of, as device and epoch."""
        rows = self._connection.execute(
            sa.select(EPOCHS.c.device, EPOCHS.c.epoch).order_by(EPOCHS.c.device, EPOCHS.c.epoch)
        )
        return [(row.device, row.epoch) for row in rows]

    def knows_epoch(self, device: str, epoch: str) -> bool:
        found = self._connection.execute(sa.select(EPOCHS.c.epoch).where(_is_epoch(device, epoch)))
        return found.first() is not None

    def note_fork(self, device: str, epoch: str, seq: int) -> None:
        """The box has signed two records with this number: nothing from here on is acknowledged."""
        self._connection.execute(
            sa.update(EPOCHS)
            .where(_is_epoch(device, epoch), sa.func.coalesce(EPOCHS.c.forked_at, seq) >= seq)
            .values(forked_at=seq)
        )

    def refuse(self, device: str, reason: str, envelope: bytes) -> None:
        """Keep what cannot be believed, once, with the reason."""
        digest = hashlib.sha256(envelope).digest()
        known = self._connection.execute(
            sa.update(REFUSED).where(REFUSED.c.sha256 == digest).values(times=REFUSED.c.times + 1)
        )
        if not known.rowcount:
            self._connection.execute(
                sa.insert(REFUSED).values(
                    device=device[:200],
                    reason=reason,
                    sha256=digest,
                    envelope=envelope[:MAX_REFUSED_BYTES],
                    times=1,
                    received_at=_now(),
                )
            )

    def acknowledged(self, device: str, epoch: str, *, above: int = 0) -> int:
        """How far records may be acknowledged: no gap, and no number that was signed twice.

        The numbers up to `above` were all there when asked before, which saves the walk over them.
        """
        forked_at = self._connection.execute(
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
        return int(self._connection.execute(query).scalar_one())

    def _has(self, device: str, epoch: str, seq: int) -> bool:
        found = self._connection.execute(sa.select(RECORDS.c.seq).where(_is(device, epoch, seq)))
        return found.first() is not None

    def note_device(self, device: str, *, status: str | None = None, telemetry: str | None = None) -> None:
        """What a box last said of itself."""
        values: dict[str, Any] = {"heard_at": _now()}
        if status is not None:
            values["status"] = status
        if telemetry is not None:
            values["telemetry"] = telemetry
        self._connection.execute(sa.update(DEVICES).where(DEVICES.c.device == device).values(**values))


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise StoreError(f"The database's driver is not installed ({error.name}).") from error
    except OSError as error:
        raise StoreError(f"The database's file cannot be used ({error.strerror}).") from error
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        # Its code and never its text, which may quote a traveller's data.
        code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
        raise StoreError(f"The database does not take it ({code or type(cause).__name__}).") from error


def _make_private(path: str | None) -> None:
    """Travellers' names lie in this file and in what SQLite puts beside it: for its owner alone."""
    if path and path != ":memory:":
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _durable(connection: Any, _record: Any) -> None:
    """SQLite as on the box: what is committed survives a power cut."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 10000")


def _is(device: str, epoch: str, seq: int) -> sa.ColumnElement[bool]:
    return sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq == seq)


def _is_epoch(device: str, epoch: str) -> sa.ColumnElement[bool]:
    return sa.and_(EPOCHS.c.device == device, EPOCHS.c.epoch == epoch)


def _count(connection: Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
