"""Rules of countable facts: each fact alone, what is not known, and what no rule can say."""

import datetime as dt
import itertools

import pytest

from appliance.config import ConfigError
from appliance.contracts.checks import Check, Direction, Recommendation, Verdict
from appliance.rules.risk import FACTS, Facts, RiskRule, judge
from appliance.rules.table import read_table
from appliance.services.lane.policy import load_policy, parse_policy

TODAY = dt.date(2026, 11, 26)
AT = dt.datetime(2026, 11, 26, 23, 30, tzinfo=dt.UTC)
HEAD = 'name = "t"\nversion = 1\n'
RULE = (
    '[[risk]]\nname = "r"\nowner = "o"\nlegal_basis = "l"\nreview = 2027-01-01\n'
    'says = { en = "Look twice." }\n'
)
KNOWN = {
    "direction": Direction.ENTRY,
    "post": "North 1",
    "document_code": "P",
    "listed": True,
    "state_differs": False,
    "route": "North to South",
    "at": AT,
    "crossings": (AT - dt.timedelta(days=1), AT - dt.timedelta(days=3), AT - dt.timedelta(days=40)),
}


def rule(text: str) -> RiskRule:
    return read_table((HEAD + RULE + text).encode()).risk[0]


def came_of(text: str, today: dt.date = TODAY, **changes) -> str:
    """fit, unknown, expired, or not."""
    judged = judge((rule(text),), Facts(**(KNOWN | changes)), today)
    return next((name for name in ("fit", "unknown", "expired") if getattr(judged, name)), "not")


@pytest.mark.parametrize(
    ("text", "changes", "answer"),
    [
        ('documents = ["P"]', {}, "fit"),
        ('documents = ["I"]', {}, "not"),
        ('documents = ["I"]', {"document_code": None}, "unknown"),
        ("listed = true", {}, "fit"),
        ("listed = false", {}, "not"),
        ("listed = false", {"listed": None}, "unknown"),
        ("state_differs_from_list = true", {"state_differs": True}, "fit"),
        ("state_differs_from_list = true", {}, "not"),
        ("state_differs_from_list = true", {"state_differs": None}, "unknown"),
        ('routes = ["North *"]', {}, "fit"),
        ('routes = ["South *"]', {}, "not"),
        ('routes = ["South *"]', {"route": None}, "unknown"),
        ("hours = [22:00:00, 05:00:00]", {}, "fit"),
        ("hours = [05:00:00, 22:00:00]", {}, "not"),
        ("hours = [22:00:00, 05:00:00]", {"at": None}, "unknown"),
        ("last_crossing_days_at_most = 1", {}, "fit"),
        ("last_crossing_days_at_least = 2", {}, "not"),
        ("last_crossing_days_at_least = 2", {"crossings": ()}, "not"),
        ("last_crossing_days_at_least = 2", {"crossings": None}, "unknown"),
        ("crossings_at_least = 2\nwithin_days = 7", {}, "fit"),
        ("crossings_at_least = 3\nwithin_days = 7", {}, "not"),
        ("crossings_at_least = 1\nwithin_days = 7", {"at": None}, "unknown"),
        ('listed = true\ndocuments = ["I"]', {"listed": None}, "not"),
        ('listed = true\nposts = ["South *"]', {}, "not"),
        ('listed = true\ndirections = ["exit"]', {}, "not"),
        ("listed = true\nfrom = 2026-12-01", {}, "not"),
        ("listed = true\nuntil = 2026-11-01", {}, "not"),
    ],
)
def test_ok__each_fact(text: str, changes: dict, answer: str) -> None:
    assert came_of(text, **changes) == answer


def test_ok__a_rule_past_its_review_is_not_used() -> None:
    assert came_of("listed = true", today=dt.date(2027, 1, 1)) == "fit"
    assert came_of("listed = true", today=dt.date(2027, 1, 2)) == "expired"


@pytest.mark.parametrize(
    "key",
    [
        *("nationality", "nationalities", "issuers", "issuing_state", "ethnicity", "language", "languages"),
        *("religion", "sex", "age", "birth_place", "name_is_like", "names", "countries"),
    ],
)
def test_fail__what_a_person_is_cannot_be_said(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        rule(f'listed = true\n{key} = ["X"]')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + RULE, "asks for a fact"),
        (HEAD + RULE.replace('{ en = "Look twice." }', "{}") + "listed = true", "says in words"),
        (HEAD + RULE + "crossings_at_least = 2", "stand together"),
        (HEAD + RULE + "within_days = 2\nlisted = true", "stand together"),
        (HEAD + RULE + "last_crossing_days_at_least = 3\nlast_crossing_days_at_most = 2", "not less"),
        (HEAD + RULE + "listed = true\nfrom = 2026-12-02\nuntil = 2026-12-01", "before it begins"),
        (HEAD + RULE.replace("review = 2027-01-01\n", "") + "listed = true", "review"),
        (HEAD + RULE.replace('owner = "o"\n', "") + "listed = true", "owner"),
        (HEAD + RULE.replace('legal_basis = "l"\n', "") + "listed = true", "legal_basis"),
        (HEAD + RULE + "hours = [1, 2]", "hours"),
    ],
)
def test_fail__a_rule_that_cannot_be_used(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_table(text.encode())


def test_ok__the_facts_are_those_of_the_rule() -> None:
    assert set(FACTS) <= set(RiskRule.__struct_fields__)
    sides = itertools.chain(KNOWN)
    assert {"nationality", "issuing_state", "sex", "birth_date"}.isdisjoint(sides)


def test_ok__no_policy_makes_it_red() -> None:
    fits = Check(id="risk.rule", verdict=Verdict.FAIL, reason="rule_fits")
    assert load_policy(None).colour(fits) is Recommendation.AMBER
    buttons = "".join(f'[button.{one}]\npress = "refer"\n' for one in ("GREEN", "AMBER", "RED"))
    text = f'name = "p"\nversion = 1\n{buttons}[[rule]]\ncheck = "risk.*"\ngives = "{{}}"\n'
    assert parse_policy(text.format("RED"), name="p").colour(fits) is Recommendation.AMBER
    assert parse_policy(text.format("GREEN"), name="p").colour(fits) is Recommendation.GREEN
