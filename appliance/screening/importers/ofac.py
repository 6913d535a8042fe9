"""OFAC's list of specially designated nationals: its CSV files SDN and ALT, as the Treasury publishes
them."""

import csv
import re
from collections.abc import Iterator
from typing import Final, TextIO

from appliance.screening.errors import EntryError
from appliance.screening.importers.states import state_of
from appliance.screening.names import PersonName
from appliance.screening.persons.entries import MAX_NAMES, MAX_TEXT, Number, PersonEntry

OWNER: Final = "US Department of the Treasury, OFAC"
SDN_COLUMNS: Final = 12
ALT_COLUMNS: Final = 5
MAX_CELL_CHARACTERS: Final = 16_384
_EMPTY: Final = "-0-"
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_BIRTH: Final = re.compile(r"\bDOB (?:circa )?([^;.]{4,40})")
_DAY: Final = re.compile(r"(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})")
_MONTH: Final = re.compile(r"([A-Z][a-z]{2}) (\d{4})")
_YEARS: Final = re.compile(r"(\d{4}) to (\d{4})")
_NICKNAME: Final = re.compile(r"\ba\.k\.a\. '([^']{1,120})'")
_SEX: Final = re.compile(r"\bGender (Male|Female)\b")
_NATIONALITY: Final = re.compile(r"\b(?:nationality|citizen) ([A-Z][^;.]{2,60})")
_PASSPORT: Final = re.compile(r"\b(?:Passport|Travel Document Number) ([A-Z0-9-]{4,20}) \(([^)]{2,60})\)")
_PERSONAL: Final = re.compile(
    r"\b(?:National ID No\.|Cedula No\.|Identification Number|Personal ID Card|C\.U\.R\.P\.|Tax ID No\.) "
    r"([A-Z0-9-]{4,24}) \(([^)]{2,60})\)"
)


def read_ofac(sdn: TextIO, alt: TextIO | None = None) -> Iterator[PersonEntry]:
    """Individuals of SDN.CSV, with the other names of ALT.CSV.

    Raises:
        EntryError: not these files, with the line.
    """
    others: dict[str, list[str]] = {}
    for cells in _rows(alt, ALT_COLUMNS) if alt is not None else ():
        if cells[3] != _EMPTY:
            others.setdefault(cells[0], []).append(cells[3])
    for cells in _rows(sdn, SDN_COLUMNS):
        if cells[2].strip() == "individual":
            yield _entry_of(cells, others.get(cells[0], []))


def _rows(file: TextIO, columns: int) -> Iterator[list[str]]:
    reader = csv.reader(file, strict=True)
    try:
        for cells in reader:
            if cells in ([], ["\x1a"]):  # the file ends as files did under DOS
                continue
            if len(cells) != columns:
                raise EntryError(f"A line of this file has {columns} cells.", line=reader.line_num)
            if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
                raise EntryError(f"A cell has above {MAX_CELL_CHARACTERS} characters.", line=reader.line_num)
            yield [cell.strip() for cell in cells]
    except csv.Error as error:
        raise EntryError("This is not CSV.", line=reader.line_num + 1) from error
    except UnicodeDecodeError as error:
        raise EntryError("The file is not the text that it should be.") from error


def _entry_of(cells: list[str], others: list[str]) -> PersonEntry:
    remarks = cells[11]
    names = [cells[1], *others, *_NICKNAME.findall(remarks)]
    nationality = [state_of(text) for text in _NATIONALITY.findall(remarks)]
    sex = _SEX.search(remarks)
    return PersonEntry(
        reference=f"OFAC-{cells[0]}",
        names=tuple((name, "") for name in dict.fromkeys(names) if PersonName.of(name).parts)[:MAX_NAMES],
        reason=f"OFAC sanctions ({cells[3]})"[:MAX_TEXT],
        birth_dates=tuple(dict.fromkeys(_births(remarks))),
        sex=sex.group(1)[0] if sex else "",
        nationality=" ".join(dict.fromkeys(code for code in nationality if code)),
        document_numbers=tuple(
            Number(number, state_of(state)) for number, state in _PASSPORT.findall(remarks)
        ),
        personal_numbers=tuple(
            Number(number, state_of(state)) for number, state in _PERSONAL.findall(remarks)
        ),
        owner=OWNER,
    )


def _births(remarks: str) -> Iterator[str]:
    for text in _BIRTH.findall(remarks):
        plain = text.strip().removeprefix("circa ").strip()
        if found := _DAY.fullmatch(plain):
            day, month, year = found.groups()
            if month in _MONTHS:
                yield f"{year}-{_MONTHS[month]:02d}-{int(day):02d}"
        elif found := _MONTH.fullmatch(plain):
            if found.group(1) in _MONTHS:
                yield f"{found.group(2)}-{_MONTHS[found.group(1)]:02d}"
        elif found := _YEARS.fullmatch(plain):
            first, last = map(int, found.groups())
            if 0 <= last - first <= 10:
                yield from map(str, range(first, last + 1))
        elif re.fullmatch(r"\d{4}", plain):
            yield plain
