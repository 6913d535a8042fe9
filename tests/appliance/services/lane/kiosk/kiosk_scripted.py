"""A scripted lane for the kiosk's tests: invented travellers, drawn faces, and a `ViewSource` to show them.

Plain helpers, no fixtures, so that another folder's tests may import them too (see conftest.py).
"""

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import msgspec

from appliance.contracts.asked import Note, NoteTaken, SentNote
from appliance.contracts.checks import Check, Direction, Outcome, Recommendation, Verdict
from appliance.contracts.lane import (
    DeviceView,
    DocumentView,
    ExceptFinger,
    ListView,
    Press,
    PressTaken,
    View,
)
from appliance.contracts.officers import Login, OfficerAnswer, OfficerView, Release, Role
from appliance.contracts.paper import EnterPaper, PaperAnswer, PaperHit, PaperResult
from appliance.contracts.receipt import ShowReceipt
from appliance.contracts.typed import TypedAnswer, TypedEntry
from appliance.services.capture.service import CaptureService
from appliance.services.lane.paper_desk import read_line
from appliance.services.lane.printing import PrintDesk
from appliance.services.lane.typed_entry import read_entry
from appliance.simulation.portraits import draw_portrait
from appliance.travel_document import MrzFormat, generate_mrz, parse_mrz, state_name, to_json

TODAY = dt.date(2026, 11, 24)
NINE_DAYS = 9 * 24 + 5.0
AUTHENTICATIONS = ("passive", "active", "chip")
WAITING = View(
    revision=1,
    step="waiting",
    trouble=None,
    press="start",
    hold=None,
    direction=Direction.ENTRY,
    post="Utopia North Pass",
    crossing=None,
    document=None,
    has_portrait=False,
    has_chip_portrait=False,
    checks=(),
    recommendation=None,
    reasons=(),
    lists=(
        ListView(name="documents", entries=41_208, age_hours=NINE_DAYS, stale=False),
        ListView(name="persons", entries=18_422, age_hours=5.4, stale=False),
    ),
    devices=(
        DeviceView(kind="document_reader", model="Simulated reader", state="READY", simulated=True),
        DeviceView(kind="camera", model="Simulated camera", state="READY", simulated=True),
        DeviceView(kind="panel", model="Simulated panel", state="READY", simulated=True),
    ),
    simulated=("document_reader", "camera", "panel"),
    profile="demo",
    connected=True,
    last_seq=118,
    unsent=0,
    notices=(),
    last_outcome=None,
    time="2026-11-24T14:32:05+06:00",
    time_quality="rtc",
)
"""The screen before the first press."""


@dataclass(frozen=True)
class Traveller:
    """An invented person: what the lane would show at the end."""

    document: DocumentView
    checks: tuple[Check, ...]
    recommendation: Recommendation
    reasons: tuple[str, ...]
    seed: int
    """Of the drawn portrait."""
    chip_portrait: bool = True


def document_of(lines: tuple[str, ...]) -> tuple[DocumentView, dict[str, Check]]:
    """The document that these lines say, and every check of them."""
    mrz = parse_mrz(lines, today=TODAY)
    view = DocumentView(
        format=mrz.format.value,
        document_code=mrz.document_code,
        issuing_state=mrz.issuing_state,
        issuing_state_name=state_name(mrz.issuing_state),
        document_number=mrz.document_number,
        primary_identifier=mrz.primary_identifier,
        secondary_identifier=mrz.secondary_identifier,
        nationality=mrz.nationality,
        nationality_name=state_name(mrz.nationality),
        birth_date=str(mrz.birth_date),
        sex=mrz.sex,
        expiry_date=str(mrz.expiry_date),
        lines=mrz.lines,
        source="mrz_line",
    )
    return view, {check["id"]: msgspec.convert(check, Check) for check in to_json(mrz)["checks"]}


def passport(surname: str, names: str, number: str, born: str, expires: str, sex: str) -> tuple[str, ...]:
    """The lines of a passport of Utopia."""
    return generate_mrz(
        MrzFormat.TD3,
        document_code="P",
        issuing_state="UTO",
        primary_identifier=surname,
        secondary_identifier=names,
        document_number=number,
        nationality="UTO",
        birth_date=dt.date.fromisoformat(born),
        sex=sex,
        expiry_date=dt.date.fromisoformat(expires),
    )


def check(id_: str, verdict: str, reason: str, **evidence: Any) -> Check:
    return Check(id=id_, verdict=Verdict(verdict), reason=reason, evidence=evidence)


