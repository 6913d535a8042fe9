"""The second line's pages: the queue, and one case with all that is known of it, for officers of that role
alone.

They are pages of their own: the lane's screen and what a traveller sees or hears know nothing of them
(promise 8).
"""

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from appliance.contracts.advance import ExpectedHit
from appliance.contracts.cases import (
    OUTCOMES,
    REVIEWS,
    CaseFile,
    CaseKind,
    CaseOutcome,
    CloseCase,
    Ground,
    OtherLanes,
    Queue,
    SaveWork,
)
from appliance.contracts.checks import Check
from appliance.contracts.lane import View
from appliance.contracts.officers import OfficerAnswer
from appliance.records.errors import StorageError
from appliance.services.lane.advance.intake import IntakeDesk
from appliance.services.lane.kiosk.expected import expected_line
from appliance.services.lane.kiosk.form import Choice, Refusal, refusal
from appliance.services.lane.kiosk.guard import sent
from appliance.services.lane.kiosk.lists import ListsPage
from appliance.services.lane.kiosk.looks import look_of
from appliance.services.lane.kiosk.screen import group, screen_of
from appliance.services.lane.kiosk.visas import VisaSource, applied_of, decided, visa_lines
from appliance.services.lane.kiosk.words import Words
from appliance.services.lane.presenter import document_view
from appliance.services.lane.second_line.indicators import INDICATORS
from appliance.services.lane.second_line.routines import (
    LIGHTS,
    NOT_DONE,
    PICTURES_OF,
    RESULTS,
    ROUTINES,
)

MAX_WORK_BYTES: Final = 64 * 1024
"""Notes of 8,000 characters in any script, and the routines."""
MAX_EVIDENCE: Final = 400
"""Characters of one piece of evidence on the screen; the record has all of it."""


class SecondLineSource(Protocol):
    """What the pages ask of the desk; it may look at a disk or a PIN, so it is called in a thread."""

    @property
    def visas(self) -> VisaSource | None:
        """Visas on arrival; None where none are kept."""
        ...

    @property
    def lists(self) -> IntakeDesk | None:
        """Where advance lists are taken in."""
        ...

    def queue(self) -> Queue | None:
        """None for who does not work here."""
        ...

    def expected(self) -> tuple[ExpectedHit, ...]: ...

    def file(self, crossing: str) -> CaseFile | None: ...

    def picture(self, crossing: str, name: str) -> bytes | None: ...

    def save(self, request: SaveWork) -> OfficerAnswer: ...

    def close(self, request: CloseCase) -> OfficerAnswer: ...


class Source(Protocol):
    """What the pages ask of the lane."""

    @property
    def second_line(self) -> SecondLineSource | None: ...

    def view(self) -> View: ...


@dataclass(frozen=True, slots=True)
class Line:
    """A case in the queue, in words."""

    crossing: str
    kind: str
    name: str
    document: str
    direction: str
    recommendation: str
    recommendation_word: str
    reasons: str
    waits: str
    overdue: bool
    where: str
    by: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A check with all that it saw and leaned on."""

    id: str
    verdict: str
    verdict_word: str
    name: str
    reason: str
    decisive: bool
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture, or the lack of one."""

    name: str
    caption: str
    here: bool


@dataclass(frozen=True, slots=True)
class RoutineLine:
    """One routine as it is asked."""

    id: str
    feature: str
    shows: str
    result: str


@dataclass(frozen=True, slots=True)
class LightGroup:
    """The routines of one light, beside the picture in it."""

    light: str
    name: str
    photo: str | None
    routines: tuple[RoutineLine, ...]


