"""The hub's listener: mutual TLS 1.3 on one named address of the post's network, for the post's boxes alone.

Nothing is believed because of who brings it: each item is held against its own signature, so that a stolen
certificate can bring only what a box of the post has signed. Connections, times, sizes and each box's share
of the disk are bounded.
"""

import asyncio
import collections
import contextlib
import datetime as dt
import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.post_items import PostItemError, verify_item
from appliance.post_members import Members
from appliance.services.uplink.post.frames import (
    MAX_FRAME_BYTES,
    MAX_ITEMS,
    Answer,
    Ask,
    FrameError,
    Gave,
    Get,
    Put,
    Took,
    encoded,
    read_frame,
)
from appliance.services.uplink.post.store import PostStore, PostStoreError, Refused

MAX_CONNECTIONS: Final = 64
MAX_CONNECTIONS_AN_ADDRESS: Final = 4
"""A box has two: one that asks and one that brings."""
HANDSHAKE_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 90.0
"""A box asks again within a minute; a connection that says nothing for longer is nobody's."""
MAX_WAIT_SECONDS: Final = 60.0
WRITE_SECONDS: Final = 20.0
BACKLOG: Final = 16
GIVE_BYTES: Final = MAX_FRAME_BYTES - 64 * 1024

log = logging.getLogger(__name__)


class HubError(Exception):
    """The hub cannot listen as configured, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class PostCertificates:
    """This box's certificate on the post's network, and the post's own authority, which vouches for no one
    else."""

    ca: Path
    certificate: Path
    key: Path

    def context(self, *, server: bool) -> ssl.SSLContext:
        """TLS 1.3, both sides with a certificate of the post's authority.

        Raises:
            HubError: a file is missing or is none.
        """
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.check_hostname = (
                False  # boxes have names, not host names: `peer_name` is held against them
            )
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError) as error:
            raise HubError("This box's certificates for the post's network cannot be used.") from error
        return context


def check_address(address: str) -> str:
    """An address of the post's network: named, and never every interface or the open internet.

    Raises:
        HubError: it is something else.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        raise HubError(
            "The hub listens on an IP address of the post's network, and not on a name."
        ) from error
    if parsed.is_unspecified or parsed.is_multicast:
        raise HubError("The hub listens on one address of the post's network, never on every interface.")
    if parsed.is_global:
        raise HubError("The hub listens on a private address; this one belongs to the open internet.")
    return str(parsed)


def peer_name(transport: asyncio.WriteTransport | asyncio.StreamWriter) -> str:
    """The common name of the certificate that the other side has proven to hold; empty when it has none."""
    certificate = transport.get_extra_info("peercert") or {}
    names = [value for group in certificate.get("subject", ()) for key, value in group if key == "commonName"]
    return names[0] if len(names) == 1 else ""


class PostHub:
    """Gives each box of the post what the others have brought."""

    def __init__(
        self,
        *,
        store: PostStore,
        members: Members,
        certificates: PostCertificates,
        address: str,
        port: int,
        now: Callable[[], dt.datetime | None],
        came: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._members = members
        self._now = now
        self._came = came
        self._context = certificates.context(server=True)
        self._address = check_address(address)
        self._port = port
        self._grew = asyncio.Condition()
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)
        self._open: collections.Counter[str] = collections.Counter()

    @property
    def port(self) -> int:
        """Where it listens; of port 0, the one that was free."""
        return self._port

    async def run(self, *, listening: asyncio.Event | None = None) -> None:
        """Listen until cancelled.

        Raises:
            HubError: the address is not this box's, or the port is taken.
        """
        with self._listener() as listener:
            self._port = listener.getsockname()[1]
            if listening is not None:
                listening.set()
            async with asyncio.TaskGroup() as connections:
                while True:
                    await self._places.acquire()  # the kernel's backlog waits, and then refuses
                    plain, (source, *_) = await asyncio.get_running_loop().sock_accept(listener)
                    if self._open[source] >= MAX_CONNECTIONS_AN_ADDRESS:
                        plain.close()
                        self._places.release()
                        continue
                    self._open[source] += 1
                    connections.create_task(self._serve(plain, source))

    def grown(self) -> None:
        """This box itself has added something."""
        task = asyncio.ensure_future(self._tell())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _tell(self) -> None:
        async with self._grew:
            self._grew.notify_all()

    def _listener(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._address, self._port))
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            raise HubError(f"The hub cannot listen on {self._address} ({error.strerror}).") from error
        return listener

    async def _serve(self, plain: socket.socket, source: str) -> None:
        """One connection, until it is over; what goes wrong in it is nobody else's business."""
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await self._secured(plain)
            device = peer_name(writer)
            while True:
                ask: Ask = await read_frame(reader, Ask, seconds=IDLE_SECONDS)
                if not self._members.has(device):  # looked at each time: a box may have been put out
                    raise FrameError("A certificate of the post's authority, but no box of the post.")
                answer = await self._answer(ask)
                writer.write(encoded(answer))
                async with asyncio.timeout(WRITE_SECONDS):
                    await writer.drain()
        except FrameError as error:
            log.info("post: %s", error)
        except (OSError, TimeoutError, PostStoreError) as error:
            log.warning("post: a connection ended (%s)", type(error).__name__)
        finally:
            self._open[source] -= 1
            self._places.release()
            if writer is not None:
                writer.transport.abort()
            else:
                with contextlib.suppress(OSError):  # a handshake that is given up half-way would linger
                    plain.shutdown(socket.SHUT_RDWR)
                plain.close()

    async def _secured(self, plain: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=64 * 1024)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            plain,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=1.0,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _answer(self, ask: Ask) -> Answer:
        if isinstance(ask, Put):
            return await self._take(ask)
        return await self._give(ask)

    async def _take(self, put: Put) -> Took:
        refused: dict[int, str] = {}
        for place, data in enumerate(put.items[:MAX_ITEMS]):
            try:
                header = verify_item(data, signer_for=self._members.signer)
                await asyncio.to_thread(self._store.add, header, data, now=self._now(), sent=True)
            except (PostItemError, Refused) as error:
                refused[place] = str(error)
        refused |= dict.fromkeys(range(MAX_ITEMS, len(put.items)), "Too many at once.")
        await self._tell()
        self._came()
        return Took(refused=refused)

    async def _give(self, get: Get) -> Gave:
        """What is behind the box's position; a box that knows another copy begins at the beginning."""
        after = max(0, get.after) if get.hub == self._store.instance else 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(get.wait, MAX_WAIT_SECONDS))):
                async with self._grew:
                    await self._grew.wait_for(lambda: bool(self._store.after(after, limit=1, most_bytes=0)))
        found = self._store.after(after, limit=MAX_ITEMS, most_bytes=GIVE_BYTES)
        position = found[-1].position if found else after
        more = bool(found) and bool(self._store.after(position, limit=1, most_bytes=0))
        return Gave(
            hub=self._store.instance, position=position, items=tuple(one.data for one in found), more=more
        )
