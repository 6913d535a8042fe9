"""How long somebody may stay, and how that was counted: days in a rolling window, or from each entry.

The day of entry and the day of exit both count, as in the usual 90 in 180. What is not known is not made up:
an entry without its exit gives the fewest and the most days that it can have been, and is named.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from appliance.contracts.checks import Direction
from appliance.rules.table import RuleTable, StayRule

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Leg:
    """One crossing of the person's, at any post."""

    day: date
    direction: Direction = field(compare=False)


class Gap(StrEnum):
    """A leg that is missing."""

    NO_EXIT = "no_exit"
    """Two entries without an exit between them."""
    NO_ENTRY = "no_entry"
    """An exit without an entry before it."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Days between an entry and an exit; `until` None: still here."""

    since: date
    until: date | None
    gap: Gap | None = None
    """NO_EXIT: the exit lies before `until`, the next entry; NO_ENTRY: only the last day is sure."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the arithmetic: the days of a stay that count."""

    since: date
    until: date
    fewest: int
    most: int
    gap: Gap | None


@dataclass(frozen=True, slots=True)
class Account:
    """What a rule says on one day."""

    rule: StayRule
    window_from: date
    lines: tuple[Line, ...]
    used_fewest: int
    used_most: int
    overstayed: int
    """Days beyond what was allowed, by the fewest that are sure: nobody overstays by what is not known."""
    last_day: date | None
    """Of somebody who is here, or comes in today: the last day that is allowed, by the most that may have
    been used; None: not even today is."""

    @property
    def unsure(self) -> bool:
        return self.used_fewest != self.used_most


def stay_rule_for(
    table: RuleTable, *, nationality: str, document_code: str, post: str, today: date
) -> StayRule | None:
    """The first rule that fits, None where none does."""
    for rule in table.stay:
        if rule.stands(today) and rule.is_for(
            nationality=nationality, document_code=document_code, post=post
        ):
            return rule
    return None


def stays_of(legs: Iterable[Leg]) -> tuple[Stay, ...]:
    """Legs, in any order, as stays; of legs of one day those in come after those out, unless that leaves one
    without the other."""
    stays: list[Stay] = []
    since: date | None = None
    for leg in _ordered(legs):
        if leg.direction is Direction.ENTRY:
            if since is not None:
                stays.append(Stay(since, leg.day, Gap.NO_EXIT))
            since = leg.day
        elif since is None:
            stays.append(Stay(leg.day, leg.day, Gap.NO_ENTRY))
        else:
            stays.append(Stay(since, leg.day))
            since = None
    if since is not None:
        stays.append(Stay(since, None))
    return tuple(stays)


def account(rule: StayRule, legs: Iterable[Leg], *, today: date) -> Account:
    """What the rule says today of somebody with these legs, who is here or comes in."""
    stays = stays_of(leg for leg in legs if leg.day <= today)
    if rule.window_days is None:
        return _from_entry(rule, stays, today)
    window_from = _back(today, rule.window_days - 1)
    lines = tuple(_lines(stays, window_from, today))
    sure, possible = _days(stays, today, most=False), _days(stays, today, most=True)
    used = len([day for day in sure if day >= window_from])
    most = len([day for day in possible if day >= window_from])
    return Account(
        rule=rule,
        window_from=window_from,
        lines=lines,
        used_fewest=used,
        used_most=most,
        overstayed=_over_window(rule, sure),
        last_day=_last_day(rule, possible, today),
    )


def _from_entry(rule: StayRule, stays: tuple[Stay, ...], today: date) -> Account:
    """The days count anew with each entry: only the stay that goes on, or begins today, matters."""
    here = next((stay for stay in reversed(stays) if stay.until is None), None)
    since = here.since if here else today
    used = (today - since).days + 1 if here else 0
    last = since + timedelta(days=rule.days - 1)
    lines = (Line(since, today, used, used, None),) if here else ()
    return Account(
        rule=rule,
        window_from=since,
        lines=lines,
        used_fewest=used,
        used_most=used,
        overstayed=max(0, used - rule.days),
        last_day=last if last >= today else None,
    )


def _lines(stays: tuple[Stay, ...], window_from: date, today: date) -> Iterator[Line]:
    for stay in stays:
        until = stay.until or today
        if until < window_from:
            continue
        since = max(stay.since, window_from)
        most = (until - since).days + 1
        fewest = most if stay.gap is not Gap.NO_EXIT else int(stay.since >= window_from)
        yield Line(since, until, fewest, most, stay.gap)


def _days(stays: tuple[Stay, ...], today: date, *, most: bool) -> set[date]:
    """Every day of presence: those that are sure, or all that may have been."""
    days: set[date] = set()
    for stay in stays:
        until = stay.until or today
        if stay.gap is Gap.NO_EXIT and not most:
            until = stay.since
        days.update(stay.since + ONE_DAY * number for number in range((until - stay.since).days + 1))
    return days


def _over_window(rule: StayRule, days: set[date]) -> int:
    """Days of presence on which more than allowed had been used."""
    assert rule.window_days is not None
    within = timedelta(days=rule.window_days - 1)
    ordered = sorted(days)
    start = over = 0
    for index, day in enumerate(ordered):
        while day - ordered[start] > within:
            start += 1
        over += index - start + 1 > rule.days
    return over


def _last_day(rule: StayRule, used: set[date], today: date) -> date | None:
    """Staying on from today: the last day on which the rule is kept."""
    assert rule.window_days is not None
    days = set(used)
    last: date | None = None
    for number in range(rule.window_days + rule.days):
        day = today + ONE_DAY * number
        days.add(day)
        since = _back(day, rule.window_days - 1)
        if sum(since <= one <= day for one in days) > rule.days:
            return last
        last = day
    return last


def _back(day: date, days: int) -> date:
    try:
        return day - ONE_DAY * days
    except OverflowError:
        return date.min


def _ordered(legs: Iterable[Leg]) -> list[Leg]:
    """By day; of one day in the order that leaves the fewest legs alone."""
    by_day: dict[date, list[Direction]] = {}
    for leg in legs:
        by_day.setdefault(leg.day, []).append(leg.direction)
    ordered: list[Leg] = []
    here = False
    for day in sorted(by_day):
        waiting = by_day[day]
        while waiting:
            wanted = Direction.EXIT if here else Direction.ENTRY
            direction = wanted if wanted in waiting else waiting[0]
            waiting.remove(direction)
            ordered.append(Leg(day, direction))
            here = direction is Direction.ENTRY
    return ordered
