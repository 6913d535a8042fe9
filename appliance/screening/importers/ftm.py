"""FollowTheMoney entities, a JSON object a line, as OpenSanctions publishes them (schema Person)."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec

from appliance.screening.dates import BirthDate, DateError
from appliance.screening.errors import EntryError
from appliance.screening.importers.states import state_of
from appliance.screening.names import PersonName
from appliance.screening.numbers import normalise_number
from appliance.screening.persons.entries import MAX_NAMES, MAX_TEXT, Number, PersonEntry

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
MAX_VALUES: Final = 200
_SEX: Final = {"male": "M", "female": "F"}
_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


class _Entity(msgspec.Struct, frozen=True):
    id: str
    schema: str
    properties: dict[str, list[Any]] = {}
    datasets: list[str] = []


def read_ftm(file: BinaryIO) -> Iterator[PersonEntry]:
    """The persons of a file of entities; other schemas are passed over.

    Raises:
        EntryError: a line that is no entity.
    """
    decoder = msgspec.json.Decoder(_Entity)
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise EntryError(f"A line has above {MAX_LINE_BYTES} bytes.", line=number)
        if not line.strip():
            continue
        try:
            entity = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise EntryError("This is no FollowTheMoney entity.", line=number) from error
        if entity.schema == "Person":
            yield _entry_of(entity)


def _entry_of(entity: _Entity) -> PersonEntry:
    def values(*names: str) -> list[str]:
        found = [
            value for name in names for value in entity.properties.get(name, []) if isinstance(value, str)
        ]
        return list(dict.fromkeys(value.strip() for value in found if value.strip()))[:MAX_VALUES]

    states = [state_of(text) for text in values("nationality", "citizenship", "country")]
    names = [
        name for name in values("name", "alias", "previousName", "weakAlias") if PersonName.of(name).parts
    ]
    return PersonEntry(
        reference=entity.id[:MAX_TEXT],
        names=tuple((name, "") for name in names)[:MAX_NAMES],
        reason=", ".join(values("topics", "program") or entity.datasets or ["listed"])[:MAX_TEXT],
        birth_dates=tuple(date for date in (text[:10] for text in values("birthDate")) if _is_date(date)),
        sex=next((_SEX[text] for text in values("gender") if text in _SEX), ""),
        nationality=" ".join(dict.fromkeys(code for code in states if code)),
        document_numbers=tuple(Number(text) for text in values("passportNumber") if normalise_number(text)),
        personal_numbers=tuple(
            Number(text) for text in values("idNumber", "taxNumber") if normalise_number(text)
        ),
        owner=", ".join(entity.datasets)[:MAX_TEXT],
    )


def _is_date(text: str) -> bool:
    try:
        BirthDate.parse(text)
    except DateError:
        return False
    return _DATE.fullmatch(text) is not None
