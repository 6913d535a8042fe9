"""The kiosk's page: one full screen fed by server-sent events, and the button (promises 1, 7 and 8).

Traveller data never stands in an address or a log. The browser keeps nothing: every answer is
no-store, and a page that has lost its box is emptied.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import ExceptFinger, Press, PressTaken, View
from appliance.contracts.officers import Login, OfficerAnswer, Release
from appliance.contracts.paper import EnterPaper, PaperAnswer
from appliance.contracts.receipt import ShowReceipt
from appliance.contracts.typed import TypedAnswer, TypedEntry
from appliance.services.lane.kiosk.asked import (
    AskedUpdate,
    GroupUpdate,
    NoteSource,
    asked_form,
    asked_update,
    group_update,
    note_routes,
)
from appliance.services.lane.kiosk.form import form_of, refusal, said
from appliance.services.lane.kiosk.guard import guards, sent
from appliance.services.lane.kiosk.help import HelpPages, screen_code
from appliance.services.lane.kiosk.looks import look_of
from appliance.services.lane.kiosk.officers import NamingSource, OfficersPage
from appliance.services.lane.kiosk.paper import PaperPage
from appliance.services.lane.kiosk.receipt import ReceiptPages
from appliance.services.lane.kiosk.screen import screen_of
from appliance.services.lane.kiosk.second_line import SecondLinePage, SecondLineSource
from appliance.services.lane.kiosk.technician import TechnicianPage, TechnicianSource
from appliance.services.lane.kiosk.traveller import TravellerPage
from appliance.services.lane.kiosk.visas import OFFICIAL, VisaPages
from appliance.services.lane.kiosk.words import UnknownLanguage, Words, load_words
from appliance.services.lane.printing import PrintDesk

HERE: Final = Path(__file__).parent
REGIONS: Final = (
    "top",
    "banner",
    "stage",
    "button",
    "photos",
    "document",
    "mrz",
    "checks",
    "company",
    "noted",
    "status",
)
"""The parts of the page that change; each is a template, and the browser replaces only what changed."""
HEARTBEAT_SECONDS: Final = 4.0
"""The page calls the box lost after 10 seconds of silence: two beats may be late."""
RECONNECT_MS: Final = 1000
MAX_PRESS_BYTES: Final = 1024
"""A press is an event and a number."""
MAX_LOGIN_BYTES: Final = 8 * 1024
"""A name, a PIN, and at most a few sentences."""
MAX_TYPED_BYTES: Final = 16 * 1024
"""A form of a dozen fields, in any script."""
PICTURES: Final = ("portrait", "chip_portrait")
COOKIE: Final = "language"
COOKIE_SECONDS: Final = 365 * 24 * 3600


class ViewSource(NoteSource, Protocol):
    """What the page asks of the lane."""

    @property
    def second_line(self) -> SecondLineSource | None:
        """Where referred crossings wait; None where nobody keeps them."""
        ...

    @property
    def technician(self) -> TechnicianSource:
        """The self-test, part by part."""
        ...

    @property
    def naming(self) -> NamingSource:
        """Who works here."""
        ...

    def view(self) -> View: ...

    async def wait_for_change(self, revision: int, timeout: float) -> View:
        """The view as soon as its revision differs from this one, or as it is after `timeout` seconds."""
        ...

    async def press(self, press: Press) -> PressTaken: ...

    async def login(self, login: Login) -> OfficerAnswer:
        """An officer takes the lane over, or the shift ends."""
        ...

    async def release(self, release: Release) -> OfficerAnswer:
        """A traveller under RED is let go on, with PIN and reason."""
        ...

    def enter(self, entry: TypedEntry) -> TypedAnswer:
        """A document that the officer typed: what is wrong with it, or what it would be, or taken."""
        ...

    async def enter_paper(self, request: EnterPaper) -> PaperAnswer:
        """Lines of a paper ledger: recorded, or what is wrong with each."""
        ...

    @property
    def printing(self) -> PrintDesk:
        """What prints on this box's receipt printer."""
        ...

    def show_receipt(self, show: ShowReceipt) -> PressTaken:
        """The receipt of who has gone goes onto the traveller's screen."""
        ...

    def except_finger(self, said: ExceptFinger) -> PressTaken:
        """The officer says why the finger being asked for cannot be taken."""
        ...

    def traveller_page(self, *, opened: bool) -> None:
        """A traveller's page was opened or is gone."""
        ...

    def picture(self, name: str) -> bytes | None:
        """The JPEG of `portrait` or `chip_portrait`."""
        ...


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What one event tells the page: its look, what the button does, and the regions' HTML."""

    version: str
    revision: int
    phase: str
    recommendation: str | None
    press: str | None
    hold: str | None
    officers: tuple[str, ...]
    """Who may log in."""
    appointed: tuple[str, ...]
    """Who may come with a code of central's."""
    carded: tuple[str, ...]
    """Those of them who have a card, which is asked for with the PIN."""
    card_alone: bool
    """Some of them may log in with the card alone."""
    officer: str
    releasing: str | None
    """The crossing that may be released from RED."""
    typing: str | None
    """The crossing whose document may be typed in now."""
    second_line: int | None
    """Rises with every change of the queue; None for who does not work there."""
    asked: AskedUpdate | None
    group: GroupUpdate | None
    help: str
    """The screen, as help knows it."""
    receipt: str | None
    """The reference of the receipt that can be shown."""
    regions: dict[str, str]


