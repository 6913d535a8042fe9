"""One connection to the broker, from CONNECT to its end; it is never reconnected, the next is a new one.

paho keeps messages of a lost connection and sends them again on the next, beside our own. So the outbox
is the only queue, and a client that has lost its connection is thrown away with all that it held.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from appliance.contracts import wire

KEEPALIVE_SECONDS = 20
CONNECT_SECONDS = 10.0
"""For the connection, TLS and CONNACK together; a satellite line takes some seconds."""
MAX_OUTSTANDING = 16
"""Batches without PUBACK; the broker may ask for fewer (Receive Maximum), which paho does not heed. More than
20 makes paho slower: it looks through all of them at each PUBACK."""
DEAF_SECONDS = 2.0 * KEEPALIVE_SECONDS
"""A connection that leaves a PUBLISH unanswered for so long is dead, whatever paho says of it."""
SLOWEST_BYTES_PER_SECOND = 4096
"""A line slower than this is no line; so much longer a large message may take to be answered."""
CLOSE_SECONDS = 2.0
"""For the last packets of a connection that is being ended; a broker that does not read them gets no more."""
LOOP_SECONDS = 1.0
DISCONNECT_WITH_WILL = 0x04
MAX_INCOMING_BYTES = 64 * 1024 * 1024
"""A list of a hundred thousand persons, sealed; more is not even shown to lane."""
MAX_WAITING_BYTES = 80 * 1024 * 1024
"""Of messages that lane has not taken yet: the largest list, and the small ones behind it."""
MESSAGE_ROOM = 512
"""What a waiting message costs besides its payload, so that empty ones are bounded too."""
PACKET_ROOM = 512
"""Room for topic and properties under the broker's Maximum Packet Size."""


User = tuple[tuple[str, str], ...]
"""Names and values of MQTT 5 user properties."""

LOST = "The connection to the broker was lost."
SILENT = "The broker does not answer."


