"""What the pages of a visit have in common (technician, supervisor): a cookie, a stream, a frame.

The word of the visit is a cookie that no script reads; without it every route of such a page answers nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from appliance.contracts.lane import View
from appliance.services.lane.kiosk.form import Refusal
from appliance.services.lane.kiosk.looks import look_of
from appliance.services.lane.kiosk.words import Words

MAX_BYTES: Final = 4 * 1024
TICK_SECONDS: Final = 1.0
HEARTBEAT_TICKS: Final = 4
"""The page calls the box lost after 10 seconds of silence."""


class VisitDesk(Protocol):
    """What such a page asks of its desk."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def free(self) -> bool: ...

    ended: str

    def knows(self, token: str) -> bool: ...


class VisitSource(Protocol):
    """What such a page asks of the lane."""

    def view(self) -> View: ...


class VisitPage:
    """`visit` is its cookie's name and, behind a stroke, its path; script and events are called so."""

    visit: str

    def __init__(
        self, source: VisitSource, words: Callable[[Request], Words], templates: Environment, version: str
    ) -> None:
        self._view = source.view
        self._words = words
        self._templates = templates
        self._version = version

    @property
    def path(self) -> str:
        return f"/{self.visit}"

    def token(self, request: Request) -> str:
        return request.cookies.get(self.visit, "")

    def begun(self, said: Refusal, token: str) -> Response:
        """The answer to who wants to begin, with the cookie of who may."""
        response = as_json(said)
        if said.taken:
            response.set_cookie(self.visit, token, path=self.path, httponly=True, samesite="strict")
        return response

    async def stream(
        self,
        desk: VisitDesk,
        token: str,
        update: Callable[[], Awaitable[msgspec.Struct]],
        over: Callable[[str], msgspec.Struct],
    ) -> AsyncIterator[bytes]:
        """The page as it stands, until the visit is over, and then why: leave, traveller, idle."""
        told, tick = b"", 0
        while desk.knows(token):
            data = msgspec.json.encode(await update())
            if data != told or tick >= HEARTBEAT_TICKS:
                told, tick = data, 0
                yield self._event(data)
            tick += 1
            await asyncio.sleep(TICK_SECONDS)
        yield self._event(msgspec.json.encode(over(desk.ended or "leave")))

    def _event(self, data: bytes) -> bytes:
        return f"event: {self.visit}\ndata: ".encode() + data + b"\n\n"

    def render(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(**values).strip()

    def html(self, template: str, request: Request, **values: Any) -> Response:
        view = self._view()
        html = self._templates.get_template(template).render(
            words=self._words(request),
            look=look_of(request),
            version=self._version,
            simulated=bool(view.simulated) or view.profile != "production",
            post=view.post,
            **values,
        )
        return Response(html, media_type="text/html")


def as_json(said: msgspec.Struct | dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(said), media_type="application/json")
