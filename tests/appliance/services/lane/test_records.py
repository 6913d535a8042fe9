"""Lane's part in records: orders, persons' requests, retention, alerts, keys and the clock."""

import asyncio
import datetime as dt
import hashlib
import time

import pytest
from scripted import ScriptedCapture

from appliance import cose
from appliance.clock import Clock, Kernel, TimeQuality
from appliance.contracts.capture import Nothing
from appliance.contracts.checks import Recommendation
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import ChangeKey, Correct, FetchOutbox, LinkState, MakeRoom, SignedData
from appliance.records import envelope
from appliance.records.commands import Action, Command, Rate, Resync, Rights, pack_commands, sign_command
from appliance.records.manifest import Key, Manifest, Use, sign_manifest
from appliance.records.watermark import Watermark, sign_watermark
from appliance.simulation.travellers import traveller

NOW = dt.datetime.now(dt.UTC)


def capture_of(number: int) -> ScriptedCapture:
    return ScriptedCapture(traveller(number).lines)


def cross(lane, house, press: str = "press") -> None:
    before = lane.view().crossings

    async def work(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press(press)
        await officer.until_recorded(before + 1)
        await officer.until(lambda view: view.step == "waiting")

    house.run(lane, work)


def page(lane, after: int = 0):
    return asyncio.run(lane.fetch_outbox(FetchOutbox(after=after, limit=100)))


def bodies(lane, house) -> list[tuple[str, dict]]:
    """Type and body of each record, as central reads them; what was erased is left out."""
    key = lane._journal._keys.signing.verify_key
    found = []
    for record in page(lane).records:
        sealed = envelope.verify(record.envelope, verify_key_for=lambda _: key)
        if sealed.key is not None:
            one = envelope.open_(sealed, private_key=house.central_sealing)
            found.append((one.type, one.body))
    return found


def ordered(lane, house, *orders, first: int = 1, expires: dt.timedelta = dt.timedelta(days=1)):
    commands = [
        Command(device="test-box", counter=first + at, issued_at=NOW, expires_at=NOW + expires, order=order)
        for at, order in enumerate(orders)
    ]
    signed = [sign_command(one, signing_key=house.central_operator) for one in commands]
    return asyncio.run(lane.command(SignedData(data=pack_commands(signed))))


def acknowledge(lane, house, seq: int, at: dt.datetime | None = None) -> None:
    (record,) = page(lane, seq - 1).records[:1]
    mark = Watermark(
        device="test-box",
        epoch=lane._journal.status().epoch,
        seq=seq,
        chain=hashlib.sha256(cose.protected_bytes(record.envelope)).digest(),
        issued_at=(at or dt.datetime.now(dt.UTC)).isoformat(),
        gaps=(),
    )
    word = sign_watermark(mark, signing_key=house.central_watermark)
    assert asyncio.run(lane.acknowledge(SignedData(data=word))).accepted


def test_ok__facts_first_and_media_behind_named_by_their_hashes(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    cross(lane, house)
    (facts, movement), *media = bodies(lane, house)
    assert (facts, movement["media"]) == ("movement", {})
    assert {body["name"]: body["sha256"] for _, body in media} == {
        name: named["sha256"] for name, named in movement["media_named"].items()
    }
    for kind, body in media:
        assert (kind, body["crossing"]) == ("media", movement["crossing"])
        assert hashlib.sha256(body["content"]).digest() == body["sha256"]
    assert lane.view().crossings == 1
    assert lane.view().last_seq == 3


@pytest.mark.parametrize(
    "number", [next(n for n in range(1, 8) if traveller(n).expected is colour) for colour in Recommendation]
)
def test_ok__red_goes_before_history(make_lane, house, number: int) -> None:
    lane = make_lane(capture_of(number))
    cross(lane, house)
    red = traveller(number).expected is Recommendation.RED
    assert [record.seq for record in page(lane).urgent] == ([1] if red else [])
    assert [record.alert for record in page(lane).records] == [red, False, False]


def test_ok__orders_are_carried_out_and_recorded(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    cross(lane, house)
    acknowledge(lane, house, 3, NOW - dt.timedelta(minutes=1))
    assert page(lane).send_from == 4
    epoch = lane._journal.status().epoch
    asyncio.run(lane.link(LinkState(connected=True)))
    answer = ordered(lane, house, Rate(records_per_second=2.5), Resync(epoch=epoch, from_seq=2))
    assert answer.accepted, answer.sentence
    now = page(lane)
    assert (now.send_from, now.acknowledged_seq, now.records_per_second) == (2, 1, 2.5)
    assert (now.historical_before, now.last_seq) == (4, 5)
    assert [kind for kind, _ in bodies(lane, house)][-2:] == ["command", "command"]
    assert ordered(lane, house, Rate(records_per_second=2.5)).accepted, "known: passed over"
    assert page(lane).last_seq == 5


def test_fail__one_that_is_not_obeyed_holds_up_none_behind_it(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    answer = ordered(lane, house, Resync(epoch="other", from_seq=1), Rate(records_per_second=1))
    assert (answer.accepted, "earlier journal" in answer.sentence) == (False, True)
    assert page(lane).records_per_second == 1
    assert not asyncio.run(lane.command(SignedData(data=b"rubbish"))).accepted
    assert not ordered(
        lane, house, Rate(records_per_second=None), first=9, expires=-dt.timedelta(days=1)
    ).accepted


@pytest.mark.parametrize("action", list(Action))
def test_ok__a_persons_request(make_lane, house, action: Action) -> None:
    lane = make_lane(capture_of(1))
    cross(lane, house)
    acknowledge(lane, house, 3, NOW - dt.timedelta(minutes=1))
    crossing = bodies(lane, house)[0][1]["crossing"]
    epoch = lane._journal.status().epoch
    request = Rights(request="R-1", purpose="subject_access", action=action, epoch=epoch, seqs=(1, 2, 3))
    assert ordered(lane, house, request).accepted
    kind, done = bodies(lane, house)[-1]
    assert (kind, done["held"], done["local"]["history"]) == ("command", [1, 2, 3], [crossing])
    assert done["local"]["remembered"] == [crossing]
    assert [search.purpose for search in lane._history.searches()] == ["subject_access", "stay_and_duplicate"]
    forgotten = action not in (Action.FIND, Action.EXPORT)
    assert (lane._memory.recent(crossing) is None) is forgotten
    assert (lane._history.of_crossings((crossing,), purpose="test", now=NOW) == ()) is forgotten
    if action is Action.EXPORT:
        assert done["local"]["export"][crossing]["subject"]["document_number"]
    assert ("erased" in done) is (action is Action.ERASE)
    assert len(bodies(lane, house)) == (1 if action is Action.ERASE else 4)
    assert lane._journal.verify().problems == ()


def test_ok__retention_and_room(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    cross(lane, house)
    acknowledge(lane, house, 3, NOW - dt.timedelta(days=1))
    done = asyncio.run(lane.make_room(MakeRoom(bytes=1)))
    assert (done.media_dropped, done.records_removed) == (1, 0)
    assert done.bytes_freed > 0
    assert asyncio.run(lane.retain(Nothing())).records_removed == 0
    acknowledge(lane, house, 4, NOW - dt.timedelta(days=15))
    lane._journal._connection.execute("UPDATE marks SET at = '2026-01-01T00:00:00+00:00'")
    lane._history._connection.execute("UPDATE entries SET at = '2020-01-01'")
    done = asyncio.run(lane.retain(Nothing()))
    assert (done.records_removed, done.forgotten) == (4, 1)
    assert page(lane).records[0].seq == 5
    kind, body = bodies(lane, house)[-1]
    assert (kind, body["removed"], body["through"], body["forgotten"]) == ("retention", 4, 4, 1)
    assert lane._journal.verify().problems == ()


def test_ok__a_clock_that_jumped_removes_nothing(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    cross(lane, house)
    acknowledge(lane, house, 3, NOW)
    for synchronised, removed in ((False, 0), (True, 3)):
        kernel = Kernel(
            boot_id=lambda: "boot",
            boottime_ns=time.monotonic_ns,
            wall_ns=lambda: time.time_ns() + 30 * 86400 * 10**9,
            synchronised=lambda: synchronised,  # noqa: B023 - called within the round
            set_from_rtc=lambda: True,
        )
        lane._desk._clock = Clock(kernel=kernel, disciplined_by=TimeQuality.NTS)
        assert asyncio.run(lane.retain(Nothing())).records_removed == removed


def test_fail__a_disk_that_does_not_answer(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    lane._journal.close()
    for work in (
        lambda: lane.retain(Nothing()),
        lambda: lane.make_room(MakeRoom(bytes=1)),
        lambda: lane.fetch_outbox(FetchOutbox(after=0)),
    ):
        with pytest.raises(ServiceError):
            asyncio.run(work())
    with pytest.raises(ServiceError):
        ordered(lane, house, Rate(records_per_second=1))


def test_ok__centrals_new_keys(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    keys = tuple(
        Key(use=use, public=bytes(public), not_before=NOW, not_after=NOW + dt.timedelta(days=9))
        for use, public in (
            (Use.SEALING, house.central_sealing.public_key),
            (Use.WATERMARK, house.central_watermark.verify_key),
        )
    )
    manifest = Manifest(owner="central", version=3, issued_at=NOW, keys=keys)
    data = SignedData(data=sign_manifest(manifest, signing_key=house.central_authority))
    assert asyncio.run(lane.install(data)).sentence == "New keys."
    assert asyncio.run(lane.install(data)).sentence == "These keys are known."
    assert bodies(lane, house) == [("keys", {"owner": "central", "version": 3})]
    other = SignedData(data=sign_manifest(manifest, signing_key=house.central_operator))
    assert not asyncio.run(lane.install(other)).accepted
    lane._journal.close()
    older = Manifest(owner="central", version=4, issued_at=NOW, keys=keys)
    with pytest.raises(ServiceError):
        asyncio.run(lane.install(SignedData(data=sign_manifest(older, signing_key=house.central_authority))))


def test_ok__a_clock_that_was_set_is_recorded(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    shift = 0

    def kernel() -> Kernel:
        return Kernel(
            boot_id=lambda: "boot",
            boottime_ns=time.monotonic_ns,
            wall_ns=lambda: time.time_ns() + shift,
            synchronised=lambda: False,
            set_from_rtc=lambda: True,
        )

    lane._desk._clock = Clock(kernel=kernel())
    lane._desk.watch_the_clock()
    lane._desk.watch_the_clock()
    assert page(lane).last_seq == 0
    shift = 3600 * 10**9
    lane._desk.watch_the_clock()
    lane._desk.watch_the_clock()
    ((kind, body),) = bodies(lane, house)
    assert (kind, body["boot_id"], round(body["shift_ms"], -4)) == ("clock_correction", "boot", 3_600_000)
    shift = 0
    lane._journal.close()
    lane._desk.watch_the_clock()  # it is said in the log, and no more


def test_ok__health_says_what_protects_the_keys(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    status = asyncio.run(lane.status(Nothing()))
    assert status.key_tier == "software"


def test_ok__the_signing_key_is_changed(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    cross(lane, house)
    before = lane._journal.signing_key
    done = asyncio.run(lane.change_key(ChangeKey(reason="a technician left")))
    after = lane._journal.signing_key
    assert (done.key, after != before) == (cose.key_id(after.verify_key).hex(), True)
    assert [record.seq for record in page(lane).urgent] == [done.seq]
    assert lane._live._signing() == after, "live queries are signed by it too"
    asyncio.run(lane.correct(Correct(crossing="c", reason="misread", values={"sex": "F"})))
    assert lane._journal.verify().problems == ()


@pytest.mark.parametrize("reason", ["", "x" * 201, "two\nlines"])
def test_fail__a_change_of_keys_without_a_reason(make_lane, reason: str) -> None:
    lane = make_lane(capture_of(1))
    with pytest.raises(ServiceError, match="reason"):
        asyncio.run(lane.change_key(ChangeKey(reason=reason)))
    assert lane._journal.status().last_seq == 0


def test_ok__a_correction_is_a_new_record_that_names_the_old(make_lane, house) -> None:
    lane = make_lane(capture_of(1))
    cross(lane, house)
    before = page(lane).records
    crossing = bodies(lane, house)[0][1]["crossing"]
    values = {"birth_date": "1974-08-12"}
    done = asyncio.run(lane.correct(Correct(crossing=crossing, reason="misread", values=values)))
    assert (done.seq, done.corrects) == (4, 1)
    assert page(lane).records[:3] == before
    kind, body = bodies(lane, house)[-1]
    assert (kind, body) == (
        "correction", {"crossing": crossing, "seq": 1, "reason": "misread", "values": values},
    )  # fmt: skip
    assert lane._memory.recent(crossing) is None
    again = asyncio.run(lane.correct(Correct(crossing=crossing, reason="again", values=values)))
    assert (again.seq, again.corrects) == (5, 1)
    elsewhere = asyncio.run(lane.correct(Correct(crossing="of before", reason="r", values=values)))
    assert elsewhere.corrects is None


@pytest.mark.parametrize(
    "request_",
    [
        Correct(crossing="c", reason="", values={}),
        Correct(crossing="c", reason="r", values={"shoe_size": "9"}),
        Correct(crossing="c", reason="r" * 501, values={}),
    ],
)
def test_fail__no_correction(make_lane, request_: Correct) -> None:
    lane = make_lane(capture_of(1))
    with pytest.raises(ServiceError, match="names fields"):
        asyncio.run(lane.correct(request_))
    lane._journal.close()
    with pytest.raises(ServiceError):
        asyncio.run(lane.correct(Correct(crossing="c", reason="r", values={})))
