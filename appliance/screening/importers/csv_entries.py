"""List entries from CSV, one entry a line; a line that no list takes is named."""

import csv
from collections.abc import Callable, Iterator
from typing import Final, TextIO, TypeVar

from appliance.screening.documents.entries import DocumentEntry, DocumentStatus, check_document
from appliance.screening.errors import EntryError
from appliance.screening.names import PersonName
from appliance.screening.persons.entries import EntryDirection, Number, PersonEntry, check_entry

NUMBER_COLUMNS: Final = ("number", "issuing_state", "document_type", "status", "reported", "reference")
"""`reference` is the owner's own and does not leave the server: the index holds keyed hashes."""
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
    "owner",
    "legal_basis",
    "contact",
    "action",
    "valid_from",
    "valid_until",
    "review_date",
)
"""Several values in one cell (aliases, birth_dates, *_numbers) are parted by semicolons; an alias is
`PRIMARY, SECONDARY`; a number is `STATE:NUMBER`, or `NUMBER` when nobody knows whose."""
REQUIRED_NUMBER_COLUMNS: Final = ("number", "issuing_state", "status")
REQUIRED_PERSON_COLUMNS: Final = ("reference", "primary_identifier", "reason")
MAX_CELL_CHARACTERS: Final = 8192
"""A person with eighty aliases fits; a file that is no CSV does not."""

Entry = TypeVar("Entry")


def read_numbers(file: TextIO) -> Iterator[DocumentEntry]:
    """Documents, vehicles or visas from CSV with `NUMBER_COLUMNS`.

    Raises:
        EntryError: with the line that no list takes.
    """
    return _read(file, REQUIRED_NUMBER_COLUMNS, NUMBER_COLUMNS, _document_from)


def read_persons(file: TextIO) -> Iterator[PersonEntry]:
    """Persons from CSV with `PERSON_COLUMNS`.

    Raises:
        EntryError: with the line that no list takes.
    """
    return _read(file, REQUIRED_PERSON_COLUMNS, PERSON_COLUMNS, _person_from)


def _read(
    file: TextIO,
    required: tuple[str, ...],
    columns: tuple[str, ...],
    entry_from: Callable[[dict[str, str]], Entry],
) -> Iterator[Entry]:
    reader = csv.DictReader(file, strict=True)
    try:
        header = reader.fieldnames or ()
        missing = [column for column in required if column not in header]
        unknown = [column for column in header if column not in columns]
        if missing or unknown:
            raise EntryError(
                f"The columns are {', '.join(columns)}; "
                + (
                    f"{', '.join(missing)} is missing."
                    if missing
                    else f"{', '.join(map(str, unknown))} is none of them."
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
    return check_document(
        DocumentEntry(
            number=cells["number"],
            issuing_state=cells["issuing_state"],
            status=status,
            document_type=cells.get("document_type", ""),
            reported=cells.get("reported", ""),
        )
    )


def _person_from(cells: dict[str, str]) -> PersonEntry:
    try:
        direction = EntryDirection(cells.get("direction", "").lower() or EntryDirection.BOTH)
    except ValueError as error:
        raise EntryError(f"direction is one of {', '.join(EntryDirection)}.") from error
    aliases = [PersonName.of(alias) for alias in _several(cells.get("aliases", ""))]
    names = (
        (cells["primary_identifier"], cells.get("secondary_identifier", "")),
        *((" ".join(alias.primary), " ".join(alias.secondary)) for alias in aliases),
    )
    entry = PersonEntry(
        reference=cells["reference"],
        names=tuple(pair for pair in names if "".join(pair)),
        reason=cells["reason"],
        birth_dates=_several(cells.get("birth_dates", "")),
        sex=cells.get("sex", "").upper(),
        nationality=cells.get("nationality", "").replace(";", " "),
        document_numbers=_numbers(cells.get("document_numbers", "")),
        personal_numbers=_numbers(cells.get("personal_numbers", "")),
        direction=direction,
        **{
            name: cells.get(name, "")
            for name in (
                "owner",
                "legal_basis",
                "contact",
                "action",
                "valid_from",
                "valid_until",
                "review_date",
            )
        },
    )
    check_entry(entry)
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