def traveller(lines: tuple[str, ...], seed: int, *others: Check, chip_portrait: bool = True) -> Traveller:
    """Every check of an ordinary crossing, `others` in their places; what fails makes it AMBER or RED."""
    document, checks = document_of(lines)
    ordinary = (
        check("mrz.read", "PASS", "read", format="TD3", source="mrz_line"),
        check("document.expiry", "PASS", "valid", expiry_date=document.expiry_date),
        check("chip.read", "PASS", "read", access="BAC"),
        check("chip.pace", "NOT_DONE", "not_offered"),
        check("chip.dg1_matches_mrz", "PASS", "equal"),
        *(check(f"chip.{kind}_authentication", "NOT_DONE", "not_supported") for kind in AUTHENTICATIONS),
        check("chip.portrait", "PASS", "decoded"),
        check("portrait.taken", "PASS", "taken", width=480, height=640),
        check("face.single", "PASS", "one_face", faces=1),
        check("face.quality", "PASS", "good_enough", pictures=4),
        check("face.comparison", "PASS", "same_person", similarity=0.93, threshold=0.45),
        check("face.presentation_attack", "NOT_DONE", "no_evaluated_method"),
        check("fingerprint.taken", "NOT_DONE", "no_device"),
        check("watchlist.document", "PASS", "no_hit", list_age_hours=NINE_DAYS),
        check("watchlist.personal_number", "NOT_DONE", "nothing_to_search"),
        check("watchlist.person", "PASS", "no_hit", list_age_hours=5.4),
    )
    checks |= {one.id: one for one in (*ordinary, *others)}
    against = tuple(id_ for id_, one in checks.items() if one.verdict in (Verdict.FAIL, Verdict.CANNOT))
    red = checks["watchlist.document"].verdict is Verdict.FAIL
    return Traveller(
        document=document,
        checks=tuple(checks.values()),
        recommendation=Recommendation(("RED" if red else "AMBER") if against else "GREEN"),
        reasons=against,
        seed=seed,
        chip_portrait=chip_portrait,
    )


