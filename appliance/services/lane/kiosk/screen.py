"""From the lane's `View` to what the templates print: ordered, in words, nothing left to decide."""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from appliance.contracts.checks import Check, Recommendation, Verdict
from appliance.contracts.lane import DeviceView, DocumentView, ListView, View
from appliance.services.lane.kiosk.asked import Strip, strip_of
from appliance.services.lane.kiosk.reasons import area_of, headline_of, reason_of
from appliance.services.lane.kiosk.traveller import word_of
from appliance.services.lane.kiosk.words import KNOWN, Words

GRAVITY: Final = (Verdict.FAIL, Verdict.CANNOT, Verdict.NOT_DONE, Verdict.PASS)
ALWAYS_SHOWN: Final = "watchlist"
"""A pass elsewhere may shrink to a count; of a watchlist the officer is always told how old it is."""
TRACK: Final = (
    "reading_document",
    "reading_chip",
    "reading_visa",
    "taking_portrait",
    "taking_fingers",
    "checking",
)
FINGERS: Final = "taking_fingers"
"""No stop where the box has no sensor."""
VISA: Final = "reading_visa"
"""A stop of those who need one."""
FIELD_OF_CHECK: Final = {
    "mrz.document_number_check_digit": "document_number",
    "mrz.birth_date_check_digit": "birth_date",
    "mrz.expiry_date_check_digit": "expiry_date",
    "mrz.issuing_state_code": "issuing_state",
    "mrz.nationality_code": "nationality",
    "mrz.name": "primary_identifier",
    "document.expiry": "expiry_date",
    "watchlist.document": "document_number",
    "watchlist.person": "primary_identifier",
    "watchlist.visa": "document_number",
    "child.guardian": "birth_date",
}
"""The field of the document that is marked when a check fails."""
UNSURE_TIMES: Final = ("carried", "unsure")


LOW_CHARGE: Final = 20
"""Per cent: from here on a battery that feeds the box is a worry."""


@dataclass(frozen=True, slots=True)
class Row:
    """One check."""

    id: str
    area: str
    verdict: str
    name: str
    verdict_word: str
    reason: str
    decisive: bool
    """It made the recommendation what it is."""


@dataclass(frozen=True, slots=True)
class Area:
    """The checks of one area that nobody has to look at, and how many of the area passed."""

    code: str
    name: str
    passed: int
    not_done: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the document."""

    code: str
    label: str
    value: str
    note: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of an MRZ line."""

    text: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """The big message: a picture and about five words."""

    picture: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Station:
    """One stop of the progress track: done, now or todo."""

    code: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class ListAge:
    """One watchlist and its age in words."""

    name: str
    age: str
    stale: bool


@dataclass(frozen=True, slots=True)
class Device:
    """One device and its state in words."""

    kind: str
    name: str
    state: str
    word: str
    simulated: bool
    worry: bool
    """Somebody should look: it is away, or the battery is nearly empty."""
    quiet: bool
    """There is nothing to say: where there are many devices, its picture is enough."""


@dataclass(frozen=True, slots=True)
class Screen:
    """All that the templates print."""

    view: View
    phase: str
    """idle, working, deciding or trouble: the page's four looks."""
    stage: Stage
    track: tuple[Station, ...]
    document_kind: str
    fields: tuple[Field, ...]
    mrz: tuple[tuple[Span, ...], ...]
    attention: tuple[Row, ...]
    areas: tuple[Area, ...]
    totals: tuple[tuple[str, int], ...]
    lists: tuple[ListAge, ...]
    oldest: ListAge | None
    devices: tuple[Device, ...]
    clock: str
    date: str
    clock_unsure: bool
    strip: Strip | None


def screen_of(view: View, words: Words) -> Screen:
    """What this view looks like in this language."""
    phase = phase_of(view)
    attention, areas = group(view, words)
    clock, date = _clock(view.time, words)
    oldest = max(view.lists, key=_age_of, default=None)
    return Screen(
        view=view,
        phase=phase,
        stage=_stage(view, phase, words),
        track=tuple(_track(view, words)) if phase == "working" else (),
        document_kind=_kind(view.document, words) if view.document else "",
        fields=tuple(_fields(view.document, view.checks, words)) if view.document else (),
        mrz=tuple(_mrz(view.document.lines, view.checks)) if view.document else (),
        attention=attention,
        areas=areas,
        totals=tuple(
            (verdict.value, sum(check.verdict is verdict for check in view.checks)) for verdict in GRAVITY
        ),
        lists=tuple(_list_age(entry, words) for entry in view.lists),
        oldest=_list_age(oldest, words) if oldest else None,
        devices=tuple(_device(entry, words) for entry in view.devices),
        clock=clock,
        date=date,
        clock_unsure=view.time_quality in UNSURE_TIMES,
        strip=strip_of(view, words),
    )


