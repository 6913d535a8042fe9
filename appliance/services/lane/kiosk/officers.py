"""The supervisor's page of who works here, and the form for whom central has appointed.

The page is one of its own, and a visit ends with the traveller who comes. The word of the visit is a cookie
that no script reads; without it every route here answers nothing. PINs pass through and stay nowhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from appliance.contracts.lane import View
from appliance.contracts.naming import ACTS, Act, Appoint, Named, OfficersView, OpenOfficers
from appliance.contracts.officers import OfficerAnswer, Role
from appliance.services.lane.kiosk.form import Refusal
from appliance.services.lane.kiosk.guard import sent
from appliance.services.lane.kiosk.looks import look_of
from appliance.services.lane.kiosk.words import Words

COOKIE: Final = "officers"
PATH: Final = "/officers"
MAX_BYTES: Final = 4 * 1024
TICK_SECONDS: Final = 1.0
HEARTBEAT_TICKS: Final = 4
"""The page calls the box lost after 10 seconds of silence."""


class AppointingSource(Protocol):
    """What the form asks of the lane's desk."""

    names: tuple[str, ...]
    refused: str

    def take(self, request: Appoint) -> Named: ...


class OfficersSource(Protocol):
    """What the page asks of the lane's desk."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def free(self) -> bool: ...

    ended: str

    async def open(self, request: OpenOfficers) -> tuple[OfficerAnswer, str]: ...

    def knows(self, token: str) -> bool: ...

    def leave(self, token: str) -> None: ...

    async def view(self) -> OfficersView: ...

    async def act(self, token: str, act: Act) -> Named: ...


class NamingSource(Protocol):
    """Both."""

    @property
    def appointing(self) -> AppointingSource: ...

    @property
    def desk(self) -> OfficersSource: ...


class Source(Protocol):
    """What the page asks of the lane."""

    @property
    def naming(self) -> NamingSource: ...

    def view(self) -> View: ...


class Leave(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The supervisor goes."""


class OfficersUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one event tells the page."""

    version: str
    ended: str = ""
    """leave, traveller, idle: the visit is over."""
    waiting: bool = False
    """A card is waited for."""
    names: tuple[str, ...] = ()
    roles: dict[str, tuple[Role, ...]] = {}
    list: str = ""
    now: str = ""


class OfficersPage:
    """The routes of the page, and of the form."""

    def __init__(
        self, source: Source, words: Callable[[Request], Words], templates: Environment, version: str
    ) -> None:
        self._source = source
        self._words = words
        self._templates = templates
        self._version = version

    def routes(self) -> list[Route]:
        return [
            Route("/appoint", self.appoint, methods=["POST"]),
            Route(PATH, self.page),
            Route(f"{PATH}/open", self.open, methods=["POST"]),
            Route(f"{PATH}/act", self.act, methods=["POST"]),
            Route(f"{PATH}/leave", self.leave, methods=["POST"]),
            Route(f"{PATH}/events", self.events),
        ]

    async def appoint(self, request: Request) -> Response:
        """A name, central's code, and a PIN twice."""
        asked = await sent(request, Appoint, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        named = await asyncio.to_thread(self._source.naming.appointing.take, asked)
        return _json(_said(named, self._words(request)))

    async def page(self, request: Request) -> Response:
        """Who works here, or the form that asks for a PIN; the lane's page while somebody stands there."""
        desk = self._source.naming.desk
        if not desk.free:
            return RedirectResponse("/", status_code=303)
        if desk.knows(_token(request)):
            return self._html("officers.html", request, acts=ACTS, every_role=tuple(Role))
        refused = self._source.naming.appointing.refused
        return self._html("officers_login.html", request, names=desk.names, refused=refused)

    async def open(self, request: Request) -> Response:
        """A supervisor's name and PIN."""
        asked = await sent(request, OpenOfficers, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        answer, token = await self._source.naming.desk.open(asked)
        problem = "traveller" if answer.problem == "gone" else answer.problem
        named = Named(taken=answer.taken, problem=problem, minutes=answer.minutes)
        response = _json(_said(named, self._words(request)))
        if answer.taken:
            response.set_cookie(COOKIE, token, path=PATH, httponly=True, samesite="strict")
        return response

    async def act(self, request: Request) -> Response:
        """One change, with the supervisor's PIN."""
        asked = await sent(request, Act, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        named = await self._source.naming.desk.act(_token(request), asked)
        return _json(_said(named, self._words(request)))

    async def leave(self, request: Request) -> Response:
        """The visit is over."""
        asked = await sent(request, Leave, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        self._source.naming.desk.leave(_token(request))
        return _json(Refusal(taken=True))

    async def events(self, request: Request) -> Response:
        """Who works here, as it stands, until the visit is over."""
        token = _token(request)
        return StreamingResponse(self._stream(token, self._words(request)), media_type="text/event-stream")

    async def _stream(self, token: str, words: Words) -> AsyncIterator[bytes]:
        desk, told, tick = self._source.naming.desk, b"", 0
        while desk.knows(token):
            data = msgspec.json.encode(self._update(await desk.view(), words))
            if data != told or tick >= HEARTBEAT_TICKS:
                told, tick = data, 0
                yield b"event: officers\ndata: " + data + b"\n\n"
            tick += 1
            await asyncio.sleep(TICK_SECONDS)
        over = OfficersUpdate(version=self._version, ended=desk.ended or "leave")
        yield b"event: officers\ndata: " + msgspec.json.encode(over) + b"\n\n"

    def _update(self, view: OfficersView, words: Words) -> OfficersUpdate:
        return OfficersUpdate(
            version=self._version,
            waiting=bool(view.card_for),
            names=tuple(one.name for one in view.officers),
            roles={one.name: one.roles for one in view.officers},
            list=self._render("officers_list.html", view=view, words=words),
            now=_now(view, words),
        )

    def _render(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(**values).strip()

    def _html(self, template: str, request: Request, **values: Any) -> Response:
        view = self._source.view()
        html = self._templates.get_template(template).render(
            words=self._words(request),
            look=look_of(request),
            version=self._version,
            simulated=bool(view.simulated) or view.profile != "production",
            post=view.post,
            **values,
        )
        return Response(html, media_type="text/html")


def _now(view: OfficersView, words: Words) -> str:
    """What the supervisor is to do, or what became of the card."""
    if view.card_for:
        return words.ui("officers_lay_card", name=view.card_for)
    return _problem(view.card_problem, words) if view.card_problem else ""


def _said(named: Named, words: Words) -> Refusal:
    if named.taken:
        return Refusal(taken=True)
    if named.problem == "locked":
        return Refusal(taken=False, sentence=words.ui("officer_locked", minutes=named.minutes))
    return Refusal(taken=False, sentence=_problem(named.problem, words))


def _problem(code: str, words: Words) -> str:
    return words.find(*(f"{kind}_problem.{code}" for kind in ("naming", "officer", "bench"))) or code


def _json(said: Refusal) -> Response:
    return Response(msgspec.json.encode(said), media_type="application/json")


def _token(request: Request) -> str:
    return request.cookies.get(COOKIE, "")
