"""Building a list file, on the server's side: from entries, such as `csv_import` reads them."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import sqlite_utils

from appliance.screening.dates import BirthDate, DateError
from appliance.screening.documents import normalise_number, normalise_state
from appliance.screening.lists import (
    APPLICATION_ID,
    FORMAT,
    DocumentStatus,
    EntryDirection,
    ListInfo,
    ListKind,
    WhenStale,
    open_list_file,
)
from appliance.screening.names import PersonName

_TABLES: Final[dict[ListKind, dict[str, dict[str, type]]]] = {
    ListKind.DOCUMENTS: {
        "documents": {
            "number": str,
            "issuing_state": str,
            "document_type": str,
            "status": str,
            "reference": str,
        },
    },
    ListKind.PERSONS: {
        "persons": {
            "id": int,
            "reference": str,
            "reason": str,
            "direction": str,
            "sex": str,
            "nationality": str,
        },
        "names": {"person": int, "primary_identifier": str, "secondary_identifier": str, "sounds": str},
        "births": {"person": int, "year": int, "month": int, "day": int},
        "document_numbers": {"person": int, "state": str, "number": str},
        "personal_numbers": {"person": int, "state": str, "number": str},
    },
}
_INDEXES: Final = {
    "documents": (("number", "issuing_state"),),
    "names": (("person",),),
    "births": (("year",), ("month", "day")),
    "document_numbers": (("number",),),
    "personal_numbers": (("number",),),
}

Row = dict[str, str | int | None]


class EntryError(ValueError):
    """An entry that no list takes; from a CSV file, its line is named."""

    def __init__(self, sentence: str, *, line: int | None = None) -> None:
        super().__init__(sentence if line is None else f"line {line}: {sentence}")
        self.line = line


class Number(msgspec.Struct, frozen=True):
    """A document's or a person's number, and the state that gave it out, when that is known."""

    number: str
    state: str = ""


class DocumentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One document that is not to be used."""

    reference: str
    number: str
    issuing_state: str
    status: DocumentStatus
    document_type: str = ""


class PersonEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One person; names are pairs of primary and secondary identifier, in any script."""

    reference: str
    names: tuple[tuple[str, str], ...]
    reason: str
    birth_dates: tuple[str, ...] = ()
    sex: str = ""
    nationality: str = ""
    document_numbers: tuple[Number, ...] = ()
    personal_numbers: tuple[Number, ...] = ()
    direction: EntryDirection = EntryDirection.BOTH


def build_list(
    path: Path,
    *,
    name: str,
    kind: ListKind,
    version: int,
    issued_at: datetime,
    owner: str,
    legal_basis: str,
    contact: str,
    action: str,
    stale_after_hours: float,
    when_stale: WhenStale = WhenStale.HITS_STAND,
    documents: Iterable[DocumentEntry] = (),
    persons: Iterable[PersonEntry] = (),
) -> ListInfo:
    """One list file; it stands complete and checked under `path`, or not at all.

    Raises:
        EntryError: an entry that no list takes, or entries of the wrong kind.
        ValueError: no owner, legal basis or contact, a time without zone.
        OSError: the file cannot be written.
    """
    if not (owner.strip() and legal_basis.strip() and contact.strip()):
        raise ValueError(
            "A list needs an owner, a legal basis and a contact: a hit nobody answers for is none."
        )
    if issued_at.tzinfo is None:
        raise ValueError("The date of issue needs a time zone.")
    if version < 1 or stale_after_hours <= 0:
        raise ValueError("Versions begin at 1, and the limit of age is above 0 hours.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        database = sqlite_utils.Database(temporary, recreate=True)
        try:
            _create(database, kind)
            entries = (
                _insert_documents(database, documents)
                if kind is ListKind.DOCUMENTS
                else _insert_persons(database, persons)
            )
            if next(iter(persons if kind is ListKind.DOCUMENTS else documents), None) is not None:
                raise EntryError(f"A list of {kind} takes no other entries.")
            info = ListInfo(
                name=name,
                kind=kind,
                version=version,
                issued_at=issued_at.astimezone(UTC),
                owner=owner,
                legal_basis=legal_basis,
                contact=contact,
                action=action,
                stale_after_hours=stale_after_hours,
                when_stale=when_stale,
                entries=entries,
            )
            database.table("info").insert({"value": msgspec.json.encode(info).decode()})
            for table, indexes in _INDEXES.items():
                for columns in indexes if table in _TABLES[kind] else ():
                    database.table(table).create_index(columns)
            database.vacuum()
        finally:
            database.close()
        open_list_file(temporary).close()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return info


def _create(database: sqlite_utils.Database, kind: ListKind) -> None:
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {FORMAT}")
    database.create_table("info", {"value": str})
    for table, columns in _TABLES[kind].items():
        database.create_table(table, columns, pk="id" if "id" in columns else None)


def _insert_documents(database: sqlite_utils.Database, documents: Iterable[DocumentEntry]) -> int:
    database.table("documents").insert_all(document_row(entry) for entry in documents)
    return int(database.table("documents").count)


def document_row(entry: DocumentEntry) -> Row:
    number, state = normalise_number(entry.number), normalise_state(entry.issuing_state)
    if not number or not state or not entry.reference.strip():
        raise EntryError("A document needs a reference, a number and an issuing state.")
    return {
        "number": number,
        "issuing_state": state,
        "document_type": entry.document_type,
        "status": entry.status.value,
        "reference": entry.reference.strip(),
    }


def _insert_persons(database: sqlite_utils.Database, persons: Iterable[PersonEntry]) -> int:
    rows: dict[str, list[Row]] = {table: [] for table in _TABLES[ListKind.PERSONS]}
    references: set[str] = set()
    for person, entry in enumerate(persons, start=1):
        if entry.reference in references:
            raise EntryError("Two persons have the same reference; several names of one person are aliases.")
        references.add(entry.reference)
        for table, row in person_rows(person, entry):
            rows[table].append(row)
    for table, found in rows.items():
        database.table(table).insert_all(found)
    return len(rows["persons"])


def person_rows(person: int, entry: PersonEntry) -> Iterator[tuple[str, Row]]:
    names = [PersonName.of(primary, secondary) for primary, secondary in entry.names]
    if not entry.reference.strip() or not entry.reason.strip():
        raise EntryError("A person needs a reference and a reason.")
    if not any(name.parts for name in names) and not entry.document_numbers and not entry.personal_numbers:
        raise EntryError("A person needs a name or a number that can be searched for.")
    if any("".join(pair).strip() and not name.parts for pair, name in zip(entry.names, names, strict=True)):
        raise EntryError("A name has no letter that an MRZ could hold: give it in Latin letters.")
    if entry.sex not in ("", "M", "F", "X"):
        raise EntryError("Sex is M, F, X or empty.")
    yield (
        "persons",
        {
            "id": person,
            "reference": entry.reference.strip(),
            "reason": entry.reason.strip(),
            "direction": entry.direction.value,
            "sex": entry.sex,
            "nationality": normalise_state(entry.nationality),
        },
    )
    for name in names:
        if name.parts:
            yield (
                "names",
                {
                    "person": person,
                    "primary_identifier": " ".join(name.primary),
                    "secondary_identifier": " ".join(name.secondary),
                    "sounds": " ".join(sorted(name.sounds)),
                },
            )
    for text in entry.birth_dates or ("",):
        try:
            born = BirthDate.parse(text)
        except DateError as error:
            raise EntryError(str(error)) from error
        yield "births", {"person": person, "year": born.year, "month": born.month, "day": born.day}
    for table, numbers in (
        ("document_numbers", entry.document_numbers),
        ("personal_numbers", entry.personal_numbers),
    ):
        for number in numbers:
            if not normalise_number(number.number):
                raise EntryError("A number has neither letters nor digits.")
            yield (
                table,
                {
                    "person": person,
                    "state": normalise_state(number.state),
                    "number": normalise_number(number.number),
                },
            )
