"""What every answer of the kiosk carries and every request must be: this page, this machine, nobody else.

The socket is on the loopback, but every web page that a browser on this machine opens can try it.
Against that: the Host must be a loopback name (DNS rebinding), the browser must call the request
same-origin (Sec-Fetch-Site), and a press must carry a header that no foreign page may set unasked.
"""

from typing import Final, TypeVar

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
OUR_SITE: Final = ("same-origin", "none")
"""`none` is an address typed by a person, or the kiosk browser's own start."""
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

PRESS_HEADER: Final = "x-borne-kiosk"
"""A page of another origin may not send it without asking, and it is never told yes."""

Sent = TypeVar("Sent", bound=msgspec.Struct)


class SameSite:
    """Puts the headers on every answer and refuses what another site's page asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        site = Headers(scope=scope).get("sec-fetch-site", "none")
        app = self._app if site in OUR_SITE else PlainTextResponse("Only from this page.", status_code=403)
        await app(scope, receive, guarded)


async def sent(request: Request, type_: type[Sent], *, limit: int) -> Sent | Response:
    """What the kiosk's own page has sent, or the answer that refuses it."""
    body = await sent_bytes(request, limit=limit, media_type="application/json")
    if isinstance(body, Response):
        return body
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return PlainTextResponse("That is not what is sent here.", status_code=400)


async def sent_bytes(
    request: Request, *, limit: int, media_type: str = "application/octet-stream"
) -> bytes | Response:
    """The same of a file, of at most `limit` bytes."""
    if request.headers.get(PRESS_HEADER) != "1":
        return PlainTextResponse("Only the kiosk's own page may do that.", status_code=403)
    if request.headers.get("content-type") != media_type:
        return PlainTextResponse(f"This is sent as {media_type}.", status_code=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return PlainTextResponse("That is longer than it can be.", status_code=413)
    return bytes(body)


def guards() -> list[Middleware]:
    """The outermost first."""
    return [
        Middleware(SameSite),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK), www_redirect=False),
    ]
