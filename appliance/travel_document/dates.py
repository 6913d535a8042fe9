"""Dates in the MRZ, whole or partly unknown, and the rule for their century (Doc 9303-3 section 4.8).

Doc 9303 prints two digits of the year and gives no rule for the century. Ours:

* a birth is never in the future: the latest century in which the birth date, with its unknown parts
  taken as early as possible, is not after the reference date. (Someone over 99 therefore reads a
  hundred years younger: the MRZ cannot say it, the officer sees it.)
* an expiry lies after the year 50 years before the reference date's and not after the year 50 years
  ahead of it. Fifty ahead, because cards for the old are issued that long; no further, so that a
  document which expired long ago is not read as one that is still valid.

The reference date is always given by the caller, never read from a clock.
"""

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from appliance.travel_document.errors import ImpossibleDate

EXPIRY_YEARS_AHEAD: Final = 50
_LEAP_YEAR: Final = 2000
_TEXT: Final = re.compile(r"([0-9]{4}|\?{4})-([0-9]{2}|\?{2})-([0-9]{2}|\?{2})")
_LONGEST_MONTH: Final = 31


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date of which any part may be unknown; as text `1974-08-12`, `1974-08-??`, `????-??-??`."""

    year: int | None
    month: int | None
    day: int | None

    def __post_init__(self) -> None:
        if self.year is not None and not dt.MINYEAR <= self.year <= dt.MAXYEAR:
            raise ImpossibleDate("A year has a number from 1 to 9999.")
        if self.month is not None and not 1 <= self.month <= 12:
            raise ImpossibleDate("A month has a number from 1 to 12.")
        if self.day is not None and not 1 <= self.day <= _days(self.year, self.month):
            raise ImpossibleDate("The month does not have this day.")

    def __str__(self) -> str:
        year = "????" if self.year is None else f"{self.year:04}"
        return f"{year}-{_two(self.month, '??')}-{_two(self.day, '??')}"

    @classmethod
    def of(cls, date: dt.date) -> "PartialDate":
        return cls(date.year, date.month, date.day)

    @classmethod
    def parse(cls, text: str) -> "PartialDate":
        """From its text form; an ISO date is one."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ImpossibleDate("A date is written 1974-08-12, with ? for what is unknown.")
        return cls(*(None if part.startswith("?") else int(part) for part in match.groups()))

    def as_date(self) -> dt.date | None:
        """The date, when all of it is known."""
        if self.year is None or self.month is None or self.day is None:
            return None
        return dt.date(self.year, self.month, self.day)

    def mrz_text(self) -> str:
        """YYMMDD with fillers for what is unknown."""
        year = "<<" if self.year is None else f"{self.year % 100:02}"
        return f"{year}{_two(self.month, '<<')}{_two(self.day, '<<')}"


@dataclass(frozen=True, slots=True)
class DateReading:
    """A date field as understood: what could not be is left unknown and `problem` names it."""

    date: PartialDate
    problem: str = ""
    zeros_for_unknown: bool = False


def read_birth_date(characters: str, *, today: dt.date) -> DateReading:
    """Six characters as a birth date, by the rule for the century above."""
    short, month, day, problem, zeros = _parts(characters)
    year = None
    if short is not None:
        year = today.year - today.year % 100 + short
        if (year, month or 1, day or 1) > (today.year, today.month, today.day):
            year -= 100
    return _reading(year, month, day, problem=problem, zeros=zeros)


def read_expiry_date(characters: str, *, today: dt.date) -> DateReading:
    """Six characters as an expiry date, by the rule for the century above."""
    short, month, day, problem, zeros = _parts(characters)
    year = None
    if short is not None:
        last = today.year + EXPIRY_YEARS_AHEAD
        year = last - (last - short) % 100
    return _reading(year, month, day, problem=problem, zeros=zeros)


def _parts(characters: str) -> tuple[int | None, int | None, int | None, str, bool]:
    """Two-digit year, month, day, None where unknown; what is wrong; whether zeros stood for unknown."""
    if characters == "000000":
        # Some issuers print it for "unknown"; the year 2000 without a month is not told apart from it.
        return None, None, None, "", True
    numbers: list[int | None] = []
    problem = ""
    for pair in (characters[0:2], characters[2:4], characters[4:6]):
        known = pair.isascii() and pair.isdigit()
        numbers.append(int(pair) if known else None)
        if not known and pair != "<<":
            problem = "not_a_date"
    year, month, day = numbers
    # Not Doc 9303, which wants fillers, but printed by several issuers for people without a known birthday.
    zeros = month == 0 or day == 0
    month, day = month or None, day or None
    if month is not None and month > 12:
        month, problem = None, "not_a_date"
    if day is not None and day > _LONGEST_MONTH:
        day, problem = None, "not_a_date"
    return year, month, day, problem, zeros


def _reading(
    year: int | None, month: int | None, day: int | None, *, problem: str, zeros: bool
) -> DateReading:
    if year is not None and not dt.MINYEAR <= year <= dt.MAXYEAR:
        year, problem = None, "not_a_date"
    if day is not None and day > _days(year, month):
        day, problem = None, "not_a_date"
    return DateReading(PartialDate(year, month, day), problem, zeros)


def _days(year: int | None, month: int | None) -> int:
    """How many days the month can have, as far as it is known."""
    if month is None:
        return _LONGEST_MONTH
    return calendar.monthrange(_LEAP_YEAR if year is None else year, month)[1]


def _two(number: int | None, unknown: str) -> str:
    return unknown if number is None else f"{number:02}"