def phase_of(view: View) -> str:
    """Which of the page's four looks this is."""
    if view.trouble is not None:
        return "trouble"
    if view.step == "waiting":
        return "idle"
    return "deciding" if view.recommendation is not None and view.step == "deciding" else "working"


def group(view: View, words: Words) -> tuple[tuple[Row, ...], tuple[Area, ...]]:
    """What the officer must see, the gravest first; and the rest by area."""

    def gravity(check: Check) -> tuple[int, int]:
        rank = view.reasons.index(check.id) if check.id in view.reasons else len(view.reasons)
        return rank, GRAVITY.index(check.verdict)

    rows = [
        Row(
            id=check.id,
            area=area_of(check),
            verdict=check.verdict.value,
            name=words.say("check", check.id),
            verdict_word=words.of_check("verdict", check.id, check.verdict) or check.verdict.value,
            reason=reason_of(check, words),
            decisive=check.id in view.reasons,
        )
        for check in sorted(view.checks, key=gravity)
    ]
    attention = tuple(
        row for row in rows if row.decisive or row.verdict in ("FAIL", "CANNOT") or row.area == ALWAYS_SHOWN
    )
    areas = []
    known = KNOWN["area"]
    for code in (*known, *sorted({row.area for row in rows} - set(known))):
        of_area = [row for row in rows if row.area == code]
        quiet = tuple(row for row in of_area if row not in attention)
        if quiet:
            verdicts = [row.verdict for row in of_area]
            areas.append(
                Area(
                    code=code,
                    name=words.say("area", code),
                    passed=verdicts.count("PASS"),
                    not_done=verdicts.count("NOT_DONE"),
                    rows=quiet,
                )
            )
    return attention, tuple(areas)


def _stage(view: View, phase: str, words: Words) -> Stage:
    if view.trouble is not None:
        code = view.trouble.code
        remedy = words.find(f"remedy.{code}") or ""
        return Stage(picture="trouble", title=words.say("trouble", code), detail=remedy)
    if phase == "deciding":
        return Stage(
            picture=(view.recommendation or Recommendation.AMBER).value.lower(),
            title=words.say("recommendation", view.recommendation or ""),
            detail=_headline(view, words),
        )
    step = view.step
    if (step == "taking_portrait" and view.portrait is not None) or (
        step == FINGERS and view.finger is not None
    ):
        code = word_of(view)
        # while a finger is asked for, the officer's two buttons stand where the sentence would
        detail = "" if view.finger is not None and view.finger.finger else words.ui("traveller_told")
        return Stage(picture=f"guide-{code}", title=words.say("guide", code), detail=detail)
    hint = words.say("page_hint", view.page_hint) if view.page_hint else ""
    if step == "waiting" and view.needs_login:
        return Stage(picture="waiting", title=words.say("instruction", "waiting_for_officer"), detail="")
    if step == "waiting" and view.press is None:
        return Stage(
            picture="reading_document", title=words.say("instruction", "waiting_for_document"), detail=hint
        )
    if step == "reading_chip" and hint:
        return Stage(picture=step, title=hint, detail="")
    return Stage(picture=step, title=words.say("instruction", step), detail=hint)


def _headline(view: View, words: Words) -> str:
    gravest = {check.id: check for check in view.checks}.get(view.reasons[0]) if view.reasons else None
    return headline_of(gravest, words) if gravest else words.say("headline", "none")


def _track(view: View, words: Words) -> Iterator[Station]:
    sensor = any(device.kind == "fingerprint_sensor" for device in view.devices)
    track = [code for code in TRACK if view.step == code or (code != VISA and (code != FINGERS or sensor))]
    here = track.index(view.step) if view.step in track else len(track)
    for place, code in enumerate(track):
        state = "done" if place < here else "now" if place == here else "todo"
        yield Station(code=code, name=words.say("step", code), state=state)


