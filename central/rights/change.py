"""Correcting and restricting: the sealed record stays, the columns that people and statistics see change."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.movement import DocumentFacts
from appliance.records.statistics.facts import age_at, document_link, kind_of, person_link
from central.merge.settle import settle
from central.rights.tables import CORRECTIONS
from central.statistics.tables import FACTS
from central.tables import CROSSINGS

FIELDS: Final = (
    "primary_identifier",
    "secondary_identifier",
    "birth_date",
    "sex",
    "nationality",
    "document_number",
    "issuing_state",
)
"""What can be read wrongly of a person and is kept in columns."""
_SEXES: Final = {"F": "female", "M": "male", "X": "unspecified", "<": "unspecified"}


class CannotCorrect(Exception):
    """There is no such field, or the value does not fit it."""


def restrict(connection: Connection, crossings: Sequence[str], *, restricted: bool) -> None:
    """Keep these out of searches, patterns and statistics, or let them in again; nothing is removed."""
    connection.execute(
        sa.update(FACTS).where(FACTS.c.crossing.in_(list(crossings))).values(restricted=restricted)
    )


def correct(
    connection: Connection,
    crossings: Sequence[str],
    changes: Mapping[str, str],
    *,
    request: int,
    link_key: bytes,
) -> None:
    """Write down what is right, and let columns, pseudonyms and stays follow.

    Raises:
        CannotCorrect: no such field, or the value is too long for it.
    """
    for field, value in changes.items():
        if field not in FIELDS:
            raise CannotCorrect(f"{field} is none of {', '.join(FIELDS)}.")
        if not _fits(field, value):
            raise CannotCorrect(f"The value of {field} is too long.")
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    persons: set[str] = set()
    for crossing in crossings:
        for field, value in changes.items():
            connection.execute(
                sa.insert(CORRECTIONS).values(
                    crossing=crossing, field=field, value=value, request=request, made_at=now
                )
            )
        connection.execute(sa.update(CROSSINGS).where(CROSSINGS.c.crossing == crossing).values(**changes))
        persons |= _follow(connection, crossing, link_key)
    settle(connection, persons)


def note_correction(
    connection: Connection, device: str, body: Mapping[str, Any], *, made_at: str, link_key: bytes
) -> set[str]:
    """A box says that a crossing of its own was recorded wrongly; whose crossings to put together anew.

    The crossing may come later: what is known of it is then applied (`apply_known`). What has no column, or
    does not fit its own, stays in the sealed record alone.
    """
    crossing, values = body.get("crossing"), body.get("values")
    if not isinstance(crossing, str) or not 0 < len(crossing) <= 64 or not isinstance(values, dict):
        return set()
    for field, value in values.items():
        if field in FIELDS and isinstance(value, str) and _fits(field, value) and "\0" not in crossing:
            connection.execute(
                sa.insert(CORRECTIONS).values(
                    crossing=crossing, field=field, value=value, device=device, made_at=made_at
                )
            )
    return apply_known(connection, crossing, link_key=link_key)


def apply_known(connection: Connection, crossing: str, *, link_key: bytes) -> set[str]:
    """The box's corrections of a crossing, in the order in which they were made; whose persons it touches."""
    rows = connection.execute(
        sa.select(CORRECTIONS.c.field, CORRECTIONS.c.value)
        .join(
            CROSSINGS,
            sa.and_(
                CROSSINGS.c.crossing == CORRECTIONS.c.crossing, CROSSINGS.c.device == CORRECTIONS.c.device
            ),
        )
        .where(CORRECTIONS.c.crossing == crossing)
        .order_by(CORRECTIONS.c.made_at, CORRECTIONS.c.id)
    ).all()
    if not rows:
        return set()
    changes = {row.field: row.value for row in rows}
    connection.execute(sa.update(CROSSINGS).where(CROSSINGS.c.crossing == crossing).values(**changes))
    return _follow(connection, crossing, link_key)


def _fits(field: str, value: str) -> bool:
    kind = CROSSINGS.c[field].type
    assert isinstance(kind, sa.String)
    return len(value) <= (kind.length or 0) and "\0" not in value


def _follow(connection: Connection, crossing: str, link_key: bytes) -> set[str]:
    """The counted facts of a crossing whose columns were corrected; returns the old and the new pseudonym."""
    row = connection.execute(sa.select(CROSSINGS).where(CROSSINGS.c.crossing == crossing)).one()
    before = connection.execute(sa.select(FACTS).where(FACTS.c.crossing == crossing)).one()
    document = DocumentFacts(
        format="",
        lines=(),
        source="correction",
        document_code="",
        issuing_state=row.issuing_state or "",
        document_number=row.document_number or "",
        primary_identifier=row.primary_identifier or "",
        secondary_identifier=row.secondary_identifier or "",
        name_truncated=False,
        nationality=row.nationality or "",
        birth_date=row.birth_date or "",
        sex=row.sex or "",
        expiry_date="",
        personal_number=None,
    )
    person = person_link(document, crossing=crossing, key=link_key)
    values = {
        "person": person,
        "document_link": document_link(document, key=link_key),
        "nationality": document.nationality or "unknown",
        "issuing_state": document.issuing_state or "unknown",
        "sex": _SEXES.get(document.sex, "unknown"),
        "age": age_at(document.birth_date, before.moment),
    }
    if kind_of(document) == "convention_document":
        values["document"] = "convention_document"
    connection.execute(sa.update(FACTS).where(FACTS.c.crossing == crossing).values(**values))
    return {before.person, person}
