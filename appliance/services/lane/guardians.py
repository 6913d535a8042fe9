"""Who is with a child: the officer names one of the adults who were just admitted at this lane, or nobody.

A child with its parent is an ordinary traveller; the box only has to be told, with one key. What was said is
the officer's statement and recorded as such. Somebody who was not admitted, or stood under RED, cannot answer
for a child, and a child of whom nothing was said stays AMBER: it is never waved through unseen.
"""

import calendar
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from appliance.contracts.asked import GuardianView, SayGuardian
from appliance.contracts.checks import Check, Direction, Outcome, Recommendation, Verdict
from appliance.contracts.movement import Accompanied, DocumentFacts, GroupLink, Movement
from appliance.records.memory import Memory
from appliance.records.statistics.facts import NO_AGE, age_at
from appliance.screening.names import parts_of
from appliance.services.lane.chase import Remembered

GUARDIAN: Final = "child.guardian"
OFFERED_MINUTES: Final = 30.0
"""Families come one behind the other; for others there are groups (F11) and the second line."""
CLOCK_SLACK: Final = dt.timedelta(minutes=1)
"""The clock may have been set back a little since."""
MAX_OFFERED: Final = 5
"""Each has a digit's key; those of the child's own name come first."""
MAX_KEPT: Final = 24
"""Adults of half an hour at one lane."""
_FEMININE: Final = (
    *(("A", ""), ("OVA", ""), ("SKA", "SKI"), ("SKA", "SKY"), ("SKAIA", "SKII")),
    *(("SKAYA", "SKIY"), ("SKAYA", "SKII"), ("SKAYA", "SKY"), ("SKAYA", "SKIJ")),
    *(("AYA", "IY"), ("AYA", "YY"), ("AIA", "II")),
)
"""Endings by which one family's name differs between its women and its men (Slavic, Central Asian)."""
_SHORTEST: Final = 3
"""Letters that must be left before such an ending."""
_PARTICLES: Final = frozenset(
    {
        *("KYZY", "UULU", "KIZI", "QIZI", "OGLU", "OGLY", "OGLI", "BINT", "BIN", "IBN", "BEN", "ABU"),
        *("DOS", "DAS", "DEL", "DER", "DEN", "LAS", "LOS", "VAN", "VON", "TER"),
    }
)
"""daughter of, of the: what two strangers share too, as they do parts of one or two letters."""
_PARTICLE_LETTERS: Final = 2


