"""Writing a machine readable zone (Doc 9303-3 to -7): what does not fit is refused, but names are cut."""

import datetime as dt
from typing import Final

from appliance.travel_document.check_digit import CHARACTERS, FILLER, check_digit
from appliance.travel_document.codes import can_issue, is_known_code
from appliance.travel_document.dates import PartialDate
from appliance.travel_document.errors import CannotRepresent
from appliance.travel_document.layout import LAYOUTS, Layout, MrzFormat, Span
from appliance.travel_document.names import fit_name
from appliance.travel_document.personal_number import place_of
from appliance.travel_document.transliteration import transliterate

_SPECIAL: Final = str.maketrans(dict.fromkeys(" -./", FILLER))
"""Spaces and special characters of a number become fillers (Doc 9303-4 section 4.2.2.2)."""
_SEXES: Final = {"M": "M", "F": "F", "X": FILLER, "": FILLER, FILLER: FILLER}
"""An X of the visual zone is a filler in the MRZ (Doc 9303-4 section 4.2.2.2, note p)."""


def generate_mrz(
    format: MrzFormat,
    *,
    document_code: str,
    issuing_state: str,
    primary_identifier: str,
    secondary_identifier: str,
    document_number: str,
    nationality: str,
    birth_date: PartialDate | dt.date,
    sex: str,
    expiry_date: PartialDate | dt.date,
    optional_data: str = "",
    optional_data_2: str = "",
    personal_number: str | None = None,
    language: str | None = None,
) -> tuple[str, ...]:
    """The lines of this document. Names may be in any script that `transliterate` knows."""
    layout = LAYOUTS[format]
    lines = [[FILLER] * layout.line_length for _ in range(layout.line_count)]

    def put(span: Span, characters: str) -> None:
        lines[span.line][span.start : span.end] = characters.ljust(span.width, FILLER)

    first, second = _optional(layout, issuing_state, optional_data, optional_data_2, personal_number)
    principal, number_check, first = _number(layout, _characters("document_number", document_number), first)
    put(layout.document_code, _document_code(layout, document_code))
    put(layout.issuing_state, _code("issuing_state", issuing_state))
    put(layout.name, _name(layout, primary_identifier, secondary_identifier, language))
    put(layout.document_number, principal)
    put(layout.document_number_check, number_check)
    put(layout.nationality, _code("nationality", nationality))
    put(layout.sex, _sex(sex))
    put(layout.optional_data, first)
    if layout.optional_data_2:
        put(layout.optional_data_2, second)
    for span, check, date in (
        (layout.birth_date, layout.birth_date_check, birth_date),
        (layout.expiry_date, layout.expiry_date_check, expiry_date),
    ):
        text = (date if isinstance(date, PartialDate) else PartialDate.of(date)).mrz_text()
        put(span, text)
        put(check, check_digit(text))
    if layout.optional_data_check:
        put(layout.optional_data_check, check_digit(first))
    if layout.composite_check:
        covered = "".join(
            "".join(lines[span.line][span.start : span.end]) for span in layout.composite_covers
        )
        put(layout.composite_check, check_digit(covered))
    return tuple("".join(line) for line in lines)


def _optional(
    layout: Layout, issuing_state: str, first: str, second: str, personal_number: str | None
) -> tuple[str, str]:
    """Both optional data with the personal number in its place."""
    first, second = _characters("optional_data", first), _characters("optional_data_2", second)
    if second and layout.optional_data_2 is None:
        raise CannotRepresent("optional_data_2", "Only TD1 has a second field of optional data.")
    if personal_number is not None:
        number = _characters("personal_number", personal_number)
        place = place_of(layout.format, issuing_state)
        if place is None or not place.shape.fullmatch(number.strip(FILLER)):
            raise CannotRepresent("personal_number", "This document has no place for such a personal number.")
        if second if place.second else first:
            raise CannotRepresent("personal_number", "Optional data takes the personal number's place.")
        if place.second:
            second = place.prefix + number
        else:
            first = place.prefix + number
    if len(first) > layout.optional_data.width:
        raise CannotRepresent("optional_data", "The optional data is too long for this format.")
    if layout.optional_data_2 and len(second) > layout.optional_data_2.width:
        raise CannotRepresent("optional_data_2", "The second optional data is too long for this format.")
    return first, second


def _number(layout: Layout, number: str, optional: str) -> tuple[str, str, str]:
    """The number's field, its check digit, and the optional data with what the field had no room for."""
    width = layout.document_number.width
    if not number.strip(FILLER):
        raise CannotRepresent("document_number", "A document has a number.")
    if len(number) <= width:
        return number, check_digit(number), optional
    if not layout.long_numbers:
        raise CannotRepresent("document_number", "This format has nine characters for the document number.")
    principal, rest = number[:width], number[width:]
    if FILLER in rest or principal.endswith(FILLER):
        raise CannotRepresent("document_number", "A long number has no special characters behind its eighth.")
    continued = rest + check_digit(number) + FILLER + optional
    if len(continued) > layout.optional_data.width:
        raise CannotRepresent("document_number", "The document number is too long for this format.")
    return principal, FILLER, continued


def _name(layout: Layout, primary: str, secondary: str, language: str | None) -> str:
    first = transliterate(primary, language=language)
    if not first:
        raise CannotRepresent("name", "A single name is the primary identifier, and there is none.")
    return fit_name(first, transliterate(secondary, language=language), width=layout.name.width)


def _document_code(layout: Layout, code: str) -> str:
    code = _characters("document_code", code).rstrip(FILLER)
    if not 1 <= len(code) <= layout.document_code.width or code[0] not in layout.first_letters:
        raise CannotRepresent("document_code", "The document code does not belong to this format.")
    if code[1:] == "V" and code[0] != "V":
        raise CannotRepresent("document_code", "V is the second letter of visas only.")
    return code


def _code(field: str, code: str) -> str:
    known = can_issue if field == "issuing_state" else is_known_code
    if not known(code):
        raise CannotRepresent(field, "Doc 9303-3 section 5 does not have this code here.")
    return code


def _sex(sex: str) -> str:
    if sex not in _SEXES:
        raise CannotRepresent("sex", "Sex is M, F, X or empty.")
    return _SEXES[sex]


def _characters(field: str, text: str) -> str:
    """A number as the MRZ writes it; its fillers at the end are the field's own."""
    characters = text.translate(_SPECIAL).rstrip(FILLER)
    if any(character not in CHARACTERS and character != FILLER for character in characters):
        raise CannotRepresent(field, "Only A-Z, 0-9, spaces, hyphens, full stops and slashes can be written.")
    return characters
