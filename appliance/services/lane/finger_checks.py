"""What the fingers and their comparison say: pure functions from evidence to checks.

Another finger than the earlier one is for a human to look into (a twin, a lookalike, another's papers); the
same finger under another name is too (an alias, or a corrected name). Nothing here is ever RED by itself.
"""

from collections.abc import Iterator
from typing import Any

from appliance.contracts.checks import Check, Verdict
from appliance.finger_settings import FingerSettings
from appliance.services.lane.workflow import FingersCompared, State, Step

FINGER_CHECKS = (
    "fingerprint.taken",
    "fingerprint.quality",
    "fingerprint.presentation_attack",
    "fingerprint.comparison",
    "fingerprint.search",
    "fingerprint.chip",
)


def finger_checks(state: State, settings: FingerSettings) -> Iterator[Check]:
    """Every check of the fingers; where none was asked for, none was done."""
    missed = state.missed.get(Step.TAKING_FINGERS)
    if not state.fingers and not state.finger_exceptions:
        reason = missed.code if missed is not None else "skipped"
        yield Check(id="fingerprint.taken", verdict=Verdict.NOT_DONE, reason=reason)
        for id_ in FINGER_CHECKS[1:-1]:
            yield Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_fingers")
        yield _chip()
        return
    yield _taken(state)
    yield _quality(state, settings)
    yield _presentation_attack(state)
    compared = state.compared or FingersCompared()
    yield _comparison(state, compared, settings)
    yield _search(state, compared)
    yield _chip()


def _taken(state: State) -> Check:
    """Which fingers were taken; a missing or bandaged one is no fault of the traveller's."""
    evidence: dict[str, Any] = {
        "fingers": list(state.fingers),
        "exceptions": dict(state.finger_exceptions),
        "attempts": {name: each.attempts for name, each in state.fingers.items()},
        "ended": {name: each.ended for name, each in state.fingers.items()},
    }
    if state.fingers:
        return Check(id="fingerprint.taken", verdict=Verdict.PASS, reason="taken", evidence=evidence)
    reasons = set(state.finger_exceptions.values())
    reason = reasons.pop() if len(reasons) == 1 else "no_finger_could_be_taken"
    return Check(id="fingerprint.taken", verdict=Verdict.CANNOT, reason=reason, evidence=evidence)


def _quality(state: State, settings: FingerSettings) -> Check:
    id_ = "fingerprint.quality"
    if not state.fingers:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_fingers")
    quality = {name: each.quality for name, each in state.fingers.items()}
    good = min(quality.values()) >= settings.quality
    return Check(
        id=id_,
        verdict=Verdict.PASS if good else Verdict.FAIL,
        reason="good_enough" if good else "below_quality",
        evidence={
            "quality": quality,
            "least": settings.quality,
            "short_of": {name: each.short for name, each in state.fingers.items() if each.short},
        },
    )


def _presentation_attack(state: State) -> Check:
    """The sensor's own flag, where it has one: the box has no method of its own."""
    id_ = "fingerprint.presentation_attack"
    said = {name: each.live for name, each in state.fingers.items() if each.live is not None}
    if not said:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_sensor_flag")
    live = all(said.values())
    return Check(
        id=id_,
        verdict=Verdict.PASS if live else Verdict.FAIL,
        reason="sensor_says_live" if live else "sensor_says_not_live",
        evidence={"live": said},
    )


def _comparison(state: State, compared: FingersCompared, settings: FingerSettings) -> Check:
    """With what this box took of the same document or person before."""
    id_ = "fingerprint.comparison"
    if not state.fingers:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_fingers")
    evidence: dict[str, Any] = {
        "earlier": [{"crossing": crossing, "moment": moment} for crossing, moment in compared.earlier],
        "threshold": round(settings.threshold, 1),
        "fmr": settings.fmr,
        "scores": [
            {"crossing": one.crossing, "finger": one.finger, "score": round(one.score, 1)}
            for one in compared.scores
            if one.score is not None
        ],
    }  # fmt: skip
    if compared.problem is not None:
        return Check(id=id_, verdict=Verdict.CANNOT, reason=compared.problem, evidence=evidence)
    if not compared.earlier:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_enrolment")
    told = [one.score for one in compared.scores if one.score is not None]
    if not told:
        problems = [one.problem for one in compared.scores if one.problem]
        reason = problems[0] if problems else "other_fingers"
        return Check(id=id_, verdict=Verdict.CANNOT, reason=reason, evidence=evidence)
    same = max(told) >= settings.search_threshold(len(told))
    return Check(
        id=id_,
        verdict=Verdict.PASS if same else Verdict.FAIL,
        reason="same_finger" if same else "not_alike",
        evidence=evidence,
    )


def _search(state: State, compared: FingersCompared) -> Check:
    """Everybody's fingers of late, one to many: only where the policy states a purpose."""
    id_ = "fingerprint.search"
    if not state.fingers or compared.purpose is None:
        reason = "no_fingers" if not state.fingers else "not_asked"
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason=reason)
    evidence: dict[str, Any] = {"purpose": compared.purpose, "searched": compared.searched}
    if compared.problem is not None:
        return Check(id=id_, verdict=Verdict.CANNOT, reason=compared.problem, evidence=evidence)
    if compared.hits:
        evidence["hits"] = [dict(hit) for hit in compared.hits]
        return Check(id=id_, verdict=Verdict.FAIL, reason="other_identity", evidence=evidence)
    return Check(id=id_, verdict=Verdict.PASS, reason="no_hit", evidence=evidence)


def _chip() -> Check:
    """DG3 opens only after Terminal Authentication (Doc 9303-11), which this box does not do."""
    return Check(id="fingerprint.chip", verdict=Verdict.NOT_DONE, reason="no_terminal_authentication")
