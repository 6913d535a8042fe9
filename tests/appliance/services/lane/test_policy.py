import re
from pathlib import Path

import pytest

from appliance.config import ConfigError
from appliance.contracts.checks import Check, Direction, Outcome, Recommendation, Verdict
from appliance.services.lane import policy as policies
from appliance.services.lane.policy import Action, load_policy

GREEN, AMBER, RED = Recommendation


def check(id_: str, verdict: str, reason: str = "any") -> Check:
    return Check(id=id_, verdict=Verdict(verdict), reason=reason)


@pytest.mark.parametrize(
    ("checks", "expected", "reasons"),
    [
        ([check("mrz.read", "PASS")], GREEN, ()),
        ([], GREEN, ()),
        ([check("mrz.composite_check_digit", "FAIL")], AMBER, ("mrz.composite_check_digit",)),
        ([check("watchlist.document", "FAIL", "stolen")], RED, ("watchlist.document",)),
        (
            [check("watchlist.document", "FAIL", "issuing_state_not_known")],
            AMBER,
            ("watchlist.document",),
        ),
        ([check("watchlist.person", "FAIL", "match")], RED, ("watchlist.person",)),
        ([check("watchlist.person", "FAIL", "possible_match")], AMBER, ("watchlist.person",)),
        ([check("watchlist.person", "FAIL", "old_list_hit")], AMBER, ("watchlist.person",)),
        ([check("watchlist.person", "PASS", "no_hit_old_list")], GREEN, ()),
        ([check("watchlist.person", "NOT_DONE", "no_list")], AMBER, ("watchlist.person",)),
        ([check("watchlist.person", "CANNOT", "list_unreadable")], AMBER, ("watchlist.person",)),
        ([check("chip.read", "CANNOT", "no_chip")], GREEN, ()),
        ([check("chip.read", "CANNOT", "access_denied")], AMBER, ("chip.read",)),
        ([check("chip.read", "FAIL", "protection_broken")], RED, ("chip.read",)),
        ([check("chip.dg1_matches_mrz", "FAIL", "different")], RED, ("chip.dg1_matches_mrz",)),
        ([check("chip.passive_authentication", "NOT_DONE", "not_supported")], GREEN, ()),
        ([check("document.expiry", "CANNOT", "clock_unsure")], AMBER, ("document.expiry",)),
        ([check("never.heard_of", "FAIL")], AMBER, ("never.heard_of",)),
        ([check("mrz.read", "NOT_DONE", "skipped")], AMBER, ("mrz.read",)),
        ([check("portrait.taken", "NOT_DONE", "not_asked")], GREEN, ()),
        (
            [check("document.expiry", "FAIL"), check("watchlist.document", "FAIL", "lost")],
            RED,
            ("watchlist.document", "document.expiry"),
        ),
    ],
)
def test_ok_the_shipped_policy(checks, expected, reasons):
    assert load_policy(None).recommend(checks) == (expected, reasons)


def test_ok_the_button_under_each_colour():
    button = load_policy(None).button
    assert button[GREEN].press is Action.ADMIT
    assert button[RED].press is Action.REFER
    assert all(choice.hold is Action.REFER for choice in button.values())
    assert Action.ADMIT.outcome is Outcome.ADMITTED
    assert Action.REFER.outcome is Outcome.REFERRED


def test_ok_the_label_changes_with_any_rule(tmp_path):
    shipped = shipped_text()
    changed = tmp_path / "policy.toml"
    changed.write_text(shipped.replace("chip_attempts = 2", "chip_attempts = 3"))
    assert load_policy(changed).label != load_policy(None).label


def test_fail_red_may_not_admit(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(shipped_text().replace('[button.RED]\npress = "refer"', '[button.RED]\npress = "admit"'))
    with pytest.raises(ConfigError, match="may not admit under RED"):
        load_policy(path)


def test_fail_a_colour_without_a_button(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(shipped_text().replace('[button.AMBER]\npress = "admit"\nhold = "refer"\n', ""))
    with pytest.raises(ConfigError, match="button.AMBER"):
        load_policy(path)


def test_fail_a_wrong_colour_names_the_choices(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(shipped_text() + '\n[[rule]]\ncheck = "mrz.*"\ngives = "ORANGE"\n')
    with pytest.raises(ConfigError, match="GREEN, AMBER, RED"):
        load_policy(path)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            'check = "watchlist.documnt"',
            ": there is no check `watchlist.documnt` here; allowed: mrz.read",
        ),
        ('check = "watchlist.documnt"', "Did you mean `watchlist.document`?"),
        ('check = "wachlist.*"', "there is no check `wachlist.*` here"),
        (
            'check = "watchlist.person"\nreason = "mtach"',
            ": there is no reason `mtach` here; allowed: no_hit",
        ),
        ('check = "watchlist.person"\nreason = "mtach"', "Did you mean `match`?"),
        ('check = "mrz.*"\nreason = "stolen"', "there is no reason `stolen` here"),
        ('check = "*"\ndirection = "both"', "must be one of entry, exit"),
    ],
)
def test_fail_a_rule_that_could_never_fit(tmp_path, rule, said):
    """It would be a RED that never comes, and nobody would know."""
    path = tmp_path / "policy.toml"
    path.write_text(shipped_text() + f'\n[[rule]]\n{rule}\ngives = "RED"\n')
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    assert said in str(caught.value)
    lines = path.read_text().splitlines()
    (line,) = (int(number) for number in re.findall(r": line (\d+)", str(caught.value)))
    assert lines[line - 1] == rule.splitlines()[-1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("document_seconds", "0"),
        ("document_seconds", "nan"),
        ("chip_seconds", "inf"),
        ("chip_attempts", "0"),
        ("portrait_seconds", "-1"),
        ("look_first_seconds", "11"),
    ],
)
def test_fail_a_pace_that_nobody_can_keep(tmp_path, key, value):
    path = tmp_path / "policy.toml"
    path.write_text(re.sub(rf"{key} = .*", f"{key} = {value}", shipped_text()))
    with pytest.raises(ConfigError, match=rf"line \d+: `pace.{key}`"):
        load_policy(path)


def test_ok_a_rule_for_one_direction(tmp_path):
    path = tmp_path / "policy.toml"
    rule = '[[rule]]\ncheck = "document.expiry"\nreason = "expired"\ndirection = "exit"\ngives = "GREEN"\n'
    path.write_text(f"{shipped_text()}\n{rule}")
    policy, expired = load_policy(path), [check("document.expiry", "FAIL", "expired")]
    assert policy.recommend(expired, Direction.EXIT) == (GREEN, ())
    assert policy.recommend(expired, Direction.ENTRY) == (AMBER, ("document.expiry",))
    assert policy.recommend(expired) == (AMBER, ("document.expiry",))


def test_ok_what_is_asked_in_one_direction(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(shipped_text().replace("# [ask.exit]\n# portrait", "[ask.exit]\nportrait"))
    ask = load_policy(path).ask
    assert (ask.going(Direction.EXIT).chip, ask.going(Direction.EXIT).portrait) == (True, False)
    assert (ask.going(Direction.ENTRY).chip, ask.going(Direction.ENTRY).portrait) == (True, True)


def shipped_text() -> str:
    return (Path(policies.__file__).parent / "policy.toml").read_text()
