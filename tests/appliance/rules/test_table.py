"""The table of rules: read strictly, asked from the top, said in its own words."""

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import ConfigError
from appliance.contracts.checks import Direction, Verdict
from appliance.rules.accepted import Presented, accepted_checks
from appliance.rules.table import MAX_TABLE_BYTES, read_table

TODAY = date(2026, 11, 26)
TABLE = b"""
name = "north"
version = 3

[[document]]                 # tonight: this series was stolen whole
codes = ["PD"]
issuers = ["UTO"]
accepted = false
from = 2026-11-26
says = { en = "Diplomatic passports of Utopia do not serve since tonight.", ru = "..." }

[[document]]
codes = ["P"]
chip_if_expires_after = 2031-05-01

[[document]]
codes = ["I"]
issuers = ["KGZ"]
nationalities = ["KGZ"]
directions = ["exit"]
posts = ["North *"]
chip = true
"""


def ask(
    table: bytes = TABLE,
    *,
    direction: Direction = Direction.ENTRY,
    post: str = "North Pass",
    today=TODAY,
    **changes,
):
    document = {
        "document_code": "P",
        "issuing_state": "UTO",
        "nationality": "UTO",
        "expires": date(2030, 1, 1),
        "has_chip": True,
    } | changes
    checks = accepted_checks(
        read_table(TABLE), Presented(**document), direction=direction, post=post, today=today
    )
    return {check.id: (check.verdict, check.reason) for check in checks}


def test_ok__a_passport_serves() -> None:
    assert ask() == {"document.accepted": (Verdict.PASS, "accepted")}


def test_ok__a_rule_that_changes_tonight() -> None:
    assert ask(document_code="PD") == {"document.accepted": (Verdict.FAIL, "not_accepted")}
    assert ask(document_code="PD", today=date(2026, 11, 25)) == {
        "document.accepted": (Verdict.PASS, "accepted")
    }
    (check,) = accepted_checks(
        read_table(TABLE),
        Presented(document_code="PD", issuing_state="UTO", nationality="UTO", expires=None, has_chip=None),
        direction=Direction.ENTRY,
        post="",
        today=TODAY,
    )
    assert check.evidence["says"]["en"].endswith("since tonight.")
    assert (check.evidence["table"], check.evidence["rule"]) == ("north/3", 1)


@pytest.mark.parametrize(
    ("expires", "has_chip", "found"),
    [
        (date(2031, 5, 2), True, (Verdict.PASS, "there")),
        (date(2031, 5, 2), False, (Verdict.FAIL, "missing")),
        (date(2031, 5, 2), None, (Verdict.NOT_DONE, "no_reader")),
        (date(2031, 5, 1), False, None),
        (None, False, None),
    ],
)
def test_ok__a_chip_that_must_be_there(expires, has_chip, found) -> None:
    assert ask(expires=expires, has_chip=has_chip).get("chip.expected") == found


def test_ok__cards_serve_whom_and_where_they_serve() -> None:
    card = {"document_code": "ID", "issuing_state": "KGZ", "nationality": "KGZ"}
    assert ask(direction=Direction.EXIT, **card)["document.accepted"] == (Verdict.PASS, "accepted")
    assert ask(direction=Direction.EXIT, **card)["chip.expected"] == (Verdict.PASS, "there")
    for changes in (
        {"direction": Direction.ENTRY},
        {"post": "South Pass", "direction": Direction.EXIT},
        {"nationality": "UZB", "direction": Direction.EXIT},
        {"issuing_state": "UZB", "direction": Direction.EXIT},
    ):
        assert ask(**(card | changes)) == {"document.accepted": (Verdict.FAIL, "no_rule")}


@pytest.mark.parametrize("table", [None, b'name = "empty"\nversion = 1\n'])
def test_ok__without_a_table_nothing_is_said(table: bytes | None) -> None:
    document = Presented(
        document_code="P", issuing_state="UTO", nationality="UTO", expires=None, has_chip=True
    )
    (check,) = accepted_checks(
        table and read_table(table), document, direction=Direction.ENTRY, post="", today=TODAY
    )
    assert (check.verdict, check.reason) == (Verdict.NOT_DONE, "no_table")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"\xff", "not UTF-8"),
        (b"x" * (MAX_TABLE_BYTES + 1), "larger than"),
        (b"name = 1", "the rules"),
        (b'name = "a"\nversion = 1\n[[document]]\ncolour = "red"', "line 4: unknown key `colour`"),
        (b'name = "a"\nversion = 1\n[[document]]\nissuers = ["QQQ"]', "line 4: `QQQ` is no code"),
        (b'name = "a"\nversion = 1\n[[stay]]\ndays = 1\nnationalities = ["QQQ"]', "line 5: `QQQ`"),
        (b'name = "a"\nversion = 1\n[[stay]]\ndays = 0', "days"),
        (b'name = "a"\nversion = 1\n[[stay]]\ndays = 9\nwindow_days = 8', "line 5: a window is not shorter"),
        (
            b'name = "a"\nversion = 1\n[[document]]\nfrom = 2026-01-02\nuntil = 2026-01-01',
            "line 5: the rule ends before it begins",
        ),
    ],
)
def test_fail__a_table_that_nobody_can_go_by(table: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_table(table)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_ok__whatever_comes_there_is_a_table_or_a_sentence(data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        read_table(data)
