"""Fingers in a crossing: who is asked, what is recorded of whom, and who comes back."""

import datetime as dt
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scripted import ScriptedCapture, finger_evidence, records_of

from appliance.config import ConfigError
from appliance.contracts.checks import Check
from appliance.contracts.finger import FingerException, FingerScore
from appliance.contracts.lane import ExceptFinger
from appliance.finger_settings import FingerSettings
from appliance.screening import Subject
from appliance.services.lane import finger_desk
from appliance.services.lane.finger_checks import FINGER_CHECKS, finger_checks
from appliance.services.lane.finger_desk import not_asked, owner_of
from appliance.services.lane.policy import Fingers, load_policy
from appliance.services.lane.workflow import FingersCompared, State, Step, StepMissed
from appliance.simulation.travellers import traveller

TODAY = dt.date(2026, 11, 26)
SETTINGS = FingerSettings()
BOTH = ("right_index", "left_index")


def capture_of(number: int) -> ScriptedCapture:
    capture = ScriptedCapture(traveller(number).lines)
    capture.has_sensor = True
    return capture


async def decided(officer: Any) -> Any:
    before = officer.lane.view().crossings
    await officer.press()
    view = await officer.until(lambda view: view.step == "deciding" and view.press)
    await officer.press("hold")
    await officer.until_recorded(before + 1)
    return view


def of(view: Any) -> dict[str, Check]:
    return {check.id: check for check in view.checks}


def test_ok_both_are_taken_recorded_and_kept(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    checks = of(house.run(lane, decided))
    assert (checks["fingerprint.taken"].verdict, checks["fingerprint.taken"].reason) == ("PASS", "taken")
    assert checks["fingerprint.taken"].evidence["fingers"] == list(BOTH)
    assert checks["fingerprint.quality"].verdict == "PASS"
    assert checks["fingerprint.comparison"].reason == "no_enrolment"
    assert checks["fingerprint.search"].reason == "not_asked"
    assert checks["fingerprint.presentation_attack"].reason == "no_sensor_flag"
    assert checks["fingerprint.chip"].reason == "no_terminal_authentication"
    movement = records_of(lane, house)[-1]
    for name in ("finger_right_index", "finger_left_index"):
        assert movement.media_named[name].sha256 == hashlib.sha256(b"FIR").digest()
    assert "fingerprint_sensor" in movement.simulated


@pytest.mark.parametrize(
    ("score", "verdict", "reason"), [(55.0, "PASS", "same_finger"), (12.0, "FAIL", "not_alike")]
)
def test_ok_who_comes_back_is_compared(make_lane, house, score: float, verdict: str, reason: str) -> None:
    house.run(make_lane(capture_of(1)), decided)
    capture = capture_of(1)
    capture.finger_score = score
    view = house.run(make_lane(capture), decided)
    check = of(view)["fingerprint.comparison"]
    assert (check.verdict, check.reason) == (verdict, reason)
    assert len(check.evidence["earlier"]) == 1
    assert len(check.evidence["scores"]) == 2
    if verdict == "FAIL":
        assert view.recommendation != "GREEN"


def test_ok_another_traveller_is_compared_with_nobody(make_lane, house) -> None:
    house.run(make_lane(capture_of(1)), decided)
    capture = capture_of(2)
    assert of(house.run(make_lane(capture), decided))["fingerprint.comparison"].reason == "no_enrolment"
    assert "compare_fingers" not in capture.calls


def searching(tmp_path: Path, purpose: str = "warrant 7/26") -> Path:
    text = Path(finger_desk.__file__).with_name("policy.toml").read_text()
    path = tmp_path / "searching.toml"
    path.write_text(text.replace("search = false", f'search = true\nsearch_purpose = "{purpose}"'))
    return path


def test_ok_a_search_needs_its_purpose_and_is_journaled(make_lane, house, tmp_path: Path) -> None:
    policy = searching(tmp_path)
    house.run(make_lane(capture_of(1), policy=policy), decided)
    lane = make_lane(capture_of(2), policy=policy)
    view = house.run(lane, decided)
    check = of(view)["fingerprint.search"]
    assert (check.verdict, check.reason) == ("FAIL", "other_identity")
    assert check.evidence["purpose"] == "warrant 7/26"
    assert check.evidence["searched"] == 1
    assert len(check.evidence["hits"]) == 2
    assert view.recommendation != "GREEN"
    recorded = of(records_of(lane, house)[-1])["fingerprint.search"]
    assert recorded.evidence["purpose"] == "warrant 7/26"


def test_fail_a_search_without_a_purpose_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="search_purpose"):
        load_policy(searching(tmp_path, purpose=" "))


