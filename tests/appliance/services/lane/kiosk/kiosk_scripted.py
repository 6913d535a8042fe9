"""A scripted lane for the kiosk's tests: invented travellers, drawn faces, and a `ViewSource` to show them.

Plain helpers, no fixtures, so that another folder's tests may import them too (see conftest.py).
"""

import asyncio
import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from PIL import Image, ImageDraw, ImageFilter

from appliance.contracts.checks import Check, Direction, Outcome, Recommendation, Verdict
from appliance.contracts.lane import DeviceView, DocumentView, ListView, Press, PressTaken, View

NINE_DAYS = 9 * 24 + 5.0
WAITING = View(
    revision=1,
    step="waiting",
    trouble=None,
    press="start",
    hold=None,
    direction=Direction.ENTRY,
    post="Karaboğaz Pass, lane 1",
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
    hair: str
    skin: str
    coat: str


def digit(text: str) -> str:
    """The check digit of Doc 9303-3, 4.9."""
    values = [0 if c == "<" else int(c, 36) for c in text]
    return str(sum(v * (7, 3, 1)[i % 3] for i, v in enumerate(values)) % 10)


def passport(
    surname: str, names: str, number: str, born: str, expires: str, sex: str, *, wrong: bool = False
) -> DocumentView:
    """A TD3 of Utopia; `wrong` spoils the document number's check digit."""
    first = f"P<UTO{surname.replace(' ', '<')}<<{names.replace(' ', '<')}".ljust(44, "<")
    birth, expiry = (f"{date[2:4]}{date[5:7]}{date[8:]}" for date in (born, expires))
    shown = digit(number) if not wrong else str((int(digit(number)) + 3) % 10)
    optional = "<" * 14
    composite = digit(
        f"{number}{shown}{birth}{digit(birth)}{expiry}{digit(expiry)}{optional}{digit(optional)}"
    )
    second = f"{number}{shown}UTO{birth}{digit(birth)}{sex}{expiry}{digit(expiry)}{optional}<{composite}"
    return DocumentView(
        format="TD3",
        document_code="P",
        issuing_state="UTO",
        issuing_state_name="Utopia",
        document_number=number,
        primary_identifier=surname,
        secondary_identifier=names,
        nationality="UTO",
        nationality_name="Utopia",
        birth_date=born,
        sex=sex,
        expiry_date=expires,
        lines=(first, second),
        source="mrz_line",
    )


def checks(**other: Check) -> tuple[Check, ...]:
    """Every check of an ordinary crossing; `area__what=Check` puts another in its place."""
    listed = {"list_age_hours": NINE_DAYS}
    rows = [
        *((f"mrz.{field}_check_digit", "PASS", "correct", {}) for field in ("document_number", "birth_date")),
        *((f"mrz.{field}_check_digit", "PASS", "correct", {}) for field in ("expiry_date", "optional_data")),
        ("mrz.read", "PASS", "read", {"format": "TD3", "source": "mrz_line"}),
        ("mrz.composite_check_digit", "PASS", "correct", {}),
        ("mrz.issuing_state_code", "PASS", "known", {}),
        ("mrz.nationality_code", "PASS", "known", {}),
        ("mrz.dates_plausible", "PASS", "plausible", {}),
        ("mrz.characters", "PASS", "allowed", {}),
        ("mrz.name", "PASS", "well_formed", {}),
        ("document.expiry", "PASS", "valid", {"expiry_date": "2031-05-14"}),
        ("chip.read", "PASS", "read", {"access": "BAC"}),
        ("chip.pace", "NOT_DONE", "not_offered", {}),
        ("chip.dg1_matches_mrz", "PASS", "equal", {}),
        ("chip.passive_authentication", "NOT_DONE", "not_supported", {}),
        ("chip.active_authentication", "NOT_DONE", "not_supported", {}),
        ("chip.chip_authentication", "NOT_DONE", "not_supported", {}),
        ("chip.portrait", "PASS", "decoded", {}),
        ("portrait.taken", "PASS", "taken", {"width": 640, "height": 800}),
        ("face.quality", "NOT_DONE", "not_supported", {}),
        ("face.comparison", "NOT_DONE", "not_supported", {}),
        ("finger.comparison", "NOT_DONE", "not_supported", {}),
        ("watchlist.document", "PASS", "no_hit", listed),
        ("watchlist.personal_number", "NOT_DONE", "nothing_to_search", {}),
        ("watchlist.person", "PASS", "no_hit", {"list_age_hours": 5.4}),
    ]
    done = {
        id_: Check(id=id_, verdict=Verdict(verdict), reason=reason, evidence=evidence)
        for id_, verdict, reason, evidence in rows
    }
    for check in other.values():
        done[check.id] = check
    return tuple(done.values())


def fail(id_: str, reason: str, **evidence: Any) -> Check:
    return Check(id=id_, verdict=Verdict.FAIL, reason=reason, evidence=evidence)


_spoiled = passport("SPECIMEN", "LUCIE", "C7T40K912", "1991-01-30", "2028-11-03", "F", wrong=True)
TRAVELLERS = {
    "green": Traveller(
        document=passport("ERIKSSON", "ANNA MARIA", "L898902C3", "1974-08-12", "2031-05-14", "F"),
        checks=checks(),
        recommendation=Recommendation.GREEN,
        reasons=(),
        hair="#8a5a2b",
        skin="#eec3a0",
        coat="#3d6b8c",
    ),
    "amber_near_match": Traveller(
        document=passport("MARTENSSON", "ERIK JOHAN", "K0052731A", "1983-03-09", "2029-09-01", "M"),
        checks=checks(
            person=fail(
                "watchlist.person",
                "possible_match",
                list="persons",
                kind="person",
                score=0.91,
                why=["surname_close"],
                list_age_hours=NINE_DAYS,
            )
        ),
        recommendation=Recommendation.AMBER,
        reasons=("watchlist.person",),
        hair="#3a2c22",
        skin="#d9a679",
        coat="#5d5347",
    ),
    "red_stolen": Traveller(
        document=passport("VERITY", "THOMAS", "X14927065", "1968-12-24", "2027-02-17", "M"),
        checks=checks(
            document=fail(
                "watchlist.document", "stolen", list="documents", kind="document", list_age_hours=NINE_DAYS
            )
        ),
        recommendation=Recommendation.RED,
        reasons=("watchlist.document",),
        hair="#9b9b97",
        skin="#e8b994",
        coat="#44546a",
    ),
    "amber_check_digit": Traveller(
        document=_spoiled,
        checks=checks(
            number=fail(
                "mrz.document_number_check_digit",
                "wrong_check_digit",
                field="document_number",
                line=1,
                position=9,
                read=_spoiled.lines[1][9],
                expected=digit("C7T40K912"),
            ),
            chip=Check(id="chip.read", verdict=Verdict.CANNOT, reason="access_denied"),
        ),
        recommendation=Recommendation.AMBER,
        reasons=("mrz.document_number_check_digit", "chip.read"),
        hair="#1d1a1c",
        skin="#8d5a3b",
        coat="#7a4b63",
    ),
}


def draw_face(traveller: Traveller, *, plain: bool) -> bytes:
    """A drawn person, as JPEG; `plain` is the chip's portrait, on a light ground."""
    size = (480, 600)
    picture = Image.new("RGB", size, "#dfe5ea" if plain else "#b9c8d3")
    draw = ImageDraw.Draw(picture)
    if not plain:
        draw.rectangle((0, 0, 150, 600), fill="#a9bac7")
    dark = Image.new("RGB", (1, 1), traveller.skin).resize((1, 1))
    shade = tuple(int(c * 0.86) for c in dark.getpixel((0, 0)))
    dx = 0 if plain else 14
    if traveller.document.sex == "F":
        draw.ellipse((110 + dx, 70, 370 + dx, 420), fill=traveller.hair)
        draw.rounded_rectangle((112 + dx, 220, 368 + dx, 480), 60, fill=traveller.hair)
    draw.rounded_rectangle((30 + dx, 470, 450 + dx, 760), 150, fill=traveller.coat)
    draw.rounded_rectangle((190 + dx, 360, 290 + dx, 520), 46, fill=shade)
    draw.ellipse((138 + dx, 120, 342 + dx, 415), fill=traveller.skin)
    draw.pieslice((130 + dx, 88, 350 + dx, 330), 180, 360, fill=traveller.hair)
    draw.ellipse((150 + dx, 165, 330 + dx, 330), fill=traveller.skin)
    for x in (195, 285):
        draw.ellipse((x - 15 + dx, 244, x + 15 + dx, 264), fill="#fbfaf8")
        draw.ellipse((x - 8 + dx, 245, x + 8 + dx, 263), fill="#33261d")
        draw.arc((x - 24 + dx, 214, x + 24 + dx, 250), 205, 335, fill=traveller.hair, width=6)
    draw.arc((222 + dx, 270, 258 + dx, 320), 20, 160, fill=shade, width=6)
    draw.arc((200 + dx, 318, 280 + dx, 366), 25, 155, fill="#a4505a", width=7)
    out = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(1.2)).save(out, "JPEG", quality=88)
    return out.getvalue()


class ScriptedSource:
    """A `ViewSource` whose views the test sets; `on_press` is the script's answer to a press that took."""

    def __init__(self, view: View = WAITING) -> None:
        self._view = view
        self._lock = threading.Lock()
        self.presses: list[Press] = []
        self.pictures: dict[str, bytes] = {}
        self.on_press: Callable[[str], None] = lambda _event: None

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

    def picture(self, name: str) -> bytes | None:
        return self.pictures.get(name)

    def decide(self, traveller: Traveller, *, crossing: str = "c1", **changes: Any) -> View:
        """The last screen of this traveller's crossing."""
        self.pictures = {
            "portrait": draw_face(traveller, plain=False),
            "chip_portrait": draw_face(traveller, plain=True),
        }
        red = traveller.recommendation is Recommendation.RED
        fields = {
            "step": "deciding",
            "press": "refer" if red else "admit",
            "hold": "refer",
            "crossing": crossing,
            "document": traveller.document,
            "has_portrait": True,
            "has_chip_portrait": traveller.document.lines != _spoiled.lines,
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
