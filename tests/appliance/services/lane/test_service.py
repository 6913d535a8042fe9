"""A crossing through the lane: real workflow, checks, lists, policy and journal."""

import asyncio
import hashlib
import importlib.util
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from appliance import cose
from appliance.contracts.capture import Nothing
from appliance.contracts.checks import Outcome, Recommendation
from appliance.contracts.lane import LinkState, Press, Retained, SignedData
from appliance.records.errors import StorageFull
from appliance.records.quota import STEP_BYTES, Disk
from appliance.records.watermark import Watermark, sign_watermark
from appliance.services.lane import service as services
from appliance.simulation.travellers import traveller

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
ScriptedCapture, records_of = _module.ScriptedCapture, _module.records_of


def capture_of(number: int, **failures):
    return ScriptedCapture(traveller(number).lines, **failures)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7])
def test_ok_each_scripted_traveller_gets_the_recommendation_of_the_script(make_lane, house, number):
    lane = make_lane(capture_of(number))

    async def crossing(officer):
        await officer.press()
        decided = await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press()
        await officer.until_recorded(1)
        return decided

    view = house.run(lane, crossing)
    assert view.recommendation is traveller(number).expected
    (movement,) = records_of(lane, house)
    assert movement.recommendation is traveller(number).expected
    assert movement.document.lines == traveller(number).lines
    assert movement.simulated == ("document_reader", "camera")
    assert set(movement.media_named) == {"portrait_record", "chip_portrait"}
    assert movement.media == {}
    wanted = Outcome.REFERRED if view.recommendation is Recommendation.RED else Outcome.ADMITTED
    assert movement.outcome is wanted


def test_ok_what_is_not_done_is_said_and_never_passed(make_lane, house):
    lane = make_lane(capture_of(1))

    async def crossing(officer):
        await officer.press()
        return await officer.until(lambda view: view.step == "deciding")

    checks = {check.id: check for check in house.run(lane, crossing).checks}
    for id_ in ("fingerprint.taken",):
        assert (checks[id_].verdict, checks[id_].reason) == ("NOT_DONE", "no_device")
    age = checks["watchlist.person"].evidence["list_age_hours"]
    assert 4.9 < age < 6.5  # five hours when this run's lists were made, which may be an hour ago


def test_ok_the_reasons_name_what_stands_against_green(make_lane, house):
    async def crossing(officer):
        await officer.press()
        return await officer.until(lambda view: view.step == "deciding")

    assert house.run(make_lane(capture_of(3)), crossing).reasons[0] == "watchlist.document"


@pytest.mark.parametrize("number", [2, 4])
def test_ok_the_reasons_of_amber(make_lane, house, number):
    async def crossing(officer):
        await officer.press()
        return await officer.until(lambda view: view.step == "deciding")

    view = house.run(make_lane(capture_of(number)), crossing)
    expected = {2: "watchlist.person", 4: "mrz.document_number_check_digit"}[number]
    assert expected in view.reasons


STOPS = ("read_mrz", "read_chip", "take_portrait", "deciding", "recorded")


@pytest.mark.parametrize("stop", STOPS)
def test_ok_after_a_restart_the_same_traveller_and_nothing_twice(make_lane, house, stop):
    """The lane is cut off at each step, as a power cut would, and begun again on the same journal."""
    first = capture_of(1)
    first.blocked = {stop}
    lane = make_lane(first)

    async def until_the_cut(officer):
        await officer.press()
        if stop == "recorded":
            await officer.press()
            await officer.until_recorded(1)
        elif stop == "deciding":
            await officer.until(lambda view: view.step == "deciding")
        else:
            while stop not in first.calls:
                await asyncio.sleep(0.01)
        return lane.view()

    before = house.run(lane, until_the_cut)
    again = capture_of(1)
    lane = make_lane(again)

    async def to_the_end(officer):
        if stop != "recorded":
            view = await officer.until(lambda view: view.step == "deciding" and view.press)
            assert view.crossing == before.crossing
            await officer.press()
        return await officer.until_recorded(1)

    house.run(lane, to_the_end)
    done = {"read_mrz": [], "read_chip": ["read_mrz"], "take_portrait": ["read_mrz", "read_chip"]}
    for call in done.get(stop, ["read_mrz", "read_chip", "take_portrait"]):
        assert call not in again.calls, "a step that was kept is not done again"
    assert len(records_of(lane, house)) == 1