@pytest.mark.parametrize("wrong", ['which = ["nose"]', 'which = ["left_ring", "left_ring"]'])
def test_fail_fingers_that_nobody_has(tmp_path: Path, wrong: str) -> None:
    path = searching(tmp_path)
    path.write_text(path.read_text().replace('which = ["right_index", "left_index"]', wrong))
    with pytest.raises(ConfigError, match="finger"):
        load_policy(path)


def test_ok_the_officer_says_that_a_finger_is_bandaged(make_lane, house) -> None:
    capture = capture_of(1)
    capture.blocked = {"take_finger"}
    lane = make_lane(capture)

    async def crossing(officer: Any) -> Any:
        await officer.press()
        asked = await officer.until(
            lambda view: view.finger is not None and view.finger.finger == "right_index"
        )
        wrong = ExceptFinger(crossing="another", finger="right_index", reason="finger_missing")
        assert not lane.except_finger(wrong).taken
        for finger, reason in (("left_thumb", "finger_missing"), ("right_index", "lost")):
            said = ExceptFinger(crossing=asked.crossing, finger=finger, reason=reason)
            assert not lane.except_finger(said).taken
        said = ExceptFinger(crossing=asked.crossing, finger="right_index", reason="finger_bandaged")
        assert lane.except_finger(said).taken
        await officer.until(lambda view: view.finger is not None and view.finger.finger == "left_index")
        assert lane.except_finger(msgspec.structs.replace(said, finger="left_index")).taken
        return await officer.until(lambda view: view.step == "deciding")

    checks = of(house.run(lane, crossing))
    assert (checks["fingerprint.taken"].verdict, checks["fingerprint.taken"].reason) == (
        "CANNOT",
        "finger_bandaged",
    )
    assert checks["fingerprint.taken"].evidence["exceptions"] == dict.fromkeys(BOTH, "finger_bandaged")
    assert checks["fingerprint.comparison"].reason == "no_fingers"


def test_ok_a_restart_goes_on_with_the_next_finger(make_lane, house) -> None:
    capture = capture_of(1)
    lane = make_lane(capture)

    async def until_the_second(officer: Any) -> None:
        await officer.press()
        await officer.until(
            lambda view: view.step == "taking_fingers" and len(lane.engine.state.fingers) == 1
        )

    capture.blocked = set()
    real = capture.take_finger

    async def first_only(request: Any) -> Any:
        if request.finger == "left_index":
            capture.blocked = {"take_finger"}
        return await real(request)

    capture.take_finger = first_only  # type: ignore[method-assign]
    house.run(lane, until_the_second)
    after = capture_of(1)
    again = make_lane(after)

    async def to_the_end(officer: Any) -> Any:
        return await officer.until(lambda view: view.step == "deciding")

    view = house.run(again, to_the_end)
    assert after.calls.count("take_finger") == 1
    assert of(view)["fingerprint.taken"].evidence["fingers"] == list(BOTH)


def test_ok_what_the_sensor_could_not_take_is_an_exception(make_lane, house) -> None:
    capture = capture_of(1)
    capture.failures = {"take_finger": ["timeout"]}
    checks = of(house.run(make_lane(capture), decided))
    assert checks["fingerprint.taken"].evidence["exceptions"] == {"right_index": "timeout"}
    assert checks["fingerprint.taken"].verdict == "PASS"


def test_ok_a_capture_that_cannot_compare_is_said(make_lane, house) -> None:
    house.run(make_lane(capture_of(1)), decided)
    capture = capture_of(1)
    capture.failures = {"compare_fingers": ["unreachable"]}
    check = of(house.run(make_lane(capture), decided))["fingerprint.comparison"]
    assert (check.verdict, check.reason) == ("CANNOT", "unreachable")


