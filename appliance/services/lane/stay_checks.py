"""The stay at the crossing: days used and left by the signed table, a missing leg, and what proves it.

The legs are this box's own history, the other passport's if there is one, and what an officer took for proof.
A leg that nobody knows of is a finding; no movement is ever made of it.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.clock import TimeQuality
from appliance.contracts.checks import Check, Direction, Outcome, Verdict
from appliance.contracts.movement import OtherPapers, Proof
from appliance.contracts.visas import KnownVisa
from appliance.records.errors import StorageError
from appliance.records.history import History, Passage
from appliance.rules.stay import Account, Gap, Leg, account, stay_rule_for, stays_of
from appliance.rules.table import RuleTable, StayRule
from appliance.services.lane.history_checks import DUPLICATE, PURPOSE

LEGS: Final = "stay.legs"
ALLOWED: Final = "stay.allowed"
DAYS: Final = "stay.days"
MAX_LEGS: Final = 1000
"""Two crossings a day for longer than any window that is usual; beyond it the count is not told."""
MAX_LINES: Final = 60
"""Of the arithmetic, in the record; more are counted, and the latest are shown."""
LOOK_AHEAD_DAYS: Final = 400
_NO_TABLE: Final = RuleTable(name="", version=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stayer:
    """Whose stay it is, as the document says."""

    nationality: str
    document_code: str
    issuing_state: str
    document_number: str
    other: OtherPapers | None = None
    proofs: tuple[Proof, ...] = ()
    visa_until: dt.date | None = None
    """The last day of the visa that was shown."""
    issued: tuple[KnownVisa, ...] | None = ()
    """Visas on arrival of this box: the one with which a stay began says how many days it may last. None:
    they cannot be read."""


def stay_checks(
    table: RuleTable | None,
    stayer: Stayer | None,
    history: History | None,
    *,
    direction: Direction,
    post: str,
    now: dt.datetime,
    today: dt.date,
    time_quality: str,
) -> tuple[Check, ...]:
    """What the rules and the history say of a stay that begins, or ends, today."""
    id_ = ALLOWED if direction is Direction.ENTRY else DAYS
    if stayer is not None and stayer.issued is None:
        return (Check(id=id_, verdict=Verdict.CANNOT, reason="history_unreadable"),)
    if (table is None or not table.stay) and not (stayer and stayer.issued):
        return (_not_done(id_, "no_table"),)
    if stayer is None:
        return (_not_done(id_, "nothing_to_search"),)
    table = table or _NO_TABLE
    rules = _rules(table, stayer, post=post, today=today)
    if not rules and not stayer.issued:
        return (_not_done(id_, "no_rule", table=table.label),)
    if history is None:
        return (_not_done(id_, "not_asked"),)
    if not TimeQuality(time_quality).sure:
        return (Check(id=id_, verdict=Verdict.CANNOT, reason="clock_unsure"),)
    try:
        legs, whole = _legs(history, stayer, direction=direction, now=now)
    except StorageError:
        return (Check(id=id_, verdict=Verdict.CANNOT, reason="history_unreadable"),)
    if not whole:
        return (Check(id=id_, verdict=Verdict.CANNOT, reason="too_many_crossings"),)
    judge = _entering if direction is Direction.ENTRY else _leaving
    since = today if direction is Direction.ENTRY else _open_since(legs, today)
    rules = _by_visa(rules, stayer, since)
    if not rules:
        return (_not_done(id_, "no_rule", table=table.label),)
    return tuple(judge(table, rules, stayer, legs, today))


def _rules(
    table: RuleTable, stayer: Stayer, *, post: str, today: dt.date
) -> tuple[tuple[str, StayRule | None], ...]:
    """The rule for each nationality with papers; empty where none of them limits the stay."""
    nationalities = [stayer.nationality]
    if stayer.other is not None and stayer.other.nationality not in nationalities:
        nationalities.append(stayer.other.nationality)
    found = tuple(
        (
            one,
            stay_rule_for(table, nationality=one, document_code=stayer.document_code, post=post, today=today),
        )
        for one in nationalities
    )
    return found if any(rule is not None for _one, rule in found) else ()


def _by_visa(
    rules: tuple[tuple[str, StayRule | None], ...], stayer: Stayer, since: dt.date | None
) -> tuple[tuple[str, StayRule | None], ...]:
    """With the days of the visa on arrival with which a stay that began on this day began: they go before the
    table's."""
    for visa in stayer.issued or ():
        if since is not None and visa.valid_from <= since.isoformat() <= visa.valid_until:
            return ((stayer.nationality, StayRule(days=visa.days)), *rules[1:])
    return rules


def _legs(
    history: History, stayer: Stayer, *, direction: Direction, now: dt.datetime
) -> tuple[tuple[Leg, ...], bool]:
    """Every leg that is known, and whether these are all that the box has."""
    papers = [(stayer.issuing_state, stayer.document_number)]
    if stayer.other is not None:
        papers.append((stayer.other.issuing_state, stayer.other.document_number))
    passages: dict[str, Passage] = {}
    whole = True
    for state, number in dict.fromkeys(papers):
        if not number:
            continue
        found = history.search(
            issuing_state=state, document_number=number, purpose=PURPOSE, now=now, limit=MAX_LEGS
        )
        whole = whole and len(found) < MAX_LEGS
        passages |= {one.crossing: one for one in found}
    legs = [_leg(one) for one in passages.values() if _counts(one, direction, now)]
    legs += [Leg(dt.date.fromisoformat(one.day), one.direction) for one in stayer.proofs]
    return tuple(legs), whole


def _counts(passage: Passage, direction: Direction, now: dt.datetime) -> bool:
    """Admitted, and not this same crossing read twice."""
    again = (
        passage.direction == direction.value and abs(now - dt.datetime.fromisoformat(passage.at)) <= DUPLICATE
    )
    return passage.outcome == Outcome.ADMITTED.value and not again


def _leg(passage: Passage) -> Leg:
    moment = dt.datetime.fromisoformat(passage.at).astimezone(dt.UTC)
    return Leg(moment.date(), Direction(passage.direction))


def _entering(
    table: RuleTable,
    rules: Sequence[tuple[str, StayRule | None]],
    stayer: Stayer,
    legs: tuple[Leg, ...],
    today: dt.date,
) -> Iterator[Check]:
    open_since = _open_since(legs, today)
    yield _legs_check(stayer, missing="exit_missing" if open_since else None, since=open_since)
    with_today = (*legs, Leg(today, Direction.ENTRY))
    came_today = any(leg.day == today for leg in legs)
    accounts = [
        (one, _before_today(account(rule, with_today, today=today), came_today) if rule else None)
        for one, rule in rules
    ]
    verdicts = [_entry_verdict(told) for _one, told in accounts]
    evidence = _evidence(table, stayer, accounts, verdicts)
    told = accounts[0][1]
    if verdicts[0][0] is not Verdict.PASS and told is not None:
        evidence["again_from"] = _again_from(told.rule, legs, today)
    yield _check(ALLOWED, verdicts, evidence)


def _before_today(told: Account, came_today: bool) -> Account:
    """Without today among the days over: who asks to come in has not overstayed by asking."""
    today_is_over = told.rule.window_days is not None and told.used_fewest > told.rule.days
    if came_today or not today_is_over:
        return told
    return dataclasses.replace(told, overstayed=told.overstayed - 1)


def _entry_verdict(told: Account | None) -> tuple[Verdict, str]:
    if told is None:
        return Verdict.PASS, "no_limit"
    if told.last_day is not None:
        return Verdict.PASS, "days_left"
    if told.unsure and told.used_fewest <= told.rule.days:
        return Verdict.CANNOT, "perhaps_used_up"
    return Verdict.FAIL, "used_up"


def _leaving(
    table: RuleTable,
    rules: Sequence[tuple[str, StayRule | None]],
    stayer: Stayer,
    legs: tuple[Leg, ...],
    today: dt.date,
) -> Iterator[Check]:
    since = _open_since(legs, today)
    yield _legs_check(stayer, missing=None if since else "entry_missing", since=since)
    accounts = [(one, account(rule, legs, today=today) if rule else None) for one, rule in rules]
    if since is None:
        evidence = _evidence(table, stayer, accounts, [])
        yield Check(id=DAYS, verdict=Verdict.NOT_DONE, reason="entry_missing", evidence=evidence)
        return
    now = [(one, _of_this_stay(told, legs, since) if told else None) for one, told in accounts]
    verdicts = [_exit_verdict(told) for _one, told in now]
    evidence = _evidence(table, stayer, now, verdicts)
    yield _check(
        DAYS, verdicts, evidence | {"entered": since.isoformat(), "days_here": (today - since).days + 1}
    )