@pytest.mark.parametrize("payload", [b"", b"rubbish", b"\x81\xa4type\xa7Unheard"])
def test_fail_a_step_of_another_version_is_said_kept_and_does_not_stop_the_box(make_lane, house, payload):
    lane = make_lane(capture_of(1))
    lane._journal.append_event("of-before", "Unheard", payload)
    for expected in (1, 2):  # after the next start too
        lane = make_lane(capture_of(1))

        async def crossing(officer, expected=expected):
            await officer.press()
            view = await officer.until(lambda view: view.step == "deciding" and view.press)
            await officer.press()
            await officer.until_recorded(expected)
            return view

        assert "crossing_unreadable" in house.run(lane, crossing).notices
    assert lane._journal.open_crossing().events == (payload,)


def test_ok_a_hold_while_reading_refers_at_once(make_lane, house):
    capture = capture_of(1)
    capture.blocked = {"read_chip"}
    lane = make_lane(capture)

    async def crossing(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "reading_chip" and view.hold)
        await officer.press("hold")
        await officer.until_recorded(1)

    house.run(lane, crossing)
    (movement,) = records_of(lane, house)
    assert movement.outcome is Outcome.REFERRED
    reasons = {check.id: check.reason for check in movement.checks}
    assert reasons["portrait.taken"] == "skipped"
    assert movement.recommendation is Recommendation.AMBER, "what was not done is not without findings"


def test_ok_a_document_that_cannot_be_read_can_be_tried_again(make_lane, house):
    lane = make_lane(capture_of(1, read_mrz=["unreadable"]))

    async def crossing(officer):
        await officer.press()
        trouble = await officer.until(lambda view: view.trouble is not None)
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        return trouble

    trouble = house.run(lane, crossing)
    assert (trouble.trouble.code, trouble.press, trouble.hold) == ("document_not_read", "retry", "refer")


def test_ok_a_dead_reader_ends_in_a_recorded_referral(make_lane, house):
    lane = make_lane(capture_of(1, read_mrz=["no_device"]))

    async def crossing(officer):
        await officer.press()
        await officer.until(lambda view: view.trouble is not None)
        await officer.press("hold")
        await officer.until_recorded(1)

    house.run(lane, crossing)
    (movement,) = records_of(lane, house)
    assert movement.document is None
    assert movement.outcome is Outcome.REFERRED
    assert {check.id: check.reason for check in movement.checks}["mrz.read"] == "no_device"


@pytest.mark.parametrize(
    ("failures", "colour", "reason"),
    [
        ({"read_chip": ["no_chip"] * 2}, Recommendation.GREEN, "no_chip"),  # laid down again, in vain
        ({"read_chip": ["removed"]}, Recommendation.GREEN, "read"),
        ({"read_chip": ["access_denied"]}, Recommendation.AMBER, "access_denied"),
        ({"read_chip": ["protection_broken"] * 2}, Recommendation.RED, "protection_broken"),
    ],
)
def test_ok_chips_that_do_not_cooperate(make_lane, house, failures, colour, reason):
    lane = make_lane(capture_of(1, **failures))

    async def crossing(officer):
        await officer.press()
        return await officer.until(lambda view: view.step == "deciding")

    view = house.run(lane, crossing)
    assert view.recommendation is colour
    assert {check.id: check.reason for check in view.checks}["chip.read"] == reason


def test_ok_without_lists_nobody_is_green(make_lane, house):
    lane = make_lane(capture_of(1), lists=False)

    async def crossing(officer):
        await officer.press()
        return await officer.until(lambda view: view.step == "deciding")

    view = house.run(lane, crossing)
    assert view.recommendation is Recommendation.AMBER
    assert {check.id: check.reason for check in view.checks}["watchlist.person"] == "no_list"


