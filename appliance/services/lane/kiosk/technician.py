"""The technician's page: the self-test live, part by part, for who has the role and has proved it with a PIN.

It is a page of its own, and a visit ends with the traveller who comes. The word of the visit is a cookie that
no script reads; without it every route here answers nothing.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

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
from appliance.services.lane.kiosk.looks import look_of
from appliance.services.lane.kiosk.post_words import qr_of
from appliance.services.lane.kiosk.words import Words

COOKIE: Final = "technician"
PATH: Final = "/technician"
MAX_BYTES: Final = 4 * 1024
TICK_SECONDS: Final = 1.0
HEARTBEAT_TICKS: Final = 4
"""The page calls the box lost after 10 seconds of silence."""
REGIONS: Final = ("now", "results", "devices", "machine", "post", "specimen")
MAX_KEY: Final = 200


class TechnicianSource(Protocol):
    """What the page asks of the lane's desk."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def free(self) -> bool: ...

    @property
    def open_to_all(self) -> bool: ...

    @property
    def ended(self) -> str: ...

    async def open(self, request: OpenBench) -> tuple[OfficerAnswer, str]: ...

    def knows(self, token: str) -> bool: ...

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


class TechnicianPage:
    """The routes of the page."""

    def __init__(
        self, source: Source, words: Callable[[Request], Words], templates: Environment, version: str
    ) -> None:
        self._source = source
        self._words = words
        self._templates = templates
        self._version = version
        self._frame = _Frame()

    def routes(self) -> list[Route]:
        return [
            Route(PATH, self.page),
            Route(f"{PATH}/open", self.open, methods=["POST"]),
            Route(f"{PATH}/try", self.try_, methods=["POST"]),
            Route(f"{PATH}/events", self.events),
            Route(f"{PATH}/look", self.look),
            Route(f"{PATH}/picture", self.picture),
            Route(f"{PATH}/post-request.svg", self.post_request),
            Route(f"{PATH}/target", self.target),
        ]

    async def page(self, request: Request) -> Response:
        """The bench, or the form that asks for a PIN; the lane's page while somebody stands there."""
        desk = self._source.technician
        if not desk.free:
            return RedirectResponse("/", status_code=303)
        if desk.knows(_token(request)):
            return self._html("technician.html", request, regions=REGIONS)
        return self._html("technician_login.html", request, names=desk.names, open_to_all=desk.open_to_all)

    async def target(self, request: Request) -> Response:
        """Star and steps to set a lens and its light by; nothing on it is anybody's."""
        return self._html("technician_target.html", request)

    async def open(self, request: Request) -> Response:
        """A name and a PIN."""
        asked = await sent(request, OpenBench, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        answer, token = await self._source.technician.open(asked)
        words = self._words(request)
        sentence = words.find("bench_problem.traveller") if answer.problem == "gone" else None
        said = refusal(answer, words) if sentence is None else Refusal(taken=False, sentence=sentence)
        response = Response(msgspec.json.encode(said), media_type="application/json")
        if answer.taken:
            response.set_cookie(COOKIE, token, path=PATH, httponly=True, samesite="strict")
        return response

    async def try_(self, request: Request) -> Response:
        """One part is tried, or was seen."""
        asked = await sent(request, TryPart, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        if asked.what not in TRIED:
            return PlainTextResponse("Nothing here is called so.", status_code=400)
        tried = await self._source.technician.try_(_token(request), asked.what)
        words = self._words(request)
        sentence = words.say("bench_problem", tried.problem) if tried.problem else ""
        said = Refusal(taken=tried.taken, sentence=sentence)
        return Response(msgspec.json.encode(said), media_type="application/json")

    async def look(self, request: Request) -> Response:
        """The figures of a new frame; its picture is fetched by its number."""
        key = request.query_params.get("camera", "")[:MAX_KEY]
        try:
            looked = await self._source.technician.look_through(_token(request), key)
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
        return Response(msgspec.json.encode(told), media_type="application/json")

    async def picture(self, request: Request) -> Response:
        """The frame whose figures were told last, while the visit goes on."""
        frame = self._frame
        here = self._source.technician.knows(_token(request))
        if not here or request.query_params.get("frame") != str(frame.number) or not frame.jpeg:
            return PlainTextResponse("No such picture.", status_code=404)
        return Response(frame.jpeg, media_type="image/jpeg")

    async def post_request(self, request: Request) -> Response:
        """What the box asks of its post's authority, as a QR code: a telephone carries it there."""
        desk = self._source.technician
        asked = (await desk.view()).post if desk.knows(_token(request)) else None
        drawn = qr_of(asked.request) if asked is not None else ""
        if not drawn:
            return PlainTextResponse("Nothing is asked.", status_code=404)
        return Response(drawn, media_type="image/svg+xml")

    async def events(self, request: Request) -> Response:
        """The bench as it stands, until the visit is over."""
        token = _token(request)
        return StreamingResponse(self._stream(token, self._words(request)), media_type="text/event-stream")

    async def _stream(self, token: str, words: Words) -> AsyncIterator[bytes]:
        desk, told, tick = self._source.technician, b"", 0
        while desk.knows(token):
            data = msgspec.json.encode(await self._update(words))
            if data != told or tick >= HEARTBEAT_TICKS:
                told, tick = data, 0
                yield b"event: bench\ndata: " + data + b"\n\n"
            tick += 1
            await asyncio.sleep(TICK_SECONDS)
        self._frame = _Frame(self._frame.number)  # nothing that was seen stays
        over = BenchUpdate(version=self._version, ended=desk.ended or "leave")
        yield b"event: bench\ndata: " + msgspec.json.encode(over) + b"\n\n"

    async def _update(self, words: Words) -> BenchUpdate:
        try:
            view = await self._source.technician.view()
        except ServiceError as error:
            trouble = {"now": self._render("bench_trouble.html", words=words, sentence=error.sentence)}
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
        return self._render(f"bench_{name}.html", bench=bench, words=words)

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


def _token(request: Request) -> str:
    return request.cookies.get(COOKIE, "")
