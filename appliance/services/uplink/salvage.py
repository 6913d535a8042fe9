"""Delivers a dead box's records from any laptop: batches out, and central's signed word back.

The laptop comes to the broker with a certificate of its own, to which the broker must allow this box's
topics; the box's certificate and keys stay where they are.
"""

import itertools
import queue
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import paho.mqtt.client as mqtt
from nacl.signing import VerifyKey
from paho.mqtt.enums import CallbackAPIVersion

from appliance.contracts import wire
from appliance.contracts.lane import SealedRecord
from appliance.records.errors import WatermarkError
from appliance.records.watermark import Watermark, read_watermark
from appliance.services.uplink.link import LOST, Credentials, LinkError

BATCH_RECORDS: Final = 32
BATCH_BYTES: Final = 256 * 1024
WINDOW_BATCHES: Final = 8
"""Without the broker's PUBACK."""
PATIENCE_SECONDS: Final = 60.0
"""Without progress for so long, it ends with what central has."""
RESEND_SECONDS: Final = 5.0
KEEPALIVE_SECONDS: Final = 20


class Outbox(Protocol):
    """What there is to deliver."""

    @property
    def device(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def acknowledged_seq(self) -> int: ...
    def records(self, after: int) -> Iterator[SealedRecord]: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it ended."""

    sent: int
    acknowledged_seq: int
    """Central's word: committed without a gap up to here."""
    gaps: tuple[tuple[int, int], ...]
    """What central lacks below others that it has."""


class Deliverer:
    """One connection to the broker for one outbox."""

    def __init__(
        self,
        outbox: Outbox,
        credentials: Credentials,
        *,
        watermark_key: VerifyKey,
        patience: float = PATIENCE_SECONDS,
        resend: float = RESEND_SECONDS,
    ) -> None:
        self._outbox = outbox
        self._credentials = credentials
        self._watermark_key = watermark_key
        self._patience = patience
        self._resend = resend
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._outstanding = 0
        self._reached = outbox.acknowledged_seq
        self._gaps: tuple[tuple[int, int], ...] = ()
        self._progress_at = time.monotonic()

    def deliver(self) -> Delivered:
        """Send what is not acknowledged until central has signed for it, or nothing goes on any more.

        Raises:
            LinkError: the broker cannot be reached, refuses, or was lost.
        """
        client = self._client()
        sent = 0
        try:
            client.connect(self._credentials.host, self._credentials.port, keepalive=KEEPALIVE_SECONDS)
            client.loop_start()
            self._wait_for("subscribed")
            self._progress_at = time.monotonic()
            while self._reached < self._outbox.last_seq:
                for batch in _batches(self._wanted()):
                    client.publish(wire.topic(self._outbox.device, "records"), wire.pack(batch), qos=1)
                    sent += len(batch)
                    self._outstanding += 1
                    self._listen(lambda: self._outstanding < WINDOW_BATCHES, self._patience)
                before = (self._reached, self._gaps)
                self._listen(lambda: self._reached >= self._outbox.last_seq, self._resend)
                if (self._reached, self._gaps) == before and self._stalled():
                    break
        except OSError as error:
            raise LinkError(
                f"The broker cannot be reached: {error.strerror or type(error).__name__}."
            ) from error
        finally:
            client.disconnect()
            client.loop_stop()
        return Delivered(sent, self._reached, self._gaps)

    def _wanted(self) -> Iterator[SealedRecord]:
        """What central has not said that it has."""
        for record in self._outbox.records(self._reached):
            inside = [first <= record.seq <= last for first, last in self._gaps]
            if not self._gaps or any(inside) or record.seq > self._gaps[-1][1]:
                yield record

    def _stalled(self) -> bool:
        return time.monotonic() - self._progress_at > self._patience

    def _wait_for(self, wanted: str) -> None:
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            if self._take(deadline - time.monotonic()) == wanted:
                return
        raise LinkError("The broker does not answer.")

    def _listen(self, enough: Any, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not enough() and (left := deadline - time.monotonic()) > 0:
            self._take(left)

    def _take(self, seconds: float) -> str:
        """One event from paho's thread."""
        try:
            kind, what = self._events.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return ""
        if kind == "ended":
            raise LinkError(what)
        if kind == "answered":
            self._outstanding -= 1
        elif kind == "word":
            self._hear(what)
        return str(kind)

    def _hear(self, data: bytes) -> None:
        try:
            word: Watermark = read_watermark(data, verify_key_for=lambda _: self._watermark_key)
        except WatermarkError:
            return
        if (word.device, word.epoch) != (self._outbox.device, self._outbox.epoch):
            return
        if word.seq > self._reached or word.gaps != self._gaps:
            self._progress_at = time.monotonic()
        self._reached, self._gaps = max(self._reached, word.seq), word.gaps

    def _client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"borne-salvage-{secrets.token_hex(4)}",
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        try:
            credentials = self._credentials
            client.tls_set(str(credentials.ca), str(credentials.certificate), str(credentials.key))
        except (OSError, ValueError) as error:
            raise LinkError("The certificates for the broker cannot be used.") from error
        client.max_inflight_messages_set(WINDOW_BATCHES)

        def on_connect(client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _props: Any) -> None:
            if reason.is_failure:
                self._events.put(("ended", f"The broker refuses this laptop: {reason}."))
            else:
                client.subscribe([(wire.topic(self._outbox.device, "watermark"), 1)])

        def on_subscribe(_client: mqtt.Client, _userdata: Any, _mid: int, reasons: Any, _props: Any) -> None:
            if any(reason.is_failure for reason in reasons):
                self._events.put(("ended", "The broker does not let this laptop hear central's word."))
            else:
                self._events.put(("subscribed", None))

        def on_publish(_client: mqtt.Client, _userdata: Any, _mid: int, reason: Any, _props: Any) -> None:
            if reason.is_failure:
                self._events.put(("ended", f"The broker does not take the box's records: {reason}."))
            else:
                self._events.put(("answered", None))

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_publish = on_publish
        client.on_message = lambda _client, _userdata, message: self._events.put(
            ("word", bytes(message.payload))
        )
        client.on_disconnect = lambda *_: self._events.put(("ended", LOST))
        return client


def _batches(records: Iterable[SealedRecord]) -> Iterator[list[bytes]]:
    """Few enough, and small enough, for a thin line."""
    waiting = iter(records)
    for first in waiting:
        batch, size = [first.envelope], len(first.envelope)
        for record in itertools.islice(waiting, BATCH_RECORDS - 1):
            batch.append(record.envelope)
            size += len(record.envelope)
            if size > BATCH_BYTES:
                break
        yield batch