def test_fail_a_press_that_answers_an_older_view_does_nothing(make_lane, house):
    lane = make_lane(capture_of(1))

    async def crossing(officer):
        waiting = await officer.until(lambda view: view.press == "start")
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        stale = await lane.press(Press(event="press", revision=waiting.revision))
        await asyncio.sleep(0.05)
        return stale.taken, lane.view().step, view

    taken, step, _view = house.run(lane, crossing)
    assert (taken, step) == (False, "deciding")


def test_fail_the_panels_button_does_not_decide_before_anybody_could_look(make_lane, house):
    capture = capture_of(1)
    lane = make_lane(capture)

    async def crossing(officer):
        await officer.until(lambda view: view.press == "start")
        capture.panel.put_nowait("press")
        await officer.until(lambda view: view.step == "deciding" and view.press)
        capture.panel.put_nowait("press")
        await asyncio.sleep(0.1)
        early = lane.view().step
        await asyncio.sleep(0.8)
        capture.panel.put_nowait("press")
        await officer.until_recorded(1)
        return early

    assert house.run(lane, crossing) == "deciding"


def test_ok_lights_and_sounds_are_the_same_with_and_without_a_hit(make_lane, house):
    """Promise 8: whatever the recommendation, the traveller sees and hears the same."""
    shown = {}
    for number in (1, 2, 3, 4):
        capture = capture_of(number)
        lane = make_lane(capture)

        async def crossing(officer):
            before = officer.lane.view().crossings
            await officer.press()
            await officer.until(lambda view: view.step == "deciding" and view.press)
            await officer.press("hold")
            await officer.until_recorded(before + 1)
            await officer.until(lambda view: view.press == "start")

        house.run(lane, crossing)
        shown[number] = capture.signals
    assert shown[1] == ["ready", *["working"] * 5, "officer", "working", "done"]
    assert shown[1] == shown[2] == shown[3] == shown[4]


def test_ok_a_full_disk_is_said_and_nothing_is_lost(make_lane, house, monkeypatch):
    lane = make_lane(capture_of(1))
    journal = lane._journal
    real, full = journal.append_event, {"DocumentRead": 2}

    def append_event(crossing, name, payload):
        if full.get(name):
            full[name] -= 1
            raise StorageFull("The disk is full: this step is not kept yet.")
        return real(crossing, name, payload)

    monkeypatch.setattr(journal, "append_event", append_event)

    async def crossing(officer):
        await officer.press()
        for _ in range(2):
            view = await officer.until(lambda view: view.trouble is not None and view.press == "retry")
            assert view.trouble.code == "storage_full"
            assert view.document is None, "nothing is shown that is not kept"
            await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press()
        await officer.until_recorded(1)

    house.run(lane, crossing)
    assert records_of(lane, house)[0].document.lines == traveller(1).lines


def test_ok_status_holds_nothing_of_any_traveller(make_lane, house):
    lane = make_lane(capture_of(1))

    async def crossing(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "deciding")
        return msgspec.json.encode(await lane.status(Nothing())).decode()

    said = house.run(lane, crossing)
    assert "deciding" in said
    assert "ERIKSSON" not in said
    assert "L898902C3" not in said


def test_ok_pictures_are_those_of_the_crossing_on_the_screen(make_lane, house):
    lane = make_lane(capture_of(1))

    async def crossing(officer):
        await officer.until(lambda view: view.press == "start")
        before = lane.picture("portrait")
        await officer.press()
        await officer.until(lambda view: view.step == "deciding")
        return before, lane.picture("portrait"), lane.picture("chip_portrait"), lane.picture("other")

    before, portrait, chip_portrait, other = house.run(lane, crossing)
    assert before is None
    assert other is None
    assert portrait.startswith(b"\xff\xd8")
    assert chip_portrait.startswith(b"\xff\xd8")


def test_ok_a_change_of_the_status_strip_does_not_undo_a_press(make_lane, house):
    """An acknowledgement that arrives during a long hold leaves what the officer saw as it was."""
    lane = make_lane(capture_of(1))

    async def crossing(officer):
        await officer.press()
        seen = await officer.until(lambda view: view.step == "deciding" and view.press)
        await lane.link(LinkState(connected=True))
        taken = await lane.press(Press(event="hold", revision=seen.revision))
        return lane.view().revision > seen.revision, taken.taken

    assert house.run(lane, crossing) == (True, True)


