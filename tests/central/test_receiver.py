"""The receiver at a real broker: nothing lost, nothing twice, whoever is killed."""

import contextlib
import logging
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from central_common import rows, take
from paho.mqtt.enums import CallbackAPIVersion

from appliance.contracts import wire
from appliance.records.watermark import Watermark, read_watermark
from central import receiver as receivers
from central.broker import Access, BrokerError, publish_reference
from central.receiver import Receiver
from central.store import Store, StoreError


@pytest.fixture(autouse=True)
def _short_times(monkeypatch):
    monkeypatch.setattr(receivers, "MIN_BACKOFF_SECONDS", 0.1)
    monkeypatch.setattr(receivers, "MAX_BACKOFF_SECONDS", 0.3)
    monkeypatch.setattr(receivers, "STORE_RETRY_SECONDS", 0.1)


def access(broker, name: str = "central") -> Access:
    one = broker.access(name)
    return Access(one.host, one.port, one.ca, one.certificate, one.key)


def until(wanted, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@contextlib.contextmanager
def heard(sentence: str):
    """Waits at its end until the receiver's log has said so."""
    said = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == sentence:
                said.set()

    listener = Listener()
    receivers.log.addHandler(listener)
    receivers.log.setLevel(logging.INFO)
    try:
        yield
        assert said.wait(15)
    finally:
        receivers.log.removeHandler(listener)
        receivers.log.setLevel(logging.NOTSET)


@contextlib.contextmanager
def receiving(broker, store, keys):
    """The receiver in a thread; what it shows."""
    shown = []
    receiver = Receiver(store=store, keys=keys, access=access(broker), show=lambda *pair: shown.append(pair))
    thread = threading.Thread(target=receiver.run)
    with heard("listening"):  # before its first subscription a broker keeps nothing for it
        thread.start()
    try:
        yield shown
    finally:
        receiver.stop()
        thread.join(15)
        assert not thread.is_alive()


class Sender:
    """A box's side of the broker, without the service that would normally be there."""

    def __init__(self, broker, device: str = "box-1") -> None:
        self.device = device
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"test-{device}", protocol=mqtt.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        access(broker, device).secure(self._client)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(wire.topic(device, "watermark"), 1), (wire.REFERENCE_FILTER, 1)]
        )
        self._client.on_message = lambda _client, _data, message: self.messages.put(
            (message.topic, bytes(message.payload))
        )
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def send(self, *envelopes: bytes) -> None:
        self.raw("records", wire.pack(list(envelopes)))

    def raw(self, what: str, payload: bytes) -> None:
        info = self._client.publish(wire.topic(self.device, what), payload, qos=1)
        info.wait_for_publish(10)

    def watermark(self, keys) -> Watermark:
        topic, payload = self.messages.get(timeout=60)
        assert topic == wire.topic(self.device, "watermark")
        return read_watermark(payload, verify_key_for=lambda _: keys.watermark.verify_key)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def send_as(broker):
    made = []

    def make(device: str = "box-1") -> Sender:
        made.append(Sender(broker, device))
        return made[-1]

    yield make
    for sender in made:
        sender.close()


def test_ok__records_in_and_watermark_out(broker, store, keys, box, send_as) -> None:
    sender = send_as()
    with receiving(broker, store, keys) as shown:
        sender.send(*box.record(3))
        mark = sender.watermark(keys)
        assert (mark.device, mark.epoch, mark.seq) == ("box-1", box.epoch, 3)
        assert mark.issued_at.endswith("+00:00")
        assert [sealed.header.seq for sealed, _ in shown] == [1, 2, 3]
        sender.send(*box.envelopes())  # a box that has not heard the first
        assert sender.watermark(keys).seq == 3
        assert len(shown) == 3
    assert store.counts()["duplicates"] == 3
    late = Sender(broker)  # it is retained: a box that comes back hears it
    assert late.watermark(keys).seq == 3
    late.close()


def test_ok__the_box_s_journal_believes_it(broker, store, keys, box, send_as) -> None:
    sender = send_as()
    box.record(2)
    with receiving(broker, store, keys):
        sender.send(*box.envelopes())
        _, payload = sender.messages.get(timeout=60)
    assert box.journal.acknowledge(payload).unsent == 0


def test_ok__the_gap_is_not_acknowledged(broker, store, keys, box, send_as) -> None:
    first, second, third = box.record(3)
    sender = send_as()
    with receiving(broker, store, keys):
        sender.send(third)
        assert sender.watermark(keys).seq == 0
        sender.send(first)
        assert sender.watermark(keys).seq == 1
        sender.send(second)
        assert sender.watermark(keys).seq == 3


