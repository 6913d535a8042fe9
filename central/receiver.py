"""The receiver: takes batches from the broker, commits them, and only then acknowledges, signed.

What is derived from records is derived afterwards, when nothing comes: `central.deriving`.

A message is acknowledged to the broker after the commit, so that a receiver that is killed gets it again.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as mqtt
from nacl.signing import SigningKey
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from appliance.contracts import wire
from appliance.contracts.movement import Movement
from appliance.records.envelope import Sealed
from appliance.records.watermark import Watermark, sign_watermark
from central.broker import Access
from central.deriving import Deriver
from central.fleet.commands import note_published, pending, unpublished
from central.fleet.lacking import ask_again
from central.fleet.reports import note_report
from central.ingest import copies_among, examine, ingest
from central.keys import Keys
from central.store import Batch, Device, Store, StoreError

CLIENT_ID = "borne-central"
SESSION_SECONDS = 7 * 24 * 3600
"""The broker keeps what boxes send while the receiver is away; boxes send again in any case."""
SHARED_SESSION_SECONDS = 60
"""With several workers: a dead one's share goes to the others soon, and boxes send it again."""
ALL_WATERMARKS = f"{wire.ROOT}/+/watermark"
SHARED_RECORDS = f"$share/{CLIENT_ID}/{wire.ALL_RECORDS}"
KEEPALIVE_SECONDS = 20
WAITING_MESSAGES = 32
"""So many messages the broker hands over before the first of them is acknowledged: its flow control."""
MAX_PACKET_BYTES = wire.MAX_BATCH_BYTES + 4096
"""The broker keeps larger ones to itself: a batch, and room for its topic."""
MIN_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 30.0
STORE_RETRY_SECONDS = 1.0
POLL_SECONDS = 0.2
GROUP_BYTES = 4 * 1024 * 1024
"""So much is committed at once, and the message beyond it."""
DERIVE_SECONDS = 1.0
"""When batches never cease to come, some of what waits is derived so often all the same."""
LAST_DERIVE_SECONDS = 5.0
TRICKLE_BYTES = 64 * 1024
"""A message alone and so small is no backlog: what it gives rise to is there when the box is told."""
COMMAND_SECONDS = 1.0
"""How often it is looked for commands that were given; they are given by other processes."""
COMMAND_WAIT_SECONDS = 10.0

log = logging.getLogger(__name__)


