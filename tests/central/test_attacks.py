"""A thief at the broker with a box's certificate, and what comes of it: the rows of docs/security.md.

The certificate opens the way to the broker and nothing else. What is counted is signed with the box's own
key, which is not in the certificate, and what is not counted is kept with the reason.
"""

import contextlib
import secrets
import threading
import time
from pathlib import Path

import cbor2
import paho.mqtt.client as mqtt
import pytest
from central_common import STRANGER, rows
from nacl.public import SealedBox
from paho.mqtt.enums import CallbackAPIVersion

from appliance import cose
from appliance.contracts import wire
from appliance.records import envelope as envelopes
from central import receiver as receivers
from central.broker import Access
from central.receiver import Receiver

RUBBISH = [
    b"",
    b"\x81" * 5000,
    b"\x9f\x41x\xff",
    cbor2.dumps({"not": "a batch"}),
    cbor2.dumps([1, "text", None]),
    cbor2.dumps([b"x"] * 300),
    secrets.token_bytes(2000),
]


class Thief:
    """A client with a certificate that is good at the broker; it need not be a box's program."""

    def __init__(self, broker, name: str) -> None:
        self.device = name
        self.heard: list[tuple[str, bytes]] = []
        self.refused: list[str] = []
        self._answered = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"thief-{name}", protocol=mqtt.MQTTv5
        )
        one = broker.access(name)
        Access(one.host, one.port, one.ca, one.certificate, one.key).secure(self._client)
        subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self._client.on_publish = self._on_publish
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert subscribed.wait(20)

    def _on_publish(self, _client, _data, _mid, reason, _props) -> None:
        if reason.is_failure:
            self.refused.append(str(reason))
        self._answered.set()

    def says(self, what: str, payload: bytes, *, device: str | None = None, retain: bool = False) -> None:
        self._answered.clear()
        self._client.publish(wire.topic(device or self.device, what), payload, qos=1, retain=retain)
        assert self._answered.wait(20)

    def sends(self, *messages: bytes, device: str | None = None) -> None:
        self.says("records", wire.pack(list(messages)), device=device)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def thief(broker):
    one = Thief(broker, "box-1")
    yield one
    one.close()


@pytest.fixture
def central(broker, store, keys, monkeypatch):
    """The receiver, running."""
    monkeypatch.setattr(receivers, "MIN_BACKOFF_SECONDS", 0.1)
    one = broker.access("central")
    access = Access(one.host, one.port, one.ca, one.certificate, one.key)
    receiver = Receiver(store=store, keys=keys, access=access)
    thread = threading.Thread(target=receiver.run)
    thread.start()
    yield receiver
    receiver.stop()
    thread.join(20)
    assert not thread.is_alive()


