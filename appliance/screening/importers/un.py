"""The UN Security Council's consolidated list: its XML of individuals, as the secretariat publishes it."""

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import BinaryIO, Final
from xml.parsers import expat

from appliance.screening.errors import EntryError
from appliance.screening.importers.states import state_of
from appliance.screening.names import PersonName
from appliance.screening.persons.entries import MAX_NAMES, MAX_TEXT, Number, PersonEntry

OWNER: Final = "United Nations Security Council"
MAX_BYTES: Final = 64 * 1024 * 1024
"""Thirty times the list of 2026."""
MAX_DEPTH: Final = 16
_NAMES: Final = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_SEX: Final = {"Male": "M", "Female": "F"}
_PARTED: Final = re.compile(r";|(?:^|\s)[a-z]\)\s")
_BRACKETED: Final = re.compile(r"\(([^()]*)\)")
_REMARK: Final = re.compile(r",?\s+(?:born|son of)\s.*", re.IGNORECASE | re.DOTALL)
_LABEL: Final = re.compile(r"^original script:\s*", re.IGNORECASE)
_PASSPORT: Final = ("passport", "travel document", "identity card", "laissez")


def read_un(file: BinaryIO) -> Iterator[PersonEntry]:
    """Individuals of the consolidated list.

    Raises:
        EntryError: not this XML, with the line where it ends to be; a document type or entity is refused.
    """
    for individual in _individuals(file):
        entry = _entry_of(individual)
        if entry is not None:
            yield entry


def _individuals(file: BinaryIO) -> Iterator[ET.Element]:
    """Each INDIVIDUAL as it ends. No DTD is read, so that no entity can grow or fetch anything."""
    reader = _Reader()
    size = 0
    try:
        while block := file.read(1 << 16):
            size += len(block)
            if size > MAX_BYTES:
                raise EntryError(f"The file has above {MAX_BYTES} bytes.")
            reader.parser.Parse(block, False)
            yield from reader.finished()
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise EntryError("This is not XML.", line=error.lineno) from error


class _Reader:
    """expat's events as elements, of individuals alone."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._depth = 0
        self._open: list[ET.Element] = []
        self._done: list[ET.Element] = []

    def finished(self) -> list[ET.Element]:
        done, self._done = self._done, []
        return done

    def _refuse(self, *_: object) -> None:
        raise EntryError("The file declares a document type, which the list has not.")

    def _start(self, tag: str, _attributes: object) -> None:
        self._depth += 1
        if self._depth == 1 and tag != "CONSOLIDATED_LIST":
            raise EntryError("This is not the UN's consolidated list.", line=1)
        if self._depth > MAX_DEPTH:
            raise EntryError("The file nests deeper than the list does.")
        if self._open or tag == "INDIVIDUAL":
            element = ET.Element(tag)
            if self._open:
                self._open[-1].append(element)
            self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if self._open:
            element = self._open.pop()
            if not self._open:
                self._done.append(element)

    def _text(self, text: str) -> None:
        if self._open and not len(self._open[-1]):
            self._open[-1].text = (self._open[-1].text or "") + text


def _entry_of(one: ET.Element) -> PersonEntry | None:
    names = [" ".join(text for tag in _NAMES if (text := _text(one, tag)))]
    for alias in one.iter("INDIVIDUAL_ALIAS"):
        names += _aliases(_text(alias, "ALIAS_NAME"))
    names.append(_text(one, "NAME_ORIGINAL_SCRIPT"))
    reference = _text(one, "REFERENCE_NUMBER") or _text(one, "DATAID")
    nationality = [state_of(value.text or "") for found in one.iter("NATIONALITY") for value in found]
    documents: list[Number] = []
    personal: list[Number] = []
    for document in one.iter("INDIVIDUAL_DOCUMENT"):
        number = _text(document, "NUMBER")
        if not any(character.isdigit() for character in number) or len(number) > 40:
            continue
        kind = _text(document, "TYPE_OF_DOCUMENT").lower()
        state = state_of(_text(document, "ISSUING_COUNTRY") or _text(document, "COUNTRY_OF_ISSUE"))
        (documents if any(word in kind for word in _PASSPORT) else personal).append(Number(number, state))
    if not reference or not any(names):
        return None
    return PersonEntry(
        reference=reference,
        names=tuple((name, "") for name in dict.fromkeys(names) if PersonName.of(name).parts)[:MAX_NAMES],
        reason=f"listed by the UN ({_text(one, 'UN_LIST_TYPE') or 'sanctions'})"[:MAX_TEXT],
        birth_dates=tuple(dict.fromkeys(_births(one))),
        sex=_SEX.get(_text(one, "GENDER"), ""),
        nationality=" ".join(dict.fromkeys(code for code in nationality if code)),
        document_numbers=tuple(documents),
        personal_numbers=tuple(personal),
        owner=OWNER,
    )


def _aliases(field: str) -> Iterator[str]:
    """The names of one alias field: the list writes several into it, parted by `;` or `b)`, with remarks.

    What stands in brackets is a name where its script is another than the name's before it; else it is a
    remark ("birth name", "previously listed as") or half a name, which alone would meet too many people.
    """
    brackets = _BRACKETED.findall(field)
    spelled = [_REMARK.sub("", one).strip(" ,.") for one in _PARTED.split(_BRACKETED.sub(" ", field))]
    spelled = [one for one in spelled if one]
    yield from spelled
    for bracket in brackets:
        for name in _PARTED.split(_LABEL.sub("", bracket.strip())):
            if spelled and _is_latin(name) != _is_latin(spelled[0]):
                yield name.strip(" ,.")


def _is_latin(name: str) -> bool:
    return any(unicodedata.name(letter, "").startswith("LATIN") for letter in name)


def _births(one: ET.Element) -> Iterator[str]:
    for found in one.iter("INDIVIDUAL_DATE_OF_BIRTH"):
        day, year = _text(found, "DATE")[:10], _text(found, "YEAR")
        if len(day) == 10 and day[4] == day[7] == "-":
            yield day
        elif len(year) == 4 and year.isdigit():
            yield year
        else:
            first, last = _text(found, "FROM_YEAR"), _text(found, "TO_YEAR")
            if first.isdigit() and last.isdigit() and 0 <= int(last) - int(first) <= 10:
                yield from (str(number) for number in range(int(first), int(last) + 1))


def _text(element: ET.Element, tag: str) -> str:
    return " ".join((element.findtext(tag) or "").split())
