"""Alerts first, history after, only what central lacks again, no faster than it wants, in bounded memory."""

import asyncio
import contextlib
import time
import tracemalloc
from pathlib import Path

import msgspec
from broker_scripted import PUBLISH, Connection, ScriptedBroker
from uplink_scripted import DEVICE, until

from appliance.contracts import wire
from appliance.contracts.capture import Nothing
from appliance.contracts.lane import OutboxPage, SealedRecord
from appliance.records import envelope
from appliance.services.uplink import drain


def numbers(lane, batch: list[bytes]) -> list[int]:
    return [
        envelope.verify(one, verify_key_for=lambda _: lane.keys.signing.verify_key).header.seq
        for one in batch
    ]


class Central:
    """What central would say, by script: it holds numbers, and speaks for those without a gap."""

    def __init__(self, lane) -> None:
        self.lane = lane
        self.batches: list[list[int]] = []
        self.held: set[int] = set()

    @property
    def seen(self) -> list[int]:
        return [seq for batch in self.batches for seq in batch]

    def word(self) -> bytes:
        reached = 0
        while reached + 1 in self.held:
            reached += 1
        missing = [seq for seq in range(reached + 1, max(self.held, default=0)) if seq not in self.held]
        gaps: list[list[int]] = []
        for seq in missing:
            if gaps and gaps[-1][1] == seq - 1:
                gaps[-1][1] = seq
            else:
                gaps.append([seq, seq])
        return self.lane.watermark(reached, gaps=tuple((first, last) for first, last in gaps[:32]))

    def takes(self, connection: Connection, *, loses=lambda _seq, _time: False) -> None:
        connection.welcome()
        for batch in connection.batches():
            seqs = numbers(self.lane, batch)
            self.batches.append(seqs)
            self.held.update(seq for seq in seqs if not loses(seq, self.seen.count(seq)))
            connection.publish(wire.topic(DEVICE, "watermark"), self.word())


def run(tmp_path: Path, lane, run_uplink, behave, *, work=None, resend: float = 0.3) -> None:
    async def done(uplink) -> None:
        await until(lambda: lane.journal.status().unsent == 0)

    with ScriptedBroker(tmp_path / "broker", behave) as broker:
        run_uplink(broker.credentials, work or done, resend=resend)


def test_ok_alerts_go_before_history_however_many(tmp_path: Path, lane, run_uplink) -> None:
    lane.record(150)
    lane.record(40, alert=True)
    lane.record(10)
    central = Central(lane)
    run(tmp_path, lane, run_uplink, central.takes)
    assert central.seen[:16] == list(range(151, 167))  # a page of them before anything else
    assert sorted(central.seen) == list(range(1, 201))  # and none twice
    assert max(central.seen.index(seq) for seq in range(151, 191)) < central.seen.index(129)


def test_ok_an_alert_overtakes_a_backlog_that_is_under_way(
    tmp_path: Path, lane, run_uplink, monkeypatch
) -> None:
    monkeypatch.setattr(drain, "WINDOW_RECORDS", 128)
    lane.record(700)
    central = Central(lane)
    raised = []

    def behave(connection: Connection) -> None:
        connection.welcome()
        for batch in connection.batches():
            central.batches.append(numbers(lane, batch))
            central.held.update(central.batches[-1])
            if len(central.seen) >= 200 and not raised:
                lane.record(1, alert=True)
                raised.append(len(central.seen))
            connection.publish(wire.topic(DEVICE, "watermark"), central.word())

    run(tmp_path, lane, run_uplink, behave)
    assert central.seen.index(701) - raised[0] <= drain.WINDOW_RECORDS
    assert central.seen.count(701) == 1


def test_ok_only_what_central_lacks_goes_again(tmp_path: Path, lane, run_uplink) -> None:
    lane.record(200)
    central = Central(lane)
    lost = {5, 6, 7, 70, 130, 131}

    def behave(connection: Connection) -> None:
        central.takes(connection, loses=lambda seq, time: seq in lost and time == 1)

    run(tmp_path, lane, run_uplink, behave)
    again = [seq for seq in central.seen if central.seen.count(seq) > 1]
    assert set(again) == lost
    assert len(again) == 2 * len(lost)


def test_ok_what_is_lost_at_the_end_goes_again_too(tmp_path: Path, lane, run_uplink) -> None:
    """Central cannot name a gap behind the last record that it has."""
    lane.record(200)
    central = Central(lane)

    def behave(connection: Connection) -> None:
        central.takes(connection, loses=lambda seq, time: (seq == 10 or seq > 180) and time == 1)

    run(tmp_path, lane, run_uplink, behave)
    assert sorted(set(central.seen)) == list(range(1, 201))
    assert {seq for seq in central.seen if central.seen.count(seq) > 1} == {10, *range(181, 201)}


