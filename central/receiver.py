"""The receiver: takes batches from the broker, commits them, and only then acknowledges, signed.

A message is acknowledged to the broker after the commit, so that a receiver that is killed gets it again.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
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
from central.fleet.commands import note_published, pending, unpublished
from central.fleet.lacking import ask_again
from central.fleet.reports import note_report
from central.ingest import examine, ingest
from central.keys import Keys
from central.store import Batch, Store, StoreError

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
                try:
                    message = arrived.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                self._take(client, message)
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

    def _take(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        """One message: committed, then acknowledged to the broker, then to the box."""
        if not message.retain and message.topic.endswith("/watermark"):
            client.unsubscribe(ALL_WATERMARKS)  # what was retained has come before it; the rest is our own
        while not self._stopping:
            try:
                publish = self._commit(message)
            except StoreError as error:
                log.error("%s Trying again.", error)  # noqa: TRY400 - the sentence says it all
                self._pause(STORE_RETRY_SECONDS)
                continue
            client.ack(message.mid, message.qos)
            for topic, watermark in publish:
                client.publish(topic, watermark, qos=1, retain=True)
            return

    def _commit(self, message: mqtt.MQTTMessage) -> list[tuple[str, bytes]]:
        """Store what the message holds; returns the watermarks to publish.

        Raises:
            StoreError: nothing is committed.
        """
        payload = bytes(message.payload)
        try:
            device = wire.device_of(message.topic)
            what = message.topic.rsplit("/", 1)[1]
        except (wire.WireError, UnicodeDecodeError):
            return []
        if what == "watermark":
            if message.retain:
                key = self._keys.watermark.verify_key
                ask_again(self._store, device, payload, key=key, operator=self._operator)
            return []
        if what != "records":
            user = tuple(getattr(message.properties, "UserProperty", ()))
            note_report(self._store, device, what, payload, retained=message.retain, user=user)
            return []
        try:
            messages = wire.unpack(payload)
        except wire.WireError as error:
            with self._store.batch() as batch:
                batch.refuse(device, str(error), payload)
            return []
        with self._store.reading() as batch:
            registered = batch.device(device)
        examined = registered, examine(registered, messages, self._keys)
        with self._store.batch() as batch:
            result = ingest(batch, device=device, messages=messages, keys=self._keys, examined=examined)
            reached = {epoch: self._reached(batch, device, epoch) for epoch in result.epochs}
            commands = pending(batch.connection, device) if result.commands_done else None
        if result.erased:
            self._store.wipe()
        for reason in result.refused:
            log.warning("refused from %s: %s", device, reason)
        for sealed, movement in result.movements:
            self._show(sealed, movement)
        for epoch, mark in reached.items():
            self._watermarks[device, epoch] = mark.seq
        answers = [
            (wire.topic(device, "watermark"), sign_watermark(mark, signing_key=self._keys.watermark))
            for mark in reached.values()
        ]
        return answers if commands is None else [*answers, (wire.topic(device, wire.COMMAND), commands)]

    def _reached(self, batch: Batch, device: str, epoch: str) -> Watermark:
        return batch.word(device, epoch, above=self._watermarks.get((device, epoch), 0))


def _session(seconds: int) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = seconds
    properties.ReceiveMaximum = WAITING_MESSAGES
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties
