"""The JSON of commands."""

import datetime as dt
import json

from appliance.travel_document import parse_mrz, to_json

TODAY = dt.date(2026, 11, 24)


def _report(lines) -> dict:
    return json.loads(json.dumps(to_json(parse_mrz(lines, today=TODAY))))


def _checks(specimen, position: int, character: str) -> dict:
    """By id, with one character of the second line changed."""
    first, second = specimen
    report = _report((first, second[:position] + character + second[position + 1 :]))
    return {check["id"]: check for check in report["checks"]}


def test_ok__specimen(specimens) -> None:
    report = _report(specimens.TD3)
    assert set(report) == {"format", "lines", "fields", "checks"}
    assert (report["format"], report["lines"]) == ("TD3", list(specimens.TD3))
    assert report["fields"]["birth_date"] == "1974-08-12"
    assert report["fields"]["personal_number"] == "ZE184226B"
    assert {check["verdict"] for check in report["checks"]} == {"PASS"}
    assert report["checks"][0] == {
        "id": "mrz.document_number_check_digit",
        "verdict": "PASS",
        "reason": "ok",
        "evidence": {"field": "document_number"},
    }


def test_fail__wrong_check_digit(specimens) -> None:
    checks = _checks(specimens.TD3, 19, "9")
    assert checks["mrz.birth_date_check_digit"] == {
        "id": "mrz.birth_date_check_digit",
        "verdict": "FAIL",
        "reason": "check_digit_differs",
        "evidence": {"field": "birth_date", "line": 1, "position": 19, "read": "9", "expected": "2"},
    }
    assert checks["mrz.expiry_date_check_digit"]["verdict"] == "PASS"


def test_fail__what_cannot_be_summed(specimens) -> None:
    checks = _checks(specimens.TD3, 0, "É")
    assert checks["mrz.document_number_check_digit"]["verdict"] == "CANNOT"
    assert checks["mrz.composite_check_digit"]["verdict"] == "CANNOT"
    assert checks["mrz.characters"]["verdict"] == "FAIL"


def test_fail__unreadable_check_digit(specimens) -> None:
    checks = _checks(specimens.TD3, 9, "É")
    assert checks["mrz.document_number_check_digit"]["verdict"] == "FAIL"
    assert checks["mrz.composite_check_digit"]["verdict"] == "CANNOT"


def test_ok__hint_is_evidence(specimens) -> None:
    assert "suspect" not in _checks(specimens.TD3, 14, "A")["mrz.characters"]["evidence"]
    hint = _checks(specimens.TD3, 14, "O")["mrz.characters"]["evidence"]["suspect"]
    assert hint == "line 1 position 14: O may be 0"
