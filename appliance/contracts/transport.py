"""HTTP over unix sockets: a service's Protocol served with Starlette, called with httpx.

`POST /<operation>` with one JSON object, so that `curl --unix-socket` can look in. Who calls is
asked of the kernel (SO_PEERCRED), never of the caller.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from appliance.contracts.errors import ServiceError

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Above a page of 32 sealed records with pictures; below what would press a small board."""
CALL_SECONDS = 10.0
"""What an answer may take beyond the wait that the request itself asks for."""

Message = TypeVar("Message", bound=msgspec.Struct)
Answer = TypeVar("Answer", bound=msgspec.Struct)
log = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A `ServiceError` on its way through the socket."""

    code: str
    sentence: str
    retry: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of a service's table: its name, its request's type, its function, who may call it.

    `uids` are the callers' user ids; None allows any local user whom the socket's mode lets in.
    """

    name: str
    request: type[msgspec.Struct]
    function: Callable[[Any], Awaitable[msgspec.Struct]]
    uids: frozenset[int] | None = None


class RemoteService:
    """A client of one unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://borne"
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def call(
        self, operation: str, request: msgspec.Struct, answer: type[Answer], *, wait: float = 0.0
    ) -> Answer:
        """One operation; `wait` is what the request itself may take.

        Raises:
            ServiceError: the service said no (its own code), or `unreachable`, or `bad_answer`.
        """
        try:
            response = await self._client.post(
                f"/{operation}", content=msgspec.json.encode(request), timeout=wait + CALL_SECONDS
            )
        except httpx.HTTPError as error:
            raise ServiceError(
                "unreachable", f"The service behind {self._path.name} does not answer.", retry=True
            ) from error
        try:
            if response.status_code == httpx.codes.OK:
                return msgspec.json.decode(response.content, type=answer)
            problem = msgspec.json.decode(response.content, type=Problem)
        except msgspec.MsgspecError as error:
            raise ServiceError(
                "bad_answer", f"The service behind {self._path.name} answered in riddles."
            ) from error
        raise ServiceError(problem.code, problem.sentence, retry=problem.retry)


def application(operations: Iterable[Operation]) -> Starlette:
    """The service's operations as a web application for its socket."""
    return Starlette(routes=[_route(operation) for operation in operations])


def _route(operation: Operation) -> Route:
    async def endpoint(request: Request) -> Response:
        uid = int(request.scope["client"][0])
        if operation.uids is not None and uid not in operation.uids:
            return _problem(
                403, Problem(code="not_allowed", sentence="This user may not ask that.", retry=False)
            )
        try:
            message = msgspec.json.decode(await _bounded_body(request), type=operation.request)
        except (msgspec.MsgspecError, ValueError):
            return _problem(
                400, Problem(code="bad_request", sentence="The request is malformed.", retry=False)
            )
        try:
            answer = await _unless_gone(request, operation.function(message))
        except ServiceError as error:
            return _problem(409, Problem(code=error.code, sentence=error.sentence, retry=error.retry))
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return Route(f"/{operation.name}", endpoint, methods=["POST"])


async def _unless_gone(request: Request, work: Awaitable[msgspec.Struct]) -> msgspec.Struct:
    """The work's answer; when the caller hangs up, the work is cancelled, so that no device stays taken."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ServiceError("hung_up", "The caller did not wait for the answer.")
        return task.result()
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _problem(status: int, problem: Problem) -> Response:
    return Response(msgspec.json.encode(problem), status_code=status, media_type="application/json")


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_MESSAGE_BYTES:
            raise ValueError("message too large")
    return bytes(body)


class _PeerProtocol(H11Protocol):
    """Puts the caller's user and process id, as the kernel has them, in place of an address."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_UNIX:
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            pid, uid, _gid = struct.unpack("3i", credentials)
            self.client = (str(uid), pid)


async def serve(app: Starlette, listener: socket.socket) -> None:
    """Serve until cancelled, on a listening socket of our own or one handed in by systemd."""
    config = uvicorn.Config(
        app, http=_PeerProtocol, ws="none", lifespan="off", log_config=None, access_log=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    try:
        await server._serve(sockets=[listener])
    finally:
        listener.close()


def listen_unix(path: Path, *, mode: int = 0o660) -> socket.socket:
    """A listening unix socket; a stale file of a killed process is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old_mask = os.umask(0o777 & ~mode)
    try:
        listener.bind(str(path))
    finally:
        os.umask(old_mask)
    listener.listen(64)
    listener.setblocking(False)
    return listener
