"""The page of advance lists, for who works at the second line: looked at, taken in, counted, removed."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import unquote

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from appliance.contracts.advance import (
    KINDS,
    AdvanceList,
    IntakeProgress,
    LookAtStick,
    Looked,
    RemoveAdvance,
    TakeLooked,
)
from appliance.contracts.checks import Direction
from appliance.csv_lines import MAX_FILE_BYTES
from appliance.services.lane.advance.intake import IntakeDesk, IntakeError
from appliance.services.lane.kiosk.form import Choice
from appliance.services.lane.kiosk.guard import sent, sent_bytes
from appliance.services.lane.kiosk.words import Words

MAX_ASKED_BYTES: Final = 2048
NAME_HEADER: Final = "x-borne-name"
"""The file's own name, percent-encoded; it is shown and recorded nowhere."""


class Desk(Protocol):
    """The second line's desk, as far as lists go."""

    @property
    def lists(self) -> IntakeDesk | None: ...


class Source(Protocol):
    """What the page asks of the lane."""

    @property
    def second_line(self) -> Desk | None: ...


@dataclass(frozen=True, slots=True)
class WrongLine:
    """A wrong line, in words."""

    line: str
    problems: tuple[tuple[str, str], ...]
    """Column as in the template, empty for the line itself; and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class KnownList:
    """A list that is here, in words."""

    id: str
    reference: str
    what: str
    when: str
    counts: str
    ended: bool


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer in words; or how far it is."""

    taken: bool
    sentence: str = ""
    state: str = ""
    done: int = 0
    total: int = 0


class ListsPage:
    """The routes. `page` renders a page of the second line."""

    def __init__(
        self,
        source: Source,
        words: Callable[[Request], Words],
        templates: Environment,
        page: Callable[..., Response],
    ) -> None:
        self._source = source
        self._words = words
        self._templates = templates
        self._page = page

    def routes(self) -> list[Route]:
        """Before `/second-line/{crossing}`."""
        return [
            Route("/second-line/lists", self.lists),
            Route("/second-line/lists/look", self.look, methods=["POST"]),
            Route("/second-line/lists/stick", self.look_at_stick, methods=["POST"]),
            Route("/second-line/lists/take", self.take, methods=["POST"]),
            Route("/second-line/lists/remove", self.remove, methods=["POST"]),
            Route("/second-line/lists/progress", self.progress),
        ]

    async def lists(self, request: Request) -> Response:
        """The page; who does not work here is sent back to the lane."""
        desk, words = self._desk, self._words(request)
        if desk is None:
            return RedirectResponse("/", status_code=303)
        stick_problem = ""
        try:
            known = await desk.lists()
            try:
                stick = await desk.stick()
            except IntakeError as error:
                stick, stick_problem = (), words.say("intake_problem", str(error))
        except IntakeError as error:
            if str(error) == "not_allowed":
                return RedirectResponse("/", status_code=303)
            return PlainTextResponse(words.say("intake_problem", str(error)), status_code=503)
        return self._page(
            "second_line_lists.html",
            request,
            others="",
            known=[known_list(one, words) for one in known],
            stick=[one.name for one in stick],
            stick_problem=stick_problem,
            directions=tuple(Choice(code, words.say("direction", code)) for code in Direction),
            kinds=tuple(Choice(code, words.say("list_kind", code)) for code in KINDS),
            progress=told(desk.progress, words),
            most=MAX_FILE_BYTES + 1,
        )

    async def look(self, request: Request) -> Response:
        """A file from the page: its bytes, of a bounded number."""
        data = await sent_bytes(request, limit=MAX_FILE_BYTES + 1)
        if isinstance(data, Response):
            return data
        plain = {"name": unquote(request.headers.get(NAME_HEADER, ""))[:255], **request.query_params}
        try:
            asked = msgspec.convert(plain, LookAtStick)
        except msgspec.ValidationError:
            return PlainTextResponse("That is not what is sent here.", status_code=400)
        return await self._looked(request, lambda desk: desk.look(data, asked))

    async def look_at_stick(self, request: Request) -> Response:
        """A file of the stick, by its name."""
        asked = await sent(request, LookAtStick, limit=MAX_ASKED_BYTES)
        if isinstance(asked, Response):
            return asked
        return await self._looked(request, lambda desk: desk.look_at_stick(asked))

    async def _looked(self, request: Request, look: Callable[[IntakeDesk], Any]) -> Response:
        desk, words = self._desk, self._words(request)
        looked, problem = None, "not_allowed"
        if desk is not None:
            try:
                looked = await look(desk)
            except IntakeError as error:
                problem = str(error)
        html = self._templates.get_template("lists_looked.html").render(
            words=words,
            looked=looked,
            problem="" if looked else words.say("intake_problem", problem),
            wrong=wrong_lines(looked, words) if looked else (),
        )
        return HTMLResponse(html)

    async def take(self, request: Request) -> Response:
        """Take in what was looked at."""
        asked = await sent(request, TakeLooked, limit=MAX_ASKED_BYTES)
        if isinstance(asked, Response):
            return asked
        desk, words = self._desk, self._words(request)
        try:
            if desk is None:
                raise IntakeError("not_allowed")
            return _json(told(desk.take(asked.token), words))
        except IntakeError as error:
            return _json(Told(taken=False, sentence=words.say("intake_problem", str(error))))

    async def remove(self, request: Request) -> Response:
        """Remove a list."""
        asked = await sent(request, RemoveAdvance, limit=MAX_ASKED_BYTES)
        if isinstance(asked, Response):
            return asked
        desk, words = self._desk, self._words(request)
        try:
            if desk is None:
                raise IntakeError("not_allowed")
            await desk.remove(asked.list)
        except IntakeError as error:
            return _json(Told(taken=False, sentence=words.say("intake_problem", str(error))))
        return _json(Told(taken=True))

    async def progress(self, request: Request) -> Response:
        """How far it is: counts of lines, and nobody's name."""
        desk = self._desk
        return _json(told(desk.shown() if desk else IntakeProgress(), self._words(request)))

    @property
    def _desk(self) -> IntakeDesk | None:
        second_line = self._source.second_line
        return None if second_line is None else second_line.lists


