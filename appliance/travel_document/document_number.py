"""The document number, whole: a long one of TD1 and TD2 goes on in the optional data.

Doc 9303-5 and -6 section 4.2.2, note j: nine characters, a filler instead of the check digit, then at
the beginning of the optional data the rest, the check digit and a filler.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.travel_document.check_digit import FILLER
from appliance.travel_document.layout import Layout, Span

SHORTEST_CONTINUATION: Final = 2
"""One more character and the check digit."""


@dataclass(frozen=True, slots=True)
class NumberReading:
    """The number, what its check digit covers and where that stands, and the optional data left over."""

    number: str
    covered: str
    check: Span
    optional_data: str


def read_document_number(layout: Layout, lines: Sequence[str]) -> NumberReading:
    """The number of these lines, as read."""
    principal = layout.document_number.of(lines)
    optional = layout.optional_data.of(lines)
    if (
        layout.long_numbers
        and layout.document_number_check.of(lines) == FILLER
        and not principal.endswith(FILLER)
    ):
        continuation, _, rest = optional.partition(FILLER)
        if len(continuation) >= SHORTEST_CONTINUATION:
            number = principal + continuation[:-1]
            end = layout.optional_data.start + len(continuation)
            return NumberReading(number, number, Span(layout.optional_data.line, end - 1, end), rest)
    return NumberReading(principal.rstrip(FILLER), principal, layout.document_number_check, optional)
