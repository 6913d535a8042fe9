"""By what crossings are counted: each variable with its title and the categories that it gives."""

import datetime as dt
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from appliance.records.statistics.facts import NO_AGE, UNKNOWN, Facts

AGE_BANDS: Final = ((0, "0-4"), (5, "5-14"), (15, "15-24"), (25, "25-34"), (35, "35-44"), (45, "45-54"),
                    (55, "55-64"), (65, "65+"))  # fmt: skip
"""Each from this age on: ten years wide, and minors apart from the age of work (UN Rev. 1, table 3)."""
STAY_BANDS: Final = ((0, "same day"), (1, "1-6 days"), (7, "7-29 days"), (30, "1-2 months"),
                     (90, "3-11 months"), (365, "12 months and more"))  # fmt: skip
"""Each from so many days on. From 3 months on a change of residence is short-term, from 12 months on
long-term migration (UN Rev. 1, paragraphs 36 and 37)."""
DIRECTIONS: Final = ("entry", "exit")


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """One way of counting."""

    name: str
    title: str
    order: tuple[str, ...] = ()
    """Categories that have an order; others are sorted by how often they come."""


VARIABLES: Final[tuple[Variable, ...]] = (
    Variable(name="nationality", title="Country of citizenship"),
    Variable(name="birth_country", title="Country of birth"),
    Variable(name="previous_residence", title="Country of previous residence"),
    Variable(name="next_residence", title="Country of next residence"),
    Variable(
        name="intended_stay",
        title="Intended stay",
        order=(*(name for _, name in STAY_BANDS), UNKNOWN),
    ),
    Variable(name="sex", title="Sex", order=("female", "male", "unspecified", UNKNOWN)),
    Variable(name="age_band", title="Age", order=(*(name for _, name in AGE_BANDS), UNKNOWN)),
    Variable(name="document", title="Travel document"),
    Variable(name="purpose", title="Purpose of travel"),
    Variable(name="post", title="Post"),
    Variable(name="hour", title="Hour of day", order=tuple(f"{hour:02}" for hour in range(24))),
)
BY_NAME: Final[Mapping[str, Variable]] = {one.name: one for one in VARIABLES}


def category_of(facts: Facts, variable: str, zone: dt.tzinfo) -> str:
    """Where this crossing is counted."""
    return _CATEGORIES[variable](facts, zone)


def local(facts: Facts, zone: dt.tzinfo) -> dt.datetime | None:
    """The post's own time, None when the box had none that can be read."""
    try:
        moment = dt.datetime.fromisoformat(facts.moment)
        return moment.astimezone(zone) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def zone_of(name: str) -> dt.tzinfo:
    """A time zone by its IANA name.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"There is no time zone {name}.") from error


def band(value: float, bands: tuple[tuple[int, str], ...]) -> str:
    """The last band that begins at or below the value."""
    return max((start, name) for start, name in bands if start <= value)[1]


def age_band(age: int) -> str:
    return UNKNOWN if age == NO_AGE else band(age, AGE_BANDS)


def stay_band(days: float | None) -> str:
    return UNKNOWN if days is None or days < 0 else band(days, STAY_BANDS)


def _hour(facts: Facts, zone: dt.tzinfo) -> str:
    moment = local(facts, zone)
    return UNKNOWN if moment is None else f"{moment.hour:02}"


def _field(name: str) -> Callable[[Facts, dt.tzinfo], str]:
    return lambda facts, _zone: str(getattr(facts, name))


_CATEGORIES: Final[Mapping[str, Callable[[Facts, dt.tzinfo], str]]] = {
    "intended_stay": lambda facts, _zone: stay_band(facts.intended_stay_days),
    "age_band": lambda facts, _zone: age_band(facts.age),
    "hour": _hour,
    **{
        name: _field(name)
        for name in (
            *("nationality", "birth_country", "previous_residence", "next_residence"),
            *("sex", "document", "purpose", "post"),
        )
    },
}