class SecondLinePage:
    """The routes of the pages."""

    def __init__(
        self, source: Source, words: Callable[[Request], Words], templates: Environment, version: str
    ) -> None:
        self._source = source
        self._words = words
        self._templates = templates
        self._version = version
        self._lists = ListsPage(source, words, templates, self._page)

    def routes(self) -> list[Route]:
        return [
            Route("/second-line", self.queue),
            Route("/second-line/work", self.work, methods=["POST"]),
            Route("/second-line/close", self.close, methods=["POST"]),
            *self._lists.routes(),
            Route("/second-line/{crossing}", self.case),
            Route("/second-line/{crossing}/picture/{name}", self.picture),
        ]

    async def queue(self, request: Request) -> Response:
        """What waits."""
        desk, words = self._source.second_line, self._words(request)
        try:
            queue = await asyncio.to_thread(desk.queue) if desk is not None else None
            expected = await asyncio.to_thread(desk.expected) if desk is not None else ()
            visas = await asyncio.to_thread(desk.visas.heads) if desk is not None and desk.visas else ()
        except StorageError as error:
            return PlainTextResponse(str(error), status_code=503)
        if queue is None:
            return RedirectResponse("/", status_code=303)
        lines = [_line(head, words) for head in queue.cases]
        return self._page(
            "second_line.html",
            request,
            releases=[one for one in lines if one.kind == CaseKind.RELEASED],
            cases=[one for one in lines if one.kind == CaseKind.REFERRED],
            others=others_of(queue.other_lanes, words),
            expected=[expected_line(one, words) for one in expected],
            visas=visa_lines(visas, words),
        )

    async def case(self, request: Request) -> Response:
        """One case."""
        desk, words = self._source.second_line, self._words(request)
        try:
            file = (
                None if desk is None else await asyncio.to_thread(desk.file, request.path_params["crossing"])
            )
            queue = await asyncio.to_thread(desk.queue) if desk is not None else None
        except StorageError as error:
            return PlainTextResponse(str(error), status_code=503)
        if file is None or queue is None:
            return RedirectResponse("/second-line", status_code=303)
        review = file.head.kind is CaseKind.RELEASED
        outcomes = REVIEWS if review else OUTCOMES
        view = view_of(file, self._source.view())
        return self._page(
            "second_line_case.html",
            request,
            file=file,
            line=_line(file.head, words),
            view=view,
            screen=screen_of(view, words),
            photos=photos_of(file, words),
            checks=checks_of(view, words),
            lights=lights_of(file, words),
            indicators=tuple(Choice(code, words.say("indicator", code)) for code in INDICATORS),
            results=tuple(Choice(code, words.say("routine_result", code)) for code in RESULTS),
            outcomes=tuple(Choice(code, words.say("case_outcome", code)) for code in outcomes),
            grounds=tuple(Choice(code, words.say("ground", code)) for code in Ground),
            refused=CaseOutcome.REFUSED.value,
            may_close=queue.may_review or not review,
            others=others_of(queue.other_lanes, words),
            times=times_of(file, words),
            applied=applied_of(file, words, today=desk.visas.today) if desk and desk.visas else None,
            visa_decided=decided(file.closed.visa, words) if file.closed else "",
        )

    async def picture(self, request: Request) -> Response:
        """A picture of a case."""
        desk = self._source.second_line
        if desk is None:
            return PlainTextResponse("No such picture.", status_code=404)
        names = request.path_params
        try:
            jpeg = await asyncio.to_thread(desk.picture, names["crossing"], names["name"])
        except StorageError as error:
            return PlainTextResponse(str(error), status_code=503)
        if jpeg is None:
            return PlainTextResponse("No such picture.", status_code=404)
        return Response(jpeg, media_type="image/jpeg")

    async def work(self, request: Request) -> Response:
        """What was looked at so far."""
        saved = await sent(request, SaveWork, limit=MAX_WORK_BYTES)
        if isinstance(saved, Response):
            return saved
        desk = self._source.second_line
        answer = _nobody() if desk is None else await asyncio.to_thread(desk.save, saved)
        return self._said(answer, self._words(request))

    async def close(self, request: Request) -> Response:
        """A decision, with the PIN of the officer on duty."""
        closing = await sent(request, CloseCase, limit=MAX_WORK_BYTES)
        if isinstance(closing, Response):
            return closing
        desk = self._source.second_line
        answer = _nobody() if desk is None else await asyncio.to_thread(desk.close, closing)
        return self._said(answer, self._words(request))

    def _said(self, answer: OfficerAnswer, words: Words) -> Response:
        sentence = words.find(f"case_problem.{answer.problem}") if answer.problem else None
        said = refusal(answer, words) if sentence is None else Refusal(taken=False, sentence=sentence)
        return Response(msgspec.json.encode(said), media_type="application/json")

    def _page(self, template: str, request: Request, **values: Any) -> Response:
        view = self._source.view()
        name = view.officer.name if view.officer else ""
        html = self._templates.get_template(template).render(
            words=self._words(request),
            look=look_of(request),
            version=self._version,
            officer=name,
            carded=any(one.card for one in view.officers if one.name == name),
            revision=view.second_line.revision if view.second_line else 0,
            simulated=bool(view.simulated) or view.profile != "production",
            **values,
        )
        return Response(html, media_type="text/html")


