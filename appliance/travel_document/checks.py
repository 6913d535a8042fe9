"""What can be checked in an MRZ by itself: check digits, codes, dates, characters, the name's structure.

Nothing is repaired: a check says what was read, where, and what was expected. Lines and positions are
counted from 0, so that `lines[check.line][check.position]` is what was read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.travel_document.check_digit import CHARACTERS, FILLER, check_digit
from appliance.travel_document.codes import can_issue, is_known_code
from appliance.travel_document.dates import DateReading
from appliance.travel_document.document_number import NumberReading
from appliance.travel_document.errors import UnreadableCharacter
from appliance.travel_document.layout import Layout, Span
from appliance.travel_document.names import NameReading

UNREADABLE: Final = "unreadable_character"
"""The one reason for which a check could not be done at all."""

_DIGITS: Final = frozenset("0123456789")
_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ANY: Final = frozenset(CHARACTERS) | {FILLER}
_CONFUSED: Final = {
    "0": "O",
    "1": "I",
    "2": "Z",
    "5": "S",
    "6": "G",
    "8": "B",
    "O": "0",
    "D": "0",
    "Q": "0",
    "I": "1",
    "Z": "2",
    "S": "5",
    "G": "6",
    "B": "8",
}
"""Characters of OCR-B that readers take for each other."""


@dataclass(frozen=True, slots=True)
class MrzCheck:
    """One check. Where it passed, line and position are those of what was checked."""

    id: str
    passed: bool
    field: str
    line: int
    position: int
    read: str
    expected: str
    reason: str
    suspect: str = ""
    """One misread character that would explain the failure, in words; a hint, never a repair."""


def digit_checks(layout: Layout, lines: Sequence[str], number: NumberReading) -> Iterator[MrzCheck]:
    """Every check digit that the format has."""
    number_spans = [layout.document_number]
    if number.check != layout.document_number_check:
        number_spans.append(Span(number.check.line, layout.optional_data.start, number.check.start))
    yield _digit("document_number", lines, number_spans, number.check)
    yield _digit("birth_date", lines, [layout.birth_date], layout.birth_date_check)
    yield _digit("expiry_date", lines, [layout.expiry_date], layout.expiry_date_check)
    if layout.optional_data_check:
        empty = not layout.optional_data.of(lines).strip(FILLER)
        # Doc 9303-4 section 4.2.2.2: an unused field may have a filler for a check digit.
        also = FILLER if empty else ""
        yield _digit("optional_data", lines, [layout.optional_data], layout.optional_data_check, also=also)
    if layout.composite_check:
        yield _digit("composite", lines, layout.composite_covers, layout.composite_check)


def document_code_check(layout: Layout, lines: Sequence[str]) -> MrzCheck:
    """Whether the first letter is one of the format's, and the second not that of visas."""
    id_, field, span = "mrz.document_code", "document_code", layout.document_code
    code = span.of(lines)
    reason = "not_of_this_format"
    if code[0] not in layout.first_letters:
        expected = " or ".join(layout.first_letters)
        return _failed(id_, field, span, read=code[0], expected=expected, reason=reason)
    if code[1] == "V" and code[0] != "V":
        second = Span(span.line, span.start + 1, span.end)
        return _failed(id_, field, second, read=code[1], expected="not V", reason=reason)
    return _passed(id_, field, span, code)


def code_checks(layout: Layout, lines: Sequence[str]) -> Iterator[MrzCheck]:
    """Whether Doc 9303-3 section 5 knows the codes."""
    yield _code("issuing_state", layout.issuing_state, lines)
    yield _code("nationality", layout.nationality, lines)


def dates_check(layout: Layout, lines: Sequence[str], birth: DateReading, expiry: DateReading) -> MrzCheck:
    """Whether both dates exist, and in this order."""
    id_ = "mrz.dates_plausible"
    for field, span, reading in (
        ("birth_date", layout.birth_date, birth),
        ("expiry_date", layout.expiry_date, expiry),
    ):
        if reading.problem:
            return _failed(id_, field, span, read=span.of(lines), expected="YYMMDD", reason=reading.problem)
    born, expires = birth.date.as_date(), expiry.date.as_date()
    if born is not None and expires is not None and expires < born:
        span = layout.expiry_date
        return _failed(
            id_,
            "expiry_date",
            span,
            read=span.of(lines),
            expected="after birth_date",
            reason="expires_before_birth",
        )
    reason = "zeros_for_unknown" if birth.zeros_for_unknown or expiry.zeros_for_unknown else "ok"
    return _passed(id_, "birth_date", layout.birth_date, layout.birth_date.of(lines), reason=reason)


def characters_check(layout: Layout, lines: Sequence[str]) -> MrzCheck:
    """Whether every character is one that its field may have; the first that is not."""
    id_ = "mrz.characters"
    for field, span, allowed, expected in field_alphabets(layout):
        for offset, character in enumerate(span.of(lines)):
            if character in allowed:
                continue
            at = Span(span.line, span.start + offset, span.start + offset + 1)
            reason, suspect = "wrong_kind" if character in _ANY else UNREADABLE, ""
            for other in _CONFUSED.get(character, ""):
                if other in allowed:
                    reason, suspect = "letter_digit_confusion", _suspect(at, character, other)
                    break
            return _failed(id_, field, at, read=character, expected=expected, reason=reason, suspect=suspect)
    return MrzCheck(id_, True, "", 0, 0, "", "", "ok")


