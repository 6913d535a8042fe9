"""Records that are committed and acknowledged, and of which nothing is derived yet: a queue in the database.

A row is written in the transaction that stores its record, and taken out in the one that derives from it: a
kill at any moment leaves both or neither.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from central.database import insert_many, is_postgresql
from central.tables import DEVICES, METADATA, RECORDS

WAITING = sa.Table(
    "waiting",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("epoch", sa.String(64), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Index("waiting_order", "tries", "id"),
)
"""In the order of arrival; `tries` counts the times that it could not be derived from: such ones go last."""
_COLUMNS: Final = ("device", "epoch", "seq", "tries")


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One record in the queue."""

    id: int
    device: str
    epoch: str
    seq: int
    type: str
    """As it is now: a record that was erased meanwhile says so."""
    tries: int


def enqueue(connection: Connection, records: Sequence[tuple[str, str, int]]) -> None:
    """Device, epoch and number of each record that something is to be derived from."""
    insert_many(connection, WAITING, _COLUMNS, [(*one, 0) for one in records])


def take(connection: Connection, *, limit: int, wait: bool) -> list[Waiting]:
    """The next ones, in the order in which they came.

    Their boxes' rows are held until the transaction ends, as by whoever stores records, so that of one box
    nothing is derived out of its order. `wait` for boxes that others hold; else these are passed over.
    """
    order = (WAITING.c.tries, WAITING.c.id)
    heads = sa.select(WAITING.c.device).order_by(*order).limit(limit).subquery()
    devices = sorted(connection.execute(sa.select(heads.c.device).distinct()).scalars())
    if devices and is_postgresql(connection):
        held = (
            sa.select(DEVICES.c.device)
            .where(DEVICES.c.device.in_(devices))
            .order_by(DEVICES.c.device)
            .with_for_update(skip_locked=not wait)
        )
        devices = list(connection.execute(held).scalars())
    if not devices:
        return []
    same = sa.and_(
        RECORDS.c.device == WAITING.c.device,
        RECORDS.c.epoch == WAITING.c.epoch,
        RECORDS.c.seq == WAITING.c.seq,
    )
    rows = connection.execute(
        sa.select(
            *(WAITING.c.id, WAITING.c.device, WAITING.c.epoch, WAITING.c.seq, RECORDS.c.type, WAITING.c.tries)
        )
        .select_from(WAITING.join(RECORDS, same))
        .where(WAITING.c.device.in_(devices))
        .order_by(*order)
        .limit(limit)
    ).all()
    # What was not derivable before is tried alone, so that it takes no others with it.
    fresh = [row for row in rows if not row.tries] or rows[:1]
    return [Waiting(**row._asdict()) for row in fresh]


def done(connection: Connection, ids: Iterable[int]) -> None:
    """These are derived."""
    connection.execute(sa.delete(WAITING).where(WAITING.c.id.in_(list(ids))))


def put_last(connection: Connection, ids: Iterable[int]) -> None:
    """These could not be derived from; the others go first."""
    change = {"tries": WAITING.c.tries + 1}
    connection.execute(sa.update(WAITING).where(WAITING.c.id.in_(list(ids))).values(**change))


def count(connection: Connection) -> int:
    """How many wait."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(WAITING)).scalar_one())
