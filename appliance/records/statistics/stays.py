"""Entries and exits of one person put together to stays, by rule, in whatever order they became known."""

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec

from appliance.records.statistics.facts import Facts


class Seen(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One crossing of a person; sorted by time, then by name, so that the order is one and the same."""

    moment: str
    """ISO 8601 in UTC."""
    crossing: str
    direction: str
    post: str
    time_quality: str = ""
    document: str | None = None
    """The document's pseudonym."""


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """An entry and its exit; an entry alone is open or was left open, an exit alone waits for its entry."""

    entry: Seen | None
    exit: Seen | None
    state: str
    """complete, open, left_open (another entry came), waiting (an exit whose entry is not known yet)."""

    @property
    def days(self) -> float | None:
        if self.entry is None or self.exit is None:
            return None
        return days_between(self.entry.moment, self.exit.moment)


def pair(seen: Iterable[Seen]) -> tuple[Stay, ...]:
    """The stays of one person. The same for every order in which the crossings are given.

    An exit belongs to the entry just before it. Two entries without an exit leave the first open; an exit
    without an entry waits. Nothing is invented, and nothing is dropped.
    """
    stays: list[Stay] = []
    entry: Seen | None = None
    for one in sorted(set(seen)):
        if one.direction == "entry":
            if entry is not None:
                stays.append(Stay(entry=entry, exit=None, state="left_open"))
            entry = one
        elif entry is None:
            stays.append(Stay(entry=None, exit=one, state="waiting"))
        else:
            stays.append(Stay(entry=entry, exit=one, state="complete"))
            entry = None
    if entry is not None:
        stays.append(Stay(entry=entry, exit=None, state="open"))
    return tuple(stays)


def stays_of(facts: Sequence[Facts]) -> tuple[tuple[Facts, Stay], ...]:
    """All persons' stays, each with the facts of its entry, or of its exit where that is all there is."""
    people: dict[str, list[Facts]] = {}
    for one in facts:
        people.setdefault(one.person, []).append(one)
    found: list[tuple[Facts, Stay]] = []
    for crossings in people.values():
        by_name = {one.crossing: one for one in crossings}
        for stay in pair(seen_of(one) for one in crossings):
            first = stay.entry or stay.exit
            assert first is not None
            found.append((by_name[first.crossing], stay))
    return tuple(found)


def seen_of(facts: Facts) -> Seen:
    return Seen(
        moment=facts.moment,
        crossing=facts.crossing,
        direction=facts.direction,
        post=facts.post,
        time_quality=facts.time_quality,
    )


def is_overstay(stay: Stay, *, permitted_days: float, as_of: str) -> bool:
    """Longer than permitted, by its exit or, still open, by now. What was left open has no known end."""
    if stay.state == "complete":
        days = stay.days
    elif stay.state == "open" and stay.entry is not None:
        days = days_between(stay.entry.moment, as_of)
    else:
        days = None
    return days is not None and days > permitted_days


def days_between(first: str, last: str) -> float | None:
    """Days from one moment to another; None when one of them is none."""
    try:
        begin, end = dt.datetime.fromisoformat(first), dt.datetime.fromisoformat(last)
        return (end - begin).total_seconds() / 86400
    except (ValueError, TypeError, OverflowError):
        return None
