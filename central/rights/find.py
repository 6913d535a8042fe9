"""Finding one person's records: by document, or by name and birth date, and what is linked to them."""

import hashlib
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from central.statistics.tables import FACTS
from central.tables import CROSSINGS, RECORD_CROSSINGS, RECORDS

MAX_FOUND: Final = 4096
"""What one command to a box can name."""
ERASED: Final = "erased"
"""Type of a record whose key was destroyed."""


class CannotSearch(Exception):
    """The question is too wide, or finds more than one person can have."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to find: a document number with its issuing state, or a name with its birth date."""

    document_number: str = ""
    issuing_state: str = ""
    primary_identifier: str = ""
    secondary_identifier: str = ""
    birth_date: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a person's."""

    device: str
    epoch: str
    seq: int
    type: str
    crossing: str
    decided_at: str
    post: str
    direction: str
    restricted: bool

    @property
    def record(self) -> str:
        return f"{self.device}/{self.epoch}/{self.seq}"


def find(connection: Connection, subject: Subject) -> tuple[Found, ...]:
    """All records of the person's crossings, those of late hits and pictures with them, the oldest first.

    A search by document finds all who were read with it; by name and birth date also crossings with
    another document that had the same name, birth date and nationality.

    Raises:
        CannotSearch: neither a whole document nor a name with a birth date; or too many are found.
    """
    text = {name: value.strip().upper() for name, value in msgspec.structs.asdict(subject).items()}
    if text["document_number"] and text["issuing_state"]:
        wanted = sa.and_(
            CROSSINGS.c.document_number == text["document_number"],
            CROSSINGS.c.issuing_state == text["issuing_state"],
        )
    elif text["primary_identifier"] and text["birth_date"]:
        wanted = sa.and_(
            CROSSINGS.c.primary_identifier == text["primary_identifier"],
            CROSSINGS.c.birth_date == text["birth_date"],
        )
        if text["secondary_identifier"]:
            wanted = sa.and_(wanted, CROSSINGS.c.secondary_identifier == text["secondary_identifier"])
    else:
        raise CannotSearch("Give a document number with its issuing state, or a name with a birth date.")
    persons = sa.select(FACTS.c.person).where(
        FACTS.c.crossing.in_(sa.select(CROSSINGS.c.crossing).where(wanted))
    )
    crossings = sa.select(FACTS.c.crossing).where(FACTS.c.person.in_(persons))
    return records_of(connection, crossings)


def records_of(connection: Connection, crossings: Any) -> tuple[Found, ...]:
    """The records of these crossings (a selection of their names).

    Raises:
        CannotSearch: more than `MAX_FOUND`.
    """
    rows = connection.execute(
        sa.select(
            *(RECORD_CROSSINGS.c.device, RECORD_CROSSINGS.c.epoch, RECORD_CROSSINGS.c.seq, RECORDS.c.type),
            *(CROSSINGS.c.crossing, CROSSINGS.c.decided_at, CROSSINGS.c.post, CROSSINGS.c.direction),
            FACTS.c.restricted,
        )
        .select_from(
            RECORD_CROSSINGS.join(CROSSINGS, CROSSINGS.c.crossing == RECORD_CROSSINGS.c.crossing)
            .join(FACTS, FACTS.c.crossing == CROSSINGS.c.crossing)
            .join(
                RECORDS,
                sa.and_(
                    RECORDS.c.device == RECORD_CROSSINGS.c.device,
                    RECORDS.c.epoch == RECORD_CROSSINGS.c.epoch,
                    RECORDS.c.seq == RECORD_CROSSINGS.c.seq,
                ),
            )
        )
        .where(RECORD_CROSSINGS.c.crossing.in_(crossings))
        .order_by(CROSSINGS.c.decided_at, RECORDS.c.device, RECORDS.c.epoch, RECORDS.c.seq)
        .limit(MAX_FOUND + 1)
    ).all()
    if len(rows) > MAX_FOUND:
        raise CannotSearch(f"More than {MAX_FOUND} records are found: no one person's.")
    return tuple(Found(**row._asdict()) for row in rows)


def pseudonym(subject: Subject, *, key: bytes) -> str:
    """What the journal says of who was searched for."""
    return hashlib.blake2b(msgspec.json.encode(subject), key=key, digest_size=16).hexdigest()
