"""The gateway: answers the boxes' live queries by asking registers, each within its time.

A query is believed with the signature of the box under whose topic it came; its answer is sealed to that
box and
signed here. What a register does not answer is said as not reached, never as no hit. Nothing of a query is
logged.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from datetime import UTC, datetime
from typing import Any, Final

import paho.mqtt.client as mqtt
from nacl.public import PublicKey
from nacl.signing import VerifyKey
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from appliance.contracts import wire
from appliance.live_query import (
    MAX_BYTES,
    Answer,
    LiveHit,
    LiveQueryError,
    RegisterAnswer,
    open_query,
    seal_answer,
)
from central.broker import Access
from central.keys import GatewayKeys
from central.register import Register, RegisterUnreachable
from central.store import Store

REGISTER_SECONDS: Final = 4.0
"""For all registers together: the box waits 5 s from its question, the line takes the rest."""
MAX_WAITING: Final = 64
MAX_REMEMBERED: Final = 4096
"""Ids of queries that were answered: a recorded one that is sent again gets no second answer."""
POLL_SECONDS: Final = 0.2
RECONNECT_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class Gateway:
    """Answers queries; `Desk` below brings them from the broker."""

    def __init__(self, *, store: Store, keys: GatewayKeys, registers: Sequence[Register]) -> None:
        self._store = store
        self._keys = keys
        self._registers = tuple(registers)
        self._pool = ThreadPoolExecutor(
            max_workers=max(4, 4 * len(self._registers)), thread_name_prefix="register"
        )
        self._answered: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, device: str, data: bytes) -> bytes:
        """The sealed answer to a sealed query of this device.

        Raises:
            LiveQueryError: the device is not registered, or the query is not its own, or was answered before.
        """
        with self._store.reading() as batch:
            known = batch.device(device)
        if known is None or known.sealing_key is None:
            raise LiveQueryError(
                "The device is not registered, or without the key that answers are sealed to."
            )
        query = open_query(
            data, device=device, verify_key=VerifyKey(known.signing_key), private_key=self._keys.sealing
        )
        self._remember(query.id)
        until = time.monotonic() + REGISTER_SECONDS
        asked = [
            (one, self._pool.submit(one.ask, query, seconds=REGISTER_SECONDS)) for one in self._registers
        ]
        answer = Answer(
            id=query.id,
            device=device,
            answered_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            registers=tuple(_answer_of(one, found, until) for one, found in asked),
        )
        return seal_answer(answer, signing_key=self._keys.signing, recipient=PublicKey(known.sealing_key))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _remember(self, id_: bytes) -> None:
        with self._lock:
            if id_ in self._answered:
                raise LiveQueryError("The query was answered before.")
            self._answered[id_] = None
            while len(self._answered) > MAX_REMEMBERED:
                self._answered.popitem(last=False)


def _answer_of(register: Register, found: "Future[tuple[LiveHit, ...]]", until: float) -> RegisterAnswer:
    try:
        hits = found.result(timeout=max(0.0, until - time.monotonic()))
    except (RegisterUnreachable, NotInTime):
        return RegisterAnswer(register=register.name, reached=False)
    except Exception as error:  # noqa: BLE001 - a register's fault is that register's, and says nothing of anybody
        log.warning("the register %s failed: %s", register.name, type(error).__name__)
        return RegisterAnswer(register=register.name, reached=False)
    return RegisterAnswer(register=register.name, reached=True, hits=hits)


class Desk:
    """The gateway at the broker, until `stop`."""

    def __init__(
        self, *, gateway: Gateway, access: Access, listening: Callable[[], None] | None = None
    ) -> None:
        """`listening` is called whenever the broker has begun to pass queries on."""
        self._gateway = gateway
        self._access = access
        self._stopping = False
        self._workers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="query")
        self._listening = listening or (lambda: None)

    def stop(self) -> None:
        """End soon."""
        self._stopping = True

    def run(self) -> None:
        """Connect, answer, and begin again, until `stop`."""
        try:
            while not self._stopping:
                try:
                    self._one_connection()
                except OSError as error:
                    log.warning("the broker cannot be reached: %s", error.strerror or type(error).__name__)
                until = time.monotonic() + RECONNECT_SECONDS
                while not self._stopping and time.monotonic() < until:
                    time.sleep(POLL_SECONDS)
        finally:
            self._workers.shutdown(wait=False, cancel_futures=True)
            self._gateway.close()

    def _one_connection(self) -> None:
        lost = threading.Event()
        arrived: queue.Queue[mqtt.MQTTMessage] = queue.Queue(maxsize=MAX_WAITING)
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        self._access.secure(client)

        def on_connect(client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _props: Any) -> None:
            if reason.is_failure:
                log.warning("the broker refuses the gateway: %s", reason)
                lost.set()
            else:
                client.subscribe(wire.ALL_QUERIES, 1)

        def on_message(_client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
            if (
                len(message.payload) <= MAX_BYTES and not arrived.full()
            ):  # more than it can ask is not kept waiting
                arrived.put_nowait(message)

        client.on_connect = on_connect
        client.on_message = on_message
        client.on_subscribe = lambda *_: self._listening()
        client.on_disconnect = lambda *_: lost.set()
        client.connect(self._access.host, self._access.port, 20, clean_start=True)
        client.loop_start()
        try:
            while not self._stopping and not lost.is_set():
                try:
                    message = arrived.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                self._workers.submit(self._reply, client, message)
        finally:
            client.disconnect()
            client.loop_stop()

    def _reply(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        """To the box's own answer topic, whatever response topic it names: no box speaks for another."""
        try:
            device = wire.device_of(message.topic)
            answer = self._gateway.answer(device, bytes(message.payload))
        except (wire.WireError, LiveQueryError) as error:
            log.warning("a query is not answered: %s", error)
            return
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        correlation = getattr(message.properties, "CorrelationData", None)
        if correlation:
            properties.CorrelationData = correlation
        client.publish(wire.topic(device, "answer"), answer, qos=1, properties=properties)