def spoil(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The same document with a wrong check digit of its number."""
    wrong = str((int(lines[1][9]) + 3) % 10)
    return lines[0], lines[1][:9] + wrong + lines[1][10:]


TRAVELLERS = {
    "green": traveller(passport("ERIKSSON", "ANNA MARIA", "L898902C3", "1974-08-12", "2031-05-14", "F"), 21),
    "amber_near_match": traveller(
        passport("MARTENSSON", "ERIK JOHAN", "K0052731A", "1983-03-09", "2029-09-01", "M"),
        8,
        check(
            "watchlist.person",
            "FAIL",
            "possible_match",
            list="persons",
            kind="persons",
            score=0.91,
            why=["surname_close"],
            list_age_hours=NINE_DAYS,
        ),
    ),
    "red_stolen": traveller(
        passport("VERITY", "THOMAS", "X14927065", "1958-12-24", "2027-02-17", "M"),
        1,
        check("watchlist.document", "FAIL", "stolen", list="documents", list_age_hours=NINE_DAYS),
    ),
    "amber_not_alike": traveller(
        passport("OKONKWO", "GRACE", "PT7730185", "1996-02-27", "2030-06-30", "F"),
        6,
        check("face.comparison", "FAIL", "not_alike", similarity=0.21, threshold=0.45),
    ),
    "amber_check_digit": traveller(
        spoil(passport("SPECIMEN", "LUCIE", "C7T40K912", "1991-01-30", "2028-11-03", "F")),
        10,
        check("chip.read", "CANNOT", "access_denied"),
        *(check(f"chip.{kind}_authentication", "NOT_DONE", "chip_not_read") for kind in AUTHENTICATIONS),
        *(
            check(f"chip.{what}", "NOT_DONE", "chip_not_read")
            for what in ("pace", "dg1_matches_mrz", "portrait")
        ),
        check("face.comparison", "NOT_DONE", "no_chip_portrait"),
        chip_portrait=False,
    ),
}


class NobodyAppointed:
    """Who works at a lane whose tests are about something else."""

    def __init__(self) -> None:
        self.appointing = SimpleNamespace(names=(), refused="")
        self.desk = SimpleNamespace(names=(), free=True, knows=lambda _token: False)


class ScriptedSource:
    """A `ViewSource` whose views the test sets; `on_press` is the script's answer to a press that took."""

    def __init__(self, view: View = WAITING) -> None:
        self._view = view
        self._lock = threading.Lock()
        self.presses: list[Press] = []
        self.excepted: list[ExceptFinger] = []
        self.entries: list[TypedEntry] = []
        self.logins: list[Login] = []
        self.releases: list[Release] = []
        self.notes: list[Note] = []
        self.note_answer = NoteTaken(taken=True)
        self.on_note: Callable[[Note], None] = lambda _note: None
        self.paper: list[EnterPaper] = []
        self.traveller_pages = 0
        self.pictures: dict[str, bytes] = {}
        self.on_press: Callable[[str], None] = lambda _event: None
        self.printing = PrintDesk(CaptureService(()))
        """Of a box without a printer."""
        self.naming = NobodyAppointed()

    def view(self) -> View:
        return self._view

    def show(self, view: View | None = None, **changes: Any) -> View:
        """The next view: a new revision, whatever it holds."""
        with self._lock:
            base = self._view if view is None else view
            self._view = msgspec.structs.replace(base, **changes, revision=self._view.revision + 1)
            return self._view

    async def wait_for_change(self, revision: int, timeout: float) -> View:
        end = time.monotonic() + timeout
        while self._view.revision == revision and time.monotonic() < end:
            await asyncio.sleep(0.01)
        return self._view

    async def press(self, press: Press) -> PressTaken:
        self.presses.append(press)
        if press.revision != self._view.revision:
            return PressTaken(taken=False)
        self.on_press(press.event)
        return PressTaken(taken=True)

    async def login(self, login: Login) -> OfficerAnswer:
        self.logins.append(login)
        if login.pin != "271828" and login.name:
            return OfficerAnswer(taken=False, problem="wrong_pin")
        roles = (Role.OFFICER,)
        self.show(officer=OfficerView(name=login.name, roles=roles) if login.name else None)
        return OfficerAnswer(taken=True)

    async def release(self, release: Release) -> OfficerAnswer:
        self.releases.append(release)
        if release.pin != "271828":
            return OfficerAnswer(taken=False, problem="locked", minutes=15)
        self.show(WAITING, last_outcome=Outcome.ADMITTED)
        return OfficerAnswer(taken=True)

    def enter(self, entry: TypedEntry) -> TypedAnswer:
        self.entries.append(entry)
        if entry.crossing != self._view.crossing:
            return TypedAnswer(taken=False)
        document, problems = read_entry(entry, today=TODAY, provisional_number="PROV1")
        return TypedAnswer(
            taken=document is not None and entry.confirmed, problems=problems, document=document
        )

    async def note(self, sent: SentNote) -> NoteTaken:
        self.notes.append(sent.note)
        if self.note_answer.taken:
            self.on_note(sent.note)
        return self.note_answer

    def show_receipt(self, show: ShowReceipt) -> PressTaken:
        receipt = self._view.receipt
        if receipt is None or show.reference != receipt.reference:
            return PressTaken(taken=False)
        self.show(receipt=msgspec.structs.replace(receipt, shown=True))
        return PressTaken(taken=True)

    async def enter_paper(self, request: EnterPaper) -> PaperAnswer:
        """As the lane reads a line; "ST0481516" is stolen, and a number that came before is there already."""
        (line,) = request.lines
        read, problems = read_line(line, post="p", now=dt.datetime.now(dt.UTC))
        known = any(one.lines[0].document_number == line.document_number for one in self.paper)
        hit = PaperHit(
            check="watchlist.document", reason="stolen", list="documents", contact="NCB", list_age_hours=5.0
        )
        if read is not None:
            self.paper.append(request)
        result = PaperResult(
            number=line.number,
            taken=read is not None,
            known=known,
            problems=problems,
            hits=(hit,) if line.document_number == "ST0481516" else (),
        )
        return PaperAnswer(results=(result,))

    def except_finger(self, said: ExceptFinger) -> PressTaken:
        self.excepted.append(said)
        return PressTaken(taken=said.crossing == self._view.crossing)

    def traveller_page(self, *, opened: bool) -> None:
        self.traveller_pages += 1 if opened else -1

    def picture(self, name: str) -> bytes | None:
        return self.pictures.get(name)

    def decide(self, traveller: Traveller, *, crossing: str = "c1", **changes: Any) -> View:
        """The last screen of this traveller's crossing."""
        self.pictures = {
            "portrait": draw_portrait(traveller.seed, live=True),
            "chip_portrait": draw_portrait(traveller.seed),
        }
        red = traveller.recommendation is Recommendation.RED
        fields = {
            "step": "deciding",
            "press": "refer" if red else "admit",
            "hold": "refer",
            "crossing": crossing,
            "document": traveller.document,
            "has_portrait": True,
            "has_chip_portrait": traveller.chip_portrait,
            "checks": traveller.checks,
            "recommendation": traveller.recommendation,
            "reasons": traveller.reasons,
        }
        return self.show(WAITING, **(fields | changes))


class Crossing(ScriptedSource):
    """A whole crossing on a clock of its own, as the lane would run it: every press goes on."""

    STEP_SECONDS = 0.25

    def __init__(self, traveller: Traveller) -> None:
        super().__init__()
        self.traveller = traveller
        self.steps: list[str] = []
        self.on_press = self._pressed

    def _pressed(self, event: str) -> None:
        view = self.view()
        action = view.press if event == "press" else view.hold
        if action == "start":
            threading.Thread(target=self._run, daemon=True).start()
        elif action in ("admit", "refer"):
            outcome = Outcome.ADMITTED if action == "admit" else Outcome.REFERRED
            self.show(WAITING, last_outcome=outcome, last_seq=view.last_seq + 1, unsent=1)

    def _run(self) -> None:
        working = {"press": None, "hold": "refer", "crossing": "c1"}
        for step, more in (
            ("reading_document", {}),
            ("reading_chip", {"document": self.traveller.document}),
            ("taking_portrait", {"has_chip_portrait": False}),
            ("checking", {}),
        ):
            self.steps.append(step)
            self.show(**working, step=step, **more)
            time.sleep(self.STEP_SECONDS)
        self.decide(self.traveller)
