"""Every way in which a broker can misbehave: backed off, said in a sentence, and nothing lost."""

import asyncio
import dataclasses
import socket
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import pytest
from broker_scripted import PINGREQ, PUBLISH, SUBSCRIBE, Connection, ScriptedBroker
from uplink_scripted import DEVICE, until

from appliance.contracts import wire
from appliance.contracts.lane import Installed
from appliance.records import envelope
from appliance.services.uplink import drain
from appliance.services.uplink import link as links


@pytest.fixture(autouse=True)
def _short_times(monkeypatch):
    monkeypatch.setattr(links, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(links, "DEAF_SECONDS", 1.0)
    monkeypatch.setattr(links, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(links, "SLOWEST_BYTES_PER_SECOND", 1_000_000)


def good(lane):
    """A broker and a central behind it: takes, commits, and says so."""

    def behave(connection: Connection) -> None:
        connection.welcome()
        for batch in connection.batches():
            last = envelope.verify(batch[-1], verify_key_for=lambda _: lane.keys.signing.verify_key)
            connection.publish(wire.topic(DEVICE, "watermark"), lane.watermark(last.header.seq))

    return behave


def refuses(connection: Connection) -> None:
    connection.welcome(reason=0x87)


def stalls_before_connack(connection: Connection) -> None:
    connection.receive()
    time.sleep(30)


def answers_pings_only(connection: Connection) -> None:
    connection.welcome()
    while True:
        packet = connection.receive()
        if packet.kind in (SUBSCRIBE, PINGREQ):
            connection.answer(packet)


def reads_nothing(connection: Connection) -> None:
    connection.welcome()
    time.sleep(30)


def hangs_up_after_a_batch(connection: Connection) -> None:
    connection.welcome()
    next(connection.batches())


def says_goodbye(connection: Connection) -> None:
    connection.welcome()
    connection.receive()
    connection.send(14, b"\x8b\x00")  # server shutting down
    while True:
        connection.receive()  # unread bytes would make the kernel cut the line before this is read


def rubbish_for_connack(connection: Connection) -> None:
    connection.receive()
    connection.stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
    time.sleep(0.5)


def rubbish_later(connection: Connection) -> None:
    connection.welcome()
    connection.stream.sendall(b"\x30\x05\xff\xffabc" + bytes(range(256)) * 4)
    time.sleep(0.5)


def a_length_without_end(connection: Connection) -> None:
    connection.welcome()
    connection.stream.sendall(b"\x30" + b"\xff" * 64)
    time.sleep(0.5)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (refuses, "The broker refuses this box: Not authorized."),
        (stalls_before_connack, "The broker does not answer."),
        (answers_pings_only, "The broker takes messages but answers nothing."),
        (reads_nothing, "The broker takes messages but answers nothing."),
        (hangs_up_after_a_batch, links.LOST),
        (says_goodbye, "The broker ended the connection: Server shutting down."),
        (rubbish_for_connack, ""),
        (rubbish_later, ""),
        (a_length_without_end, ""),
    ],
)
def test_fail__then_all_is_delivered(tmp_path: Path, lane, run_uplink, behaviour, said: str) -> None:
    lane.record(5, size=200_000)

    async def work(uplink) -> None:
        await until(lambda: len(lane.links) > 1 or (lane.links and not lane.links[0].connected))
        problem = next(link.sentence for link in lane.links if not link.connected)
        assert problem.startswith(said)
        assert problem.endswith(".")
        await until(lambda: lane.journal.status().unsent == 0)

    with ScriptedBroker(tmp_path / "broker", behaviour, behaviour, good(lane)) as broker:
        run_uplink(broker.credentials, work)
    assert broker.connections >= 3
    assert lane.refused == []


def test_fail__unreachable(lane, run_uplink, tmp_path: Path) -> None:
    with ScriptedBroker(tmp_path / "broker", refuses) as broker:
        credentials = broker.credentials

    async def work(uplink) -> None:
        await until(lambda: lane.links)
        assert lane.links[0].sentence == "The broker cannot be reached: Connection refused."

    run_uplink(credentials, work)


def test_fail__broker_of_another_authority(lane, run_uplink, tmp_path: Path) -> None:
    with (
        ScriptedBroker(tmp_path / "broker", refuses) as broker,
        ScriptedBroker(tmp_path / "other", refuses) as other,
    ):
        credentials = dataclasses.replace(broker.credentials, ca=other.credentials.ca)

        async def work(uplink) -> None:
            await until(lambda: lane.links)
            assert "certificate verify failed" in lane.links[0].sentence

        run_uplink(credentials, work)


def test_fail__no_certificate(lane, run_uplink, tmp_path: Path) -> None:
    with ScriptedBroker(tmp_path / "broker", refuses) as broker:
        broken = tmp_path / "broken.pem"
        broken.write_text("not a certificate")

        async def work(uplink) -> None:
            await until(lambda: lane.links)
            assert lane.links[0].sentence == "This box's certificates for the broker cannot be used."

        run_uplink(dataclasses.replace(broker.credentials, certificate=broken), work)


