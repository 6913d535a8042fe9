"""EF.DG7, DG11, DG12, DG13 and DG16 (ICAO Doc 9303-10, 4.7.7 to 4.7.16): details that most readers leave out.

Unknown tags are kept as they are: what a state has added is not lost, and nothing guesses at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import LimitExceeded, Malformed

MAX_PERSONS: Final = 15
MAX_IMAGES: Final = 15
_TAG_LIST: Final = 0x5C
_COUNT: Final = 0x02

DG11_FIELDS: Final[Mapping[int, str]] = {
    0x5F0E: "full_name",
    0x5F0F: "other_names",
    0x5F10: "personal_number",
    0x5F2B: "birth_date",
    0x5F11: "birth_place",
    0x5F42: "address",
    0x5F12: "telephone",
    0x5F13: "profession",
    0x5F14: "title",
    0x5F15: "personal_summary",
    0x5F17: "other_documents",
    0x5F18: "custody",
}
DG12_FIELDS: Final[Mapping[int, str]] = {
    0x5F19: "issuing_authority",
    0x5F26: "issue_date",
    0x5F1A: "other_persons",
    0x5F1B: "endorsements",
    0x5F1C: "tax_or_exit_requirements",
    0x5F55: "personalised_at",
    0x5F56: "personalisation_system",
}
_IMAGES: Final = {0x5F16: "proof_of_citizenship", 0x5F1D: "front", 0x5F1E: "rear"}
_DATES: Final = frozenset({"birth_date", "issue_date", "personalised_at"})
_TEMPLATES: Final = range(0xA0, 0xB0)
_PERSON: Final = {0x5F50: "recorded", 0x5F51: "name", 0x5F52: "telephone", 0x5F53: "address"}


@dataclass(frozen=True, slots=True, repr=False)
class Details:
    """Fields by name, each with every value that it has; without repr, because it is the traveller's."""

    fields: Mapping[str, tuple[str, ...]]
    images: Mapping[str, bytes] = field(default_factory=dict)
    unknown: Mapping[int, bytes] = field(default_factory=dict)
    """By tag."""

    def first(self, name: str) -> str | None:
        return next(iter(self.fields.get(name, ())), None)


def read_dg11(content: bytes) -> Details:
    """EF.DG11: the holder, the name in its own script.

    Raises:
        Malformed: it is none.
    """
    return _details(tlv.decode_one(content, 0x6B), DG11_FIELDS)


def read_dg12(content: bytes) -> Details:
    """EF.DG12: the document, its date of issue.

    Raises:
        Malformed: it is none.
    """
    return _details(tlv.decode_one(content, 0x6C), DG12_FIELDS)


def read_dg13(content: bytes) -> bytes:
    """EF.DG13, whose content each state chooses: as it is.

    Raises:
        Malformed: it is none.
    """
    return tlv.decode_one(content, 0x6D).value


def read_dg7(content: bytes) -> tuple[bytes, ...]:
    """EF.DG7: pictures of the signature or usual mark, undecoded.

    Raises:
        Malformed: it is none.
    """
    images = tuple(one.value for one in tlv.decode_one(content, 0x67).children() if one.tag == 0x5F43)
    if len(images) > MAX_IMAGES:
        raise LimitExceeded(f"DG7 holds more than {MAX_IMAGES} pictures.")
    return images


def read_dg16(content: bytes) -> tuple[Details, ...]:
    """EF.DG16: persons to notify.

    Raises:
        Malformed: it is none.
    """
    persons = [one for one in tlv.decode_one(content, 0x70).children() if one.tag in _TEMPLATES]
    if len(persons) > MAX_PERSONS:
        raise LimitExceeded(f"DG16 names more than {MAX_PERSONS} persons.")
    return tuple(_details(person, _PERSON) for person in persons)


def _details(group: tlv.Tlv, names: Mapping[int, str]) -> Details:
    fields: dict[str, tuple[str, ...]] = {}
    images: dict[str, bytes] = {}
    unknown: dict[int, bytes] = {}
    for found in group.children():
        if found.tag in _TEMPLATES and group.tag not in _TEMPLATES:
            for inner in found.children():
                if inner.tag in names:
                    fields[names[inner.tag]] = (*fields.get(names[inner.tag], ()), _text(inner.value))
                elif inner.tag != _COUNT:
                    unknown[inner.tag] = inner.value
        elif found.tag in names:
            name = names[found.tag]
            value = _date(found.value) if name in _DATES else _text(found.value)
            fields[name] = (*fields.get(name, ()), value)
        elif found.tag in _IMAGES:
            images[_IMAGES[found.tag]] = found.value
        elif found.tag not in (_TAG_LIST, _COUNT):
            unknown[found.tag] = found.value
    return Details(fields, images, unknown)


def _text(value: bytes) -> str:
    """UTF-8 as the standard has it; what is not of it becomes U+FFFD, and control characters spaces."""
    text = value.decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text)


def _date(value: bytes) -> str:
    """CCYYMMDD in digits, or in packed digits as early chips wrote it; ISO 8601 out, as it stands
    otherwise."""
    digits = value.hex() if len(value) == 4 else value.decode("ascii", "replace")
    if len(digits) >= 8 and digits[:8].isdigit():
        rest = digits[8:14]
        date = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
        return f"{date}T{rest[:2]}:{rest[2:4]}:{rest[4:]}" if len(rest) == 6 and rest.isdigit() else date
    return _text(value)


__all__ = ["Details", "Malformed", "read_dg7", "read_dg11", "read_dg12", "read_dg13", "read_dg16"]
