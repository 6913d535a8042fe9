"""Visas on arrival on the second line's pages: what was applied for, and a granted visa with its label.

The label is laid out at its true size (Doc 9303-7, sections 2 and 3) and printed by the browser, as the
receipt is. What stands beside its fields is in the box's own language and, where that is not English, French
or Spanish, in English too (Doc 9303-3, section 3.3).
"""

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from appliance.contracts.asked import MULTIPLE_ENTRIES
from appliance.contracts.cases import CaseFile
from appliance.contracts.lane import View
from appliance.contracts.officers import OfficerAnswer
from appliance.contracts.visas import (
    Fee,
    IssueLabel,
    Label,
    LabelState,
    PrintLabel,
    VisaApplication,
    VisaDecision,
    VisaFile,
    VisaGrant,
    VisaHead,
    VoidLabel,
)
from appliance.records.errors import StorageError
from appliance.services.lane.kiosk.form import Refusal, refusal
from appliance.services.lane.kiosk.guard import sent
from appliance.services.lane.kiosk.looks import look_of
from appliance.services.lane.kiosk.words import Words

MAX_BYTES: Final = 8 * 1024
"""A number, a PIN, and a reason in any script."""
MAX_ROWS: Final = 20
"""Of granted visas in the queue; those without a label come first."""
OFFICIAL: Final = ("en", "fr", "es")
"""One of these stands on every label (Doc 9303-3, section 3.3)."""


class VisaSource(Protocol):
    """What the pages ask of the desk; it may look at a disk or a PIN, so it is called in a thread."""

    @property
    def today(self) -> dt.date: ...

    def heads(self) -> tuple[VisaHead, ...]: ...

    def file(self, crossing: str) -> VisaFile | None: ...

    def issue(self, request: IssueLabel) -> OfficerAnswer: ...

    def print(self, request: PrintLabel) -> OfficerAnswer: ...

    def void(self, request: VoidLabel) -> OfficerAnswer: ...


class SecondLine(Protocol):
    """Who has that desk."""

    @property
    def visas(self) -> VisaSource | None: ...


class Source(Protocol):
    """What the pages ask of the lane."""

    @property
    def second_line(self) -> SecondLine | None: ...

    def view(self) -> View: ...


@dataclass(frozen=True, slots=True)
class VisaLine:
    """A granted visa in the queue, in words."""

    crossing: str
    name: str
    document: str
    until: str
    label: str
    waits: bool
    """It has no label."""


@dataclass(frozen=True, slots=True)
class Applied:
    """An application on the page of its case, in words."""

    rows: tuple[tuple[str, str], ...]
    earlier: tuple[str, ...]
    says: str
    most_days: int
    days: int
    entries: int
    valid_from: str
    valid_until: str
    """What is granted unless the officer says otherwise."""


@dataclass(frozen=True, slots=True)
class Viz:
    """One field of a label's visual zone."""

    code: str
    caption: str
    value: str


@dataclass(frozen=True, slots=True)
class LabelLine:
    """A label that was taken, in words."""

    number: str
    said: str
    void: bool


class VisaPages:
    """The routes; `own` is the box's language, in which labels are printed."""

    def __init__(
        self,
        source: Source,
        words: Callable[[Request], Words],
        own: tuple[Words, ...],
        templates: Environment,
        version: str,
    ) -> None:
        self._source = source
        self._words = words
        self._own = own
        self._templates = templates
        self._version = version

    def routes(self) -> list[Route]:
        return [
            Route("/visas/issue", self.issue, methods=["POST"]),
            Route("/visas/print", self.print, methods=["POST"]),
            Route("/visas/void", self.void, methods=["POST"]),
            Route("/visas/{crossing}", self.page),
        ]

    @property
    def _desk(self) -> VisaSource | None:
        second_line = self._source.second_line
        return second_line.visas if second_line is not None else None

    async def page(self, request: Request) -> Response:
        """One granted visa."""
        desk, words, crossing = self._desk, self._words(request), request.path_params["crossing"]
        try:
            file = None if desk is None else await asyncio.to_thread(desk.file, crossing)
        except StorageError as error:
            return PlainTextResponse(str(error), status_code=503)
        if file is None:
            return RedirectResponse("/second-line", status_code=303)
        view = self._source.view()
        simulated = bool(view.simulated) or view.profile != "production"
        html = self._templates.get_template("visa.html").render(
            words=words,
            look=look_of(request),
            version=self._version,
            officer=view.officer.name if view.officer else "",
            revision=view.second_line.revision if view.second_line else 0,
            simulated=simulated,
            others="",
            file=file,
            given=given(file.grant, words),
            fields=viz_of(file, self._own) if file.label else (),
            labels=[label_line(one, words) for one in file.labels],
        )
        return Response(html, media_type="text/html")

    async def issue(self, request: Request) -> Response:
        """A blank label is taken."""
        return await self._do(request, IssueLabel, lambda desk: desk.issue)

    async def print(self, request: Request) -> Response:
        """A label is printed."""
        return await self._do(request, PrintLabel, lambda desk: desk.print)

    async def void(self, request: Request) -> Response:
        """A label is made void."""
        return await self._do(request, VoidLabel, lambda desk: desk.void)

    async def _do(
        self, request: Request, type_: Any, act: Callable[[VisaSource], Callable[[Any], OfficerAnswer]]
    ) -> Response:
        asked = await sent(request, type_, limit=MAX_BYTES)
        if isinstance(asked, Response):
            return asked
        desk, words = self._desk, self._words(request)
        no = OfficerAnswer(taken=False, problem="not_allowed")
        answer = no if desk is None else await asyncio.to_thread(act(desk), asked)
        sentence = words.find(f"visa_problem.{answer.problem}") if answer.problem else None
        said = refusal(answer, words) if sentence is None else Refusal(taken=False, sentence=sentence)
        return Response(msgspec.json.encode(said), media_type="application/json")


