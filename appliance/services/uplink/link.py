"""One connection to the broker, from CONNECT to its end; it is never reconnected, the next is a new one.

paho keeps messages of a lost connection and sends them again on the next, beside our own. So the outbox
is the only queue, and a client that has lost its connection is thrown away with all that it held.
"""

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from appliance.contracts import wire

KEEPALIVE_SECONDS = 20
CONNECT_SECONDS = 10.0
"""For the connection, TLS and CONNACK together; a satellite line takes some seconds."""
MAX_OUTSTANDING = 8
"""Batches without PUBACK; the broker may ask for fewer (Receive Maximum), which paho does not heed."""
DEAF_SECONDS = 2.0 * KEEPALIVE_SECONDS
"""A connection that leaves a PUBLISH unanswered for so long is dead, whatever paho says of it."""
PACKET_ROOM = 512
"""Room for topic and properties under the broker's Maximum Packet Size."""


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
class Incoming:
    """A message from the broker; whoever relies on it verifies it."""

    topic: str
    payload: bytes


class Link:
    """One connection: `incoming` gives what arrives, `ended` is set with the reason when it is over.

    All state is touched in the event loop's thread alone; paho's callbacks only send word there.
    """

    def __init__(self, device: str, credentials: Credentials) -> None:
        self._device = device
        self._credentials = credentials
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self.incoming: asyncio.Queue[Incoming] = asyncio.Queue(maxsize=256)
        self._unanswered: dict[int, float] = {}
        self._room = asyncio.Event()
        self.max_outstanding = MAX_OUTSTANDING
        self.max_payload = wire.MAX_BATCH_BYTES
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._serve, name="mqtt", daemon=True)

    async def connect(self) -> None:
        """Connect and subscribe.

        Raises:
            LinkError: refused, unreachable, or no answer in time.
        """
        self._thread.start()
        either: set[asyncio.Future[Any]] = {self._connected, self.ended}
        await asyncio.wait(either, timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if self._connected.done():
            return
        self.close()
        raise LinkError(self.ended.result() if self.ended.done() else "The broker does not answer.")

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand a message over with QoS 1. Its PUBACK is not delivery; it only makes room.

        Raises:
            LinkError: the connection is over.
        """
        if self.ended.done():
            raise LinkError(self.ended.result())
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            raise LinkError("The connection to the broker was lost.")
        self._unanswered[info.mid] = time.monotonic()

    @property
    def has_room(self) -> bool:
        return len(self._unanswered) < self.max_outstanding

    async def wait_for_room(self) -> None:
        """Wait until another message may be handed over, or the connection is over."""
        while not self.has_room and not self.ended.done():
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), 1.0)

    @property
    def deaf(self) -> bool:
        """Whether the broker has left something unanswered for too long."""
        oldest = min(self._unanswered.values(), default=None)
        return oldest is not None and time.monotonic() - oldest > DEAF_SECONDS

    def close(self) -> None:
        """End the connection; closing twice does nothing."""
        self._client.disconnect()
        # paho's disconnect waits for its loop; a loop that hangs is left to die with its socket.
        connection = self._client.socket()
        if connection is not None and self.deaf:
            with contextlib.suppress(OSError):
                connection.close()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"borne-{wire.check_name(self._device)}",
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        credentials = self._credentials
        client.tls_set(str(credentials.ca), str(credentials.certificate), str(credentials.key))
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(MAX_OUTSTANDING)
        client.max_queued_messages_set(2 * MAX_OUTSTANDING)
        client.will_set(wire.topic(self._device, "status"), wire.OFFLINE, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def _serve(self) -> None:
        """paho's thread: whatever ends it is the reason that the connection is over."""
        reason = "The connection to the broker was lost."
        try:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
            self._client.connect(
                self._credentials.host,
                self._credentials.port,
                keepalive=KEEPALIVE_SECONDS,
                clean_start=True,
                properties=properties,
            )
            self._client.loop_forever(retry_first_connection=False)
        except OSError as error:
            reason = f"The broker cannot be reached: {error.strerror or type(error).__name__}."
        except Exception as error:  # noqa: BLE001 - a broker's rubbish must not take the service down
            reason = f"The broker speaks no proper MQTT ({type(error).__name__})."
        self._tell(self._end, reason)

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
            client.disconnect()
            return
        receive_maximum = getattr(properties, "ReceiveMaximum", None) or MAX_OUTSTANDING
        packet_size = getattr(properties, "MaximumPacketSize", None) or wire.MAX_BATCH_BYTES + PACKET_ROOM
        self.max_outstanding = min(MAX_OUTSTANDING, receive_maximum)
        self.max_payload = max(1, min(wire.MAX_BATCH_BYTES, packet_size - PACKET_ROOM))
        client.subscribe([(wire.topic(self._device, "watermark"), 1), (wire.REFERENCE_FILTER, 1)])
        client.publish(wire.topic(self._device, "status"), wire.ONLINE, qos=1, retain=True)
        self._tell(self._came_up)

    def _came_up(self) -> None:
        if not self._connected.done():
            self._connected.set_result(None)

    def _on_disconnect(self, *_: Any) -> None:
        self._tell(self._end, "The connection to the broker was lost.")

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        incoming = Incoming(message.topic, bytes(message.payload))
        self._tell(self._arrived, incoming)

    def _arrived(self, incoming: Incoming) -> None:
        # A flood drops the newest: everything that comes is retained, and asked for again.
        with contextlib.suppress(asyncio.QueueFull):
            self.incoming.put_nowait(incoming)

    def _on_publish(self, _client: mqtt.Client, _userdata: Any, mid: int, *_: Any) -> None:
        self._tell(self._answered, mid)

    def _answered(self, mid: int) -> None:
        self._unanswered.pop(mid, None)
        self._room.set()
