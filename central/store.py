"""Central's database: what was committed, what was refused and why, and which devices there are.

SQLAlchemy Core over SQLite (a path) or PostgreSQL (a URL). A batch is one transaction, so that a
watermark is only ever signed for what has been committed.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from appliance.contracts.movement import Movement
from appliance.records.envelope import Sealed

MAX_REFUSED_BYTES: Final = 256 * 1024
"""Of what was refused, so much is kept to look at."""
MAX_REPORT_BYTES: Final = 256 * 1024

_metadata = sa.MetaData()

DEVICES = sa.Table(
    "devices",
    _metadata,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("signing_key", sa.LargeBinary, nullable=False),
    sa.Column("sealing_key", sa.LargeBinary),
    sa.Column("status", sa.String(16), nullable=False, default="unknown"),
    sa.Column("telemetry", sa.Text),
    sa.Column("heard_at", sa.String(40)),
)
RECORDS = sa.Table(
    "records",
    _metadata,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("chain_hash", sa.LargeBinary, nullable=False),
    sa.Column("prev", sa.LargeBinary, nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("readable", sa.Boolean, nullable=False),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("copies", sa.Integer, nullable=False, default=1),
    sa.Column("received_at", sa.String(40), nullable=False),
)
CROSSINGS = sa.Table(
    "crossings",
    _metadata,
    sa.Column("crossing", sa.String(64), primary_key=True),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("epoch", sa.String(64), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("post", sa.String(200), nullable=False),
    sa.Column("profile", sa.String(32), nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("decided_at", sa.String(40), nullable=False, index=True),
    sa.Column("time_quality", sa.String(16), nullable=False),
    sa.Column("recommendation", sa.String(16), nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("issuing_state", sa.String(8)),
    sa.Column("nationality", sa.String(8)),
    sa.Column("document_number", sa.String(64)),
    sa.Column("primary_identifier", sa.String(200)),
    sa.Column("secondary_identifier", sa.String(200)),
    sa.Column("birth_date", sa.String(16)),
    sa.Column("sex", sa.String(4)),
)
REFUSED = sa.Table(
    "refused",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("device", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("times", sa.Integer, nullable=False, default=1),
    sa.Column("received_at", sa.String(40), nullable=False),
)


class StoreError(Exception):
    """The database does not take it; nothing was committed, and it may be tried again."""


@dataclass(frozen=True, slots=True)
class Device:
    """A registered box."""

    name: str
    signing_key: bytes


class Store:
    """One database. A transaction is a `Batch`."""

    def __init__(self, database: str) -> None:
        url = database if "://" in database else f"sqlite:///{database}"
        self._engine: Engine = sa.create_engine(url, pool_pre_ping=True)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _durable)
        with _translating():
            _metadata.create_all(self._engine)

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
        self._connection.execute(sa.delete(DEVICES).where(DEVICES.c.device == device))
        self._connection.execute(
            sa.insert(DEVICES).values(device=device, signing_key=signing_key, sealing_key=sealing_key)
        )

    def device(self, name: str) -> Device | None:
        row = self._connection.execute(
            sa.select(DEVICES.c.device, DEVICES.c.signing_key).where(DEVICES.c.device == name)
        ).one_or_none()
        return None if row is None else Device(row.device, bytes(row.signing_key))

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
        """The facts of a movement, as columns for lists and statistics; pictures stay in the record."""
        document = movement.document
        facts: Mapping[str, Any] = {} if document is None else msgspec.to_builtins(document)
        self._connection.execute(
            sa.insert(CROSSINGS).values(
                crossing=movement.crossing,
                device=sealed.header.device,
                epoch=sealed.header.epoch,
                seq=sealed.header.seq,
                post=movement.post[:200],
                profile=movement.profile,
                simulated=bool(movement.simulated),
                direction=movement.direction.value,
                decided_at=movement.decided.wall,
                time_quality=movement.decided.quality,
                recommendation=movement.recommendation.value,
                outcome=movement.outcome.value,
                issuing_state=facts.get("issuing_state"),
                nationality=facts.get("nationality"),
                document_number=facts.get("document_number"),
                primary_identifier=facts.get("primary_identifier"),
                secondary_identifier=facts.get("secondary_identifier"),
                birth_date=facts.get("birth_date"),
                sex=facts.get("sex"),
            )
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

    def contiguous(self, device: str, epoch: str, *, above: int = 0) -> int:
        """The highest number without a gap below it; numbers up to `above` are known to be there."""
        # The first number whose successor is missing, by one index walk from where we stand.
        here, successor = RECORDS.alias("here"), RECORDS.alias("successor")
        query = (
            sa.select(sa.func.min(here.c.seq))
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
                here.c.seq >= max(above, 1),
                successor.c.seq.is_(None),
            )
        )
        if self.record(device, epoch, max(above, 1)) is None:
            return above
        return int(self._connection.execute(query).scalar_one())

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
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(f"The database does not take it ({type(cause).__name__}).") from error


def _durable(connection: Any, _record: Any) -> None:
    """SQLite as on the box: what is committed survives a power cut."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 10000")


def _is(device: str, epoch: str, seq: int) -> sa.ColumnElement[bool]:
    return sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq == seq)


def _count(connection: Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