def test_ok_a_lost_alert_goes_again(tmp_path: Path, lane, run_uplink) -> None:
    lane.record(10)
    lane.record(1, alert=True)
    central = Central(lane)

    def behave(connection: Connection) -> None:
        central.takes(connection, loses=lambda seq, time: seq == 11 and time == 1)

    run(tmp_path, lane, run_uplink, behave)
    assert central.seen.count(11) == 2


def test_ok_lost_alerts_all_go_again_when_one_is_missed(
    tmp_path: Path, lane, run_uplink, monkeypatch
) -> None:
    """As when the broker lost its store while central was away: not one wait for each."""
    monkeypatch.setattr(drain, "WINDOW_RECORDS", 16)
    for _ in range(20):
        lane.record(7)
        lane.record(1, alert=True)
    central, waits, repeat = Central(lane), [], drain.Drain._repeat

    async def counted(self, link, page) -> None:
        waits.append(page.gaps)
        await repeat(self, link, page)

    monkeypatch.setattr(drain.Drain, "_repeat", counted)

    def behave(connection: Connection) -> None:
        central.takes(connection, loses=lambda seq, time: seq % 8 == 0 and time == 1)

    run(tmp_path, lane, run_uplink, behave)
    assert len([gaps for gaps in waits if gaps]) < 5


def test_ok_central_that_was_put_back_gets_again_what_it_asks_for(tmp_path: Path, lane, run_uplink) -> None:
    """A resync lowers the journal's own mark; uplink follows it down at once, and leaves out nothing."""
    lane.record(20)
    central = Central(lane)
    fetch, lowered = lane.fetch_outbox, []

    async def from_seven(request):
        page = await fetch(request)
        if not lowered or central.seen.count(20) > 1:
            return page
        return msgspec.structs.replace(page, send_from=7, acknowledged_seq=6)

    lane.fetch_outbox = from_seven

    async def work(uplink) -> None:
        await until(lambda: uplink._drain.acknowledged == 20)
        lane.record(30)
        lowered.append(True)
        await until(lambda: 50 in central.seen and central.seen.count(20) > 1)

    run(tmp_path, lane, run_uplink, central.takes, work=work, resend=600)
    assert {seq for seq in central.seen if central.seen.count(seq) > 1} >= set(range(7, 21))
    assert set(central.seen) == set(range(1, 51))


class Done(Exception):
    """The script has ended."""


class ScriptedLink:
    """A connection that takes everything; what it was given, by number."""

    has_room = idle = True
    deaf = False
    refusal = ""
    max_payload = 10**6
    heard_at = 0.0

    def __init__(self) -> None:
        self.given: list[int] = []

    def publish(self, _topic: str, payload: bytes, *, user=()) -> None:
        self.given += [int(envelope) for envelope in wire.unpack(payload)]


def test_ok_a_page_that_was_asked_for_too_far_on_is_not_taken_for_what_central_wants() -> None:
    """The mark goes down in the same answer that brings later records: those before them go first."""
    link, marks = ScriptedLink(), [1, 1, 21, 7, 7, 7]

    class ScriptedLane:
        async def fetch_outbox(self, request):
            if not marks:
                raise Done
            last = 50 if len(marks) <= 3 else 20
            seqs = range(request.after + 1, min(last, request.after + request.limit) + 1)
            return OutboxPage(
                device=DEVICE,
                epoch="e",
                last_seq=last,
                acknowledged_seq=marks[0] - 1,
                send_from=marks.pop(0),
                records=tuple(SealedRecord(seq=seq, envelope=b"%d" % seq) for seq in seqs),
            )

    one = drain.Drain(lane=ScriptedLane(), device=DEVICE, resend_seconds=600, problem=print)
    with contextlib.suppress(Done):
        asyncio.run(one.run(link, lambda: None))
    assert link.given == [*range(1, 21), *range(7, 51)]


def test_ok_a_silent_central_gets_few_again_and_more_when_it_has_nothing_else() -> None:
    """What it is only slow with would come twice; what it says of those few tells whether it is that."""
    link = ScriptedLink()

    class ScriptedLane:
        def acknowledged(self) -> int:
            again = len(link.given) - 200
            return 0 if again < 48 else 16 if again < 80 else 200

        async def fetch_outbox(self, request):
            done = self.acknowledged()
            if done == 200:
                raise Done
            seqs = range(request.after + 1, min(200, request.after + request.limit) + 1)
            return OutboxPage(
                device=DEVICE,
                epoch="e",
                last_seq=200,
                acknowledged_seq=done,
                send_from=done + 1,
                records=tuple(SealedRecord(seq=seq, envelope=b"%d" % seq) for seq in seqs),
            )

    one = drain.Drain(lane=ScriptedLane(), device=DEVICE, resend_seconds=0.001, problem=print)
    one._window.records = 1024
    with contextlib.suppress(Done):
        asyncio.run(one.run(link, lambda: None))
    assert link.given == [*range(1, 201), *(3 * [*range(1, 17)]), *range(17, 49)]
    assert one.repeated == 80


