"""The supervisor's page of who works here, and the form for whom central has appointed.

The page is one of its own, and a visit ends with the traveller who comes. The word of the visit is a cookie
that no script reads; without it every route here answers nothing. PINs pass through and stay nowhere.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

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
from appliance.services.lane.kiosk.visit_page import MAX_BYTES, VisitDesk, VisitPage, as_json
from appliance.services.lane.kiosk.words import Words


class AppointingSource(Protocol):
    """What the form asks of the lane's desk."""

    names: tuple[str, ...]
    refused: str

    def take(self, request: Appoint) -> Named: ...


class OfficersSource(VisitDesk, Protocol):
    """What the page asks of the lane's desk."""

    async def open(self, request: OpenOfficers) -> tuple[OfficerAnswer, str]: ...

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


class OfficersPage(VisitPage):
    """The routes of the page, and of the form."""

    visit = "officers"

    def __init__(
        self, source: Source, words: Callable[[Request], Words], templates: Environment, version: str
    ) -> None:
        super().__init__(source, words, templates, version)
        self._source = source

    def routes(self) -> list[Route]:
        return [
            Route("/appoint", self.appoint, methods=["POST"]),
            Route(self.path, self.page),
            Route(f"{self.path}/open", self.open, methods=["POST"]),
            Route(f"{self.path}/act", self.act, methods=["POST"]),
            Route(f"{self.path}/leave", self.leave, methods=["POST"]),
            Route(f"{self.path}/events", self.events),
        ]

    async def appoint(self, request: Request) -> Response:
        """A name, central's code, and a PIN twice."""
        asked = await sent(request, Appoint, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        named = await asyncio.to_thread(self._source.naming.appointing.take, asked)
        return as_json(_said(named, self._words(request)))

    async def page(self, request: Request) -> Response:
        """Who works here, or the form that asks for a PIN; the lane's page while somebody stands there."""
        desk = self._source.naming.desk
        if not desk.free:
            return RedirectResponse("/", status_code=303)
        if desk.knows(self.token(request)):
            return self.html("officers.html", request, acts=ACTS, every_role=tuple(Role))
        refused = self._source.naming.appointing.refused
        return self.html("officers_login.html", request, names=desk.names, refused=refused)

    async def open(self, request: Request) -> Response:
        """A supervisor's name and PIN."""
        asked = await sent(request, OpenOfficers, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        answer, token = await self._source.naming.desk.open(asked)
        problem = "traveller" if answer.problem == "gone" else answer.problem
        named = Named(taken=answer.taken, problem=problem, minutes=answer.minutes)
        return self.begun(_said(named, self._words(request)), token)

    async def act(self, request: Request) -> Response:
        """One change, with the supervisor's PIN."""
        asked = await sent(request, Act, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        named = await self._source.naming.desk.act(self.token(request), asked)
        return as_json(_said(named, self._words(request)))

    async def leave(self, request: Request) -> Response:
        """The visit is over."""
        asked = await sent(request, Leave, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        self._source.naming.desk.leave(self.token(request))
        return as_json(Refusal(taken=True))

    async def events(self, request: Request) -> Response:
        """Who works here, as it stands, until the visit is over."""
        words = self._words(request)
        told = self.stream(
            self._source.naming.desk, self.token(request), lambda: self._update(words), self._over
        )
        return StreamingResponse(told, media_type="text/event-stream")

    def _over(self, why: str) -> OfficersUpdate:
        return OfficersUpdate(version=self._version, ended=why)

    async def _update(self, words: Words) -> OfficersUpdate:
        view = await self._source.naming.desk.view()
        return OfficersUpdate(
            version=self._version,
            waiting=bool(view.card_for),
            names=tuple(one.name for one in view.officers),
            roles={one.name: one.roles for one in view.officers},
            list=self.render("officers_list.html", view=view, words=words),
            now=_now(view, words),
        )


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