def until(wanted, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def stored(tmp_path: Path) -> int:
    return rows(tmp_path / "central.db", "SELECT count(*) FROM records")[0][0]


def reasons(tmp_path: Path) -> list[str]:
    return [reason for (reason,) in rows(tmp_path / "central.db", "SELECT reason FROM refused ORDER BY id")]


def deliver(thief: Thief, tmp_path: Path, *messages: bytes, count: int) -> None:
    """Until central has them: before its first subscription a broker keeps nothing for it."""
    until(lambda: thief.sends(*messages) or stored(tmp_path) >= count or time.sleep(0.3))


def test_fail_replayed_and_reordered(thief, central, box, tmp_path) -> None:
    """Recorded traffic, all of it again and backwards: counted as copies, stored once, acknowledged again."""
    genuine = box.record(6)
    deliver(thief, tmp_path, *genuine, count=6)
    for _ in range(3):
        thief.sends(*reversed(genuine))
        thief.sends(genuine[3])
    until(lambda: rows(tmp_path / "central.db", "SELECT min(copies) FROM records")[0][0] >= 4)
    assert stored(tmp_path) == 6
    assert reasons(tmp_path) == []


def test_fail_re_signed_other_appliance_s_truncated_and_altered(
    thief, central, box, make_box, store, tmp_path
) -> None:
    """One bad envelope of each kind between good ones: each kept with its reason, the good ones counted."""
    genuine = box.record(3)
    other = make_box("box-2")
    other.register(store)
    foreign = other.record(1)[0]
    sealed = envelopes.verify(genuine[1], verify_key_for=lambda _: box.keys.signing.verify_key)
    stripped = cose.sign1(
        cbor2.loads(genuine[1]).value[2], protected={cose.CONTENT_TYPE: envelopes.CONTENT_TYPE},
        signing_key=STRANGER,
    )  # fmt: skip
    re_sealed = box.sealed(seq=9, signing_key=STRANGER)
    altered = bytearray(genuine[1])
    altered[len(altered) // 2] ^= 1
    bad = [
        stripped,
        re_sealed,
        foreign,
        genuine[1][:-1],
        genuine[1] + b"\0",
        bytes(altered),
        b"",
        b"\xd2\x84",
    ]
    mixed = [genuine[0], *bad, *genuine[1:]]
    deliver(thief, tmp_path, *mixed, count=3)
    assert sealed.header.seq == 2
    assert stored(tmp_path) == 3
    found = reasons(tmp_path)
    assert len(found) == len(bad)
    assert any("not known here" in reason for reason in found)


def test_fail_a_second_record_with_the_same_number(thief, central, box, tmp_path) -> None:
    """Two boxes with one key, or a copy of a journal that was put back: nothing is acknowledged past it."""
    genuine = box.record(3)
    deliver(thief, tmp_path, *genuine, count=3)
    twin = box.sealed(epoch=box.epoch, seq=2, prev=box.chain_hash(genuine[0]))
    thief.sends(twin)
    until(lambda: "The device has signed two different records with the same number." in reasons(tmp_path))
    forked = rows(tmp_path / "central.db", "SELECT forked_at FROM epochs WHERE epoch = '" + box.epoch + "'")
    assert forked == [(2,)]


def test_fail_malformed_and_oversized(thief, central, box, tmp_path) -> None:
    """Bytes of every kind: the receiver goes on, in bounded time, with the next good batch."""
    genuine = box.record(2)
    deliver(thief, tmp_path, genuine[0], count=1)
    began = time.monotonic()
    for payload in RUBBISH:
        thief.says("records", payload)
    with contextlib.suppress(AssertionError):  # larger than central takes: the broker keeps it to itself
        thief.says("records", cbor2.dumps([bytes(17 * 1024 * 1024)]))
    thief.sends(genuine[1])
    until(lambda: stored(tmp_path) == 2)
    assert time.monotonic() - began < 30
    assert all(reason.endswith(".") for reason in reasons(tmp_path))


def test_fail_a_stolen_certificate_reaches_no_other_box_and_reads_no_record(
    thief, central, box, make_box, store, broker, tmp_path
) -> None:
    """The broker lets its name write under its own topics and read what is for it, and no more."""
    other = make_box("box-2")
    other.register(store)
    deliver(thief, tmp_path, *box.record(1), count=1)
    honest = Thief(broker, "box-2")
    try:
        honest.sends(other.record(1)[0])
        until(lambda: stored(tmp_path) == 2)
        until(lambda: any(topic == wire.topic("box-1", "watermark") for topic, _ in thief.heard))
    finally:
        honest.close()
    # What it may not read does not come, although it has asked for everything.
    allowed = {wire.topic("box-1", what) for what in ("watermark", "command", "answer")}
    assert {topic for topic, _ in thief.heard} <= allowed
    # What it may not write is refused, or falls away: other boxes' topics, central's word, commands, lists.
    before = stored(tmp_path)
    for device, what in (
        ("box-2", "records"),
        ("box-1", "watermark"),
        ("box-1", "command"),
        ("box-2", "status"),
    ):
        thief.says(what, b"forged", device=device, retain=True)
    assert len(thief.refused) == 4
    assert stored(tmp_path) == before


def test_fail_a_stolen_certificate_signs_nothing(thief, central, box, keys, tmp_path) -> None:
    """The key that records are signed with is another one: what the thief makes up is refused, and said."""
    deliver(thief, tmp_path, *box.record(1), count=1)
    for seq in (2, 3, 400):
        thief.sends(box.sealed(seq=seq, epoch=box.epoch, signing_key=STRANGER))
    thief.sends(bytes(SealedBox(keys.sealing.public_key).encrypt(b"only sealed")))
    until(lambda: len(reasons(tmp_path)) == 4)
    assert stored(tmp_path) == 1
    alerts = rows(tmp_path / "central.db", "SELECT kind FROM alerts")
    assert ("refused",) in alerts
