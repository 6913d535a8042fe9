"""An officer's hands at the kiosk in Chromium, for the pages of docs/scenarios/."""

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

sys.path.insert(0, str(Path(__file__).parents[1] / "services" / "lane" / "kiosk"))

from kiosk_browser import Kiosk, wait_until  # noqa: E402
from scenario_pages import Seen, Then  # noqa: E402

from appliance.simulation.training.casting import born_of as whole  # noqa: E402
from appliance.simulation.training.script import load_book  # noqa: E402

HOLD_SECONDS = 2.0
STEP_SECONDS = 90.0
BOOK = {one.id: one for one in load_book().traveller}


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

    def with_shift(self, key: str) -> None:
        """`send_keys` lets go of each key before the next."""
        ActionChains(self._kiosk.driver, duration=0).key_down(Keys.SHIFT).send_keys(key).key_up(
            Keys.SHIFT
        ).perform()
        self.typed += 1

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


Notes = Callable[[Kiosk, Officer, Path], Iterable[Then]]
"""What an officer notes before the decision, each with what came of it; pictures go to the folder."""


def see_through(
    kiosk: Kiosk,
    id_: str,
    folder: Path,
    *,
    number: int,
    by_document: bool = False,
    tells: str = "",
    notes: Notes,
) -> Seen:
    """One traveller by hand; a picture of the screen when the box has spoken.

    `number` is the scenario's; `by_document`: the document on the reader begins; `tells` is a check whose
    words belong on the page.
    """
    script = BOOK[id_]
    officer = Officer(kiosk)
    began = time.monotonic()
    if not by_document:
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
    picture = f"{number:02d}-{id_}.png"
    if tells:
        show(kiosk, tells)
    keep_picture(kiosk, folder / picture)
    told = told_of(kiosk, tells) if tells else ""
    then = tuple(notes(kiosk, officer, folder))
    act = "admit" if script.right.act.value == "admit" else "refer"
    how = decide(kiosk, officer, act)
    outcome = "Admitted" if act == "admit" else "Referred"
    done = (lambda: kiosk.phase == "idle") if not by_document else (lambda: outcome in kiosk.text(".stage"))
    wait_until(done, STEP_SECONDS)
    wait_until(lambda: outcome in kiosk.text(".stage"), STEP_SECONDS)
    return Seen(
        traveller=script.title,
        tells=script.tells,
        colour=seen["colour"],
        detail=seen["detail"],
        reasons=tuple(seen["reasons"]),
        does=how + (f" ({', '.join(sorted(excused))} excused)" if excused else ""),
        outcome=outcome.lower(),
        presses=officer.presses,
        typed=officer.typed,
        seconds=seconds,
        picture=picture,
        told=told,
        then=then,
    )


def decide(kiosk: Kiosk, officer: Officer, act: str) -> str:
    """The one button, once; who was detached meanwhile has been referred, and the button is for the next."""
    if kiosk.phase != "deciding":
        return f"detaches: {act}"
    refers_by_press = "Refer" in kiosk.text(".button").splitlines()[0]
    held = act == "refer" and not refers_by_press
    officer.press(HOLD_SECONDS if held else 0.1)
    return f"{'holds the button' if held else 'presses'}: {act}"


def show(kiosk: Kiosk, check: str) -> None:
    """Scroll to a check: many that passed may stand above it."""
    script = "document.querySelector(arguments[0]).scrollIntoView({ block: 'end' })"
    kiosk.driver.execute_script(script, f"[data-check='{check}']")


def told_of(kiosk: Kiosk, check: str) -> str:
    """A check's own words, on one line."""
    return " ".join(kiosk.text(f"[data-check='{check}']").split())


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
