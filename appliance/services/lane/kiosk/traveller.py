"""The traveller's page: what is taken and why, then one instruction at a time, shown and spoken.

It is another page than the officer's, and knows nothing of what was found: the same word comes with a hit
and without one (promise 8).
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol

import msgspec
from babel.core import get_global
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from appliance.contracts.lane import DocumentView, PortraitView, View
from appliance.contracts.receipt import Receipt
from appliance.services.lane.kiosk.looks import look_of
from appliance.services.lane.kiosk.receipt import is_simulated, lines_of
from appliance.services.lane.kiosk.words import FINGERS_TAKEN, Words, territory_of

HERE: Final = Path(__file__).parent
SPEECH: Final = HERE / "static" / "speech"
"""A folder a language, a file a code; `image-build/speech.py` makes them."""
HEARTBEAT_SECONDS: Final = 4.0
RECONNECT_MS: Final = 1000
COOKIE: Final = "traveller_language"
COOKIE_SECONDS: Final = 15 * 60
"""A language lasts about a traveller, not a year."""
BY_DOCUMENT: Final = "document"
"""Instead of a language: nobody has chosen, the document's State says which."""


class TravellerSource(Protocol):
    """What the page asks of the lane."""

    def view(self) -> View: ...

    async def wait_for_change(self, revision: int, timeout: float) -> View: ...

    def traveller_page(self, *, opened: bool) -> None:
        """A page was opened or is gone: the record says how many showed the notice."""
        ...


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What one event tells the page."""

    version: str
    code: str
    language: str
    direction: str
    html: str
    speech: str | None
    """Where it lies, spoken; None where nobody has spoken it."""


class TravellerPage:
    """The routes of the page."""

    def __init__(
        self,
        source: TravellerSource,
        languages: tuple[Words, ...],
        default: Words,
        templates: Environment,
        version: str,
    ) -> None:
        self._source = source
        self._languages = languages
        self._default = default
        self._templates = templates
        self._version = version
        self._spoken: Words | None = None
        """By the last document: its traveller may be shown a receipt afterwards."""

    def routes(self) -> list[Route]:
        return [
            Route("/traveller", self.page),
            Route("/traveller/events", self.events),
            Route("/traveller/language/{code}", self.language),
        ]

    async def page(self, request: Request) -> Response:
        """The empty page: all content comes with the first event."""
        html = self._templates.get_template("traveller.html").render(
            words=self.words_of(request),
            chosen="yes" if self._chosen(request) else "",
            languages=self._languages,
            version=self._version,
            look=look_of(request),
        )
        return Response(html, media_type="text/html")

    async def events(self, request: Request) -> Response:
        """The word now, at every change, and at every heartbeat."""
        return StreamingResponse(self._stream(self._chosen(request)), media_type="text/event-stream")

    async def language(self, request: Request) -> Response:
        """Remembers the traveller's language for a while and goes back to the page."""
        code = request.path_params["code"]
        response = RedirectResponse("/traveller", status_code=303)
        if code == BY_DOCUMENT:
            response.delete_cookie(COOKIE, httponly=True, samesite="strict")
            return response
        if code not in {words.code for words in self._languages}:
            return PlainTextResponse("No words in this language.", status_code=404)
        response.set_cookie(COOKIE, code, max_age=COOKIE_SECONDS, httponly=True, samesite="strict")
        return response

    async def _stream(self, chosen: Words | None) -> AsyncIterator[bytes]:
        yield f"retry: {RECONNECT_MS}\n\n".encode()
        view = self._source.view()
        self._source.traveller_page(opened=True)
        try:
            while True:
                yield b"event: word\ndata: " + msgspec.json.encode(self._word(view, chosen)) + b"\n\n"
                view = await self._source.wait_for_change(view.revision, HEARTBEAT_SECONDS)
        finally:
            self._source.traveller_page(opened=False)

    def _word(self, view: View, chosen: Words | None) -> Word:
        if view.document is not None:
            self._spoken = language_of(view.document, self._languages)
        if view.receipt is not None and view.receipt.shown and view.step == "waiting":
            return self._receipt(view.receipt, view, chosen or self._spoken or self._default)
        words = chosen or language_of(view.document, self._languages) or self._default
        code = word_of(view)
        html = self._templates.get_template("traveller_word.html").render(
            code=code, words=words, more=words.find(f"guide_more.{code}"), simulated=bool(view.simulated)
        )
        spoken = SPEECH / words.code / f"{code}.opus"
        return Word(
            version=self._version,
            code=code,
            language=words.code,
            direction=words.direction,
            html=html.strip(),
            speech=f"/static/speech/{words.code}/{code}.opus" if spoken.is_file() else None,
        )

    def _receipt(self, receipt: Receipt, view: View, words: Words) -> Word:
        html = self._templates.get_template("receipt_part.html").render(
            receipt=receipt,
            words=words,
            lines=lines_of(receipt, words, simulated=is_simulated(view)),
        )
        return Word(
            version=self._version,
            code="receipt",
            language=words.code,
            direction=words.direction,
            html=html.strip(),
            speech=None,
        )

    def words_of(self, request: Request) -> Words:
        """In the language that the traveller has chosen, or the box's."""
        return self._chosen(request) or self._default

    def _chosen(self, request: Request) -> Words | None:
        wanted = request.cookies.get(COOKIE)
        return next((words for words in self._languages if words.code == wanted), None)


def language_of(document: DocumentView | None, languages: tuple[Words, ...]) -> Words | None:
    """Which of these languages most people of the document's State can read, by CLDR's territory data.

    Only languages that are official there count, so that a visitor's second language is not guessed; for a
    person without a State the issuing one speaks. None where none of the languages is.
    """
    if document is None:
        return None
    for state in (document.nationality, document.issuing_state):
        spoken = official_languages(state)
        known = [words for words in languages if words.locale.language in spoken]
        if known:
            return max(known, key=lambda words: spoken[words.locale.language])
    return None


def official_languages(state: str) -> dict[str, float]:
    """The official languages of a State of Doc 9303, and how many per cent there use them."""
    spoken = get_global("territory_languages").get(territory_of("DEU" if state == "D" else state) or "", {})
    return {
        code: share["population_percent"]
        for code, share in spoken.items()
        if share["official_status"] in ("official", "de_facto_official")
    }


def spoken_text(code: str, words: Words) -> str:
    """What is said aloud: the words, and of a notice the sentence below them."""
    more = words.find(f"guide_more.{code}")
    return ". ".join(part.rstrip(".") for part in (words.say("guide", code), more or "") if part) + "."


def word_of(view: View) -> str:
    """What the traveller is told now: of a finger, or else of the picture."""
    if view.finger is None:
        return code_of(view.portrait)
    return view.finger.instruction or view.finger.finger or FINGERS_TAKEN


def code_of(portrait: PortraitView | None) -> str:
    """The one code that stands for what the traveller is told; its picture and words have this name."""
    if portrait is None:
        return "welcome"
    return portrait.instruction if portrait.phase == "guiding" and portrait.instruction else portrait.phase
