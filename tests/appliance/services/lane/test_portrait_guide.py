"""The portrait step as the traveller meets it: notice, instruction after instruction, and an end."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from scripted import ScriptedCapture, portrait_evidence

from appliance.contracts.capture import Guidance
from appliance.contracts.lane import PortraitView
from appliance.services.lane import workflow
from appliance.services.lane.policy import load_policy
from appliance.services.lane.portrait_guide import PortraitGuide
from appliance.services.lane.workflow import State, Step, StepMissed
from appliance.simulation.travellers import traveller

STARTED = State(started=object())


def guide_of(capture: ScriptedCapture | None = None) -> PortraitGuide:
    return PortraitGuide(capture or ScriptedCapture(()), lambda: None)


def test_ok_no_notice_no_word() -> None:
    guide = guide_of()
    assert guide.view_of(State()) is None
    assert guide.view_of(STARTED) is None
    assert guide.noticed_seconds == 0.0


def test_ok_each_phase_of_the_step() -> None:
    guide = guide_of()
    guide.notice()
    assert guide.view_of(STARTED) == PortraitView(phase="notice")
    guide.looking, guide.instruction = True, "come_closer"
    assert guide.view_of(STARTED) == PortraitView(phase="guiding", instruction="come_closer")
    guide.instruction = None
    assert guide.view_of(STARTED) == PortraitView(phase="good")
    guide.looking = False
    taken = msgspec.structs.replace(STARTED, portrait=portrait_evidence())
    assert guide.view_of(taken) == PortraitView(phase="taken")
    late = msgspec.structs.replace(STARTED, portrait=portrait_evidence(ended="time"))
    assert guide.view_of(late) == PortraitView(phase="timed_out")
    guide.forget()
    assert guide.view_of(STARTED) is None
    assert guide.view_of(taken) == PortraitView(phase="taken")  # also after a restart


@pytest.mark.parametrize(("tried", "expected"), [(True, PortraitView(phase="missed")), (False, None)])
def test_ok_a_picture_that_was_not_taken(tried: bool, expected: PortraitView | None) -> None:
    missed = StepMissed(step=Step.TAKING_PORTRAIT, code="timeout", tried=tried)
    guide = guide_of()
    guide.notice()
    state = msgspec.structs.replace(STARTED, missed={Step.TAKING_PORTRAIT: missed})
    assert guide.view_of(state) == expected


def test_ok_guidance_is_followed_and_forgotten_at_the_end() -> None:
    capture = ScriptedCapture(())
    changes: list[tuple[bool, str | None]] = []

    async def main() -> None:
        guide = PortraitGuide(capture, lambda: changes.append((guide.looking, guide.instruction)))
        async with guide.following():
            for revision, instruction in enumerate(("stand_in_front", "come_closer", None), start=2):
                capture.guidance = Guidance(revision=revision, looking=True, instruction=instruction)
                await asyncio.sleep(0.05)

    asyncio.run(main())
    assert changes == [(True, "stand_in_front"), (True, "come_closer"), (True, None), (False, None)]


def test_ok_a_capture_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from appliance.contracts.errors import ServiceError
    from appliance.services.lane import portrait_guide

    monkeypatch.setattr(portrait_guide, "RETRY_SECONDS", 0.01)
    capture = ScriptedCapture(())
    capture.guidance = Guidance(revision=2, looking=True, instruction="hold_still")
    real, calls = capture.watch_guidance, 0

    async def refuse_first(request):
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ServiceError("unreachable", "It does not answer.", retry=True)
        return await real(request)

    monkeypatch.setattr(capture, "watch_guidance", refuse_first)

    async def main() -> str | None:
        guide = guide_of(capture)
        async with guide.following():
            while guide.instruction is None:
                await asyncio.sleep(0.01)
            return guide.instruction

    assert asyncio.run(main()) == "hold_still"


def policy_with(tmp_path: Path, **pace: float) -> Path:
    path = tmp_path / "policy.toml"
    text = (Path(workflow.__file__).parent / "policy.toml").read_text("utf-8")
    for name, value in pace.items():
        lines = [f"{name} = {value}" if line.startswith(f"{name} =") else line for line in text.splitlines()]
        text = "\n".join(lines)
    path.write_text(text, "utf-8")
    return path


def test_ok_no_picture_before_the_notice_has_stood(make_lane, house, tmp_path: Path) -> None:
    capture = ScriptedCapture(traveller(1).lines)
    lane = make_lane(capture, policy=policy_with(tmp_path, notice_seconds=0.6))
    seen: list[str] = []

    async def crossing(officer):
        lane.traveller_page(opened=True)
        await officer.press()
        view = await officer.until(lambda view: view.step == "taking_portrait")
        assert view.portrait == PortraitView(phase="notice")
        assert view.hold == "refer"  # the officer may break it off
        await asyncio.sleep(0.2)
        seen.extend(capture.calls)
        return await officer.until(lambda view: view.step == "deciding")

    view = house.run(lane, crossing)
    assert "take_portrait" not in seen
    assert "take_portrait" in capture.calls
    taken = next(check for check in view.checks if check.id == "portrait.taken")
    assert taken.evidence["notice_seconds"] >= 0.6
    assert taken.evidence["notice_pages"] == 1
    assert view.portrait == PortraitView(phase="taken")


def test_ok_the_policy_that_ships_leaves_time_to_read() -> None:
    assert load_policy(None).pace.notice_seconds >= 5


def test_ok_a_hold_during_the_notice_refers_without_a_picture(make_lane, house, tmp_path: Path) -> None:
    capture = ScriptedCapture(traveller(1).lines)
    lane = make_lane(capture, policy=policy_with(tmp_path, notice_seconds=60))

    async def crossing(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "taking_portrait")
        await officer.press("hold")
        return await officer.until_recorded(1)

    view = house.run(lane, crossing)
    assert "take_portrait" not in capture.calls
    assert view.last_outcome == "referred"


def test_ok_the_chip_s_picture_is_handed_over_and_the_guidance_reaches_the_view(make_lane, house) -> None:
    capture = ScriptedCapture(traveller(1).lines)
    capture.blocked = {"take_portrait"}
    lane = make_lane(capture)

    async def crossing(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "taking_portrait")
        capture.guidance = Guidance(revision=7, looking=True, instruction="look_at_camera")
        view = await officer.until(
            lambda view: view.portrait is not None and view.portrait.phase == "guiding"
        )
        await officer.press("hold")
        await officer.until_recorded(1)
        return view

    view = house.run(lane, crossing)
    assert view.portrait == PortraitView(phase="guiding", instruction="look_at_camera")
    (request,) = capture.asked_for
    assert request.reference is not None
    assert request.reference.startswith(b"\x75")


def test_ok_a_mismatch_is_amber_and_recorded_with_both_pictures(make_lane, house) -> None:
    capture = ScriptedCapture(traveller(1).lines)
    capture.portrait = {"cosine": 0.12}
    lane = make_lane(capture)

    async def crossing(officer):
        await officer.press()
        return await officer.until(lambda view: view.step == "deciding")

    view = house.run(lane, crossing)
    assert view.recommendation == "AMBER"
    assert view.reasons == ("face.comparison",)
