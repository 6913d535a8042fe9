"""Live queries and late hits of a real lane; the gateway's side is played by its keys."""

import asyncio
import datetime as dt
import importlib.util
from importlib import resources
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.contracts.checks import Direction, Recommendation
from appliance.contracts.lane import FetchOutbox, FetchQueries, LinkState, Press, SignedData
from appliance.live_query import Answer, LiveHit, LiveQueryError, RegisterAnswer, open_query, seal_answer
from appliance.records import envelope
from appliance.screening import Subject
from appliance.services.lane import live as lives
from appliance.services.lane.live import GatewayKeys
from appliance.simulation.travellers import traveller

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

STOLEN = LiveHit(reason="stolen", entry="e1", contact="desk")
NEAR = LiveHit(reason="possible_match", entry="e")
NONSENSE = LiveHit(reason="nonsense", entry="e")
GATEWAY_SEALING, GATEWAY_SIGNING = PrivateKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)


def capture_for(number: int):
    return _module.ScriptedCapture(traveller(number).lines)


@pytest.fixture
def keys(keys_and_lists):
    return keys_and_lists[0]


@pytest.fixture
def gateway(keys) -> GatewayKeys:
    return GatewayKeys(
        sealing=keys.sealing,
        gateway_sealing=GATEWAY_SEALING.public_key,
        gateway_signing=GATEWAY_SIGNING.verify_key,
    )


def answer_to(data: bytes, keys, *hits: LiveHit, reached: bool = True) -> bytes:
    query = open_query(
        data, device="test-box", verify_key=keys.signing.verify_key, private_key=GATEWAY_SEALING
    )
    answer = Answer(
        id=query.id,
        device=query.device,
        answered_at="now",
        registers=(RegisterAnswer(register="Register", reached=reached, hits=hits),),
    )
    return seal_answer(answer, signing_key=GATEWAY_SIGNING, recipient=keys.sealing.public_key)


def live_of(view):
    return next(check for check in view.checks if check.id == "watchlist.live")


def crossing(lane, house, gateway_does):
    """One crossing with the line up; what the screen says at the decision."""

    async def work(officer):
        await lane.link(LinkState(connected=True))
        await officer.press()
        await gateway_does()
        return await officer.until(lambda view: view.step == "deciding" and view.press)

    return house.run(lane, work)


@pytest.mark.parametrize(
    ("hits", "reached", "said", "colour"),
    [
        ((), True, ("PASS", "no_hit"), Recommendation.GREEN),
        ((STOLEN,), True, ("FAIL", "stolen"), Recommendation.RED),
        (
            (LiveHit(reason="possible_match", entry="e"),),
            True,
            ("FAIL", "possible_match"),
            Recommendation.AMBER,
        ),
        ((LiveHit(reason="nonsense", entry="e"),), True, ("PASS", "no_hit"), Recommendation.GREEN),
        ((), False, ("CANNOT", "register_unreachable"), Recommendation.AMBER),
    ],
)
def test_ok__the_gateway_is_asked(make_lane, house, gateway, keys, hits, reached, said, colour) -> None:
    lane = make_lane(capture_for(1), gateway=gateway)

    async def answers():
        (query,) = (await lane.fetch_queries(FetchQueries(wait=20))).queries
        data = answer_to(query.data, keys, *hits, reached=reached)
        assert (await lane.answer(SignedData(data=data))).accepted
        assert not (await lane.answer(SignedData(data=data))).accepted  # once

    view = crossing(lane, house, answers)
    check = live_of(view)
    assert (check.verdict, check.reason) == said
    assert view.recommendation is colour


@pytest.mark.parametrize(("configured", "reason"), [(True, "no_link"), (False, "not_asked")])
def test_ok__nobody_is_asked_without_a_line_or_a_gateway(
    make_lane, house, gateway, configured: bool, reason: str
) -> None:
    lane = make_lane(capture_for(1), gateway=gateway if configured else None)

    async def work(officer):
        await officer.press()
        return live_of(await officer.until(lambda view: view.step == "deciding" and view.press))

    check = house.run(lane, work)
    assert (check.verdict, check.reason) == ("NOT_DONE", reason)


