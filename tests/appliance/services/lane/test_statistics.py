"""Each recorded crossing is counted once in the box's own statistics, and a count that fails stops nobody."""

import importlib.util
from pathlib import Path

from appliance.records.errors import StorageBroken
from appliance.simulation.travellers import traveller

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


def cross(lane, house, number: int):
    async def crossing(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press()
        await officer.until_recorded(number)

    house.run(lane, crossing)


def test_ok_a_crossing_is_counted(make_lane, house):
    lane = make_lane(_module.ScriptedCapture(traveller(1).lines))
    cross(lane, house, 1)
    (facts,) = lane._book.facts()
    assert (facts.direction, facts.outcome, facts.simulated) == ("entry", "admitted", True)
    assert facts.nationality in traveller(1).lines[1]
    assert facts.handling_seconds is not None


def test_ok_a_count_that_fails_stops_nobody(make_lane, house, monkeypatch, caplog):
    def fails(*_: object, **__: object) -> None:
        raise StorageBroken("The disk is gone.")

    lane = make_lane(_module.ScriptedCapture(traveller(1).lines))
    monkeypatch.setattr(lane._book, "note", fails)
    cross(lane, house, 1)
    assert "not in the box's statistics" in caplog.text
