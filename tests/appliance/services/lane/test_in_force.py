"""A policy and trust anchors that central signs are taken up by a lane that works."""

import asyncio
import datetime as dt
import importlib.util
from importlib import resources
from pathlib import Path

import pytest

from appliance.contracts.checks import Recommendation
from appliance.reference_data.sealed import ContentType
from appliance.services.lane.chip_checks import trusted
from appliance.services.lane.in_force import UNREADABLE
from appliance.simulation.chip.authority import trust_store_for
from appliance.simulation.travellers import ISSUING_STATES, traveller

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


def honest():
    """An ordinary traveller, for one run of the lane."""
    return _module.ScriptedCapture(traveller(1).lines)


SHIPPED = (resources.files("appliance.services.lane") / "policy.toml").read_text("utf-8")
STRICT = """
[[rule]]
check = "mrz.read"
verdict = "PASS"
gives = "AMBER"
"""


def crossing(lane, house) -> tuple[Recommendation, str]:
    """What the box thinks of the ordinary traveller, and under which policy."""

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        policy = lane.engine.state.assessed.policy
        seq = view.crossings + 1
        await officer.press()
        await officer.until_recorded(seq)
        return view.recommendation, policy

    return house.run(lane, work)


def test_ok__a_new_policy_is_for_the_next_traveller(make_lane, house, central_signs) -> None:
    lane = make_lane(honest())
    policy = SHIPPED.replace('name = "default"', 'name = "tonight"') + STRICT

    async def during(officer):
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        assert view.recommendation is Recommendation.GREEN
        before = lane.engine.state.assessed.policy
        installed = await lane.install(central_signs(ContentType.POLICY, policy.encode()))
        assert (installed.accepted, installed.lists) == (True, ("policy",))
        assert lane.engine.state.assessed.policy == before
        await officer.press()
        await officer.until_recorded(1)

        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        assert view.recommendation is Recommendation.AMBER
        assert lane.engine.state.assessed.policy.startswith("tonight/")
        await officer.press()
        await officer.until_recorded(2)

    house.run(lane, during)
    again = make_lane(honest())  # a restart comes back with it
    again._in_force.look()
    colour, label = crossing(again, house)
    assert (colour, label.split("/")[0]) == (Recommendation.AMBER, "tonight")


def test_ok__trust_anchors_that_central_signs(make_lane, house, central_signs) -> None:
    lane = make_lane(honest(), trust=False)
    assert trusted(lane.engine._trust).empty
    trust = trust_store_for(ISSUING_STATES, now=dt.datetime.now(dt.UTC), crl_age=dt.timedelta(hours=1))
    installed = asyncio.run(lane.install(central_signs(ContentType.TRUST_ANCHORS, trust.to_bytes())))
    assert installed.accepted
    assert trusted(lane.engine._trust).countries == trust.countries


def test_fail__a_policy_that_would_let_anybody_in(make_lane, house, central_signs) -> None:
    lane = make_lane(honest())
    wrong = SHIPPED.replace('[button.RED]\npress = "refer"', '[button.RED]\npress = "admit"')
    assert wrong != SHIPPED
    answer = asyncio.run(lane.install(central_signs(ContentType.POLICY, wrong.encode())))
    assert not answer.accepted
    assert "may not admit under RED" in answer.sentence
    colour, label = crossing(lane, house)
    assert (colour, label.split("/")[0]) == (Recommendation.GREEN, "default")


def test_fail__a_policy_that_was_damaged_since(make_lane, house, central_signs, tmp_path: Path) -> None:
    lane = make_lane(honest())
    before = crossing(lane, house)
    asyncio.run(lane.install(central_signs(ContentType.POLICY, SHIPPED.encode())))
    (sealed,) = (tmp_path / "lists").glob("policy-*.sealed")
    sealed.write_bytes(b"rot")
    lane = make_lane(honest())
    assert lane._in_force.look()
    assert not lane._in_force.look(), "said once"
    assert lane._in_force.notices == (UNREADABLE,)
    assert crossing(lane, house) == before
    assert UNREADABLE in lane.view().notices


RULES = b"""
name = "tonight"
version = 1
[[document]]
codes = ["P"]
chip_if_expires_after = 2000-01-01
says = { en = "Passports serve, with their chip." }
"""


@pytest.mark.parametrize(
    ("failures", "chip", "colour"),
    [
        ([], ("PASS", "there"), Recommendation.GREEN),
        (["no_chip"] * 2, ("FAIL", "missing"), Recommendation.AMBER),
        (["access_denied"] * 2, ("PASS", "there"), Recommendation.AMBER),
        (["no_device"] * 2, ("NOT_DONE", "no_reader"), Recommendation.GREEN),
    ],
)
def test_ok__rules_that_central_signs(make_lane, house, central_signs, failures, chip, colour) -> None:
    lane = make_lane(_module.ScriptedCapture(traveller(1).lines, open_chip=failures))
    assert asyncio.run(lane.install(central_signs(ContentType.RULES, RULES))).accepted

    async def work(officer):
        await officer.press()
        return await officer.until(lambda view: view.step == "deciding" and view.press)

    view = house.run(lane, work)
    found = {check.id: check for check in view.checks}
    assert (found["chip.expected"].verdict, found["chip.expected"].reason) == chip
    assert found["document.accepted"].evidence["table"] == "tonight/1"
    assert view.recommendation is colour


def test_ok__without_rules_it_is_said(make_lane, house) -> None:
    lane = make_lane(honest())

    async def work(officer):
        await officer.press()
        return await officer.until(lambda view: view.step == "deciding" and view.press)

    found = {check.id: check for check in house.run(lane, work).checks}
    assert (found["document.accepted"].verdict, found["document.accepted"].reason) == ("NOT_DONE", "no_table")
    assert "chip.expected" not in found


def test_fail__rules_that_nobody_can_go_by(make_lane, central_signs) -> None:
    lane = make_lane(honest())
    answer = asyncio.run(lane.install(central_signs(ContentType.RULES, b'name = "x"\nversion = 1\nrule = 1')))
    assert not answer.accepted
    assert "unknown key `rule`" in answer.sentence