def kiosk_app(source: ViewSource, *, languages: Sequence[str], default_language: str) -> Starlette:
    """The web application for one lane.

    Raises:
        UnknownLanguage: one of the languages has no words, or the default is not among them.
    """
    if default_language not in languages:
        raise UnknownLanguage(
            f"The language {default_language!r} is not among the page's languages: {', '.join(languages)}."
        )
    kiosk = _Kiosk(source, tuple(load_words(code) for code in languages), load_words(default_language))
    return Starlette(
        routes=[
            Route("/", kiosk.page),
            Route("/events", kiosk.events),
            Route("/press", kiosk.press, methods=["POST"]),
            Route("/login", kiosk.login, methods=["POST"]),
            Route("/release", kiosk.release, methods=["POST"]),
            Route("/finger", kiosk.finger, methods=["POST"]),
            Route("/typed", kiosk.typed, methods=["POST"]),
            Route("/picture/{name}", kiosk.picture),
            Route("/language/{code}", kiosk.language),
            *note_routes(source, kiosk.words),
            *kiosk.traveller.routes(),
            *SecondLinePage(source, kiosk.words, kiosk.templates, kiosk.version).routes(),
            *VisaPages(source, kiosk.words, kiosk.label, kiosk.templates, kiosk.version).routes(),
            *TechnicianPage(source, kiosk.words, kiosk.templates, kiosk.version).routes(),
            *OfficersPage(source, kiosk.words, kiosk.templates, kiosk.version).routes(),
            *kiosk.help.routes(),
            *kiosk.receipt.routes(),
            *kiosk.paper.routes(),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=guards(),
    )


class _Kiosk:
    def __init__(self, source: ViewSource, languages: tuple[Words, ...], default: Words) -> None:
        self._source = source
        self._languages = languages
        self._default = default
        self.templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.version = _version()
        self.label = (default,) if default.code in OFFICIAL else (default, load_words("en"))
        """The languages of a visa's label."""
        self.traveller = TravellerPage(source, languages, default, self.templates, self.version)
        self.help = HelpPages(self.templates, self.words)
        self.paper = PaperPage(source, self.words)
        self.receipt = ReceiptPages(source, self.templates, languages, self.traveller.words_of)

    async def page(self, request: Request) -> Response:
        """The empty page: all content comes with the first event."""
        words = self.words(request)
        html = self.templates.get_template("page.html").render(
            words=words,
            languages=self._languages,
            regions=REGIONS,
            version=self.version,
            form=form_of(words),
            look=look_of(request),
            asked=asked_form(words),
        )
        return Response(html, media_type="text/html")

    async def events(self, request: Request) -> Response:
        """The view now, at every change, and at every heartbeat."""
        return StreamingResponse(self._stream(self.words(request)), media_type="text/event-stream")

    async def press(self, request: Request) -> Response:
        """The button: answers only the revision that the officer saw."""
        press = await sent(request, Press, limit=MAX_PRESS_BYTES)
        if isinstance(press, Response):
            return press
        if press.event not in ("press", "hold"):
            return PlainTextResponse("The button knows press and hold.", status_code=400)
        try:
            taken = await self._source.press(press)
        except ServiceError as error:
            return PlainTextResponse(error.sentence, status_code=503)
        return Response(msgspec.json.encode(taken), media_type="application/json")

    async def finger(self, request: Request) -> Response:
        """A finger that is missing or bandaged."""
        said_of = await sent(request, ExceptFinger, limit=MAX_PRESS_BYTES)
        if isinstance(said_of, Response):
            return said_of
        taken = self._source.except_finger(said_of)
        return Response(msgspec.json.encode(taken), media_type="application/json")

    async def typed(self, request: Request) -> Response:
        """The form of a document that the officer types in."""
        entry = await sent(request, TypedEntry, limit=MAX_TYPED_BYTES)
        if isinstance(entry, Response):
            return entry
        answer = said(self._source.enter(entry), self.words(request))
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def login(self, request: Request) -> Response:
        """A name and a PIN, or an empty name: the shift ends."""
        login = await sent(request, Login, limit=MAX_LOGIN_BYTES)
        if isinstance(login, Response):
            return login
        answer = refusal(await self._source.login(login), self.words(request))
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def release(self, request: Request) -> Response:
        """Name, PIN and reason for a traveller under RED."""
        release = await sent(request, Release, limit=MAX_LOGIN_BYTES)
        if isinstance(release, Response):
            return release
        answer = refusal(await self._source.release(release), self.words(request))
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def picture(self, request: Request) -> Response:
        """A picture of the crossing on the screen, and of no other."""
        name = request.path_params["name"]
        crossing = self._source.view().crossing
        if name not in PICTURES or crossing is None or request.query_params.get("crossing") != crossing:
            return PlainTextResponse("No such picture.", status_code=404)
        jpeg = self._source.picture(name)
        if jpeg is None:
            return PlainTextResponse("No such picture.", status_code=404)
        return Response(jpeg, media_type="image/jpeg")

    async def language(self, request: Request) -> Response:
        """Remembers the language and goes back to the page."""
        code = request.path_params["code"]
        if code not in {words.code for words in self._languages}:
            return PlainTextResponse("No words in this language.", status_code=404)
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(COOKIE, code, max_age=COOKIE_SECONDS, httponly=True, samesite="strict")
        return response

    async def _stream(self, words: Words) -> AsyncIterator[bytes]:
        yield f"retry: {RECONNECT_MS}\n\n".encode()
        view = self._source.view()
        while True:
            data = msgspec.json.encode(self._update(view, words))
            yield b"event: view\ndata: " + data + b"\n\n"
            view = await self._source.wait_for_change(view.revision, HEARTBEAT_SECONDS)

    def _update(self, view: View, words: Words) -> Update:
        screen = screen_of(view, words)
        return Update(
            version=self.version,
            revision=view.revision,
            phase=screen.phase,
            recommendation=view.recommendation if screen.phase == "deciding" else None,
            press=view.press,
            hold=view.hold,
            officers=tuple(one.name for one in view.officers),
            appointed=self._source.naming.appointing.names,
            carded=tuple(one.name for one in view.officers if one.card),
            card_alone=any(one.card_alone for one in view.officers),
            officer=view.officer.name if view.officer else "",
            releasing=view.crossing if view.may_release and view.officers else None,
            typing=view.crossing if view.takes_typed else None,
            second_line=view.second_line.revision if view.second_line else None,
            asked=asked_update(view, words),
            group=group_update(view, words),
            help=screen_code(view),
            receipt=view.receipt.reference if view.receipt else None,
            regions={
                name: self.templates.get_template(f"{name}.html")
                .render(screen=screen, view=view, words=words, languages=self._languages)
                .strip()
                for name in REGIONS
            },
        )

    def words(self, request: Request) -> Words:
        """The officer's language."""
        wanted = request.cookies.get(COOKIE)
        return next((words for words in self._languages if words.code == wanted), self._default)


def _version() -> str:
    """Changes with any file of the page, so that an open page reloads itself after an update."""
    digest = hashlib.sha256()
    for folder in ("static", "templates", "locale"):
        for path in sorted((HERE / folder).rglob("*.*")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