def test_ok_a_disk_that_fills_up_is_said_before_it_is_full(make_lane, house, monkeypatch):
    lane = make_lane(capture_of(1))
    almost = Disk(total=10**10, available=10**9, reusable=0)
    monkeypatch.setattr(lane._journal, "disk", lambda: almost)

    async def look(officer):
        return await officer.until(lambda view: "disk_almost_full" in view.notices)

    assert house.run(lane, look).step == "waiting"


def test_ok_a_tight_disk_gives_up_acknowledged_media_and_no_more(make_lane, house, monkeypatch):
    lane = make_lane(capture_of(1))
    asked = []
    monkeypatch.setattr(lane._journal, "disk", lambda: Disk(total=10**10, available=4 * 10**8, reusable=0))

    def make_room(wanted, *, stamp):
        asked.append(wanted)
        return Retained(records_removed=0, media_dropped=1, bytes_freed=wanted)

    monkeypatch.setattr(lane._journal, "make_room", make_room)

    async def look(officer):
        await officer.until(lambda view: "disk_almost_full" in view.notices)

    house.run(lane, look)
    assert asked[0] == STEP_BYTES


def test_ok_on_a_full_disk_nobody_new_is_begun_until_there_is_room(make_lane, house, monkeypatch):
    lane = make_lane(capture_of(1))
    disk = [Disk(total=10**10, available=10**6, reusable=0)]
    monkeypatch.setattr(lane._journal, "disk", lambda: disk[0])

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.trouble is not None)
        assert (view.trouble.code, view.press, view.crossing) == ("storage_full", "retry", None)
        await officer.press()
        await officer.until(lambda view: view.trouble is not None and view.press == "retry")
        assert lane._journal.open_crossing() is None
        disk[0] = Disk(total=10**10, available=5 * 10**9, reusable=0)
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        # Whoever stands before it is seen through, also when it fills meanwhile.
        disk[0] = Disk(total=10**10, available=10**6, reusable=0)
        await officer.press()
        await officer.until_recorded(1)

    house.run(lane, work)


def test_ok_a_device_that_comes_is_soon_said(make_lane, house, monkeypatch):
    """The box has just started, or the camera was plugged in: nobody wonders for long."""
    monkeypatch.setattr(services, "UNSETTLED_SECONDS", 0.05)
    capture = capture_of(1)
    capture.camera_states = ["ABSENT", "PROBING", "FAULT", "READY"]
    lane = make_lane(capture)

    async def look(officer):
        seen = []
        while not seen or seen[-1] != "READY":
            view = await officer.until(lambda view: view.devices and view.devices[0].state not in seen)
            seen.append(view.devices[0].state)
        return seen

    assert services.REFRESH_SECONDS > 4, "or this would come of itself"
    assert house.run(lane, look)[-2:] == ["FAULT", "READY"]


def test_ok_centrals_signed_word_is_a_floor_for_the_clock(make_lane, house):
    lane = make_lane(capture_of(1))

    async def crossing(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press()
        await officer.until_recorded(1)

    house.run(lane, crossing)
    later = "2031-01-01T00:00:00.000+00:00"
    status = lane._journal.status()
    *_, record = lane._journal.page(0, 100)
    chain = hashlib.sha256(cose.protected_bytes(record.envelope)).digest()
    said = Watermark(
        device=house.box.device, epoch=status.epoch, seq=record.seq, chain=chain, issued_at=later
    )
    word = SignedData(data=sign_watermark(said, signing_key=house.central_watermark))
    assert asyncio.run(lane.acknowledge(word)).accepted
    assert lane._clock.floor.isoformat(timespec="milliseconds") == later
    assert lane.view().unsent == 0


def test_fail_a_word_that_is_not_centrals_changes_nothing(make_lane, house):
    lane = make_lane(capture_of(1))
    said = Watermark(
        device=house.box.device, epoch=lane._journal.status().epoch, seq=0, chain=bytes(32), issued_at="x"
    )
    forged = SignedData(data=sign_watermark(said, signing_key=SigningKey.generate()))
    assert not asyncio.run(lane.acknowledge(forged)).accepted
    assert not asyncio.run(lane.install(SignedData(data=b"rubbish"))).accepted
