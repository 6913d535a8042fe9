"""What is asked of whom, who needs a visa: read strictly, asked from the top."""

from datetime import date

import pytest

from appliance.config import ConfigError
from appliance.contracts.asked import QUESTIONS
from appliance.contracts.checks import Direction
from appliance.rules.asked import Asked, asked_for, visa_rule_for
from appliance.rules.table import read_table

TODAY = date(2026, 11, 26)
TABLE = b"""
name = "north"
version = 3

[[ask]]                      # nationals are asked nothing
nationalities = ["KGZ"]

[[ask]]
directions = ["entry"]
until = 2027-06-30
ask = ["purpose", "previous_residence"]
must = ["purpose"]
countries = ["KGZ", "UZB"]

[[visa]]
nationalities = ["D"]
needed = false
codes = ["PD"]

[[visa]]
nationalities = ["D"]
posts = ["North *"]
issuers = ["KGZ"]
"""


def ask(table: bytes | None = TABLE, *, by_default: bool = True, today: date = TODAY, **changes):
    values = {
        "nationality": "UTO",
        "document_code": "P",
        "direction": Direction.ENTRY,
        "post": "North Pass",
    } | changes
    read = read_table(table) if table else None
    return asked_for(read, by_default=by_default, today=today, **values)


def test_ok__the_first_rule_that_fits_speaks() -> None:
    assert ask(nationality="KGZ") == Asked()
    assert ask() == Asked(
        questions=("purpose", "previous_residence"), must=("purpose",), countries=("KGZ", "UZB")
    )


def test_ok__where_no_rule_fits_everything_may_be_asked_and_nothing_must() -> None:
    coming, going = ask(None), ask(None, direction=Direction.EXIT)
    assert coming.questions == ("purpose", "previous_residence", "intended_stay_days", "transport")
    assert going.questions == ("purpose", "next_residence", "transport")
    assert coming.must == going.must == ()
    assert set(coming.questions + going.questions) == set(QUESTIONS)
    assert ask(today=date(2027, 7, 1)) == coming, "the rule has ended"
    assert ask(None, by_default=False) == Asked()


def visa(**changes):
    values = {
        "nationality": "D",
        "document_code": "P",
        "direction": Direction.ENTRY,
        "post": "North Pass",
    } | changes
    return visa_rule_for(read_table(TABLE), today=TODAY, **values)


def test_ok__who_needs_a_visa() -> None:
    assert visa().needed
    assert not visa(document_code="PD").needed
    assert [visa(nationality="UTO"), visa(post="South"), visa(direction=Direction.EXIT)] == [None] * 3
    assert (
        visa_rule_for(
            None, nationality="D", document_code="P", direction=Direction.ENTRY, post="", today=TODAY
        )
        is None
    )


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (b'[[ask]]\nask = ["porpose"]', "line 3: `porpose` .*Did you mean `purpose`"),
        (
            b'[[ask]]\nask = ["purpose"]\nmust = ["transport"]',
            "`transport` is not among what is asked: purpose",
        ),
        (b'[[ask]]\ncountries = ["QQQ"]', "`QQQ` is no code"),
        (b'[[visa]]\nissuers = ["QQQ"]', "`QQQ` is no code"),
        (b"[[visa]]\nfrom = 2026-12-01\nuntil = 2026-11-01", "ends before it begins"),
        (b"[[visa]]\nneed = true", "unknown key `need`"),
    ],
)
def test_fail__a_rule_that_would_never_fit(rule: bytes, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read_table(b'name = "n"\nversion = 1\n' + rule)
