"""A broker by script, for what mosquitto cannot be made to do: refuse, stall, lie, speak rubbish."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from appliance.contracts import wire
from appliance.services.uplink.link import Credentials
from appliance.simulation.certificates import CertificateAuthority

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = (
    1, 2, 3, 4, 8, 9, 12, 13, 14,
)  # fmt: skip


class Packet(NamedTuple):
    kind: int
    flags: int
    body: bytes

    @property
    def topic(self) -> str:
        length = int.from_bytes(self.body[:2], "big")
        return self.body[2 : 2 + length].decode()

    @property
    def mid(self) -> bytes:
        at = 2 + int.from_bytes(self.body[:2], "big")
        return self.body[at : at + 2]

    @property
    def payload(self) -> bytes:
        return self._behind_topic[1]

    @property
    def user(self) -> tuple[tuple[str, str], ...]:
        """User properties of a PUBLISH that has no other (MQTT 5, 3.3.2.3.7)."""
        left, found = self._behind_topic[0], []
        while left:
            assert left[0] == 0x26
            texts, left = [], left[1:]
            for _ in range(2):
                end = 2 + int.from_bytes(left[:2], "big")
                texts.append(left[2:end].decode())
                left = left[end:]
            found.append((texts[0], texts[1]))
        return tuple(found)

    @property
    def _behind_topic(self) -> tuple[bytes, bytes]:
        """Properties, whose length takes one byte or two, and payload."""
        at = 2 + int.from_bytes(self.body[:2], "big") + 2
        length, start = self.body[at] & 0x7F, at + 1
        if self.body[at] & 0x80:
            length, start = length + (self.body[at + 1] << 7), at + 2
        return self.body[start : start + length], self.body[start + length :]


class Gone(Exception):
    """The client has hung up."""


class Connection:
    """One client, packet by packet (MQTT 5, 2.1)."""

    def __init__(self, stream: ssl.SSLSocket) -> None:
        self.stream = stream

    def receive(self) -> Packet:
        first = self._exactly(1)[0]
        length = shift = 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        return Packet(first >> 4, first & 0x0F, self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            try:
                more = self.stream.recv(count - len(got))
            except OSError as error:
                raise Gone from error
            if not more:
                raise Gone
            got += more
        return got

    def send(self, kind: int, body: bytes, flags: int = 0) -> None:
        length, encoded = len(body), b""
        while True:
            encoded += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
            length >>= 7
            if not length:
                break
        try:
            self.stream.sendall(bytes([kind << 4 | flags]) + encoded + body)
        except OSError as error:
            raise Gone from error

    def welcome(self, properties: bytes = b"", *, reason: int = 0) -> None:
        assert self.receive().kind == CONNECT
        self.send(CONNACK, bytes([0, reason, len(properties)]) + properties)

    def publish(self, topic: str, payload: bytes) -> None:
        self.send(PUBLISH, len(topic).to_bytes(2, "big") + topic.encode() + b"\0" + payload)

    def answer(self, packet: Packet) -> None:
        if packet.kind == SUBSCRIBE:
            self.send(SUBACK, packet.body[:2] + b"\0\1\1")
        elif packet.kind == PUBLISH:
            self.send(PUBACK, packet.mid + b"\0\0")
        elif packet.kind == PINGREQ:
            self.send(PINGRESP, b"")

    def batches(self):
        """Answers everything; gives the batches of records as they come."""
        while True:
            packet = self.receive()
            self.answer(packet)
            if packet.kind == PUBLISH and packet.topic.endswith("/records"):
                yield wire.unpack(packet.payload)


Behaviour = Callable[[Connection], None]


class ScriptedBroker:
    """Behaves on each connection as told; the last behaviour goes on for ever."""

    def __init__(self, folder: Path, *behaviours: Behaviour) -> None:
        self.connections = 0
        self._behaviours = behaviours
        authority = CertificateAuthority(folder)
        certificate, key = authority.issue("broker", server=True)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        own, own_key = authority.issue("test-box")
        port = self._listener.getsockname()[1]
        self.credentials = Credentials("127.0.0.1", port, authority.certificate, own, own_key)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            behaviour = self._behaviours[min(self.connections, len(self._behaviours) - 1)]
            self.connections += 1
            self._open.append(plain)
            threading.Thread(target=self._serve, args=(plain, behaviour), daemon=True).start()

    def _serve(self, plain: socket.socket, behaviour: Behaviour) -> None:
        with contextlib.suppress(Gone, OSError):
            stream = self._context.wrap_socket(plain, server_side=True)
            self._open.append(stream)
            with stream:
                behaviour(Connection(stream))

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # or the kernel listens as long as accept waits
        self._listener.close()
        for connection in self._open:
            connection.close()
