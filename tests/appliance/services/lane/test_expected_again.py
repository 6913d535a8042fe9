"""Who is expected is screened again when a newer watchlist comes between the import and the arrival."""

import asyncio
from pathlib import Path

import pytest
from lists_scripted import GOOD, csv_of, look, row, through
from scripted import ScriptedCapture
from second_line_scripted import login, records, staff

from appliance.contracts.lane import SignedData
from appliance.records.expected import Expected
from appliance.screening import OpenLists
from appliance.screening.lists import BrokenList
from appliance.simulation.watchlists import STOLEN_DOCUMENT

STOLEN = row(STOLEN_DOCUMENT.number, issuing_state=STOLEN_DOCUMENT.issuing_state)


@pytest.fixture
def lane(make_lane, keys_and_lists, tmp_path: Path, quick_pins):
    """A box that has no watchlists yet."""
    staff(tmp_path, keys_and_lists[0].storage)
    lane = make_lane(ScriptedCapture(()), lists=False)
    asyncio.run(lane.login(login("Emil")))
    return lane


def take(lane, data: bytes) -> None:
    desk = lane.second_line.lists
    asyncio.run(through(desk, look(desk, data).token))


def lists_come(lane, keys_and_lists) -> None:
    assert asyncio.run(lane.install(SignedData(data=keys_and_lists[1].message()))).accepted


def again(lane, *, looks: int = 1, idle: bool = True) -> None:
    for _ in range(looks):
        asyncio.run(lane.advance.look(idle=idle))


def told(lane, house) -> list[dict]:
    found = [body for type_, body in asyncio.run(records(lane, house)) if type_ == "advance"]
    return [body for body in found if body["act"] == "screened_again"]


def test_ok__a_newer_list_finds_who_is_on_the_way(lane, house, keys_and_lists) -> None:
    take(lane, GOOD)
    again(lane, looks=2)
    assert lane.advance.expected_hits() == ()
    assert told(lane, house) == []
    before = lane.second_line.summary().revision
    lists_come(lane, keys_and_lists)
    again(lane, idle=False)  # somebody stands at the booth
    assert lane.advance.expected_hits() == ()
    again(lane, looks=3)
    (hit,) = lane.second_line.expected()
    assert (hit.document, hit.check.reason) == (
        f"{STOLEN_DOCUMENT.issuing_state} {STOLEN_DOCUMENT.number}",
        "stolen",
    )
    assert lane.second_line.summary().revision > before
    (record,) = told(lane, house)
    assert (record["persons"], record["hits"], record["new_hits"]) == (3, 1, 1)
    in_force = {one.info.name: one.info.version for one in lane._lists.open_lists().lists}
    assert {one["list"]: one["version"] for one in record["watchlists"]} == in_force != {}
    assert "LISTED" not in str(record)
    again(lane, looks=2)
    assert len(told(lane, house)) == 1


def test_ok__who_has_come_and_who_was_imported_with_it_are_left_alone(lane, house, keys_and_lists) -> None:
    take(lane, csv_of(STOLEN))
    (person,) = lane.advance._expected.to_screen("x", most=9)
    lane.advance._expected.note_came(person[0], sure=True)
    lists_come(lane, keys_and_lists)
    take(lane, csv_of(row("ZZ1")))
    again(lane, looks=2)
    assert lane.advance.expected_hits() == ()
    assert told(lane, house) == []


def test_ok__a_restart_in_the_middle_goes_on_and_tells_once(
    lane, house, keys_and_lists, monkeypatch, make_lane
) -> None:
    monkeypatch.setattr("appliance.services.lane.advance.screening.PIECE", 2)
    monkeypatch.setattr("appliance.services.lane.advance.screening.AGAIN_SECONDS", 0.0)
    take(lane, GOOD)
    lists_come(lane, keys_and_lists)
    screening = lane.advance._screening
    monkeypatch.setattr("appliance.services.lane.advance.screening.AGAIN_SECONDS", 60.0)

    noted = Expected.note_screened

    def cut(self, watchlists, people):
        noted(self, watchlists, people)
        raise KeyboardInterrupt

    monkeypatch.setattr(Expected, "note_screened", cut)
    with pytest.raises(KeyboardInterrupt):
        screening.again()
    monkeypatch.setattr(Expected, "note_screened", noted)
    restarted = make_lane(ScriptedCapture(()))
    again(restarted, looks=2)
    (record,) = told(restarted, house)
    assert (record["persons"], record["new_hits"]) == (3, 1)


def test_fail__a_watchlist_that_cannot_be_read_clears_nobody(lane, keys_and_lists, monkeypatch) -> None:
    lists_come(lane, keys_and_lists)
    take(lane, csv_of(STOLEN))
    assert lane.advance.count_hits() == 1
    broken = OpenLists((), (BrokenList(name="demo", kind=None),))
    monkeypatch.setattr(lane._lists, "open_lists", lambda: broken)
    again(lane, looks=2)
    assert lane.advance.count_hits() == 1


def test_ok__a_row_of_another_version_holds_up_nobody(lane, house, keys_and_lists) -> None:
    take(lane, GOOD)
    lane.advance._expected._connection.execute(
        "UPDATE persons SET sealed = x'00' WHERE id = (SELECT id FROM persons WHERE NOT hit LIMIT 1)"
    )
    lists_come(lane, keys_and_lists)
    again(lane, looks=2)
    assert lane.advance._expected.to_screen("", most=9) != ()
    assert len(told(lane, house)) == 1
