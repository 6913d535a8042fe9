"""Birth dates as documents and lists have them, whole or in part, and how far two of them agree."""

import enum
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

_ISO: Final = re.compile(r"(\d{4}|\?{4})?(?:-(\d{2}|\?\?))?(?:-(\d{2}|\?\?))?")
NEAR_YEARS: Final = 1
"""Registers that convert calendars, and people who know their age but not their day, are off by one."""


class DateError(ValueError):
    """The text is no birth date, not even a partial one."""


class Agreement(enum.StrEnum):
    """How two birth dates agree, the surest first."""

    EXACT = "exact"
    DAY_MONTH_SWAPPED = "day_month_swapped"
    PARTIAL = "partial"
    """What is known of both is the same, and something is not known."""
    ONE_PART_DIFFERS = "one_part_differs"
    YEAR_NEAR = "year_near"
    UNKNOWN = "unknown"
    """One of them is not known at all."""
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A birth date of which any part may be unknown; ordered parts, not a point in time."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    @classmethod
    def parse(cls, text: str) -> "BirthDate":
        """From ISO 8601, cut short after year or month, or with ? for unknown digits; empty is unknown.

        Raises:
            DateError: anything else, or a day that its month does not have.
        """
        found = _ISO.fullmatch(text.strip())
        if found is None:
            raise DateError("A birth date is written YYYY-MM-DD; unknown parts are left out or written ??.")
        # A document that does not know the day writes 00 as often as << (Doc 9303-3, 4.8).
        year, month, day = (
            int(part) if part and "?" not in part and int(part) else None for part in found.groups()
        )
        try:
            # 2000 stands for an unknown year: it has a 29 February.
            date(year or 2000, month or 1, day or 1)
        except ValueError as error:
            raise DateError("The birth date names a day that does not exist.") from error
        return cls(year, month, day)

    @property
    def known(self) -> bool:
        return self != BirthDate()

    @property
    def whole(self) -> bool:
        return None not in (self.year, self.month, self.day)


def agreement(one: BirthDate, other: BirthDate) -> Agreement:
    """How they agree; symmetrical."""
    if not one.known or not other.known:
        return Agreement.UNKNOWN
    pairs = ((one.year, other.year), (one.month, other.month), (one.day, other.day))
    differing = sum(None not in pair and pair[0] != pair[1] for pair in pairs)
    compared = sum(None not in pair for pair in pairs)
    if differing == 0:
        if one.whole and other.whole:
            return Agreement.EXACT
        return Agreement.PARTIAL if one.year is not None and one.year == other.year else Agreement.UNKNOWN
    if compared == 3:
        if one.year == other.year and (one.month, one.day) == (other.day, other.month):
            return Agreement.DAY_MONTH_SWAPPED
        if differing == 1:
            return Agreement.ONE_PART_DIFFERS
    if one.year is not None and other.year is not None and 0 < abs(one.year - other.year) <= NEAR_YEARS:
        return Agreement.YEAR_NEAR if compared < 3 else Agreement.DIFFERENT
    return Agreement.DIFFERENT