def test_fail__stalls_in_tls_and_no_connection_is_left_behind(lane, run_uplink, tmp_path: Path) -> None:
    with (
        ScriptedBroker(tmp_path / "broker", refuses) as broker,
        socket.create_server(("127.0.0.1", 0)) as deaf,
    ):
        credentials = dataclasses.replace(broker.credentials, port=deaf.getsockname()[1])

        async def work(uplink) -> None:
            await until(lambda: len(lane.links) >= 2)
            assert lane.links[0].sentence == "The broker does not answer."

        run_uplink(credentials, work)
    # What was still connecting when it was given up ends by itself, or it would push the next one out.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(t.name == "mqtt" for t in threading.enumerate()):
        time.sleep(0.05)
    frames = sys._current_frames()
    assert [frames[t.ident] for t in threading.enumerate() if t.name == "mqtt"] == []


def test_ok__receive_maximum_is_heeded(lane, run_uplink, tmp_path: Path) -> None:
    lane.record(300)
    worst = 0

    def slow(connection: Connection) -> None:
        nonlocal worst
        connection.welcome(b"\x21\x00\x02")
        waiting = []
        connection.stream.settimeout(0.1)
        while True:
            try:
                packet = connection.receive()
            except Exception:
                if not waiting:
                    continue
                packet = waiting.pop(0)
                connection.answer(packet)
                continue
            if packet.kind == PUBLISH:
                waiting.append(packet)
                worst = max(worst, len(waiting))
            else:
                connection.answer(packet)

    async def work(uplink) -> None:
        await until(lambda: worst >= 2)
        await asyncio.sleep(0.5)

    with ScriptedBroker(tmp_path / "broker", slow) as broker:
        run_uplink(broker.credentials, work)
    assert worst == 2


def test_ok__maximum_packet_size_is_heeded(lane, run_uplink, tmp_path: Path) -> None:
    lane.record(60, size=5000)
    sizes = []

    def small(connection: Connection) -> None:
        connection.welcome(b"\x27" + (20_000).to_bytes(4, "big"))
        for batch in connection.batches():
            sizes.append(len(wire.pack(batch)))
            last = envelope.verify(batch[-1], verify_key_for=lambda _: lane.keys.signing.verify_key)
            connection.publish(wire.topic(DEVICE, "watermark"), lane.watermark(last.header.seq))

    async def work(uplink) -> None:
        await until(lambda: lane.journal.status().unsent == 0)

    with ScriptedBroker(tmp_path / "broker", small) as broker:
        run_uplink(broker.credentials, work)
    assert max(sizes) < 20_000


def test_fail__a_record_larger_than_the_broker_takes_is_said(lane, run_uplink, tmp_path: Path) -> None:
    lane.record(1, size=50_000)

    def small(connection: Connection) -> None:
        connection.welcome(b"\x27" + (20_000).to_bytes(4, "big"))
        next(connection.batches())

    async def work(uplink) -> None:
        await until(lambda: any("larger than the broker takes" in link.sentence for link in lane.links))

    with ScriptedBroker(tmp_path / "broker", small) as broker:
        run_uplink(broker.credentials, work)


def test_ok__large_batches_in_haste_arrive_whole(lane, run_uplink, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(links, "DEAF_SECONDS", 30.0)
    monkeypatch.setattr(drain, "BATCH_BYTES", 8_000_000)
    monkeypatch.setattr(drain, "WINDOW_BYTES", 10**9)
    monkeypatch.setattr(drain, "MIN_WINDOW_RECORDS", 160)
    monkeypatch.setattr(drain, "BATCH_RECORDS", 160)  # the window begins with so many
    # Fails when paho writes from the caller's thread beside its own: packets get torn into each other.
    lane.record(160, size=300_000)
    seen = set()

    def slow_reader(connection: Connection) -> None:
        connection.welcome()
        for batch in connection.batches():
            for one in batch:
                sealed = envelope.verify(one, verify_key_for=lambda _: lane.keys.signing.verify_key)
                seen.add(sealed.header.seq)

    async def work(uplink) -> None:
        await until(lambda: len(seen) == 160, seconds=40)

    with ScriptedBroker(tmp_path / "broker", slow_reader) as broker:
        run_uplink(broker.credentials, work, resend=30)
    assert broker.connections == 1


def test_ok__a_flood_takes_bounded_memory(lane, run_uplink, tmp_path: Path, monkeypatch) -> None:
    """60 MB in, while lane is slow: what waits is bounded, and what central says is heard all the same."""
    monkeypatch.setattr(links, "DEAF_SECONDS", 30.0)
    monkeypatch.setattr(links, "MAX_WAITING_BYTES", 5_000_000)
    lane.record(1)
    worst = []

    async def slow(_request):
        await asyncio.sleep(0.02)
        return Installed(accepted=True, sentence="")

    lane.install = slow

    def floods(connection: Connection) -> None:
        connection.welcome()
        assert connection.receive().kind == SUBSCRIBE
        for number in range(60):
            connection.publish(f"{wire.REFERENCE}/list-{number}", bytes(1_000_000))
        for _ in range(100):
            connection.publish(f"{wire.REFERENCE}/empty", b"")
        for _ in connection.batches():
            connection.publish(wire.topic(DEVICE, "watermark"), lane.watermark(1))

    async def work(uplink) -> None:
        tracemalloc.start()
        await until(lambda: lane.journal.status().unsent == 0)
        worst.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    with ScriptedBroker(tmp_path / "broker", floods, good(lane)) as broker:
        run_uplink(broker.credentials, work, resend=1.0)
    assert worst[0] < 20_000_000, worst
