"""Three patterns as rules that can be counted by hand; pure.

What a rule sees is `Trace`: pseudonyms, posts, times, and what the comparison of faces said. It sees no
name, nationality, sex, age, birthplace, language or religion, and so cannot go by them. A finding is a
question for a person and no verdict: nothing in the system acts on it.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from appliance.records.statistics.stays import Seen, Stay, pair


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One crossing as the rules see it."""

    crossing: str
    record: str
    """device/epoch/number"""
    person: str
    document: str | None
    direction: str
    moment: str
    post: str
    face: str = ""
    """Verdict and reason of the comparison of faces, `FAIL not_alike`; empty when there was none."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule in words."""

    id: str
    says: str
    innocent: str
    """What else may be behind it, told with every finding."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found, why, and in which records."""

    rule: Rule
    sentence: str
    records: tuple[str, ...]


TRIPS: Final = 4
TRIP_DAYS: Final = 1.0
WINDOW_DAYS: Final = 14.0
RECENT_DAYS: Final = 7.0
BASE_DAYS: Final = 56.0
MIN_ROUTE: Final = 10
CHANCE: Final = 1e-4
"""One false finding in ten thousand routes and weeks, if crossings came independently."""

SHORT_TRIPS: Final = Rule(
    id="repeated_short_trips",
    says=f"One person made {TRIPS} or more stays of at most {TRIP_DAYS * 24:.0f} hours within "
    f"{WINDOW_DAYS:.0f} days.",
    innocent="Commuters, drivers, and people with family on both sides do so.",
)
SEVERAL_FACES: Final = Rule(
    id="one_document_several_faces",
    says="At crossings with one document the live picture was found like the chip's once and unlike it "
    "another time, or unlike it twice; or the document was read with different names or birth dates.",
    innocent="The comparison errs, children grow, and some states enter children in a parent's passport.",
)
SUDDEN_ROUTES: Final = Rule(
    id="sudden_routes",
    says=f"In the last {RECENT_DAYS:.0f} days at least {MIN_ROUTE} persons took one way, in at one post and "
    f"out at one, and so many more than its share of all traffic in the {BASE_DAYS:.0f} days before that "
    f"chance explains it less than once in {1 / CHANCE:,.0f} (Poisson).",
    innocent="A closed road, a market, a feast or a festival moves routes too.",
)
RULES: Final = (SHORT_TRIPS, SEVERAL_FACES, SUDDEN_ROUTES)


def find_patterns(traces: Sequence[Trace], *, now: dt.datetime) -> tuple[Finding, ...]:
    """Everything that the rules find, in the order of the rules."""
    stays = [(one, stay) for one, stay in _stays(traces) if stay.state == "complete"]
    return (*_short_trips(stays), *_several_faces(traces), *_sudden_routes(stays, now))


def _stays(traces: Sequence[Trace]) -> list[tuple[dict[str, Trace], Stay]]:
    people: dict[str, dict[str, Trace]] = {}
    for one in traces:
        people.setdefault(one.person, {})[one.crossing] = one
    found = []
    for crossings in people.values():
        seen = [
            Seen(moment=one.moment, crossing=one.crossing, direction=one.direction, post=one.post)
            for one in crossings.values()
        ]
        found += [(crossings, stay) for stay in pair(seen)]
    return found


def _short_trips(stays: Sequence[tuple[dict[str, Trace], Stay]]) -> list[Finding]:
    people: dict[str, list[tuple[Trace, Trace]]] = {}
    for crossings, stay in stays:
        if stay.entry is None or stay.exit is None or stay.days is None or stay.days > TRIP_DAYS:
            continue
        entry, leave = crossings[stay.entry.crossing], crossings[stay.exit.crossing]
        people.setdefault(entry.person, []).append((entry, leave))
    findings = []
    for trips in people.values():
        trips.sort(key=lambda trip: trip[0].moment)
        most: list[tuple[Trace, Trace]] = []
        first = 0
        for last in range(len(trips)):
            while _days(trips[first][0].moment, trips[last][1].moment) > WINDOW_DAYS:
                first += 1
            if last - first + 1 > len(most):
                most = trips[first : last + 1]
        if len(most) >= TRIPS:
            days = _days(most[0][0].moment, most[-1][1].moment)
            findings.append(
                Finding(
                    rule=SHORT_TRIPS,
                    sentence=f"{len(most)} stays of at most {TRIP_DAYS * 24:.0f} hours"
                    f" within {days:.1f} days.",
                    records=tuple(one.record for trip in most for one in trip),
                )
            )
    return findings


def _several_faces(traces: Sequence[Trace]) -> list[Finding]:
    documents: dict[str, list[Trace]] = {}
    for one in traces:
        if one.document is not None:
            documents.setdefault(one.document, []).append(one)
    findings = []
    for crossings in documents.values():
        unlike = [one for one in crossings if one.face == "FAIL not_alike"]
        like = [one for one in crossings if one.face.startswith("PASS")]
        persons = {one.person for one in crossings}
        reasons = []
        if len(unlike) >= 2 or (unlike and like):
            reasons.append(
                f"the live picture was like the chip's {len(like)} times and unlike it {len(unlike)}"
            )
        if len(persons) >= 2:
            reasons.append(f"read with {len(persons)} different names, birth dates or nationalities")
        if reasons:
            shown = crossings if len(persons) >= 2 else [*unlike, *like]
            findings.append(
                Finding(
                    rule=SEVERAL_FACES,
                    sentence=f"One document: {'; '.join(reasons)}.",
                    records=tuple(sorted(one.record for one in shown)),
                )
            )
    return findings


def _sudden_routes(stays: Sequence[tuple[dict[str, Trace], Stay]], now: dt.datetime) -> list[Finding]:
    recent: dict[tuple[str, str], dict[str, tuple[Trace, Trace]]] = {}
    before: Counter[tuple[str, str]] = Counter()
    end = now.astimezone(dt.UTC).isoformat()
    for crossings, stay in stays:
        if stay.entry is None or stay.exit is None:
            continue
        route = stay.entry.post, stay.exit.post
        age = _days(stay.exit.moment, end)
        if 0 <= age <= RECENT_DAYS:
            entry, leave = crossings[stay.entry.crossing], crossings[stay.exit.crossing]
            recent.setdefault(route, {})[entry.person] = entry, leave
        elif RECENT_DAYS < age <= RECENT_DAYS + BASE_DAYS:
            before[route] += 1
    total_now, total_before = sum(len(trips) for trips in recent.values()), before.total()
    findings = []
    for route, trips in sorted(recent.items()):
        expected = total_now * (before[route] + 1) / (total_before + len(recent))
        if not total_before or len(trips) < MIN_ROUTE or _tail(len(trips), expected) >= CHANCE:
            continue
        findings.append(
            Finding(
                rule=SUDDEN_ROUTES,
                sentence=f"{len(trips)} persons from {route[0]} to {route[1]} in {RECENT_DAYS:.0f} days, "
                f"where {expected:.1f} were to be expected.",
                records=tuple(sorted(one.record for trip in trips.values() for one in trip)),
            )
        )
    return findings


def _tail(count: int, expected: float) -> float:
    """The chance of so many or more, when so many are expected (Poisson)."""
    if expected <= 0:
        return 0.0
    below = sum(
        math.exp(number * math.log(expected) - expected - math.lgamma(number + 1)) for number in range(count)
    )
    return max(0.0, 1.0 - below)


def _days(first: str, last: str) -> float:
    try:
        return (dt.datetime.fromisoformat(last) - dt.datetime.fromisoformat(first)).total_seconds() / 86400
    except (ValueError, TypeError):
        return math.inf