def _kind(document: DocumentView, words: Words) -> str:
    letter = document.document_code[:1]
    code = "V" if letter == "V" else "P" if letter == "P" else "I" if letter in ("I", "A", "C") else "other"
    return words.say("kind", code)


def _fields(document: DocumentView, checks: tuple[Check, ...], words: Words) -> Iterator[Field]:
    wrong = {FIELD_OF_CHECK.get(check.id) for check in checks if check.verdict is Verdict.FAIL}
    for code, value, note in (
        ("primary_identifier", document.primary_identifier, document.secondary_identifier),
        ("document_number", document.document_number, ""),
        (
            "issuing_state",
            document.issuing_state,
            _issuer(document.issuing_state, document.issuing_state_name, words),
        ),
        (
            "nationality",
            document.nationality,
            _issuer(document.nationality, document.nationality_name, words),
        ),
        ("birth_date", words.date(document.birth_date), ""),
        ("sex", words.say("sex", document.sex if document.sex in ("M", "F") else "X"), ""),
        ("expiry_date", words.date(document.expiry_date), ""),
    ):
        yield Field(
            code=code, label=words.say("field", code), value=value or "–", note=note, wrong=code in wrong
        )


def _issuer(code: str, english: str | None, words: Words) -> str:
    """The name in the officer's language; English where the language has none; nothing for no known code."""
    return (words.issuer(code) or english) if english else ""


def _mrz(lines: tuple[str, ...], checks: tuple[Check, ...]) -> Iterator[tuple[Span, ...]]:
    """The lines as read, the characters that a failed check points at set apart (counted from 0)."""
    failed = [check.evidence for check in checks if check.verdict is Verdict.FAIL]
    failed += [place for check in checks for place in _doubtful(check)]
    for number, line in enumerate(lines):
        marks = {
            place
            for place in (evidence.get("position") for evidence in failed if evidence.get("line") == number)
            if isinstance(place, int) and 0 <= place < len(line)
        }
        spans, start = [], 0
        for place in sorted(marks):
            spans += [Span(text=line[start:place], wrong=False), Span(text=line[place], wrong=True)]
            start = place + 1
        spans.append(Span(text=line[start:], wrong=False))
        yield tuple(span for span in spans if span.text)


def _doubtful(check: Check) -> Iterator[dict[str, int]]:
    """Places that a camera saw badly."""
    places = check.evidence.get("places", ()) if check.verdict is Verdict.CANNOT else ()
    for place in places if isinstance(places, list | tuple) else ():
        if isinstance(place, list | tuple) and len(place) == 2:
            yield {"line": place[0], "position": place[1]}


def _list_age(entry: ListView, words: Words) -> ListAge:
    age = words.ui("age_unknown") if entry.age_hours is None else words.span(entry.age_hours)
    return ListAge(name=entry.name, age=age, stale=entry.stale)


def _age_of(entry: ListView) -> float:
    """An age that nobody can tell may be any."""
    return math.inf if entry.age_hours is None else entry.age_hours


def _device(entry: DeviceView, words: Words) -> Device:
    word = words.say("state", entry.state)
    low = False
    if entry.since is not None:
        word = words.ui("since", state=word, time=_clock(entry.since, words)[0])
    elif entry.charge_percent is not None:
        charge = words.percent(entry.charge_percent / 100)
        low = entry.on_mains is False and entry.charge_percent <= LOW_CHARGE
        word = words.ui("on_battery", charge=charge) if entry.on_mains is False else charge
    elif entry.on_mains is False:
        word = words.ui("on_battery", charge="?")
    return Device(
        kind=entry.kind,
        name=words.say("device", entry.kind),
        state=entry.state,
        word=word,
        simulated=entry.simulated,
        worry=low or entry.state in ("ABSENT", "FAULT"),
        quiet=entry.state == "READY" and entry.on_mains is not False,
    )


def _clock(time: str, words: Words) -> tuple[str, str]:
    try:
        moment = dt.datetime.fromisoformat(time)
    except ValueError:
        return time, ""
    return moment.strftime("%H:%M"), words.date(moment.date().isoformat())