class LinkError(Exception):
    """Why there is no connection, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the broker is, and how this box proves who it is."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Announcement:
    """The box's signatures beside its two states: the later counter stands in the last will."""

    online: User = ()
    offline: User = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from the broker; whoever relies on it verifies it."""

    topic: str
    payload: bytes


class Link:
    """One connection: `next_incoming` gives what arrives, `ended` is set with the reason when it is over.

    All state is touched in the event loop's thread alone; paho's callbacks only send word there.
    """

    def __init__(
        self,
        device: str,
        credentials: Credentials,
        *,
        announced: Announcement | None,
        client_id: str | None = None,
        topics: Sequence[str] | None = None,
    ) -> None:
        """`announced` is what the broker tells of this box, while it is connected and when it is lost; None:
        nothing, as for a laptop that speaks for a dead box. The first of the `topics` is one that it cannot
        do without; None: a box's.
        """
        self._device = wire.check_name(device)
        self._announced = announced
        self._client_id = client_id or f"borne-{device}"
        self._topics = topics or (
            wire.topic(device, "watermark"),
            wire.topic(device, wire.COMMAND),
            wire.topic(device, "answer"),
            wire.REFERENCE_FILTER,
        )
        self._credentials = credentials
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._incoming: asyncio.Queue[Incoming] = asyncio.Queue()
        self._incoming_bytes = 0
        self._counting = threading.Lock()
        self._closing = threading.Event()
        self._unanswered: dict[int, int] = {}
        """Message ids and their sizes, in the order in which they were handed over."""
        self.heard_at = time.monotonic()
        """When the broker last answered, or had answered everything."""
        self.refusal = ""
        """Why the broker would not take a message, the last time that it said so; the others go on."""
        self._room = asyncio.Event()
        self.max_outstanding = MAX_OUTSTANDING
        self.max_payload = wire.MAX_BATCH_BYTES
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._serve, name="mqtt", daemon=True)

    async def connect(self) -> None:
        """Connect, subscribe, and say that the box is online.

        Raises:
            LinkError: refused, unreachable, or no answer in time.
        """
        self._thread.start()
        either: set[asyncio.Future[Any]] = {self._connected, self.ended}
        await asyncio.wait(either, timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if self._connected.done():
            if self._announced is not None:
                topic = wire.topic(self._device, wire.STATUS)
                self.publish(topic, wire.ONLINE, retain=True, user=self._announced.online)
            return
        self.close()
        raise LinkError(self.ended.result() if self.ended.done() else SILENT)

    def ask(self, topic: str, payload: bytes, *, answer_to: str, correlation: bytes, seconds: int) -> None:
        """Hand a request over that nobody needs after `seconds` (MQTT 5, 4.10: response topic, correlation
        data).

        Raises:
            LinkError: the connection is over.
        """
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = answer_to
        properties.CorrelationData = correlation
        properties.MessageExpiryInterval = seconds
        self._hand_over(topic, payload, retain=False, properties=properties)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        user: User = (),
    ) -> None:
        """Hand a message over with QoS 1, with these user properties. Its PUBACK is not delivery; it only
        makes room.

        What a connection was given that ends in this moment is lost with it.

        Raises:
            LinkError: the connection is over.
        """
        properties = _with_user(PacketTypes.PUBLISH, user)
        self._hand_over(topic, payload, retain=retain, properties=properties)

    def _hand_over(self, topic: str, payload: bytes, *, retain: bool, properties: Properties | None) -> None:
        if self.ended.done():
            raise LinkError(self.ended.result())
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        if not self._unanswered:
            self.heard_at = time.monotonic()
        self._unanswered[info.mid] = len(payload)

    @property
    def has_room(self) -> bool:
        return len(self._unanswered) < self.max_outstanding

    @property
    def idle(self) -> bool:
        """Whether the broker has everything that was handed over."""
        return not self._unanswered

    async def wait_for_room(self, seconds: float) -> None:
        """Wait until another message may be handed over, or the connection is over, but not longer."""
        self._room.clear()
        if not self.has_room and not self.ended.done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._room.wait()

    @property
    def deaf(self) -> bool:
        """Whether the broker has left something unanswered for too long."""
        if not self._unanswered:
            return False
        oldest = next(iter(self._unanswered.values()))
        return time.monotonic() - self.heard_at > DEAF_SECONDS + oldest / SLOWEST_BYTES_PER_SECOND

    def close(self) -> None:
        """End the connection, so that the broker gives out our last will; closing twice does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._say_goodbye()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(MAX_OUTSTANDING)
        client.max_queued_messages_set(2 * MAX_OUTSTANDING)
        if self._announced is not None:
            will = _with_user(PacketTypes.WILLMESSAGE, self._announced.offline)
            topic = wire.topic(self._device, wire.STATUS)
            client.will_set(topic, wire.OFFLINE, qos=1, retain=True, properties=will)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        # With this set, paho writes to the socket in its own thread alone, whoever publishes: two threads
        # in its writer would tear each other's packets.
        client.on_socket_register_write = lambda *_: None
        return client

    def _serve(self) -> None:
        """paho's thread: whatever ends it is the reason that the connection is over."""
        reason = LOST
        try:
            self._run_client()
        except TimeoutError:
            reason = SILENT
        except OSError as error:
            reason = f"The broker cannot be reached: {error.strerror or type(error).__name__}."
        except LinkError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a broker's rubbish must not take the service down
            reason = f"The broker speaks no proper MQTT ({type(error).__name__})."
        self._tell(self._end, reason)

    def _run_client(self) -> None:
        credentials = self._credentials
        try:
            self._client.tls_set(str(credentials.ca), str(credentials.certificate), str(credentials.key))
        except (OSError, ValueError) as error:
            raise LinkError("This box's certificates for the broker cannot be used.") from error
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        properties.MaximumPacketSize = MAX_INCOMING_BYTES
        self._client.connect(
            credentials.host,
            credentials.port,
            keepalive=KEEPALIVE_SECONDS,
            clean_start=True,
            properties=properties,
        )
        while not self._closing.is_set():
            if self._client.loop(LOOP_SECONDS) != mqtt.MQTT_ERR_SUCCESS:
                return
        self._say_goodbye()  # again: `close` found no socket while we were still connecting
        deadline = time.monotonic() + CLOSE_SECONDS
        while time.monotonic() < deadline and self._client.loop(LOOP_SECONDS) == mqtt.MQTT_ERR_SUCCESS:
            pass

    def _say_goodbye(self) -> None:
        with_will = ReasonCode(PacketTypes.DISCONNECT, identifier=DISCONNECT_WITH_WILL)
        self._client.disconnect(with_will)

    def _end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
        self._room.set()

    def _tell(self, function: Any, *arguments: Any) -> None:
        """Into the event loop's thread; one that has ended needs no word any more."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _on_connect(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._tell(self._end, f"The broker refuses this box: {reason}.")
            return
        # MQTT 5, 3.2.2.3.3: without the property it is 65,535.
        receive_maximum = getattr(properties, "ReceiveMaximum", None) or MAX_OUTSTANDING
        packet_size = getattr(properties, "MaximumPacketSize", None) or wire.MAX_BATCH_BYTES + PACKET_ROOM
        client.subscribe([(topic, 1) for topic in self._topics])
        self._tell(self._came_up, int(receive_maximum), int(packet_size))

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: Any, _props: Any
    ) -> None:
        if reasons and reasons[0].is_failure:
            self._tell(self._refused, "The broker does not let this box hear central's word.")

    def _refused(self, sentence: str) -> None:
        self.refusal = sentence
        self._end(sentence)

    def _came_up(self, receive_maximum: int, packet_size: int) -> None:
        self.max_outstanding = min(MAX_OUTSTANDING, receive_maximum)
        self.max_payload = max(1, min(wire.MAX_BATCH_BYTES, packet_size - PACKET_ROOM))
        if not self._connected.done():
            self._connected.set_result(None)

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: Any, flags: Any, reason: Any, _properties: Any
    ) -> None:
        said = flags.is_disconnect_packet_from_server
        self._tell(self._end, f"The broker ended the connection: {reason}." if said else LOST)

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        # A flood drops the newest: everything that is for us is retained, and comes again. It is counted
        # here, in paho's thread, because what is handed to a busy event loop waits there uncounted.
        size = len(message.payload) + MESSAGE_ROOM
        with self._counting:
            if self._incoming_bytes and self._incoming_bytes + size > MAX_WAITING_BYTES:
                return
            self._incoming_bytes += size
        self._tell(self._incoming.put_nowait, Incoming(message.topic, bytes(message.payload)))

    async def next_incoming(self) -> Incoming:
        """What the broker has sent, in its order."""
        incoming = await self._incoming.get()
        with self._counting:
            self._incoming_bytes -= len(incoming.payload) + MESSAGE_ROOM
        return incoming

    def _on_publish(self, _client: mqtt.Client, _userdata: Any, mid: int, reason: Any, _props: Any) -> None:
        self._tell(self._answered, mid, str(reason) if reason.is_failure else "")

    def _answered(self, mid: int, refusal: str) -> None:
        if refusal:
            self.refusal = f"The broker does not take what this box sends: {refusal}."
        self._unanswered.pop(mid, None)
        self.heard_at = time.monotonic()
        self._room.set()


def _with_user(packet: int, user: User) -> Properties | None:
    if not user:
        return None
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    properties.UserProperty = list(user)
    return properties
