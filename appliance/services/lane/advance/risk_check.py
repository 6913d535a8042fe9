"""The signed rules for a second look, against the facts of this crossing: one check, AMBER at most."""

import datetime as dt
from typing import Any, Final

from appliance.clock import TimeQuality
from appliance.contracts.checks import Check, Direction, Outcome, Verdict
from appliance.records.errors import StorageError
from appliance.records.history import History, Passage
from appliance.rules.risk import Facts, Judged, RiskRule, judge, standing
from appliance.rules.table import RuleTable
from appliance.screening import Subject
from appliance.services.lane.advance.desk import ID as ADVANCE

ID: Final = "risk.rule"
PURPOSE: Final = "risk_rules"


def risk_check(
    table: RuleTable | None,
    subject: Subject | None,
    *,
    advance: tuple[Check, ...],
    history: History | None,
    crossing: str,
    direction: Direction,
    post: str,
    now: dt.datetime,
    today: dt.date,
    time_quality: str,
) -> tuple[Check, ...]:
    """Nothing where no rule stands here and now; the history is asked only where a rule asks it."""
    if table is None or not table.risk:
        return ()
    on_list = next((one for one in advance if one.id == ADVANCE), None)
    known = subject is not None and bool(subject.document_number)
    facts = Facts(
        direction=direction,
        post=post,
        document_code=(subject.document_type or None) if subject else None,
        listed=_listed(on_list),
        state_differs=_state_differs(on_list, subject),
        route=_route(on_list),
        at=now.astimezone() if TimeQuality(time_quality).sure else None,
        crossings=None,
    )
    here = standing(table.risk, facts, today)
    if not here:
        return ()
    if known and history is not None and any(one.asks_history for one in here):
        assert subject is not None
        facts = _with_history(facts, history, subject, crossing, now)
    return (_told(judge(table.risk, facts, today), facts),)


def _with_history(facts: Facts, history: History, subject: Subject, crossing: str, now: dt.datetime) -> Facts:
    try:
        found: tuple[Passage, ...] = history.search(
            issuing_state=subject.issuing_state,
            document_number=subject.document_number,
            purpose=PURPOSE,
            now=now,
        )
    except StorageError:
        return facts
    return Facts(
        direction=facts.direction,
        post=facts.post,
        document_code=facts.document_code,
        listed=facts.listed,
        state_differs=facts.state_differs,
        route=facts.route,
        at=facts.at,
        crossings=tuple(
            dt.datetime.fromisoformat(one.at)
            for one in found
            if one.crossing != crossing and one.outcome == Outcome.ADMITTED.value
        ),
    )


def _told(judged: Judged, facts: Facts) -> Check:
    evidence: dict[str, Any] = {"rules": judged.asked, "facts": _facts(facts)}
    if judged.expired:
        evidence["review_expired"] = [one.name for one in judged.expired]
    if judged.unknown:
        evidence["undecided"] = [one.name for one in judged.unknown]
    if judged.fit:
        evidence |= {
            "fit": [
                {
                    "name": one.name,
                    "owner": one.owner,
                    "legal_basis": one.legal_basis,
                    "review": str(one.review),
                }
                for one in judged.fit
            ],
            "says": _sentences(judged.fit),
        }
        return Check(id=ID, verdict=Verdict.FAIL, reason="rule_fits", evidence=evidence)
    if judged.unknown:
        return Check(id=ID, verdict=Verdict.NOT_DONE, reason="facts_missing", evidence=evidence)
    if judged.expired:
        return Check(id=ID, verdict=Verdict.NOT_DONE, reason="review_expired", evidence=evidence)
    return Check(id=ID, verdict=Verdict.PASS, reason="none_fits", evidence=evidence)


def _facts(facts: Facts) -> dict[str, Any]:
    """What was counted, so that the result can be done again."""
    return {
        "document_code": facts.document_code,
        "listed": facts.listed,
        "state_differs_from_list": facts.state_differs,
        "route": facts.route,
        "time": f"{facts.at:%H:%M}" if facts.at else None,
        "crossings": None if facts.crossings is None else len(facts.crossings),
        "last_crossing": None if not facts.crossings else max(facts.crossings).isoformat(timespec="seconds"),
    }


def _sentences(rules: tuple[RiskRule, ...]) -> dict[str, str]:
    """The rules' own sentences; where one lacks a language, in its English or its first."""
    languages = dict.fromkeys(code for one in rules for code in one.says)
    return {
        code: " ".join(
            one.says.get(code) or one.says.get("en") or next(iter(one.says.values())) for one in rules
        )
        for code in languages
    }


def _listed(check: Check | None) -> bool | None:
    """Not known where nothing was said of lists: there was none, or they cannot be read."""
    if check is None or check.reason in ("no_list", "lists_unreadable"):
        return None
    return check.reason in ("listed", "listed_otherwise", "perhaps_listed")


def _state_differs(check: Check | None, subject: Subject | None) -> bool | None:
    if not _listed(check) or check is None or subject is None:
        return None
    listed = check.evidence.get("listed_state")
    if listed is None:
        return False  # found by number and state
    return bool(listed) and listed != subject.issuing_state.replace("<", "")


def _route(check: Check | None) -> str | None:
    return str(check.evidence.get("route") or "") or None if check is not None and _listed(check) else None