class Receiver:
    """Runs until `stop`. `show` is called for each new movement, after its commit."""

    def __init__(
        self,
        *,
        store: Store,
        keys: Keys,
        access: Access,
        show: Callable[[Sealed, Movement], None] = lambda _sealed, _movement: None,
        worker: int = 1,
        workers: int = 1,
        operator: SigningKey | None = None,
    ) -> None:
        self._operator = operator
        self._worker = worker
        self._workers = workers
        self._store = store
        self._keys = keys
        self._access = access
        self._show = show
        self._stopping = False  # no Event: a signal's handler must not wait for a lock
        self._watermarks: dict[tuple[str, str], int] = {}
        self._deriver = Deriver(keys)
        self._behind = True
        """Something waits to be derived from, as far as we know: of an earlier run, perhaps."""
        self._derive_at = 0.0

    def stop(self) -> None:
        """End soon; what is not committed comes again."""
        self._stopping = True

    def run(self) -> None:
        """Connect, receive, and begin again, until `stop`."""
        backoff = MIN_BACKOFF_SECONDS
        while not self._stopping:
            began = time.monotonic()
            try:
                self._one_connection()
            except OSError as error:
                log.warning("the broker cannot be reached: %s", error.strerror or type(error).__name__)
            if time.monotonic() - began > MAX_BACKOFF_SECONDS:
                backoff = MIN_BACKOFF_SECONDS
            self._pause(random.uniform(0.5, 1.0) * backoff)
            backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)
        self._derive_the_rest()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, POLL_SECONDS))

    def _one_connection(self) -> None:
        arrived: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        lost, listening = threading.Event(), threading.Event()
        commands_at = 0.0
        client = self._client(arrived, lost, listening)
        client.connect(
            self._access.host,
            self._access.port,
            KEEPALIVE_SECONDS,
            clean_start=False,
            properties=_session(SESSION_SECONDS if self._workers == 1 else SHARED_SESSION_SECONDS),
        )
        client.loop_start()
        try:
            while not self._stopping and not lost.is_set():
                if self._worker == 1 and listening.is_set() and time.monotonic() >= commands_at:
                    self._publish_commands(client)
                    commands_at = time.monotonic() + COMMAND_SECONDS
                # When nothing comes; and now and then when much does, or others may have left some behind.
                if time.monotonic() >= self._derive_at or (self._behind and arrived.empty()):
                    self._derive()
                try:
                    message = arrived.get(timeout=0.0 if self._behind else POLL_SECONDS)
                except queue.Empty:
                    continue
                self._take(client, _group(message, arrived))
        finally:
            client.disconnect()
            client.loop_stop()

    def _client(
        self, arrived: "queue.Queue[mqtt.MQTTMessage]", lost: threading.Event, listening: threading.Event
    ) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=CLIENT_ID if self._worker == 1 else f"{CLIENT_ID}-{self._worker}",
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._access.secure(client)

        def on_connect(client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _props: Any) -> None:
            if reason.is_failure:
                log.warning("the broker refuses central: %s", reason)
                lost.set()
                return
            wanted, old = self._filters()
            client.unsubscribe(old)  # a session that was kept from a run with another number of workers
            client.subscribe([(one, 1) for one in wanted])

        def on_subscribe(_client: mqtt.Client, _userdata: Any, _mid: int, reasons: Any, _props: Any) -> None:
            if any(reason.is_failure for reason in reasons):
                log.warning("the broker does not let central listen")
                lost.set()
            else:
                log.info("listening")
                listening.set()

        def on_message(_client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
            # Never waits, or pings would. ReceiveMaximum bounds what is acknowledged; the rest is dropped.
            if message.qos or arrived.qsize() < WAITING_MESSAGES:
                arrived.put(message)

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_message = on_message
        client.on_disconnect = lambda *_: lost.set()
        return client

    def _publish_commands(self, client: mqtt.Client) -> None:
        """What was given since: retained, so that a box that is away hears it when it comes."""
        try:
            with self._store.reading() as batch:
                waiting = [
                    (device, through, pending(batch.connection, device))
                    for device, through in unpublished(batch.connection).items()
                ]
            for device, through, message in waiting:
                info = client.publish(wire.topic(device, wire.COMMAND), message, qos=1, retain=True)
                info.wait_for_publish(COMMAND_WAIT_SECONDS)
                if info.is_published():
                    with self._store.batch() as batch:
                        note_published(batch.connection, device, through=through)
        except (StoreError, RuntimeError, ValueError) as error:
            log.warning("commands wait: %s", error)  # and are tried again

    def _filters(self) -> tuple[list[str], list[str]]:
        """What this worker listens to, and what it must not, as a session may still have it.

        Batches are shared out among the workers; what boxes say of themselves goes to the first alone,
        because the broker gives what is retained to no shared subscription (MQTT 5, section 4.8.2).
        """
        records, shared = wire.ALL_RECORDS, SHARED_RECORDS
        if self._workers > 1:
            records, shared = shared, records
        own = [wire.ALL_TELEMETRY, wire.ALL_STATUS, ALL_WATERMARKS]
        return ([records, *own], [shared]) if self._worker == 1 else ([records], [shared, *own])

    def _take(self, client: mqtt.Client, messages: Sequence[mqtt.MQTTMessage]) -> None:
        """Some messages: committed, then acknowledged to the broker, then to the boxes."""
        if any(not one.retain and one.topic.endswith("/watermark") for one in messages):
            client.unsubscribe(ALL_WATERMARKS)  # what was retained has come before it; the rest is our own
        while not self._stopping:
            try:
                publish = self._commit(messages)
            except StoreError as error:
                log.error("%s Trying again.", error)  # noqa: TRY400 - the sentence says it all
                self._pause(STORE_RETRY_SECONDS)
                continue
            if self._behind and _is_trickle(messages):
                self._derive()  # in daily work nothing that a person sees is behind what a box was told
            for message in messages:
                client.ack(message.mid, message.qos)
            for topic, watermark in publish:
                client.publish(topic, watermark, qos=1, retain=True)
            return

    def _commit(self, messages: Sequence[mqtt.MQTTMessage]) -> list[tuple[str, bytes]]:
        """Store what the messages hold; returns what is to be published.

        Batches of records are one transaction; any other message comes alone, and is one of its own.

        Raises:
            StoreError: nothing is committed.
        """
        payload = bytes(messages[0].payload)
        try:
            device = wire.device_of(messages[0].topic)
            what = messages[0].topic.rsplit("/", 1)[1]
        except (wire.WireError, UnicodeDecodeError):
            return []
        if what == "records":
            return self._commit_records(messages)
        if what != "watermark":
            user = tuple(getattr(messages[0].properties, "UserProperty", ()))
            note_report(self._store, device, what, payload, retained=messages[0].retain, user=user)
        elif messages[0].retain:
            key = self._keys.watermark.verify_key
            ask_again(self._store, device, payload, key=key, operator=self._operator)
        return []

    def _commit_records(self, messages: Sequence[mqtt.MQTTMessage]) -> list[tuple[str, bytes]]:
        parcels: dict[str, list[list[bytes]]] = {}
        unreadable: list[tuple[str, str, bytes]] = []
        for message in messages:
            device = wire.device_of(message.topic)
            try:
                parcels.setdefault(device, []).append(wire.unpack(bytes(message.payload)))
            except wire.WireError as error:
                unreadable.append((device, str(error), bytes(message.payload)))
        known: dict[str, Device | None] = {}
        copies: dict[str, dict[bytes, tuple[str, int]]] = {}
        with self._store.reading() as batch:
            for device, batches in parcels.items():
                known[device] = batch.device(device)
                for envelopes in batches if known[device] else ():
                    copies.setdefault(device, {}).update(copies_among(batch, device, envelopes))
        messages_of = {
            device: [one for some in batches for one in some] for device, batches in parcels.items()
        }
        examined = {
            device: (known[device], examine(known[device], sent, self._keys, copies=copies.get(device)))
            for device, sent in messages_of.items()
        }
        with self._store.batch() as batch:
            for device, reason, payload in unreadable:
                batch.refuse(device, reason, payload)
            results = {
                # In one order, as each box's row is held: so no two workers wait for each other.
                device: ingest(
                    batch,
                    device=device,
                    messages=messages_of[device],
                    keys=self._keys,
                    examined=examined[device],
                )
                for device in sorted(parcels)
            }
            marks = [
                self._reached(batch, device, epoch)
                for device, result in results.items()
                for epoch in sorted(result.epochs)
            ]
            orders = [
                (wire.topic(device, wire.COMMAND), pending(batch.connection, device))
                for device, result in results.items()
                if result.commands_done
            ]
        for device, result in results.items():
            for reason in result.refused:
                log.warning("refused from %s: %s", device, reason)
            self._deriver.remember(result.sources)
            self._behind |= bool(result.sources)
            for sealed, movement in result.movements:
                self._show(sealed, movement)
        for mark in marks:
            self._watermarks[mark.device, mark.epoch] = mark.seq
        words = [
            (wire.topic(mark.device, "watermark"), sign_watermark(mark, signing_key=self._keys.watermark))
            for mark in marks
        ]
        return [*words, *orders]

    def _derive(self) -> None:
        """Some of what waits to be derived from."""
        try:
            self._behind = self._deriver.run(self._store).records > 0
        except StoreError as error:
            log.warning("%s What is derived waits.", error)
            self._behind = False
        self._derive_at = time.monotonic() + DERIVE_SECONDS

    def _derive_the_rest(self) -> None:
        """At the end, for some seconds; what is left is found at the next start."""
        until = time.monotonic() + LAST_DERIVE_SECONDS
        while self._behind and time.monotonic() < until:
            self._derive()

    def _reached(self, batch: Batch, device: str, epoch: str) -> Watermark:
        return batch.word(device, epoch, above=self._watermarks.get((device, epoch), 0))


def _group(first: mqtt.MQTTMessage, arrived: "queue.Queue[mqtt.MQTTMessage]") -> list[mqtt.MQTTMessage]:
    """The message and those batches of records that have come behind it: one commit for all of them."""
    group, size = [first], len(first.payload)
    if not _has_records(first):
        return group
    # Only this thread takes from the queue: what is seen there stays there.
    while size < GROUP_BYTES and arrived.queue and _has_records(arrived.queue[0]):
        group.append(arrived.get_nowait())
        size += len(group[-1].payload)
    return group


def _is_trickle(messages: Sequence[mqtt.MQTTMessage]) -> bool:
    """Records, alone and few. What a box says of itself is no reason to derive from what others sent."""
    only = messages[0]
    return len(messages) == 1 and len(only.payload) <= TRICKLE_BYTES and _has_records(only)


def _has_records(message: mqtt.MQTTMessage) -> bool:
    try:
        wire.device_of(message.topic)
    except (wire.WireError, UnicodeDecodeError):
        return False
    return message.topic.endswith("/records")


def _session(seconds: int) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = seconds
    properties.ReceiveMaximum = WAITING_MESSAGES
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties
