from pathlib import Path

import pytest

from appliance.config import ConfigError
from appliance.contracts.checks import Check, Outcome, Recommendation, Verdict
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


def shipped_text() -> str:
    return (Path(policies.__file__).parent / "policy.toml").read_text()