class Adult(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was decided at this lane a moment ago, and may have been with a child."""

    crossing: str
    at: dt.datetime
    direction: Direction
    primary: str
    secondary: str
    birth_date: str


class Guardian(msgspec.Struct, frozen=True, kw_only=True):
    """Who was named, as the check needs it."""

    crossing: str
    name: str
    """The primary identifier."""
    admitted: bool
    """And not from under RED."""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """For whom, and when, it is asked who is with them."""

    child: DocumentFacts | None
    direction: Direction
    now: dt.datetime
    guardian_under: int
    """Years, of the policy; 0: nobody is asked after."""


class GuardianDesk:
    """Keeps the last adults of this lane. Written after each decision, read in the event loop's thread."""

    def __init__(self, memory: Memory, *, now: dt.datetime) -> None:
        """After a restart those are offered whom the box still remembers.

        Raises:
            StorageError: the memory cannot be read.
        """
        self._adults: tuple[Adult, ...] = ()
        for recent in reversed(memory.since(now - dt.timedelta(minutes=OFFERED_MINUTES))):
            self._keep(_remembered(recent.crossing, recent.moment, recent.payload))

    def note_decided(self, movement: Movement) -> None:
        """One more is through; only who was admitted, and not from under RED, is kept."""
        document = movement.document
        if document is None or not may_answer(movement.outcome.value, movement.recommendation.value):
            return
        self._keep(
            Adult(
                crossing=movement.crossing,
                at=dt.datetime.fromisoformat(movement.decided.wall),
                direction=movement.direction,
                primary=document.primary_identifier,
                secondary=document.secondary_identifier,
                birth_date=document.birth_date,
            )
        )

    def _keep(self, adult: Adult | None) -> None:
        if adult is not None:
            others = (one for one in self._adults if one.crossing != adult.crossing)
            self._adults = (adult, *others)[:MAX_KEPT]

    def offered(self, asking: Asking) -> tuple[Adult, ...]:
        """Those whom the officer may name, of the child's own name first, then the latest."""
        now, child = asking.now, asking.child
        since = now - dt.timedelta(minutes=OFFERED_MINUTES)
        adults = [
            one
            for one in self._adults
            if one.direction is asking.direction
            and since <= one.at <= now + CLOCK_SLACK
            and not NO_AGE < youngest_age(one.birth_date, now) < asking.guardian_under
        ]
        name = child.primary_identifier if child else ""
        adults.sort(key=lambda one: not same_family(name, one.primary))
        return tuple(adults[:MAX_OFFERED])


def guardian_of(said: Accompanied | None, name: str) -> Guardian | None:
    """Whoever the officer named: they were admitted, or they could not have been."""
    if said is None or not said.guardian:
        return None
    return Guardian(crossing=said.guardian, name=name, admitted=True)


def _remembered(crossing: str, moment: str, payload: bytes) -> Adult | None:
    try:
        kept = msgspec.msgpack.decode(payload, type=Remembered)
        at = dt.datetime.fromisoformat(moment)
    except (msgspec.MsgspecError, ValueError):
        return None
    if not may_answer(kept.outcome, kept.recommendation):
        return None
    subject = kept.subject
    return Adult(
        crossing=crossing,
        at=at,
        direction=kept.direction,
        primary=subject.primary_identifier,
        secondary=subject.secondary_identifier,
        birth_date=subject.birth_date,
    )


def may_answer(outcome: str, recommendation: str) -> bool:
    """Whether somebody who was decided so may answer for a child; of what is not known, they may not."""
    return outcome == Outcome.ADMITTED.value and recommendation in (
        *(Recommendation.GREEN.value, Recommendation.AMBER.value),
    )


def child_age(asking: Asking, link: GroupLink | None) -> int | None:
    """The child's age, NO_AGE where only the officer says that it is one; None: nobody is asked after.

    Whoever may be a child by what is known of the birth date is taken for one.
    """
    age = NO_AGE if asking.child is None else youngest_age(asking.child.birth_date, asking.now)
    asked = NO_AGE < age < asking.guardian_under or (link is not None and link.role == "child")
    return age if asked else None


def youngest_age(birth_date: str, now: dt.datetime) -> int:
    """Completed years, of a date that is known in part the fewest; NO_AGE where the year is not known."""
    year, _, rest = birth_date.partition("-")
    month, _, day = rest.partition("-")
    if not (year.isdigit() and month and day):
        return NO_AGE
    month = "12" if month == "??" else month
    try:
        day = str(calendar.monthrange(int(year), int(month))[1]) if day == "??" else day
        latest = min(dt.date(int(year), int(month), int(day)), now.date())
    except ValueError:
        return NO_AGE
    return age_at(latest.isoformat(), now.isoformat())


def guardian_check(
    guardian: Guardian | None, child: DocumentFacts | None, age: int, said: Accompanied | None
) -> Check:
    """A child alone, or with somebody of another name, goes to who protects children: never a refusal."""
    evidence: dict[str, Any] = {} if age == NO_AGE else {"age": age}
    if said is not None:
        evidence["stated_by"] = said.officer
    if guardian is None:
        reason = "said_to_be_alone" if said is not None else "unaccompanied"
        return Check(id=GUARDIAN, verdict=Verdict.FAIL, reason=reason, evidence=evidence)
    evidence["guardian"] = guardian.crossing
    if not guardian.admitted:
        return Check(id=GUARDIAN, verdict=Verdict.FAIL, reason="guardian_not_admitted", evidence=evidence)
    same = same_family(child.primary_identifier if child else "", guardian.name)
    return Check(
        id=GUARDIAN,
        verdict=Verdict.PASS if same else Verdict.FAIL,
        reason="with_guardian" if same else "name_differs",
        evidence=evidence,
    )


def same_family(one: str, other: str) -> bool:
    """Whether two primary identifiers share a part, but for the ending of women's and men's names."""
    return any(_one_name(first, second) for first in _family_parts(one) for second in _family_parts(other))


def _family_parts(name: str) -> Sequence[str]:
    parts = parts_of(name)
    return [one for one in parts if len(one) > _PARTICLE_LETTERS and one not in _PARTICLES] or parts


def _one_name(first: str, second: str) -> bool:
    return first == second or _woman_of(first, second) or _woman_of(second, first)


def _woman_of(hers: str, his: str) -> bool:
    return any(
        hers.endswith(her_end)
        and his.endswith(his_end)
        and len(stem := hers[: len(hers) - len(her_end)]) >= _SHORTEST
        and stem == his[: len(his) - len(his_end)]
        for her_end, his_end in _FEMININE
    )


def views(adults: Iterable[Adult]) -> tuple[GuardianView, ...]:
    """As the screen offers them."""
    return tuple(
        GuardianView(crossing=one.crossing, name=f"{one.primary} {one.secondary}".strip()) for one in adults
    )


def named_by(note: SayGuardian, offered: Iterable[Adult]) -> tuple[Adult | None, dict[str, str]]:
    """The adult whom the officer names, None for nobody; or what is wrong with the answer."""
    adult = next((one for one in offered if one.crossing == note.guardian), None)
    if note.alone == (adult is not None) or (note.alone and note.guardian):
        return None, {"guardian": "choose"}
    return adult, {}