def name_check(layout: Layout, lines: Sequence[str], name: NameReading) -> MrzCheck:
    """Whether the name field keeps the filler rules of Doc 9303-3 section 4.6."""
    span = layout.name
    if not name.problem:
        return _passed("mrz.name", "name", span, "", reason="may_be_truncated" if name.truncated else "ok")
    start = span.start + name.position
    at = Span(span.line, start, start + 1)
    return _failed(
        "mrz.name", "name", at, read=at.of(lines), expected="PRIMARY<<SECONDARY", reason=name.problem
    )


def _digit(
    field: str, lines: Sequence[str], covers: Sequence[Span], check: Span, *, also: str = ""
) -> MrzCheck:
    """One check digit over these characters as read; `also` is accepted in its place."""
    id_ = f"mrz.{field}_check_digit"
    covered = "".join(span.of(lines) for span in covers)
    read = check.of(lines)
    try:
        expected = check_digit(covered)
    except UnreadableCharacter:
        return _failed(id_, field, check, read=read, expected="", reason=UNREADABLE)
    if read == expected or (also and read == also):
        return _passed(id_, field, check, read, expected=expected)
    suspect = ""
    if read == FILLER:
        reason = "filler_instead_of_check_digit"
    elif read not in _ANY:
        reason = UNREADABLE
    elif read not in _DIGITS:
        reason = "not_a_digit"
        if expected in _CONFUSED.get(read, ""):
            reason, suspect = "letter_digit_confusion", _suspect(check, read, expected)
    else:
        # The composite covers what other digits cover, and of a date only letters are suspect.
        places = () if field == "composite" else _explanations(covers, lines, read, dates="date" in field)
        reason, suspect = "check_digit_differs", ""
        if len(places) == 1:
            reason, suspect = "maybe_letter_digit_confusion", places[0]
    return _failed(id_, field, check, read=read, expected=expected, reason=reason, suspect=suspect)


def _explanations(covers: Sequence[Span], lines: Sequence[str], read: str, *, dates: bool) -> Sequence[str]:
    """Single confusions of the covered characters under which the digit as read would be right."""
    covered = "".join(span.of(lines) for span in covers)
    places = [Span(span.line, at, at + 1) for span in covers for at in range(span.start, span.end)]
    return [
        _suspect(place, character, other)
        for at, (place, character) in enumerate(zip(places, covered, strict=True))
        for other in _CONFUSED.get(character, "")
        if (other in _DIGITS or not dates) and check_digit(covered[:at] + other + covered[at + 1 :]) == read
    ]


def _code(field: str, span: Span, lines: Sequence[str]) -> MrzCheck:
    id_ = f"mrz.{field}_code"
    read = span.of(lines)
    code = read.rstrip(FILLER)
    known = can_issue if field == "issuing_state" else is_known_code
    if known(code):
        return _passed(id_, field, span, read)
    reason, suspect = "unknown_code" if code else "no_code", ""
    if is_known_code(code):
        reason = "not_an_issuer"
    for at, character in enumerate(code):
        for other in _CONFUSED.get(character, ""):
            if known(code[:at] + other + code[at + 1 :]):
                place = Span(span.line, span.start + at, span.start + at + 1)
                reason, suspect = "letter_digit_confusion", _suspect(place, character, other)
    return _failed(id_, field, span, read=read, expected="a known code", reason=reason, suspect=suspect)


def field_alphabets(layout: Layout) -> Iterator[tuple[str, Span, frozenset[str], str]]:
    """Each field with the characters that it may have. Check digits are judged by their own checks."""
    letters = _LETTERS | {FILLER}
    digits = _DIGITS | {FILLER}
    yield "document_code", layout.document_code, _ANY, "A-Z, 0-9 or <"
    yield "issuing_state", layout.issuing_state, letters, "A-Z or <"
    yield "name", layout.name, letters, "A-Z or <"
    yield "document_number", layout.document_number, _ANY, "A-Z, 0-9 or <"
    yield "nationality", layout.nationality, letters, "A-Z or <"
    yield "birth_date", layout.birth_date, digits, "0-9 or <"
    yield "sex", layout.sex, frozenset("MFX<"), "M, F, X or <"
    yield "expiry_date", layout.expiry_date, digits, "0-9 or <"
    yield "optional_data", layout.optional_data, _ANY, "A-Z, 0-9 or <"
    if layout.optional_data_2:
        yield "optional_data_2", layout.optional_data_2, _ANY, "A-Z, 0-9 or <"


def _suspect(place: Span, character: str, other: str) -> str:
    return f"line {place.line} position {place.start}: {character} may be {other}"


def _passed(
    id_: str, field: str, span: Span, read: str, *, expected: str = "", reason: str = "ok"
) -> MrzCheck:
    return MrzCheck(id_, True, field, span.line, span.start, read, expected or read, reason)


def _failed(
    id_: str, field: str, span: Span, *, read: str, expected: str, reason: str, suspect: str = ""
) -> MrzCheck:
    return MrzCheck(id_, False, field, span.line, span.start, read, expected, reason, suspect)
