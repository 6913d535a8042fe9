"""Reading a machine readable zone: its fields as they stand, and what is wrong (Doc 9303-3 to -7)."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.travel_document.check_digit import FILLER
from appliance.travel_document.checks import (
    MrzCheck,
    characters_check,
    code_checks,
    dates_check,
    digit_checks,
    document_code_check,
    name_check,
)
from appliance.travel_document.dates import PartialDate, read_birth_date, read_expiry_date
from appliance.travel_document.document_number import read_document_number
from appliance.travel_document.layout import MrzFormat, layout_of
from appliance.travel_document.names import read_name
from appliance.travel_document.personal_number import read_personal_number

SEXES: Final = frozenset({"M", "F", "X"})
"""X is not in Doc 9303's MRZ, where a filler says "unspecified", but some States print it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mrz:
    """One MRZ as read. Fillers at the end of a field are left off; inside numbers they stay."""

    format: MrzFormat
    lines: tuple[str, ...]
    document_code: str
    issuing_state: str
    primary_identifier: str
    secondary_identifier: str
    """Empty for a single name; components of both are parted by spaces."""
    name_truncated: bool
    document_number: str
    """Complete: with its continuation in the optional data."""
    nationality: str
    birth_date: PartialDate
    sex: str
    """M, F, X, or empty for unspecified."""
    expiry_date: PartialDate
    optional_data: str
    optional_data_2: str
    """The second one, in TD1's middle line."""
    personal_number: str | None
    checks: tuple[MrzCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


def parse_mrz(lines: Sequence[str], *, today: dt.date) -> Mrz:
    """The MRZ of these lines; `today` decides the centuries (see `dates`). Raises NotAnMrz by shape alone."""
    layout = layout_of(lines)
    number = read_document_number(layout, lines)
    name = read_name(layout.name.of(lines))
    birth = read_birth_date(layout.birth_date.of(lines), today=today)
    expiry = read_expiry_date(layout.expiry_date.of(lines), today=today)
    issuing_state = layout.issuing_state.of(lines).rstrip(FILLER)
    optional = number.optional_data.rstrip(FILLER)
    optional_2 = layout.optional_data_2.of(lines).rstrip(FILLER) if layout.optional_data_2 else ""
    sex = layout.sex.of(lines)
    return Mrz(
        format=layout.format,
        lines=tuple(lines),
        document_code=layout.document_code.of(lines).rstrip(FILLER),
        issuing_state=issuing_state,
        primary_identifier=name.primary,
        secondary_identifier=name.secondary,
        name_truncated=name.truncated,
        document_number=number.number,
        nationality=layout.nationality.of(lines).rstrip(FILLER),
        birth_date=birth.date,
        sex=sex if sex in SEXES else "",
        expiry_date=expiry.date,
        optional_data=optional,
        optional_data_2=optional_2,
        personal_number=read_personal_number(layout.format, issuing_state, optional, optional_2),
        checks=(
            *digit_checks(layout, lines, number),
            document_code_check(layout, lines),
            *code_checks(layout, lines),
            dates_check(layout, lines, birth, expiry),
            characters_check(layout, lines),
            name_check(layout, lines, name),
        ),
    )
