"""docs/devices.md says what the suite found, and what the suite found is what it finds now."""

import json
import os

import pytest
from conformance import results as now
from conformance.case import Proof
from conformance.page import CHECKS, PAGE, REPLAYS, filled, load, matrix, proven, support, tables
from conformance.table import CASES

import hal.families as families_module
from hal.families import Configured, Family


def test_ok__the_committed_tables_are_what_the_kept_run_says():
    text = PAGE.read_text("utf-8")
    assert filled(text, tables(*load())) == text, "out of date: run `make devices`"


def test_ok__the_kept_run_is_of_this_table():
    results, gives = load()
    assert set(results) == {case.name for case in CASES}, "out of date: run `make devices`"
    assert set(gives) == set(results)
    for case, checks in results.items():
        assert set(checks) == set(CHECKS), case
        assert not [check for check, outcome in checks.items() if outcome.startswith(("fail", "not here"))]


def test_ok__every_reason_why_not_is_the_benches():
    results, _ = load()
    for case in CASES:
        said = {
            check: outcome.removeprefix("n/a: ")
            for check, outcome in results[case.name].items()
            if outcome.startswith("n/a: ")
        }
        assert said == dict(case.bench.not_applicable)


def test_ok__names_of_cases_are_one_each():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("outcome", ["fail", "not here: pcscd is not installed"])
def test_fail__a_proof_that_failed_is_none(outcome):
    case = next(case for case in CASES if case.proof is Proof.EMULATED)
    word = proven(case, {case.name: dict.fromkeys(CHECKS, outcome)})
    assert word == ("**fails**" if outcome == "fail" else "untested")
    assert ("✗" in matrix({case.name: dict.fromkeys(CHECKS, outcome)})) == (outcome == "fail")


def test_ok__replays_are_exact():
    found = json.loads(REPLAYS.read_text("utf-8"))
    assert found["recordings"] == found["identical"] > 0
    assert all(one["pixels_different"] == 0 for one in found["by_recording"].values())


def test_fail__a_driver_without_a_case_is_untested(monkeypatch):
    one = Family("camera", "newest", "the newest camera", Configured(), "a test")
    monkeypatch.setattr("conformance.page.FAMILIES", (*families_module.FAMILIES, one))
    assert "| the newest camera | `camera/newest` | ? | untested | ? |" in support({}, {})


def test_fail__a_page_without_the_place():
    with pytest.raises(AssertionError, match="no place for support"):
        filled("nothing", {"support": "x"})


def test_ok__this_run_found_what_the_page_says():
    """Runs after the suite (files in order of name); what did not run here says nothing."""
    if "BORNE_CASE" in os.environ or not now.SEEN:
        pytest.skip("the suite did not run in this session")
    kept, _ = load()
    for case, checks in now.SEEN.items():
        for check, outcome in checks.items():
            if not outcome.startswith("not here"):
                assert kept[case][check] == outcome, f"{case}, {check}: run `make devices`"
