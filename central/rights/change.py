"""Correcting and restricting: the sealed record stays, the columns that people and statistics see change."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

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
        kind = CROSSINGS.c[field].type
        assert isinstance(kind, sa.String)
        if len(value) > (kind.length or 0) or "\0" in value:
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
