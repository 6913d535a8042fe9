"""Rules for a second look, as signed data: countable facts of this crossing, and nothing of what a person is.

The table has no word for ethnicity, language, religion, sex, age, birthplace, or any nationality or issuing
state: a rule that names one is refused as an unknown key. Each has an owner, a legal basis and a day of
review, after which it is not used; what it leads to is AMBER at most.
"""

import datetime as dt
import fnmatch
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from appliance.contracts.checks import Direction
from appliance.rules.section import Section, Words

ANY: Final = "*"
FACTS: Final = (
    *("documents", "listed", "state_differs_from_list", "routes", "hours"),
    *("last_crossing_days_at_least", "last_crossing_days_at_most", "crossings_at_least"),
)
"""What a rule may ask; one at least, else it would fit everybody."""
Days = Annotated[int, msgspec.Meta(ge=0, le=400)]
Said = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class RiskRule(Section, frozen=True, kw_only=True, rename={"from_": "from"}):
    """All that it asks must be so; what is left out is not asked."""

    name: Said
    owner: Said
    """The office that answers for it."""
    legal_basis: Said
    review: dt.date
    """From the day after it is not used."""
    says: Words
    """Its own sentence, for the officer."""
    directions: tuple[Direction, ...] = (Direction.ENTRY, Direction.EXIT)
    posts: tuple[str, ...] = (ANY,)
    from_: dt.date | None = None
    until: dt.date | None = None

    documents: tuple[str, ...] = ()
    """Document codes that begin so."""
    listed: bool | None = None
    """Somebody of an advance list; false: on none of those about now."""
    state_differs_from_list: bool | None = None
    """The document is of another state than the one that the list said of this person."""
    routes: tuple[str, ...] = ()
    """Of the person's list; may hold `*`."""
    hours: tuple[dt.time, dt.time] | None = None
    """From the first until before the second, over midnight too; the post's own time."""
    last_crossing_days_at_least: Days | None = None
    last_crossing_days_at_most: Days | None = None
    crossings_at_least: Annotated[int, msgspec.Meta(ge=1, le=50)] | None = None
    """Of this document at this post, within `within_days`, before this one."""
    within_days: Days | None = None

    @property
    def asks_history(self) -> bool:
        return (
            self.last_crossing_days_at_least is not None
            or self.last_crossing_days_at_most is not None
            or self.crossings_at_least is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of this crossing; None: not known, so that no rule that asks for it fits."""

    direction: Direction
    post: str
    document_code: str | None
    listed: bool | None
    state_differs: bool | None
    route: str | None
    at: dt.datetime | None
    """On the post's own clock; None where that is not sure."""
    crossings: tuple[dt.datetime, ...] | None
    """Of the document, earlier ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The rules that stand here and now, by what came of them."""

    fit: tuple[RiskRule, ...]
    unknown: tuple[RiskRule, ...]
    """A fact that they ask for is not known."""
    expired: tuple[RiskRule, ...]
    """Past their review."""
    asked: int
    """How many were looked at, the expired ones apart."""


def standing(rules: tuple[RiskRule, ...], facts: Facts, today: dt.date) -> tuple[RiskRule, ...]:
    """Those for this post, this way and this day, reviewed or not."""
    return tuple(
        one
        for one in rules
        if facts.direction in one.directions
        and any(fnmatch.fnmatchcase(facts.post, pattern) for pattern in one.posts)
        and (one.from_ is None or one.from_ <= today)
        and (one.until is None or today <= one.until)
    )


def judge(rules: tuple[RiskRule, ...], facts: Facts, today: dt.date) -> Judged:
    """Each of the rules that stand, against the facts."""
    here = standing(rules, facts, today)
    used = [one for one in here if today <= one.review]
    answers = [(one, _fits(one, facts)) for one in used]
    return Judged(
        fit=tuple(one for one, answer in answers if answer),
        unknown=tuple(one for one, answer in answers if answer is None),
        expired=tuple(one for one in here if today > one.review),
        asked=len(used),
    )


def _fits(rule: RiskRule, facts: Facts) -> bool | None:
    """None: it hangs on what is not known."""
    answers = tuple(_answers(rule, facts))
    if False in answers:
        return False
    return None if None in answers else True


def _answers(rule: RiskRule, facts: Facts) -> list[bool | None]:
    found: list[bool | None] = []
    if rule.documents:
        code = facts.document_code
        found.append(None if code is None else code.startswith(rule.documents))
    if rule.listed is not None:
        found.append(None if facts.listed is None else facts.listed is rule.listed)
    if rule.state_differs_from_list is not None:
        differs = facts.state_differs
        found.append(None if differs is None else differs is rule.state_differs_from_list)
    if rule.routes:
        route = facts.route
        found.append(None if route is None else any(fnmatch.fnmatchcase(route, one) for one in rule.routes))
    if rule.hours is not None:
        found.append(None if facts.at is None else _within(facts.at.time(), *rule.hours))
    if rule.asks_history:
        found.append(_by_history(rule, facts))
    return found


def _within(time: dt.time, first: dt.time, last: dt.time) -> bool:
    return first <= time < last if first <= last else time >= first or time < last


def _by_history(rule: RiskRule, facts: Facts) -> bool | None:
    if facts.crossings is None or facts.at is None:
        return None
    now = facts.at
    last = max(facts.crossings, default=None)
    if rule.last_crossing_days_at_least is not None or rule.last_crossing_days_at_most is not None:
        if last is None:
            return False  # a first crossing has none before it
        days = (now - last).days
        if days < (rule.last_crossing_days_at_least or 0):
            return False
        if rule.last_crossing_days_at_most is not None and days > rule.last_crossing_days_at_most:
            return False
    if rule.crossings_at_least is None:
        return True
    since = now - dt.timedelta(days=rule.within_days or 0)
    return sum(one >= since for one in facts.crossings) >= rule.crossings_at_least


def problem_of(rule: RiskRule) -> tuple[str, str] | None:
    """A key and what is wrong with it; None: nothing is."""
    asked = [name for name in FACTS if getattr(rule, name) not in ((), None)]
    if not asked:
        return "name", f"a risk rule asks for a fact: {', '.join(FACTS)}"
    if not rule.says:
        return "says", "a risk rule says in words what it found"
    if (rule.crossings_at_least is None) != (rule.within_days is None):
        return "within_days", "crossings_at_least and within_days stand together"
    least, most = rule.last_crossing_days_at_least, rule.last_crossing_days_at_most
    if least is not None and most is not None and most < least:
        return "last_crossing_days_at_most", "at most so many days is not less than at least so many"
    if rule.from_ is not None and rule.until is not None and rule.until < rule.from_:
        return "until", "the rule ends before it begins"
    return None