def test_fail__nothing_of_a_bad_batch_holds_up_the_next(broker, store, keys, box, send_as, caplog) -> None:
    sender, other = send_as(), send_as("box-2")
    with receiving(broker, store, keys) as shown:
        sender.raw("records", b"garbage")
        sender.raw("records", b"")
        sender.send(b"no envelope", *box.record(1))
        other.send(*box.envelopes())  # box-1's records, from box-2, which is not registered
        assert sender.watermark(keys).seq == 1
        until(lambda: store.counts()["refused"] == 4)
        assert len(shown) == 1
    assert other.messages.empty()
    assert "refused from box-2: The device is not registered." in caplog.text
    assert "ERIKSSON" not in caplog.text


def test_ok__what_boxes_say_of_themselves(broker, store, keys, box, send_as, tmp_path) -> None:
    sender = send_as()
    with receiving(broker, store, keys):
        sender.raw("status", b"online")
        sender.raw("status", b"on fire")
        sender.raw("telemetry", b'{"unsent": 3}')
        sender.raw("telemetry", b"{")
        sender.raw("telemetry", b"[" * 100_000)
        sender.raw("telemetry", b'"' + b"x" * 300_000 + b'"')
        sender.send(*box.record(1))
        sender.watermark(keys)
    assert rows(tmp_path / "central.db", "SELECT status, telemetry FROM devices") == [
        ("online", '{"unsent": 3}')
    ]


def test_ok__a_database_that_fails_is_asked_again(
    broker, store, keys, box, send_as, tmp_path, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(receivers, "MIN_BACKOFF_SECONDS", 0.1)
    sender = send_as()
    blocker = sqlite3.connect(tmp_path / "central.db", isolation_level=None)
    with receiving(broker, store, keys) as shown, store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
        connection.close()
        blocker.execute("BEGIN EXCLUSIVE")
        sender.send(*box.record(2))
        until(lambda: "SQLITE_BUSY" in caplog.text)
        assert shown == []
        assert sender.messages.empty()
        blocker.execute("ROLLBACK")
        assert sender.watermark(keys).seq == 2
    blocker.close()
    assert store.counts()["records"] == 2
    assert store.counts()["duplicates"] == 0


def test_fail__no_acknowledgement_to_the_broker_before_the_commit(
    broker, store, keys, box, send_as, monkeypatch
) -> None:
    def fails(*_: object) -> None:
        raise StoreError("The disk is full.")

    sender = send_as()
    with monkeypatch.context() as patched, receiving(broker, store, keys) as shown:
        tried = threading.Event()
        patched.setattr(Receiver, "_commit", lambda *_: (tried.set(), fails()))
        sender.send(*box.record(1))
        assert tried.wait(10)
    assert shown == []
    with receiving(broker, store, keys):  # the box sends nothing: the broker still has it
        assert sender.watermark(keys).seq == 1


def test_ok__a_table_that_nobody_reads_holds_up_nothing(broker, store, keys, box, send_as) -> None:
    class Gone:
        def isatty(self) -> bool:
            return False

        def write(self, _: str) -> None:
            raise BrokenPipeError

    from central.live_table import LiveTable

    receiver = Receiver(
        store=store, keys=keys, access=access(broker), show=LiveTable(Gone(), as_json=True).show
    )
    thread = threading.Thread(target=receiver.run)
    with heard("listening"):
        thread.start()
    sender = send_as()
    sender.send(*box.record(1))
    assert sender.watermark(keys).seq == 1
    receiver.stop()
    thread.join(10)


def test_ok__the_broker_is_killed_and_comes_back(broker, store, keys, box, send_as) -> None:
    with receiving(broker, store, keys):
        for number in range(1, 4):
            sender = Sender(broker)
            sender.send(*box.record(5))
            broker.kill()
            sender.close()
            time.sleep(0.1)
            broker.start()
            again = Sender(broker)
            deadline = time.monotonic() + 15
            while store.counts()["records"] < 5 * number:
                # As a box does that has not heard the watermark: a killed broker forgets who listened.
                again.send(*box.envelopes())
                time.sleep(0.2)
                assert time.monotonic() < deadline
            again.close()
    counts = store.counts()
    assert (counts["records"], counts["crossings"], counts["refused"]) == (15, 15, 0)


def test_ok__kill_9_of_the_receiver_loses_and_doubles_nothing(
    broker, store, keys, box, send_as, tmp_path
) -> None:
    at = broker.access("central")
    command = [
        sys.executable, "-m", "central.cli", "run", "--json",
        "--database", str(tmp_path / "central.db"), "--keys", str(tmp_path / "central-keys"),
        "--host", at.host, "--port", str(at.port),
        "--ca", str(at.ca), "--certificate", str(at.certificate), "--key", str(at.key),
    ]  # fmt: skip
    repository = str(Path(receivers.__file__).parents[1])
    with receiving(broker, store, keys):
        pass  # the broker knows central from now on, and keeps what comes
    sender = send_as()
    box.record(30)
    for kill in (True, True, False):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=repository)
        assert child.stdout is not None
        for envelope in box.record(10):  # the whole journal each time, a record a message
            sender._client.publish(wire.topic("box-1", "records"), wire.pack([envelope]), qos=1)
        if kill:
            child.stdout.readline()  # something is committed
            child.kill()
        else:
            until(lambda: store.counts()["records"] == 60)
            until(lambda: store.counts()["records"] + store.counts()["duplicates"] >= 60)
            os.kill(child.pid, signal.SIGTERM)
            assert child.wait(15) == 0
        child.stdout.close()
        child.wait()
    stored = rows(tmp_path / "central.db", "SELECT envelope FROM records ORDER BY seq")
    assert [row[0] for row in stored] == box.envelopes()
    crossings = rows(tmp_path / "central.db", "SELECT count(*), count(DISTINCT crossing) FROM crossings")
    assert crossings == [(60, 60)]
    assert store.counts()["refused"] == 0