def test_fail__answers_that_are_none(make_lane, house, gateway, keys) -> None:
    lane = make_lane(capture_for(1), gateway=gateway, policy=None)

    async def work(officer):
        await lane.link(LinkState(connected=True))
        await officer.press()
        (query,) = (await lane.fetch_queries(FetchQueries(wait=20))).queries
        other = Answer(id=bytes(16), device="test-box", answered_at="", registers=())
        for data in (
            b"rubbish",
            seal_answer(other, signing_key=GATEWAY_SIGNING, recipient=keys.sealing.public_key),
            seal_answer(other, signing_key=SigningKey.generate(), recipient=keys.sealing.public_key),
        ):
            assert not (await lane.answer(SignedData(data=data))).accepted
        assert (await lane.answer(SignedData(data=answer_to(query.data, keys)))).accepted
        return await officer.until(lambda view: view.step == "deciding" and view.press)

    assert live_of(house.run(lane, work)).reason == "no_hit"
    lane = make_lane(capture_for(1))
    assert not asyncio.run(lane.answer(SignedData(data=b""))).accepted


def quick(tmp_path):
    """A policy that waits for no gateway."""
    text = (resources.files("appliance.services.lane") / "policy.toml").read_text()
    path = tmp_path / "quick.toml"
    path.write_text(text.replace("live_seconds = 5", "live_seconds = 0.05"))
    return path


def test_ok__a_late_answer_while_the_traveller_still_stands_there(
    make_lane, house, gateway, keys, tmp_path
) -> None:
    lane = make_lane(capture_for(1), gateway=gateway, policy=quick(tmp_path))

    async def work(officer):
        await lane.link(LinkState(connected=True))
        await officer.press()
        before = await officer.until(lambda view: view.step == "deciding" and view.press)
        (query,) = (await lane.fetch_queries(FetchQueries(wait=20))).queries
        await lane.answer(SignedData(data=answer_to(query.data, keys, STOLEN)))
        after = await officer.until(lambda view: view.recommendation is Recommendation.RED)
        taken = await lane.press(Press(event="press", revision=before.revision))
        return live_of(before), live_of(after), taken.taken

    before, after, taken = house.run(lane, work)
    assert not taken  # a press on the screen as it was before decides nothing
    assert (before.verdict, before.reason) == ("NOT_DONE", "no_answer")
    assert (after.verdict, after.reason) == ("FAIL", "stolen")


def test_ok__a_late_answer_is_chased(make_lane, house, gateway, keys, tmp_path) -> None:
    lane = make_lane(capture_for(1), gateway=gateway, policy=quick(tmp_path))

    async def work(officer):
        await lane.link(LinkState(connected=True))
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        (query,) = (await lane.fetch_queries(FetchQueries(wait=20))).queries
        await officer.press()
        await officer.until_recorded(1)
        await officer.until(lambda view: view.press == "start")
        assert (await lane.answer(SignedData(data=answer_to(query.data, keys, STOLEN)))).accepted
        view = await officer.until(lambda view: bool(view.late_hits))
        page = await lane.fetch_outbox(FetchOutbox(after=0))
        return view, page

    view, page = house.run(lane, work)
    (hit,) = view.late_hits
    assert (hit.found, hit.list, hit.reason, hit.outcome) == ("late_answer", "Register", "stolen", "admitted")
    assert hit.document_number in "".join(traveller(1).lines)
    assert [(one.seq, one.alert) for one in page.urgent] == [(page.last_seq, True)]
    sealed = envelope.verify(page.urgent[0].envelope, verify_key_for=lambda _: keys.signing.verify_key)
    opened = envelope.open_(sealed, private_key=house.central_sealing)
    assert (opened.type, opened.body["found"]) == ("late_hit", "late_answer")
    assert opened.body["checks"][0]["reason"] == "stolen"


def test_ok__more_questions_than_are_remembered(make_lane, gateway, keys, monkeypatch) -> None:
    monkeypatch.setattr(lives, "MAX_WAITING", 2)

    async def main():
        desk = lives.LiveDesk(
            device="test-box", keys=gateway, signing=lambda: keys.signing, late=lambda *_: None
        )
        desk.connected = True
        for number in range(3):
            desk.ask(f"c{number}", Subject(), Direction.ENTRY, dt.datetime.now(dt.UTC))
            desk.ask(f"c{number}", Subject(), Direction.ENTRY, dt.datetime.now(dt.UTC))
        queries = (await desk.fetch(FetchQueries())).queries
        assert len(queries) == 3
        assert (await desk.fetch(FetchQueries(wait=0.01))).queries == ()
        assert (await desk.result("c0", seconds=0.1)).reason == "no_link"  # given up for newer ones
        assert (await desk.result("c2", seconds=0.0)).reason == "no_answer"
        with pytest.raises(LiveQueryError):
            open_query(b"", device="x", verify_key=GATEWAY_SIGNING.verify_key, private_key=GATEWAY_SEALING)

    asyncio.run(main())
