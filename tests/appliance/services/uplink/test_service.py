"""Delivery is central's signed word: not a PUBACK, not a broker's forgery."""

from pathlib import Path

import pytest
from broker_scripted import PUBLISH, Connection, ScriptedBroker
from nacl.signing import SigningKey
from uplink_scripted import DEVICE, until

from appliance.contracts import wire
from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.uplink import Telemetry
from appliance.records import envelope
from appliance.report_signature import read_signature
from appliance.services.uplink import drain
from appliance.services.uplink import service as services


def numbers(lane, batch: list[bytes]) -> list[int]:
    return [
        envelope.verify(one, verify_key_for=lambda _: lane.keys.signing.verify_key).header.seq
        for one in batch
    ]


def test_ok__puback_is_not_delivery(tmp_path: Path, lane, run_uplink) -> None:
    lane.record(3)
    batches: list[list[int]] = []

    def acknowledges_nothing(connection: Connection) -> None:
        connection.welcome()
        batches.extend(numbers(lane, batch) for batch in connection.batches())

    async def work(uplink) -> None:
        await until(lambda: len(batches) >= 3)

    with ScriptedBroker(tmp_path / "broker", acknowledges_nothing) as broker:
        run_uplink(broker.credentials, work)
    assert batches[:3] == [[1, 2, 3]] * 3  # sent again and again, from the first
    assert lane.journal.status().acknowledged_seq == 0


def test_ok__sends_again_from_the_watermark(tmp_path: Path, lane, run_uplink) -> None:
    lane.record(5)
    batches: list[list[int]] = []

    def acknowledges_two(connection: Connection) -> None:
        connection.welcome()
        for batch in connection.batches():
            batches.append(numbers(lane, batch))
            connection.publish(wire.topic(DEVICE, "watermark"), lane.watermark(2))

    async def work(uplink) -> None:
        await until(lambda: len(batches) >= 2)
        status = await uplink.status(Nothing())
        assert status.connected
        assert status.acknowledged_seq == 2
        assert status.broker == f"127.0.0.1:{broker.credentials.port}"

    with ScriptedBroker(tmp_path / "broker", acknowledges_two) as broker:
        run_uplink(broker.credentials, work)
    assert batches[:2] == [[1, 2, 3, 4, 5], [3, 4, 5]]


def test_fail__the_broker_cannot_forge_an_acknowledgement(tmp_path: Path, lane, run_uplink) -> None:
    lane.record(2)

    def forges(connection: Connection) -> None:
        connection.welcome()
        topic = wire.topic(DEVICE, "watermark")
        for _ in connection.batches():
            connection.publish(topic, lane.watermark(2, key=SigningKey.generate()))
            connection.publish(topic, b"rubbish")
            connection.publish(topic, lane.watermark(99))

    async def work(uplink) -> None:
        await until(lambda: len(lane.refused) >= 3)

    with ScriptedBroker(tmp_path / "broker", forges) as broker:
        run_uplink(broker.credentials, work)
    assert lane.journal.status().acknowledged_seq == 0


def test_ok__the_window_bounds_what_is_sent_ahead(tmp_path: Path, lane, run_uplink, monkeypatch) -> None:
    monkeypatch.setattr(drain, "WINDOW_RECORDS", 64)
    lane.record(200)
    seen: set[int] = set()

    def acknowledges_nothing(connection: Connection) -> None:
        connection.welcome()
        for batch in connection.batches():
            seen.update(numbers(lane, batch))

    async def work(uplink) -> None:
        await until(lambda: (len(seen) >= 64) and uplink._drain.published >= 128)

    with ScriptedBroker(tmp_path / "broker", acknowledges_nothing) as broker:
        run_uplink(broker.credentials, work)
    assert seen == set(range(1, 65))


def test_ok__signed_data_goes_to_lane(tmp_path: Path, lane, run_uplink) -> None:
    def brings_a_list(connection: Connection) -> None:
        connection.welcome()
        connection.publish(f"{wire.REFERENCE}/persons", b"package")
        for _ in connection.batches():
            pass

    async def work(uplink) -> None:
        await until(lambda: lane.installed == [b"package"])

    with ScriptedBroker(tmp_path / "broker", brings_a_list) as broker:
        run_uplink(broker.credentials, work)


def test_ok__lane_that_is_away_is_waited_for(tmp_path: Path, lane, run_uplink, monkeypatch) -> None:
    monkeypatch.setattr(services, "LANE_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(drain, "LANE_RETRY_SECONDS", 0.05)
    lane.record(1)
    away = [True]
    fetch, acknowledge = lane.fetch_outbox, lane.acknowledge

    async def fetch_outbox(request):
        if away[0]:
            raise ServiceError("unreachable", "The service behind lane.sock does not answer.", retry=True)
        return await fetch(request)

    tries = []

    async def take(request):
        tries.append(request)
        if len(tries) < 3:
            raise ServiceError("unreachable", "The service behind lane.sock does not answer.", retry=True)
        return await acknowledge(request)

    lane.fetch_outbox, lane.acknowledge = fetch_outbox, take

    def good(connection: Connection) -> None:
        connection.welcome()
        for _ in connection.batches():
            connection.publish(wire.topic(DEVICE, "watermark"), lane.watermark(1))

    async def work(uplink) -> None:
        await until(lambda: uplink._last_problem == "The service behind lane.sock does not answer.")
        away[0] = False
        await until(lambda: lane.journal.status().unsent == 0)
        assert len(tries) >= 3

    with ScriptedBroker(tmp_path / "broker", good) as broker:
        run_uplink(broker.credentials, work)


def test_ok__telemetry_waits_for_a_connection(tmp_path: Path, lane, run_uplink) -> None:
    got = []

    def listens(connection: Connection) -> None:
        connection.welcome()
        while True:
            packet = connection.receive()
            connection.answer(packet)
            if packet.kind == 3 and packet.topic.endswith("/telemetry"):
                got.append((packet.payload, packet.flags & 1, packet.topic, packet.user))

    async def work(uplink) -> None:
        await uplink.publish_telemetry(Telemetry(report={"old": 1}))
        await uplink.publish_telemetry(Telemetry(report={"temperature": 41}))
        await until(lambda: got)
        with pytest.raises(ServiceError, match="larger than a broker"):
            await uplink.publish_telemetry(Telemetry(report={"x": "y" * 70_000}))

    with ScriptedBroker(tmp_path / "broker", listens) as broker:
        run_uplink(broker.credentials, work)
    ((payload, retained, topic, user),) = got
    assert (payload, retained) == (b'{"temperature":41}', 1)
    signature = read_signature(user)
    assert signature is not None
    signature.verify(topic, payload, lane.journal.signing_key.verify_key)


def test_fail__the_broker_takes_no_records_of_this_box(tmp_path: Path, lane, run_uplink) -> None:
    """Its rules do not let this certificate write there: said, and nothing counts as delivered."""
    lane.record(3)

    def refuses(connection: Connection) -> None:
        connection.welcome()
        while True:
            packet = connection.receive()
            if packet.kind == PUBLISH:
                connection.send(4, packet.mid + b"\x87\x00")
            else:
                connection.answer(packet)

    async def work(uplink) -> None:
        await until(lambda: "does not take what this box sends" in uplink._last_problem)
        assert (await uplink.status(Nothing())).connected

    with ScriptedBroker(tmp_path / "broker", refuses) as broker:
        run_uplink(broker.credentials, work)
    assert lane.journal.status().acknowledged_seq == 0