def test_ok__sigterm_while_the_broker_is_away(tmp_path, keys, broker) -> None:
    at = broker.access("central")
    broker.stop()
    child = subprocess.Popen(
        [
            sys.executable, "-m", "central.cli", "run", "--quiet",
            "--database", str(tmp_path / "x.db"), "--keys", str(tmp_path / "central-keys"),
            "--host", at.host, "--port", str(at.port),
            "--ca", str(at.ca), "--certificate", str(at.certificate), "--key", str(at.key),
        ],
        stderr=subprocess.PIPE, text=True, cwd=str(Path(receivers.__file__).parents[1]),
    )  # fmt: skip
    assert child.stderr is not None
    assert "cannot be reached" in child.stderr.readline()
    child.terminate()
    assert child.wait(10) == 0
    child.stderr.close()


def test_fail__central_s_certificate_is_missing(broker, store, keys, tmp_path) -> None:
    at = broker.access("central")
    nowhere = Access(at.host, at.port, at.ca, tmp_path / "none.crt", at.key)
    with pytest.raises(BrokerError, match="cannot be used"):
        Receiver(store=store, keys=keys, access=nowhere).run()


def test_ok__a_package_waits_at_the_broker(broker, send_as) -> None:
    publish_reference(access(broker), "watchlist-1", b"signed")
    assert send_as().messages.get(timeout=60) == ("borne/v1/reference/watchlist-1", b"signed")


def test_fail__who_may_not_publish_packages_hears_it(broker) -> None:
    with pytest.raises(BrokerError, match=r"does not take the package"):
        publish_reference(access(broker, "box-1"), "watchlist-1", b"signed")


def test_fail__a_package_s_name_reaches_beyond_its_level(broker) -> None:
    with pytest.raises(wire.WireError):
        publish_reference(access(broker), "../x", b"signed")


def test_fail__a_package_and_no_broker(broker) -> None:
    broker.stop()
    with pytest.raises(BrokerError, match="cannot be reached"):
        publish_reference(access(broker), "watchlist-1", b"signed")


def test_fail__a_package_and_a_deaf_broker(broker, monkeypatch) -> None:
    monkeypatch.setattr("central.broker.PUBLISH_SECONDS", 0.3)
    monkeypatch.setattr(mqtt.Client, "loop_start", lambda _: None)
    with pytest.raises(BrokerError, match="does not acknowledge"):
        publish_reference(access(broker), "watchlist-1", b"signed")


def test_fail__a_batch_for_no_device(store, keys, broker) -> None:
    receiver = Receiver(store=store, keys=keys, access=access(broker))
    message = mqtt.MQTTMessage(topic=b"borne/v1/-x/records")
    message.payload = b""
    assert receiver._commit([message]) == []
    message._topic = b"\xff"
    assert receiver._commit([message]) == []


def test_ok__a_database_put_back_from_yesterday(store, keys, box, tmp_path, broker) -> None:
    receiver = Receiver(store=store, keys=keys, access=access(broker))
    message = mqtt.MQTTMessage(topic=b"borne/v1/box-1/records")
    message.payload = wire.pack(box.record(3))
    receiver._commit([message])
    yesterday = Store(str(tmp_path / "yesterday.db"))
    box.register(yesterday)
    take(yesterday, keys, "box-1", *box.envelopes()[:2])
    receiver._store = yesterday
    message.payload = wire.pack(box.envelopes()[:1])
    ((_, signed),) = receiver._commit([message])
    assert read_watermark(signed, verify_key_for=lambda _: keys.watermark.verify_key).seq == 2
    yesterday.close()
