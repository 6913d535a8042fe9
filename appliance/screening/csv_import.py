"""List entries from CSV, one entry a line; a line that no list takes is named."""

import csv
from collections.abc import Callable, Iterator
from typing import Final, TextIO, TypeVar

from appliance.screening.build import (
    DocumentEntry,
    EntryError,
    Number,
    PersonEntry,
    document_row,
    person_rows,
)
from appliance.screening.lists import DocumentStatus, EntryDirection, ListKind
from appliance.screening.names import PersonName

DOCUMENT_COLUMNS: Final = ("reference", "number", "issuing_state", "document_type", "status")
PERSON_COLUMNS: Final = (
    "reference",
    "primary_identifier",
    "secondary_identifier",
    "aliases",
    "birth_dates",
    "sex",
    "nationality",
    "document_numbers",
    "personal_numbers",
    "reason",
    "direction",
)
"""Several values in one cell (aliases, birth_dates, *_numbers) are parted by semicolons; an alias is
`PRIMARY, SECONDARY`; a number is `STATE:NUMBER`, or `NUMBER` when nobody knows whose."""
REQUIRED_COLUMNS: Final = {
    ListKind.DOCUMENTS: ("reference", "number", "issuing_state", "status"),
    ListKind.PERSONS: ("reference", "primary_identifier", "reason"),
}
MAX_CELL_CHARACTERS: Final = 4096
"""A person with forty aliases fits; a file that is no CSV does not."""

Entry = TypeVar("Entry")


def read_documents(file: TextIO) -> Iterator[DocumentEntry]:
    """Entries from CSV with `DOCUMENT_COLUMNS`.

    Raises:
        EntryError: with the line that no list takes.
    """
    return _read(file, ListKind.DOCUMENTS, DOCUMENT_COLUMNS, _document_from)


def read_persons(file: TextIO) -> Iterator[PersonEntry]:
    """Entries from CSV with `PERSON_COLUMNS`.

    Raises:
        EntryError: with the line that no list takes.
    """
    return _read(file, ListKind.PERSONS, PERSON_COLUMNS, _person_from)


def _read(
    file: TextIO,
    kind: ListKind,
    columns: tuple[str, ...],
    entry_from: Callable[[dict[str, str]], Entry],
) -> Iterator[Entry]:
    reader = csv.DictReader(file, strict=True)
    try:
        header = reader.fieldnames or ()
        missing = [column for column in REQUIRED_COLUMNS[kind] if column not in header]
        unknown = [column for column in header if column not in columns]
        if missing or unknown:
            raise EntryError(
                f"The columns are {', '.join(columns)}; "
                + (
                    f"{', '.join(missing)} is missing."
                    if missing
                    else f"{', '.join(unknown)} is none of them."
                ),
                line=1,
            )
        for cells in reader:
            if None in cells or None in cells.values():
                raise EntryError(
                    "The line has more or fewer cells than there are columns.", line=reader.line_num
                )
            if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells.values()):
                raise EntryError(f"A cell has above {MAX_CELL_CHARACTERS} characters.", line=reader.line_num)
            try:
                entry = entry_from({column: cell.strip() for column, cell in cells.items()})
            except EntryError as error:
                raise EntryError(str(error), line=reader.line_num) from error
            yield entry
    except csv.Error as error:
        raise EntryError("This is not CSV.", line=reader.line_num + 1) from error
    except UnicodeDecodeError as error:
        raise EntryError("The file is not UTF-8 text.") from error


def _document_from(cells: dict[str, str]) -> DocumentEntry:
    try:
        status = DocumentStatus(cells["status"].lower())
    except ValueError as error:
        raise EntryError(f"status is one of {', '.join(DocumentStatus)}.") from error
    entry = DocumentEntry(
        reference=cells["reference"],
        number=cells["number"],
        issuing_state=cells["issuing_state"],
        status=status,
        document_type=cells.get("document_type", ""),
    )
    document_row(entry)
    return entry


def _person_from(cells: dict[str, str]) -> PersonEntry:
    try:
        direction = EntryDirection(cells.get("direction", "").lower() or EntryDirection.BOTH)
    except ValueError as error:
        raise EntryError(f"direction is one of {', '.join(EntryDirection)}.") from error
    aliases = [PersonName.of(alias) for alias in _several(cells.get("aliases", ""))]
    entry = PersonEntry(
        reference=cells["reference"],
        names=(
            (cells["primary_identifier"], cells.get("secondary_identifier", "")),
            *((" ".join(alias.primary), " ".join(alias.secondary)) for alias in aliases),
        ),
        reason=cells["reason"],
        birth_dates=_several(cells.get("birth_dates", "")),
        sex=cells.get("sex", "").upper(),
        nationality=cells.get("nationality", ""),
        document_numbers=_numbers(cells.get("document_numbers", "")),
        personal_numbers=_numbers(cells.get("personal_numbers", "")),
        direction=direction,
    )
    for _ in person_rows(0, entry):
        pass  # a wrong entry is named with its line, before anything is built
    return entry


def _several(cell: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in cell.split(";") if value.strip())


def _numbers(cell: str) -> tuple[Number, ...]:
    return tuple(
        Number(number=number, state=state)
        for state, _, number in (
            value.partition(":") if ":" in value else ("", "", value) for value in _several(cell)
        )
    )