def view_of(file: CaseFile, now: View) -> View:
    """The case as the lane's screen showed it, so that both say the same in the same words."""
    movement = file.movement
    return msgspec.structs.replace(
        now,
        step="deciding",
        trouble=None,
        crossing=movement.crossing,
        document=document_view(movement.document) if movement.document else None,
        checks=movement.checks,
        recommendation=movement.recommendation,
        reasons=movement.reasons,
        portrait=None,
        finger=None,
    )


def photos_of(file: CaseFile, words: Words) -> tuple[Photo, ...]:
    """Faces first, beside each other; then the page in each light."""
    order = ("portrait", "chip_portrait", *(name for light in LIGHTS for name in PICTURES_OF[light]))
    known = {*file.pictures, *file.missing, "portrait", "chip_portrait"}
    names = [name for name in order if name in known]
    names += sorted(known - set(order))
    return tuple(Photo(name, words.say("photo", name), name in file.pictures) for name in names)


def checks_of(view: View, words: Words) -> tuple[Evidence, ...]:
    """Every check, the gravest first, with its evidence."""
    attention, areas = group(view, words)
    rows = (*attention, *(row for area in areas for row in area.rows))
    by_id = {check.id: check for check in view.checks}
    return tuple(
        Evidence(
            id=row.id,
            verdict=row.verdict,
            verdict_word=row.verdict_word,
            name=row.name,
            reason=row.reason,
            decisive=row.decisive,
            evidence=tuple(evidence_of(by_id[row.id])),
        )
        for row in rows
    )


def evidence_of(check: Check) -> list[tuple[str, str]]:
    """Name and value of each piece, as it is recorded."""
    return [(name, _shown(value)) for name, value in check.evidence.items()]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)
    return text if len(text) <= MAX_EVIDENCE else f"{text[: MAX_EVIDENCE - 1]}…"


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def lights_of(file: CaseFile, words: Words) -> tuple[LightGroup, ...]:
    """The routines by light, as far as the officer has come with them."""
    return tuple(
        LightGroup(
            light=light,
            name=words.say("light", light),
            photo=next((name for name in PICTURES_OF[light] if name in file.pictures), None),
            routines=tuple(
                RoutineLine(
                    id=one.id,
                    feature=words.say("feature", one.feature),
                    shows=words.say("shows", one.shows),
                    result=file.work.routines.get(one.id, NOT_DONE),
                )
                for one in ROUTINES
                if one.light == light
            ),
        )
        for light in LIGHTS
    )


def times_of(file: CaseFile, words: Words) -> tuple[tuple[str, str], ...]:
    """When it began and was decided, and how sure the clock was."""
    return tuple(
        (what, f"{_moment(stamp.wall, words)} – {words.say('time', stamp.quality)}")
        for what, stamp in (
            (words.ui("case_began"), file.movement.started),
            (words.ui("case_decided"), file.movement.decided),
        )
    )


def others_of(others: OtherLanes | None, words: Words) -> str:
    """How much this box knows of the post's other boxes; empty where there is nothing to say."""
    if others is None or (others.reachable and others.age_seconds is not None):
        return ""
    if others.age_seconds is None:
        return words.ui("others_never")
    return words.ui("others_away", span=words.span(others.age_seconds / 3600))


def _line(head: Any, words: Words) -> Line:
    waited = head.waited_seconds
    waits = (
        words.ui("waits", span=words.span(waited / 3600)) if waited is not None else words.ui("waits_unknown")
    )
    by = ""
    if head.kind is CaseKind.RELEASED:
        by = words.ui("released_by", name=head.officer, reason=head.released)
    elif head.officer:
        by = words.ui("referred_by", name=head.officer)
    return Line(
        crossing=head.crossing,
        kind=head.kind.value,
        name=head.name or words.ui("no_name"),
        document=head.document or words.ui("no_document"),
        direction=words.say("direction", head.direction),
        recommendation=head.recommendation,
        recommendation_word=words.say("recommendation", head.recommendation),
        reasons=", ".join(words.say("check", id_) for id_ in head.reasons[:3]),
        waits=waits,
        overdue=head.overdue,
        where=words.ui("at_lane", post=head.post, lane=head.lane),
        by=by,
    )


def _moment(iso: str, words: Words) -> str:
    try:
        moment = dt.datetime.fromisoformat(iso).astimezone()
    except ValueError:
        return iso
    return f"{words.date(moment.date().isoformat())}, {moment:%H:%M:%S}"


def _nobody() -> OfficerAnswer:
    return OfficerAnswer(taken=False, problem="not_allowed")