def test_ok_batches_of_up_to_64(tmp_path: Path, lane, run_uplink) -> None:
    lane.record(320, size=800)
    central = Central(lane)
    run(tmp_path, lane, run_uplink, central.takes)
    assert max(len(batch) for batch in central.batches) == drain.BATCH_RECORDS
    assert len(central.batches) <= 320 / 64 + 3


def test_ok_no_faster_than_central_wants_but_alerts(tmp_path: Path, lane, run_uplink) -> None:
    lane.records_per_second = 20.0
    lane.record(60)
    central = Central(lane)
    at: dict[int, float] = {}

    def behave(connection: Connection) -> None:
        connection.welcome()
        for batch in connection.batches():
            for seq in numbers(lane, batch):
                at.setdefault(seq, time.monotonic())
                central.held.add(seq)
            connection.publish(wire.topic(DEVICE, "watermark"), central.word())

    async def work(uplink) -> None:
        await until(lambda: 5 in at)
        lane.record(1, alert=True)
        raised = time.monotonic()
        await until(lambda: 61 in at)
        assert time.monotonic() - raised < 1.0
        await until(lambda: lane.journal.status().unsent == 0)

    run(tmp_path, lane, run_uplink, behave, work=work, resend=5.0)
    assert 2.0 < at[60] - at[1] < 8.0  # 3 s at 20 a second
    assert at[61] < at[40]


def test_ok_history_is_marked(tmp_path: Path, lane, run_uplink) -> None:
    lane.record(10)
    lane.historical_before = 7
    central = Central(lane)
    flags: dict[int, bool] = {}

    def behave(connection: Connection) -> None:
        connection.welcome()
        while True:
            packet = connection.receive()
            connection.answer(packet)
            if packet.kind == PUBLISH and packet.topic.endswith("/records"):
                historical = b"historical\x00\x04true" in packet.body[:200]
                for seq in numbers(lane, wire.unpack(packet.payload)):
                    flags[seq] = historical
                    central.held.add(seq)
                connection.publish(wire.topic(DEVICE, "watermark"), central.word())

    run(tmp_path, lane, run_uplink, behave)
    assert flags == {seq: seq < 7 for seq in range(1, 11)}


def test_ok_commands_go_to_lane(tmp_path: Path, lane, run_uplink) -> None:
    def behave(connection: Connection) -> None:
        connection.welcome()
        connection.publish(wire.topic(DEVICE, wire.COMMAND), b"order")
        for _ in connection.batches():
            pass

    async def work(uplink) -> None:
        await until(lambda: lane.commands == [b"order"])

    run(tmp_path, lane, run_uplink, behave, work=work)


def test_ok_a_window_that_is_full_costs_no_reading(tmp_path: Path, lane, run_uplink, monkeypatch) -> None:
    monkeypatch.setattr(drain, "WINDOW_RECORDS", 64)
    lane.record(200)

    def acknowledges_nothing(connection: Connection) -> None:
        connection.welcome()
        for _ in connection.batches():
            pass

    async def work(uplink) -> None:
        await until(lambda: uplink._drain.published == 64)
        before = len(lane.asked)
        await asyncio.sleep(0.3)
        assert [request.limit for request in lane.asked[before:]] == [0] * (len(lane.asked) - before)

    run(tmp_path, lane, run_uplink, acknowledges_nothing, work=work, resend=30)


def test_ok_pictures_pass_through_bounded_memory(tmp_path: Path, lane, run_uplink, monkeypatch) -> None:
    """24 MB of records, a window of 1 MB: uplink holds a page, the window and what is outstanding."""
    monkeypatch.setattr(drain, "WINDOW_BYTES", 1_000_000)
    lane.record(400, size=60_000)
    central = Central(lane)
    worst = []

    async def work(uplink) -> None:
        tracemalloc.start()
        while lane.journal.status().unsent:
            await asyncio.sleep(0.05)
        worst.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        status = await uplink.status(Nothing())
        assert (status.published, status.repeated) == (400, 0)

    run(tmp_path, lane, run_uplink, central.takes, work=work, resend=20)
    # The scripted broker and central are in this process too.
    assert worst[0] < 16_000_000
