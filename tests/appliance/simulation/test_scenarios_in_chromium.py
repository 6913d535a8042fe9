"""The scenarios of docs/scenarios/: scripted travellers before the real kiosk in Chromium, by keyboard."""

import datetime as dt
import json
import sys
import time
import tomllib
from pathlib import Path

import msgspec
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

KIOSK_TESTS = Path(__file__).parents[1] / "services" / "lane" / "kiosk"
sys.path[:0] = [str(KIOSK_TESTS), str(Path(__file__).parent)]

from kiosk_browser import CHROMIUM, DRIVER, SIZES, Kiosk, chromium, wait_until  # noqa: E402
from scenario_pages import PAGES, Seen, masked, page, settle, writing  # noqa: E402
from training_process import running_training  # noqa: E402

from appliance.clock import Clock, TimeQuality  # noqa: E402
from appliance.config import ClockSource  # noqa: E402
from appliance.simulation.training.casting import born_of as whole  # noqa: E402
from appliance.simulation.training.script import load_book  # noqa: E402

HOLD_SECONDS = 2.0
STEP_SECONDS = 90.0
BOOK = {one.id: one for one in load_book().traveller}

pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()), reason="chromium is not installed"
)


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page: its travellers in order, and how the training is started."""

    number: int
    name: str
    title: str
    about: str
    travellers: tuple[str, ...]
    options: tuple[str, ...] = ()


SCENARIOS = msgspec.convert(
    tomllib.loads(Path(__file__).with_name("scenarios.toml").read_text("utf-8"))["scenario"],
    tuple[Scenario, ...],
)


class Officer:
    """Hands at the kiosk: counts presses and characters."""

    def __init__(self, kiosk: Kiosk) -> None:
        self._kiosk = kiosk
        self.presses = 0
        self.typed = 0

    def press(self, seconds: float = 0.1) -> None:
        self._kiosk.press(seconds)
        self.presses += 1

    def keys(self, *words: str) -> None:
        ActionChains(self._kiosk.driver, duration=0).send_keys(*words).perform()
        self.typed += sum(len(word) for word in words)

    def fill(self, values: dict[str, str]) -> None:
        """The form, field by field, as somebody does who goes through it with the tab key."""
        for name, value in values.items():
            script = "document.getElementsByName(arguments[0])[0].focus()"
            self._kiosk.driver.execute_script(script, name)
            tag = self._kiosk.driver.execute_script("return document.activeElement.tagName")
            if tag == "SELECT" or name in ("typed_for",):
                choose = (
                    "for (const e of document.getElementsByName(arguments[0])) {"
                    "if (e.type === 'radio') { if (e.value === arguments[1]) e.click(); }"
                    "else { e.value = arguments[1];"
                    "e.dispatchEvent(new Event('input', { bubbles: true })); } }"
                )
                self._kiosk.driver.execute_script(choose, name, value)
                self.typed += 1
            else:
                self.keys(value)


def typed_in(script) -> dict[str, str]:
    """What the form asks of this document."""
    document = script.document
    without = document.kind.value == "none"
    born = born_of(document.born)
    values = {
        "typed_for": "no_document" if without else "not_machine_readable",
        "primary_identifier": document.surname,
        "secondary_identifier": document.given,
        "nationality": document.nationality or document.issuer,
        "birth_date": born,
        "birth_date_again": born,
        "sex": document.sex,
    }
    if not without:
        values |= {
            "document_code": "P",
            "issuing_state": document.issuer,
            "document_number": document.number,
            "document_number_again": document.number,
            "expiry_date": document.expires,
        }
    return values


def born_of(text: str) -> str:
    return whole(text, day=dt.datetime.now(dt.UTC).date()).replace("-??", "")


def see_through(kiosk: Kiosk, scenario: Scenario, id_: str, folder: Path) -> Seen:
    """One traveller by hand; a picture of the screen when the box has spoken."""
    script = BOOK[id_]
    officer = Officer(kiosk)
    began = time.monotonic()
    if "document" not in scenario.options:
        wait_until(lambda: "Start" in kiosk.text(".button"), STEP_SECONDS)
        began = time.monotonic()
        officer.press()
        kiosk.wait_for_phase("working", "deciding", "trouble")
    if script.document is not None and (
        script.document.page.value != "machine" or script.document.kind.value == "none"
    ):
        type_in(kiosk, officer, typed_in(script))
    excused: set[str] = set()
    while kiosk.phase != "deciding":
        if not script.person.fingers:
            excuse_finger(kiosk, excused)
        assert time.monotonic() - began < STEP_SECONDS, kiosk.text(".stage")
        time.sleep(0.05)
    seconds = time.monotonic() - began
    seen = what_it_says(kiosk)
    picture = f"{scenario.number:02d}-{id_}.png"
    keep_picture(kiosk, folder / picture)
    act = "admit" if script.right.act.value == "admit" else "refer"
    refers_by_press = "Refer" in kiosk.text(".button").splitlines()[0]
    held = act == "refer" and not refers_by_press
    officer.press(HOLD_SECONDS if held else 0.1)
    outcome = "Admitted" if act == "admit" else "Referred"
    done = (
        (lambda: kiosk.phase == "idle")
        if "document" not in scenario.options
        else (lambda: outcome in kiosk.text(".stage"))
    )
    wait_until(done, STEP_SECONDS)
    wait_until(lambda: outcome in kiosk.text(".stage"), STEP_SECONDS)
    how = "presses" if not held else "holds the button"
    return Seen(
        traveller=script.title,
        tells=script.tells,
        colour=seen["colour"],
        detail=seen["detail"],
        reasons=tuple(seen["reasons"]),
        does=f"{how}: {act}" + (f" ({', '.join(sorted(excused))} excused)" if excused else ""),
        outcome=outcome.lower(),
        presses=officer.presses,
        typed=officer.typed,
        seconds=seconds,
        picture=picture,
    )


def type_in(kiosk: Kiosk, officer: Officer, values: dict[str, str]) -> None:
    open_ = "return document.getElementById('typing').open"
    wait_until(lambda: kiosk.driver.execute_script("return !document.getElementById('type').hidden"))
    officer.keys(Keys.F2)
    wait_until(lambda: kiosk.driver.execute_script(open_))
    officer.fill(values)
    for _ in range(2):  # what the box made of it, and that it is right
        kiosk.driver.find_element("id", "typing-next").click()
        time.sleep(0.3)
    wait_until(lambda: not kiosk.driver.execute_script(open_))


def excuse_finger(kiosk: Kiosk, excused: set[str]) -> None:
    script = (
        "const b = document.querySelector('[data-except=finger_missing]');"
        "if (b) { b.click(); return b.dataset.finger; } return null"
    )
    if finger := kiosk.driver.execute_script(script):
        excused.add(finger.replace("_", " "))


def what_it_says(kiosk: Kiosk) -> dict:
    asked = "return !document.getElementById('button').disabled"
    wait_until(lambda: kiosk.text(".stage .title") and kiosk.driver.execute_script(asked))
    script = "return [...document.querySelectorAll('.checks [data-decisive]')].map(e => e.dataset.check)"
    return {
        "colour": kiosk.driver.execute_script("return document.body.dataset.recommendation"),
        "detail": kiosk.text(".stage .detail"),
        "reasons": kiosk.driver.execute_script(script),
    }


def keep_picture(kiosk: Kiosk, path: Path) -> None:
    kiosk.screenshot(path)
    assert path.stat().st_size > 10_000


def attempts_in(results: Path) -> list[dict]:
    (kept,) = results.rglob("*.json")
    return json.loads(kept.read_text("utf-8"))["attempts"]


def clock_quality() -> TimeQuality:
    return Clock(source=ClockSource.AUTO).now()[1]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: f"{one.number:02d}-{one.name}")
def test_ok__a_scenario_by_keyboard_alone(scenario: Scenario, tmp_path: Path) -> None:
    if "--clock" in scenario.options and clock_quality() is not TimeQuality.CARRIED:
        pytest.skip("this machine's clock is not one that was only carried over")
    folder = PAGES if writing() else tmp_path / "pictures"
    chosen = [word for id_ in scenario.travellers for word in ("--traveller", id_)]
    seen: list[Seen] = []
    with (
        running_training(tmp_path / "results", "--realistic", *chosen, *scenario.options) as address,
        chromium() as kiosk,
    ):
        kiosk.open(address, size=SIZES["small"])
        assert "TRAINING" in kiosk.text(".banner")
        seen += [see_through(kiosk, scenario, id_, folder) for id_ in scenario.travellers]
        assert "TRAINING" in kiosk.text(".banner")
        wait_until(lambda: len(attempts_in(tmp_path / "results")) == len(seen))
    for one, attempt, id_ in zip(seen, attempts_in(tmp_path / "results"), scenario.travellers, strict=True):
        assert attempt["traveller"] == id_
        assert attempt["box"] == one.colour
        assert tuple(attempt["reasons"]) == one.reasons
        assert attempt["presses"] == one.presses, "what the page sent is what the officer pressed"
        assert attempt["right"], (id_, attempt)
        assert one.colour == BOOK[id_].right.box.value, one
    name = f"{scenario.number:02d}-{scenario.name}"
    settle(name, page(scenario.number, scenario.title, scenario.about, seen))


def test_fail__a_stale_page_is_found() -> None:
    assert masked("until | 7.1 s |") == masked("until | 12 s |")
    assert masked("presses | 1 |") != masked("presses | 2 |")