@pytest.mark.parametrize(
    ("birth", "code"),
    [
        ("1990-05-01", None),
        ("2014-11-26", None),  # twelve today
        ("2014-11-27", "under_age"),
        ("2014-??-??", "under_age"),  # may be eleven still
        ("2013-??-??", None),
        ("2014-11-??", "under_age"),
        ("2020-02-29", "under_age"),
        ("????-05-01", "age_unknown"),
        ("1990", None),
        (None, "age_unknown"),
        ("", "age_unknown"),
    ],
)
def test_ok_no_child_is_asked(birth: str | None, code: str | None) -> None:
    assert not_asked(True, Fingers(), birth, TODAY) == code


def test_ok_nobody_is_asked_where_the_policy_says_so() -> None:
    assert not_asked(False, Fingers(), "1990-01-01", TODAY) == "not_asked"
    assert not_asked(True, Fingers(which=()), "1990-01-01", TODAY) == "not_asked"


def test_ok_an_owner_is_what_is_known() -> None:
    whole = Subject(
        issuing_state="UTO", document_number="L1", primary_identifier="A", birth_date="1990-01-01"
    )
    assert owner_of(whole).document == ("UTO", "L1")
    assert owner_of(whole).person == ("A", "", "1990-01-01", "")
    unsure = replace(whole, birth_date="1990-??-??")
    assert owner_of(unsure).person == ()


def state(**changes: Any) -> State:
    return msgspec.structs.replace(State(fingers={"right_index": finger_evidence("right_index")}), **changes)


def said(state: State) -> dict[str, tuple[str, str]]:
    return {check.id: (check.verdict.value, check.reason) for check in finger_checks(state, SETTINGS)}


def test_ok_without_fingers_nothing_was_done() -> None:
    missed = StepMissed(step=Step.TAKING_FINGERS, code="under_age", tried=False)
    answers = said(State(missed={Step.TAKING_FINGERS: missed}))
    assert answers["fingerprint.taken"] == ("NOT_DONE", "under_age")
    assert set(answers) == set(FINGER_CHECKS)
    assert {verdict for verdict, _ in answers.values()} == {"NOT_DONE"}
    assert said(State())["fingerprint.taken"] == ("NOT_DONE", "skipped")


@pytest.mark.parametrize(
    ("changes", "id_", "wanted"),
    [
        (
            {"fingers": {"a": finger_evidence("a", quality=10, short="wipe_finger")}},
            "quality",
            ("FAIL", "below_quality"),
        ),
        (
            {"fingers": {"a": finger_evidence("a", live=True)}},
            "presentation_attack",
            ("PASS", "sensor_says_live"),
        ),
        (
            {"fingers": {"a": finger_evidence("a", live=False)}},
            "presentation_attack",
            ("FAIL", "sensor_says_not_live"),
        ),
        (
            {"fingers": {}, "finger_exceptions": {"a": "finger_missing", "b": "timeout"}},
            "taken",
            ("CANNOT", "no_finger_could_be_taken"),
        ),
        (
            {"compared": FingersCompared(problem="enrolment_unreadable")},
            "comparison",
            ("CANNOT", "enrolment_unreadable"),
        ),
        ({"compared": FingersCompared(earlier=(("c", "m"),))}, "comparison", ("CANNOT", "other_fingers")),
        (
            {
                "compared": FingersCompared(
                    earlier=(("c", "m"),),
                    scores=(FingerScore(crossing="c", finger="a", score=None, problem="too_few_minutiae"),),
                )
            },
            "comparison",
            ("CANNOT", "too_few_minutiae"),
        ),
        ({"compared": FingersCompared(purpose="p", searched=3)}, "search", ("PASS", "no_hit")),
        ({"compared": FingersCompared(purpose="p", problem="timeout")}, "search", ("CANNOT", "timeout")),
    ],
)
def test_ok_each_finding(changes: dict[str, Any], id_: str, wanted: tuple[str, str]) -> None:
    assert said(state(**changes))[f"fingerprint.{id_}"] == wanted


def test_ok_more_comparisons_need_a_higher_score() -> None:
    """Two chances of a false match: 31 was enough for one comparison alone."""
    pair = tuple(FingerScore(crossing="c", finger=finger, score=31.0) for finger in BOTH)
    compared = FingersCompared(earlier=(("c", "m"),), scores=pair)
    assert said(state(compared=compared))["fingerprint.comparison"] == ("FAIL", "not_alike")
    alone = msgspec.structs.replace(compared, scores=pair[:1])
    assert said(state(compared=alone))["fingerprint.comparison"] == ("PASS", "same_finger")
    assert FingerException(finger="a", reason="timeout").reason == "timeout"
