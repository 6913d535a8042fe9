"""Central's door for boxes that have no certificate yet: one kind of request over TLS, and nothing else.

It speaks just so much HTTP/1.1 (RFC 9112) as one POST of one small body needs, so that there is nothing else
to ask it for: no other method, no other path, no second request on a connection. Time, size and number are
bounded for whoever comes, before anything of theirs is looked at.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from appliance.contracts.provisioning import DOOR_PATH, MAX_REQUEST_BYTES, DoorWord, Request
from appliance.contracts.wire import WireError, check_name
from central.claims import EnrolError, Refused

MAX_HEAD_BYTES: Final = 4096
EXCHANGE_SECONDS: Final = 15.0
"""TLS, request and answer together; a satellite line takes some seconds."""
MAX_CONNECTIONS: Final = 64
MAX_OF_ONE_ADDRESS: Final = 8
ANSWER_MEDIA_TYPE: Final = "application/cose"
_REASONS: Final = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    503: "Service Unavailable",
}
WAITING: Final = DoorWord(code="waiting", sentence="Central has the request; a person must agree to it.")

log = logging.getLogger(__name__)


class _NotHttp(Exception):
    """Why the exchange ends: a status."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Desk:
    """Judges a request. `answers` gives the signed answer, or None while a person must agree; `alarm` is told
    of a token that two have."""

    def __init__(
        self, *, answers: Callable[[Request], bytes | None], alarm: Callable[[str, str], None]
    ) -> None:
        self._answers = answers
        self._alarm = alarm

    def take(self, body: bytes) -> tuple[int, bytes]:
        """Status and body for the box."""
        try:
            request = msgspec.json.decode(body, type=Request)
            check_name(request.device)
        except (msgspec.MsgspecError, RecursionError, WireError):
            return 400, _word("not_a_request", "This is no request of a box.")
        try:
            answer = self._answers(request)
        except Refused as error:
            if error.alarm:
                self._alarm(error.device, error.alarm)
            return 403, _word(error.code, str(error))
        except EnrolError as error:
            return 403, _word("not_a_request", str(error))
        return (202, msgspec.json.encode(WAITING)) if answer is None else (200, answer)


class Serving:
    """Listens, until `stop`."""

    def __init__(self, desk: Desk, host: str, port: int, certificate: Path, key: Path) -> None:
        self._desk = desk
        self._at = host, port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.load_cert_chain(certificate, key)
        self._stopped: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._open: Counter[str] = Counter()

    def run(self, *, ready: Callable[[int], None]) -> None:
        """Serve; `ready` is told the port (0 takes a free one)."""
        asyncio.run(self._run(ready))

    def stop(self) -> None:
        """From a signal's handler or another thread."""
        if self._stopped is not None:
            loop, event = self._stopped
            with contextlib.suppress(RuntimeError):  # it has ended already
                loop.call_soon_threadsafe(event.set)

    async def _run(self, ready: Callable[[int], None]) -> None:
        stopped = asyncio.Event()
        self._stopped = asyncio.get_running_loop(), stopped
        server = await asyncio.start_server(
            self._serve, *self._at, ssl=self._context, limit=MAX_HEAD_BYTES, backlog=MAX_CONNECTIONS,
            ssl_handshake_timeout=EXCHANGE_SECONDS, ssl_shutdown_timeout=1.0,
        )  # fmt: skip
        ready(int(server.sockets[0].getsockname()[1]))
        await stopped.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str((writer.get_extra_info("peername") or ("?",))[0])
        self._open[address] += 1
        try:
            async with asyncio.timeout(EXCHANGE_SECONDS):
                if self._open.total() > MAX_CONNECTIONS or self._open[address] > MAX_OF_ONE_ADDRESS:
                    status, body = 503, _word("busy", "Too many ask at once: come again.")
                else:
                    status, body = await self._exchange(reader)
                writer.write(_head(status, body) + body)
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # whoever it was has gone, or says nothing
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _exchange(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        try:
            length = await _length(reader)
        except _NotHttp as error:
            return error.status, b""
        body = await reader.readexactly(length)
        try:
            return await asyncio.to_thread(self._desk.take, body)
        except Exception:
            log.exception("a request could not be judged")
            return 503, _word("busy", "Central cannot answer now: come again.")


async def _length(reader: asyncio.StreamReader) -> int:
    """How long the body is that follows.

    Raises:
        _NotHttp: it is no POST of a request.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise _NotHttp(413) from error
    line, _, fields = head.partition(b"\r\n")
    words = line.split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        raise _NotHttp(400)
    if words[1] != DOOR_PATH.encode():
        raise _NotHttp(404)
    if words[0] != b"POST":
        raise _NotHttp(405)
    lengths = [
        value.strip()
        for name, _, value in (field.partition(b":") for field in fields.split(b"\r\n"))
        if name.lower() == b"content-length"
    ]
    if len(lengths) != 1 or not lengths[0].isdigit():
        raise _NotHttp(400)  # nor a chunked one: no box sends it
    if len(lengths[0]) > 6 or int(lengths[0]) > MAX_REQUEST_BYTES:
        raise _NotHttp(413)
    return int(lengths[0])


def _head(status: int, body: bytes) -> bytes:
    kind = ANSWER_MEDIA_TYPE if status == 200 else "application/json"
    lines = (
        f"HTTP/1.1 {status} {_REASONS[status]}", f"Content-Type: {kind}", f"Content-Length: {len(body)}",
        "Cache-Control: no-store", "Connection: close",
    )  # fmt: skip
    return "\r\n".join((*lines, "", "")).encode()


def _word(code: str, sentence: str) -> bytes:
    return msgspec.json.encode(DoorWord(code=code, sentence=sentence))
