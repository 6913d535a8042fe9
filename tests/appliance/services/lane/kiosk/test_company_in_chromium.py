"""Who is with this child, and a chip that does not answer, in real Chromium: one key each, in every size."""

import os
from pathlib import Path

import msgspec
import pytest
from kiosk_axe import violations
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource, check, passport, traveller
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.contracts.asked import AskedView, ChildView, GuardianView, NoteTaken, QuestionView, SayGuardian
from appliance.contracts.lane import LAY_DOWN_AGAIN

LINES = passport("SADYKOVA", "MEERIM", "AC7700122", "2020-08-12", "2031-05-14", "F")
CHILD = traveller(LINES, 21, check("child.guardian", "FAIL", "unaccompanied", age=6))
WITH_MOTHER = traveller(LINES, 21, check("child.guardian", "PASS", "with_guardian", age=6, guardian="c1"))
NAMES = ("SADYKOVA AIGUL", "SADYKOV MARAT", "WOLFESCHLEGELSTEINHAUSEN MAXIMILIAN", "BERG ILONA", "LI WEI")
OFFERED = tuple(GuardianView(crossing=f"c{at}", name=name) for at, name in enumerate(NAMES, 1))
QUESTIONS = tuple(
    QuestionView(question=one, must=False, value=None)
    for one in ("purpose", "previous_residence", "intended_stay_days", "transport")
)
ASKED = AskedView(child=ChildView(offered=OFFERED), questions=QUESTIONS)


def picture(browser: Kiosk, name: str) -> None:
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / f"{name}.png")


def keys(browser: Kiosk, *typed: str) -> None:
    ActionChains(browser.driver, duration=0).send_keys(*typed).perform()


def situations(source: ScriptedSource):
    """Every look of the question, and of a chip that is not there."""
    source.decide(CHILD, crossing="child", asked=ASKED)
    yield "child"
    source.decide(WITH_MOTHER, crossing="child", asked=told(guardian="c1"))
    yield "child-with-mother"
    source.decide(CHILD, crossing="child", asked=told(alone=True))
    yield "child-alone"
    source.decide(CHILD, crossing="child", asked=AskedView(child=ChildView(), questions=QUESTIONS))
    yield "child-nobody-offered"
    source.show(
        WAITING, step="taking_portrait", press=None, hold="refer", crossing="child", document=CHILD.document,
        asked=ASKED,
    )  # fmt: skip
    yield "child-portrait"
    source.show(
        WAITING, step="reading_chip", press="no_chip", hold="refer", crossing="green",
        document=TRAVELLERS["green"].document, page_hint=LAY_DOWN_AGAIN,
    )  # fmt: skip
    yield "chip-lay-down-again"


def told(**what) -> AskedView:
    return msgspec.structs.replace(ASKED, child=ChildView(offered=OFFERED, **what))


@pytest.mark.parametrize("language", ["en", "fr", "ru", "ar"])
def test_ok__everything_fits_and_can_be_read(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str
) -> None:
    browser.open(f"{server.address}/language/{language}")
    problems = []
    for name in situations(source):
        for size, pixels in SIZES.items():
            browser.resize(pixels)
            browser.wait_for_revision(source.view().revision)
            picture(browser, f"{name}-{size}-{language}")
            problems += [f"{name} {size}: {found}" for found in browser.driver.execute_script(MISFITS)]
            looked, faint = browser.driver.execute_script(FAINT)
            assert looked > 10
            problems += [f"{name} {size}: {found}" for found in faint]
    assert problems == []


@pytest.mark.parametrize("size", SIZES)
def test_ok__axe_has_nothing_against_it(
    browser: Kiosk, source: ScriptedSource, server: Server, size: str
) -> None:
    browser.open(server.address, size=SIZES[size])
    problems = []
    for name in situations(source):
        browser.wait_for_revision(source.view().revision)
        problems += [f"{name}: {found}" for found in violations(browser)]
    assert problems == []


def test_ok__one_key_each(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    source.decide(CHILD, crossing="child", asked=ASKED)
    browser.wait_for_revision(source.view().revision)
    for key, said in (
        ("2", {"guardian": "c2"}),
        (Keys.NUMPAD5, {"guardian": "c5"}),
        ("0", {"guardian": "", "alone": True}),
    ):
        keys(browser, key)
        wanted = SayGuardian(crossing="child", **said)
        wait_until(lambda wanted=wanted: source.notes and source.notes[-1] == wanted)
    assert len(source.notes) == 3
    assert source.presses == [], "no digit is the button"


def test_ok__a_digit_in_a_dialog_answers_the_dialog(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    browser.open(server.address)
    source.decide(CHILD, crossing="child", asked=ASKED)
    browser.wait_for_revision(source.view().revision)
    keys(browser, Keys.F5)
    wait_until(lambda: browser.driver.execute_script("return document.getElementById('asked').open"))
    keys(browser, "1")
    wait_until(lambda: source.notes)
    assert not any(isinstance(one, SayGuardian) for one in source.notes)


def test_fail__what_the_box_refuses_is_said(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    source.decide(CHILD, crossing="child", asked=ASKED)
    source.note_answer = NoteTaken(taken=False, problems={"guardian": "choose"})
    browser.wait_for_revision(source.view().revision)
    keys(browser, "1")
    wait_until(lambda: browser.driver.execute_script("return !document.getElementById('toast').hidden"))