def _of_this_stay(told: Account, legs: tuple[Leg, ...], since: dt.date) -> Account:
    """With the days over of the stay that ends: what was over in an earlier one was said when that ended."""
    if told.rule.window_days is None:
        return told
    earlier = account(
        told.rule, (leg for leg in legs if leg.day < since), today=since - dt.timedelta(days=1)
    ).overstayed
    return dataclasses.replace(told, overstayed=max(0, told.overstayed - earlier))


def _exit_verdict(told: Account | None) -> tuple[Verdict, str]:
    if told is None:
        return Verdict.PASS, "no_limit"
    return (Verdict.FAIL, "overstayed") if told.overstayed else (Verdict.PASS, "within")


def _check(id_: str, verdicts: Sequence[tuple[Verdict, str]], evidence: dict[str, Any]) -> Check:
    """By the nationality of the document; where another one's rule says otherwise, a person decides."""
    verdict, reason = verdicts[0]
    if any((one is Verdict.PASS) is not (verdict is Verdict.PASS) for one, _reason in verdicts[1:]):
        verdict, reason = Verdict.CANNOT, "nationalities_differ"
    return Check(id=id_, verdict=verdict, reason=reason, evidence=evidence)


def _legs_check(stayer: Stayer, *, missing: str | None, since: dt.date | None) -> Check:
    evidence: dict[str, Any] = {"proofs": [_told(one) for one in stayer.proofs]}
    if since is not None:
        evidence["since"] = since.isoformat()
    if missing is None:
        reason = "proved" if stayer.proofs else "complete"
        return Check(id=LEGS, verdict=Verdict.PASS, reason=reason, evidence=evidence)
    return Check(id=LEGS, verdict=Verdict.FAIL, reason=missing, evidence=evidence)


def _told(proof: Proof) -> dict[str, str]:
    return {"direction": proof.direction.value, "day": proof.day, "kind": proof.kind, "place": proof.place}


def _open_since(legs: Iterable[Leg], today: dt.date) -> dt.date | None:
    """Since when the person is here, None when the last that is known of them is an exit, or nothing."""
    stays = stays_of(leg for leg in legs if leg.day <= today)
    return stays[-1].since if stays and stays[-1].until is None else None


def _again_from(rule: StayRule, legs: tuple[Leg, ...], today: dt.date) -> str | None:
    """The first day from which the rule lets the person in, by what may have been used."""
    for number in range(1, LOOK_AHEAD_DAYS):
        day = today + dt.timedelta(days=number)
        if account(rule, (*legs, Leg(day, Direction.ENTRY)), today=day).last_day is not None:
            return day.isoformat()
    return None


def _evidence(
    table: RuleTable,
    stayer: Stayer,
    accounts: Sequence[tuple[str, Account | None]],
    verdicts: Sequence[tuple[Verdict, str]],
) -> dict[str, Any]:
    """The arithmetic, nationality by nationality; the document's own first."""
    nationality, told = accounts[0]
    evidence: dict[str, Any] = {"table": table.label, "nationality": nationality}
    if told is not None:
        number = table.stay.index(told.rule) + 1 if told.rule in table.stay else None
        evidence |= {"rule": number, "says": dict(told.rule.says), **_arithmetic(told)}
    until = evidence.get("last_day")
    if stayer.visa_until is not None and (until is None or stayer.visa_until.isoformat() < until):
        evidence["visa_until"] = stayer.visa_until.isoformat()
    others = []
    for (one, other), (verdict, reason) in zip(accounts[1:], verdicts[1:], strict=False):
        more = _arithmetic(other) if other is not None else {}
        others.append({"nationality": one, "verdict": verdict.value, "reason": reason, **more})
    if others:
        evidence["other_nationalities"] = others
    return evidence


def _arithmetic(told: Account) -> dict[str, Any]:
    return {
        "days": told.rule.days,
        "window_days": told.rule.window_days,
        "window_from": told.window_from.isoformat(),
        "used": told.used_fewest,
        "used_most": told.used_most,
        "overstayed": told.overstayed,
        "last_day": told.last_day.isoformat() if told.last_day else None,
        "lines": [
            {
                "since": line.since.isoformat(),
                "until": line.until.isoformat(),
                "days": line.fewest,
                "most": line.most,
                "gap": line.gap.value if isinstance(line.gap, Gap) else "",
            }
            for line in told.lines[-MAX_LINES:]
        ],
    }


def _not_done(id_: str, reason: str, **evidence: Any) -> Check:
    return Check(id=id_, verdict=Verdict.NOT_DONE, reason=reason, evidence=evidence)
