"""Vehicles, families and crews: whose crossings belong together, and what was declared against what was seen.

A plate is not here: it stands in the sealed records, for those who may open them.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.movement import Movement
from central.database import insert_once
from central.tables import METADATA

MAX_NAME: Final = 64
MAX_PEOPLE: Final = 100_000
"""More than any box counts: what says more is not believed."""

GROUP_CROSSINGS = sa.Table(
    "group_crossings",
    METADATA,
    sa.Column("crossing", sa.String(MAX_NAME), primary_key=True),
    sa.Column("group_id", sa.String(MAX_NAME), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("declared", sa.Integer, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("guardian", sa.String(MAX_NAME), nullable=False),
    sa.Column("shared_document", sa.Boolean, nullable=False),
    sa.Column("detached", sa.Boolean, nullable=False),
)
"""Each person of a group; `guardian` is the crossing of who is with a child, empty for none."""
GROUPS = sa.Table(
    "groups_closed",
    METADATA,
    sa.Column("group_id", sa.String(MAX_NAME), primary_key=True),
    sa.Column("device", sa.String(MAX_NAME), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("declared", sa.Integer, nullable=False),
    sa.Column("seen", sa.Integer, nullable=False),
    sa.Column("detached", sa.Integer, nullable=False),
    sa.Column("closed_at", sa.String(40), nullable=False),
)
"""A group when its box had closed it; one that is not here is open, or its record has not come yet."""


def add_member(connection: Connection, movement: Movement) -> None:
    """A person's place in a group, if there is one."""
    link = movement.group
    if link is None or not link.group:
        return
    insert_once(
        connection,
        GROUP_CROSSINGS,
        crossing=movement.crossing,
        group_id=_text(link.group, MAX_NAME),
        kind=_text(link.kind, 16),
        place=_people(link.place),
        declared=_people(link.declared),
        role=_text(link.role, 16),
        guardian=_text(link.guardian, MAX_NAME),
        shared_document=link.shared_document,
        detached=bool(link.detached),
    )


def note_group(connection: Connection, device: str, body: Mapping[str, Any], *, made_at: str) -> None:
    """What a box's record of type `group` says; only its close is counted."""
    name, counts = body.get("group"), [body.get(key) for key in ("declared", "seen", "detached")]
    if body.get("act") != "closed" or not isinstance(name, str) or not name:
        return
    if not all(type(count) is int for count in counts):
        return
    declared, seen, detached = counts
    insert_once(
        connection,
        GROUPS,
        group_id=_text(name, MAX_NAME),
        device=_text(device, MAX_NAME),
        kind=_text(str(body.get("kind")), 16),
        declared=_people(declared),
        seen=_people(seen),
        detached=_people(detached),
        closed_at=_text(made_at, 40),
    )


def forget_member(connection: Connection, crossing: str) -> None:
    """Nobody is with this crossing any more, and it is with nobody."""
    connection.execute(sa.delete(GROUP_CROSSINGS).where(GROUP_CROSSINGS.c.crossing == crossing))
    connection.execute(
        sa.update(GROUP_CROSSINGS).where(GROUP_CROSSINGS.c.guardian == crossing).values(guardian="")
    )


def _text(value: str, length: int) -> str:
    return value.replace("\0", "?")[:length]


def _people(number: Any) -> int:
    return max(0, min(int(number), MAX_PEOPLE))