def known_list(list_: AdvanceList, words: Words) -> KnownList:
    """One list with its counts."""
    moment = dt.datetime.fromisoformat(list_.expected).astimezone()
    what = (
        words.say("list_kind", list_.kind),
        words.say("direction", list_.direction),
        list_.route,
        f"{list_.plate_state} {list_.plate}".strip() if list_.plate else "",
    )
    counts = {"persons": list_.persons, "came": list_.came, "perhaps": list_.perhaps, "absent": list_.absent}
    return KnownList(
        id=list_.id,
        reference=list_.reference,
        what=words.comma.join(one for one in what if one),
        when=f"{words.date(moment.date().isoformat())}, {moment:%H:%M}",
        counts=words.ui("lists_counts_over" if list_.ended else "lists_counts", **counts),
        ended=list_.ended,
    )


def wrong_lines(looked: Looked, words: Words) -> tuple[WrongLine, ...]:
    """The wrong lines that are shown."""
    return tuple(
        WrongLine(
            line=words.ui("lists_line", number=one.number),
            problems=tuple((field, problem_of(code, words)) for field, code in one.problems.items()),
        )
        for one in looked.wrong
    )


def problem_of(code: str, words: Words) -> str:
    """What is wrong with a field; lists have words of their own where a ledger's say something else."""
    return words.find(f"advance_problem.{code}") or words.say("typed_problem", code)


def told(progress: IntakeProgress, words: Words) -> Told:
    """How far it is, in words."""
    counts = {"taken": progress.taken, "known": progress.known, "bad": progress.bad}
    sentences = {
        "going": words.ui("lists_going", name=progress.name),
        "done": words.ui("lists_done", name=progress.name, **counts),
        "stopped": words.ui("lists_stopped", name=progress.name, **counts),
    }
    return Told(
        taken=True,
        sentence=sentences.get(progress.state, ""),
        state=progress.state,
        done=progress.done,
        total=progress.total,
    )


def _json(answer: Told) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