def visa_lines(heads: tuple[VisaHead, ...], words: Words) -> tuple[VisaLine, ...]:
    """The first of them, for the queue."""
    return tuple(
        VisaLine(
            crossing=one.crossing,
            name=one.name or words.ui("no_name"),
            document=one.document,
            until=words.ui("stay_visa_until", date=words.date(one.valid_until)),
            label=" ".join((words.ui("label"), one.number)) if one.number else words.ui("visa_no_label"),
            waits=not one.number,
        )
        for one in heads[:MAX_ROWS]
    )


def applied_of(file: CaseFile, words: Words, *, today: dt.date) -> Applied | None:
    """The application of a case; None where there is none."""
    application = file.movement.visa_application
    if application is None:
        return None
    terms = application.terms
    until = today + dt.timedelta(days=terms.validity_days - 1)
    expires = file.movement.document.expiry_date if file.movement.document else ""
    last = min(until.isoformat(), expires) if len(expires) == 10 and "?" not in expires else until.isoformat()
    return Applied(
        rows=tuple(_rows(application, words)),
        earlier=tuple(
            f"{words.date(one.at[:10])}: {words.say('visa_outcome', one.outcome or 'lapsed')},"
            f" {words.say('purpose', one.purpose)}, {words.count('days', one.days)} {one.number}".rstrip()
            for one in application.earlier
        ),
        says=terms.says.get(words.code) or terms.says.get("en", ""),
        most_days=terms.days,
        days=application.days,
        entries=1,
        valid_from=today.isoformat(),
        valid_until=last,
    )


def _rows(application: VisaApplication, words: Words) -> list[tuple[str, str]]:
    terms = application.terms
    return [
        (words.ui("arrival_type"), f"{terms.type} ({terms.label}, {terms.issuing_state})"),
        (words.say("question", "purpose"), words.say("purpose", application.purpose)),
        (words.ui("visa_days"), words.count("days", application.days)),
        (words.ui("arrival_address"), application.address),
        (words.ui("arrival_receipt"), f"{application.receipt or '–'} ({fee_of(terms.fee)})"),
    ]


def fee_of(fee: Fee | None) -> str:
    """As the rule writes it."""
    return f"{fee.amount} {fee.currency}" if fee else "–"


def given(grant: VisaGrant, words: Words) -> str:
    """What was granted, in a line."""
    days, entries = words.count("days", grant.days), entries_of(grant.entries, words)
    return words.ui("visa_given", days=days, entries=entries, date=words.date(grant.valid_until))


def decided(decision: VisaDecision | None, words: Words) -> str:
    """How an application ended; empty where there was none."""
    if decision is None:
        return ""
    said = f"{words.say('check', 'visa.application')}: {words.say('visa_outcome', decision.outcome)}"
    return f"{said} – {given(decision.grant, words)}" if decision.grant else said


def entries_of(number: int, words: Words) -> str:
    """So many entries, in words."""
    return words.ui("entries_multiple") if number == MULTIPLE_ENTRIES else words.count("entries", number)


def label_line(label: Label, words: Words) -> LabelLine:
    """A label that was taken, and what became of it."""
    void, word = label.state is LabelState.VOID, words.ui("label_is_void")
    said = f"{word}: {label.reason}" if void else ""
    prints = words.ui("label_prints", number=label.prints)
    return LabelLine(number=label.number, said=" – ".join(one for one in (prints, said) if one), void=void)


def viz_of(file: VisaFile, own: tuple[Words, ...]) -> tuple[Viz, ...]:
    """The visual zone's fields, zone II before zone III (Doc 9303-7, section 3.2)."""
    label, grant, terms = file.label, file.grant, file.application.terms
    entries = "MULT" if grant.entries == MULTIPLE_ENTRIES else f"{grant.entries:02}"
    birth = file.birth_date.replace("?", "X")
    values = (
        ("type", terms.type),
        ("number", label.number if label else ""),
        ("entries", entries),
        ("valid_from", _day(grant.valid_from)),
        ("valid_until", _day(grant.valid_until)),
        ("stay", str(grant.days)),
        ("place", file.post),
        ("issued", _day(grant.valid_from)),
        ("name", f"{file.primary_identifier}, {file.secondary_identifier}".rstrip(", ")),
        ("passport", file.passport_number),
        ("nationality", file.nationality),
        ("sex", file.sex.replace("<", "") or "X"),
        ("birth_date", _day(birth)),
        ("authority", file.officer),
    )
    return tuple(Viz(code, caption(code, own), value) for code, value in values)


def caption(code: str, own: tuple[Words, ...]) -> str:
    """In the label's languages, parted by a stroke."""
    kind = "viz" if own[0].find(f"viz.{code}") else "field"
    return " / ".join(dict.fromkeys(words.say(kind, code) for words in own))


def _day(iso: str) -> str:
    """DD MMM YYYY with the month in English letters, as Doc 9303-3 section 3.6 lets an issuer write it."""
    try:
        return dt.date.fromisoformat(iso).strftime("%d %b %Y").upper()
    except ValueError:
        return iso
