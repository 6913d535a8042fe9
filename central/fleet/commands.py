"""Signed commands to boxes: given by a person with a purpose, kept until the box has recorded them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from nacl.signing import SigningKey
from sqlalchemy.engine import Connection

from appliance.records.commands import MAX_COMMANDS, Command, Order, pack_commands, sign_command
from central.database import insert_once, lock_names
from central.fleet.tables import COMMANDS

VALID: Final = dt.timedelta(days=60)
"""A box may be away for weeks; what is older than two months was meant for another time."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it was given."""

    device: str
    counter: int
    kind: str
    given_by: str
    purpose: str
    given_at: str
    done_at: str | None


def give(
    connection: Connection,
    device: str,
    order: Order,
    *,
    by: str,
    purpose: str,
    signing_key: SigningKey,
    now: dt.datetime,
) -> None:
    """Sign the command and keep it; the receiver publishes it.

    Its counter is the time in milliseconds, or one more than the last: it grows also when the database
    was put back from a backup, as long as the clock does.
    """
    lock_names(connection, {f"command {device}"})
    last = connection.execute(
        sa.select(sa.func.max(COMMANDS.c.counter)).where(COMMANDS.c.device == device)
    ).scalar()
    command = Command(
        device=device,
        counter=max(int(now.timestamp() * 1000), (last or 0) + 1),
        issued_at=now,
        expires_at=now + VALID,
        order=order,
    )
    insert_once(
        connection,
        COMMANDS,
        device=device,
        counter=command.counter,
        kind=_kind(order),
        signed=sign_command(command, signing_key=signing_key),
        given_by=by,
        purpose=purpose,
        given_at=now.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
        expires_at=command.expires_at.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
        published=False,
    )


def pending(connection: Connection, device: str, *, now: dt.datetime | None = None) -> bytes:
    """The message with every command that the box has not recorded and that has not expired."""
    moment = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).isoformat(timespec="milliseconds")
    rows = connection.execute(
        sa.select(COMMANDS.c.signed)
        .where(COMMANDS.c.device == device, COMMANDS.c.done_at.is_(None), COMMANDS.c.expires_at > moment)
        .order_by(COMMANDS.c.counter)
        .limit(MAX_COMMANDS)
    )
    return pack_commands([bytes(row.signed) for row in rows])


def unpublished(connection: Connection) -> dict[str, int]:
    """The boxes with commands that are not at the broker yet, and the highest counter among these."""
    query = sa.select(COMMANDS.c.device, sa.func.max(COMMANDS.c.counter))
    rows = connection.execute(query.where(COMMANDS.c.published.is_(False)).group_by(COMMANDS.c.device))
    return {device: int(counter) for device, counter in rows}


def note_published(connection: Connection, device: str, *, through: int) -> None:
    """Commands up to this counter are at the broker; one that was given meanwhile is not."""
    connection.execute(
        sa.update(COMMANDS)
        .where(COMMANDS.c.device == device, COMMANDS.c.counter <= through)
        .values(published=True)
    )


def note_done(connection: Connection, device: str, body: Mapping[str, Any]) -> bool:
    """The box has recorded that it carried out a command; whether it was one of ours that waited."""
    counter = body.get("counter")
    if not isinstance(counter, int) or isinstance(counter, bool) or not 0 < counter < 2**63:
        return False
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    done = connection.execute(
        sa.update(COMMANDS)
        .where(COMMANDS.c.device == device, COMMANDS.c.counter == counter, COMMANDS.c.done_at.is_(None))
        .values(done_at=now)
    )
    return bool(done.rowcount)


def given(connection: Connection) -> tuple[Given, ...]:
    """All commands, the newest first."""
    rows = connection.execute(sa.select(COMMANDS).order_by(COMMANDS.c.counter.desc(), COMMANDS.c.device))
    names = Given.__struct_fields__
    return tuple(Given(**{name: getattr(row, name) for name in names}) for row in rows)


def resync_waits(connection: Connection, device: str) -> bool:
    """Whether a resync is on its way to this box already."""
    query = sa.select(COMMANDS.c.counter).where(
        COMMANDS.c.device == device, COMMANDS.c.kind == "resync", COMMANDS.c.done_at.is_(None)
    )
    return connection.execute(query).first() is not None


def _kind(order: Order) -> str:
    return str(type(order).__struct_config__.tag)
