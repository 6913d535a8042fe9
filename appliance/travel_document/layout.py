"""Where each field lies in each of the five formats (Doc 9303-4 to -7, section 4.2.2)."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.travel_document.errors import NotAnMrz


class MrzFormat(enum.StrEnum):
    """The five sizes of Doc 9303 that have an MRZ."""

    TD1 = "TD1"
    TD2 = "TD2"
    TD3 = "TD3"
    MRV_A = "MRV-A"
    MRV_B = "MRV-B"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to before `end` of a line, all counted from 0."""

    line: int
    start: int
    end: int

    def of(self, lines: Sequence[str]) -> str:
        return lines[self.line][self.start : self.end]

    @property
    def width(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One format's fields. A span that is None does not exist in the format."""

    format: MrzFormat
    line_count: int
    line_length: int
    first_letters: str
    """What the document code may begin with."""
    document_code: Span
    issuing_state: Span
    name: Span
    document_number: Span
    document_number_check: Span
    nationality: Span
    birth_date: Span
    birth_date_check: Span
    sex: Span
    expiry_date: Span
    expiry_date_check: Span
    optional_data: Span
    optional_data_check: Span | None = None
    optional_data_2: Span | None = None
    composite_check: Span | None = None
    composite_covers: tuple[Span, ...] = ()
    long_numbers: bool = False
    """Whether a long document number may go on in the optional data (Doc 9303-5 and -6, note j)."""


def _two_lines(
    format_: MrzFormat,
    length: int,
    first_letters: str,
    *,
    optional_data: Span,
    optional_data_check: Span | None = None,
    composite_check: Span | None = None,
    long_numbers: bool = False,
) -> Layout:
    """The formats of two lines differ only in their length and in what follows the date of expiry."""
    covers = (Span(1, 0, 10), Span(1, 13, 20), Span(1, 21, length - 1))
    return Layout(
        format=format_,
        line_count=2,
        line_length=length,
        first_letters=first_letters,
        document_code=Span(0, 0, 2),
        issuing_state=Span(0, 2, 5),
        name=Span(0, 5, length),
        document_number=Span(1, 0, 9),
        document_number_check=Span(1, 9, 10),
        nationality=Span(1, 10, 13),
        birth_date=Span(1, 13, 19),
        birth_date_check=Span(1, 19, 20),
        sex=Span(1, 20, 21),
        expiry_date=Span(1, 21, 27),
        expiry_date_check=Span(1, 27, 28),
        optional_data=optional_data,
        optional_data_check=optional_data_check,
        composite_check=composite_check,
        composite_covers=covers if composite_check else (),
        long_numbers=long_numbers,
    )


_TD1: Final = Layout(
    format=MrzFormat.TD1,
    line_count=3,
    line_length=30,
    first_letters="ACI",
    document_code=Span(0, 0, 2),
    issuing_state=Span(0, 2, 5),
    document_number=Span(0, 5, 14),
    document_number_check=Span(0, 14, 15),
    optional_data=Span(0, 15, 30),
    birth_date=Span(1, 0, 6),
    birth_date_check=Span(1, 6, 7),
    sex=Span(1, 7, 8),
    expiry_date=Span(1, 8, 14),
    expiry_date_check=Span(1, 14, 15),
    nationality=Span(1, 15, 18),
    optional_data_2=Span(1, 18, 29),
    composite_check=Span(1, 29, 30),
    composite_covers=(Span(0, 5, 30), Span(1, 0, 7), Span(1, 8, 15), Span(1, 18, 29)),
    name=Span(2, 0, 30),
    long_numbers=True,
)

LAYOUTS: Final = {
    layout.format: layout
    for layout in (
        _TD1,
        _two_lines(
            MrzFormat.TD2,
            36,
            "ACI",
            optional_data=Span(1, 28, 35),
            composite_check=Span(1, 35, 36),
            long_numbers=True,
        ),
        _two_lines(
            MrzFormat.TD3,
            44,
            "P",
            optional_data=Span(1, 28, 42),
            optional_data_check=Span(1, 42, 43),
            composite_check=Span(1, 43, 44),
        ),
        _two_lines(MrzFormat.MRV_A, 44, "V", optional_data=Span(1, 28, 44)),
        _two_lines(MrzFormat.MRV_B, 36, "V", optional_data=Span(1, 28, 36)),
    )
}

_BY_SHAPE: Final = {
    (3, 30): (MrzFormat.TD1, MrzFormat.TD1),
    (2, 36): (MrzFormat.TD2, MrzFormat.MRV_B),
    (2, 44): (MrzFormat.TD3, MrzFormat.MRV_A),
}
"""Number and length of the lines, to the document's format and the visa's."""


def layout_of(lines: Sequence[str]) -> Layout:
    """The layout that these lines have, by their number, their length and, for visas, their first letter."""
    if len(lines) not in (2, 3):
        raise NotAnMrz("An MRZ has two or three lines.")
    lengths = {len(line) for line in lines}
    formats = _BY_SHAPE.get((len(lines), lengths.pop())) if len(lengths) == 1 else None
    if formats is None:
        raise NotAnMrz("An MRZ has two lines of 36 or 44 characters, or three of 30.")
    document, visa = formats
    return LAYOUTS[visa if lines[0].startswith("V") else document]
