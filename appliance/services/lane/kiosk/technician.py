"""The technician's page: the self-test live, part by part, for who has the role and has proved it with a PIN.

It is a page of its own, and a visit ends with the traveller who comes. The word of the visit is a cookie that
no script reads; without it every route here answers nothing.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from appliance.contracts.capture import Looked
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import View
from appliance.contracts.officers import OfficerAnswer
from appliance.contracts.technician import TRIED, BenchView, OpenBench, Tried, TryPart
from appliance.services.lane.kiosk.bench_words import Bench, bench_of
from appliance.services.lane.kiosk.form import Refusal, refusal
from appliance.services.lane.kiosk.guard import sent
from appliance.services.lane.kiosk.post_words import qr_of
from appliance.services.lane.kiosk.visit_page import MAX_BYTES, VisitDesk, VisitPage, as_json
from appliance.services.lane.kiosk.words import Words

REGIONS: Final = ("now", "results", "devices", "machine", "post", "specimen")
MAX_KEY: Final = 200


class TechnicianSource(VisitDesk, Protocol):
    """What the page asks of the lane's desk."""

    @property
    def open_to_all(self) -> bool: ...

    async def open(self, request: OpenBench) -> tuple[OfficerAnswer, str]: ...

    async def view(self) -> BenchView: ...

    async def try_(self, token: str, what: str) -> Tried: ...

    async def look_through(self, token: str, key: str) -> Looked: ...


class Source(Protocol):
    """What the page asks of the lane."""

    @property
    def technician(self) -> TechnicianSource: ...

    def view(self) -> View: ...


class BenchUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one event tells the page."""

    version: str
    ended: str = ""
    """leave, traveller, idle: the visit is over."""
    running: bool = False
    doing: str = ""
    signal: str = ""
    cameras: tuple[str, ...] = ()
    """Keys of those that can be looked through."""
    regions: dict[str, str] = {}


@dataclass(slots=True)
class _Frame:
    """The frame that the page looks at: its figures were told, its picture is fetched next."""

    number: int = 0
    jpeg: bytes = b""


class TechnicianPage(VisitPage):
    """The routes of the page."""

    visit = "technician"

    def __init__(
        self, source: Source, words: Callable[[Request], Words], templates: Environment, version: str
    ) -> None:
        super().__init__(source, words, templates, version)
        self._source = source
        self._frame = _Frame()

    def routes(self) -> list[Route]:
        return [
            Route(self.path, self.page),
            Route(f"{self.path}/open", self.open, methods=["POST"]),
            Route(f"{self.path}/try", self.try_, methods=["POST"]),
            Route(f"{self.path}/events", self.events),
            Route(f"{self.path}/look", self.look),
            Route(f"{self.path}/picture", self.picture),
            Route(f"{self.path}/post-request.svg", self.post_request),
            Route(f"{self.path}/target", self.target),
        ]

    async def page(self, request: Request) -> Response:
        """The bench, or the form that asks for a PIN; the lane's page while somebody stands there."""
        desk = self._source.technician
        if not desk.free:
            return RedirectResponse("/", status_code=303)
        if desk.knows(self.token(request)):
            return self.html("technician.html", request, regions=REGIONS)
        return self.html("technician_login.html", request, names=desk.names, open_to_all=desk.open_to_all)

    async def target(self, request: Request) -> Response:
        """Star and steps to set a lens and its light by; nothing on it is anybody's."""
        return self.html("technician_target.html", request)

    async def open(self, request: Request) -> Response:
        """A name and a PIN."""
        asked = await sent(request, OpenBench, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        answer, token = await self._source.technician.open(asked)
        words = self._words(request)
        sentence = words.find("bench_problem.traveller") if answer.problem == "gone" else None
        said = refusal(answer, words) if sentence is None else Refusal(taken=False, sentence=sentence)
        return self.begun(said, token)

    async def try_(self, request: Request) -> Response:
        """One part is tried, or was seen."""
        asked = await sent(request, TryPart, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        if asked.what not in TRIED:
            return PlainTextResponse("Nothing here is called so.", status_code=400)
        tried = await self._source.technician.try_(self.token(request), asked.what)
        words = self._words(request)
        sentence = words.say("bench_problem", tried.problem) if tried.problem else ""
        said = Refusal(taken=tried.taken, sentence=sentence)
        return as_json(said)

    async def look(self, request: Request) -> Response:
        """The figures of a new frame; its picture is fetched by its number."""
        key = request.query_params.get("camera", "")[:MAX_KEY]
        try:
            looked = await self._source.technician.look_through(self.token(request), key)
        except ServiceError as error:
            status = 403 if error.code == "closed" else 404 if error.code == "no_device" else 503
            return PlainTextResponse(error.sentence, status_code=status)
        self._frame = _Frame(self._frame.number + 1, looked.jpeg)
        words = self._words(request)
        told = {
            "frame": self._frame.number,
            "focus": looked.focus,
            "size": f"{looked.width} × {looked.height}",
            "light": words.say("bench_light", _light(looked)),
            "luminance": round(looked.luminance),
            "dark": words.percent(looked.dark),
            "bright": words.percent(looked.bright),
        }
        return as_json(told)

    async def picture(self, request: Request) -> Response:
        """The frame whose figures were told last, while the visit goes on."""
        frame = self._frame
        here = self._source.technician.knows(self.token(request))
        if not here or request.query_params.get("frame") != str(frame.number) or not frame.jpeg:
            return PlainTextResponse("No such picture.", status_code=404)
        return Response(frame.jpeg, media_type="image/jpeg")

    async def post_request(self, request: Request) -> Response:
        """What the box asks of its post's authority, as a QR code: a telephone carries it there."""
        desk = self._source.technician
        asked = (await desk.view()).post if desk.knows(self.token(request)) else None
        drawn = qr_of(asked.request) if asked is not None else ""
        if not drawn:
            return PlainTextResponse("Nothing is asked.", status_code=404)
        return Response(drawn, media_type="image/svg+xml")

    async def events(self, request: Request) -> Response:
        """The bench as it stands, until the visit is over."""
        words = self._words(request)
        told = self.stream(
            self._source.technician, self.token(request), lambda: self._update(words), self._over
        )
        return StreamingResponse(told, media_type="text/event-stream")

    def _over(self, why: str) -> BenchUpdate:
        self._frame = _Frame(self._frame.number)  # nothing that was seen stays
        return BenchUpdate(version=self._version, ended=why)

    async def _update(self, words: Words) -> BenchUpdate:
        try:
            view = await self._source.technician.view()
        except ServiceError as error:
            trouble = {"now": self.render("bench_trouble.html", words=words, sentence=error.sentence)}
            return BenchUpdate(version=self._version, regions=trouble)
        bench = bench_of(view, words, now=dt.datetime.now().astimezone())
        return BenchUpdate(
            version=self._version,
            running=view.running,
            doing=view.doing,
            signal=view.signal,
            cameras=bench.cameras,
            regions={name: self._region(name, bench, words) for name in REGIONS},
        )

    def _region(self, name: str, bench: Bench, words: Words) -> str:
        return self.render(f"bench_{name}.html", bench=bench, words=words)


DARK_SHARE: Final = 0.35
BRIGHT_SHARE: Final = 0.2
"""Of the picture's middle; the target has a tenth of each, a page has less."""


def _light(looked: Looked) -> str:
    """Whether the picture's middle is lit so that all of it can be read."""
    if looked.bright > BRIGHT_SHARE and looked.dark > DARK_SHARE:
        return "contrast"
    if looked.bright > BRIGHT_SHARE:
        return "bright"
    return "dark" if looked.dark > DARK_SHARE else "good"
