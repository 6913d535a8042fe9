"""Help over the officer's page, in real Chromium: by keyboard alone, and the crossing behind goes on.

BORNE_SCREENSHOTS=folder in the environment keeps pictures.
"""

import os
from pathlib import Path

import pytest
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_looks import FAINT
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.contracts.lane import Trouble

LANGUAGES = ("en", "fr", "ru")
OPEN = "return document.getElementById('help').open"
SIDEWAYS = """
const box = document.getElementById("help"), page = document.getElementById("help-page");
const r = box.getBoundingClientRect();
return [page.scrollWidth <= page.clientWidth + 1, box.scrollHeight <= box.clientHeight + 1,
        r.left >= 0, r.top >= 0, r.right <= innerWidth, r.bottom <= innerHeight];
"""


def keys(browser: Kiosk, *typed: str) -> None:
    ActionChains(browser.driver, duration=0).send_keys(*typed).perform()


def title(browser: Kiosk) -> str:
    return browser.text("#help-page h1, #help-page h2")


def is_open(browser: Kiosk) -> bool:
    return browser.driver.execute_script(OPEN)


def moved(browser: Kiosk) -> bool:
    return browser.driver.execute_script("return document.getElementById('help-moved').checkVisibility()")


def ask(browser: Kiosk, key: str = Keys.F1) -> None:
    keys(browser, key)
    wait_until(lambda: is_open(browser) and title(browser))


def test_ok__by_keyboard_alone_and_the_crossing_goes_on(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["red_stolen"])
    browser.open(server.address)
    ask(browser)
    assert title(browser) == "RED: to the second line"
    keys(browser, " ", " ")
    assert source.presses == [], "a space in the help presses nothing"
    assert not moved(browser)
    source.show(WAITING)  # the traveller has been decided at the panel
    wait_until(lambda: moved(browser))
    assert title(browser) == "RED: to the second line"
    keys(browser, Keys.TAB)  # "This screen"
    keys(browser, Keys.ENTER)
    wait_until(lambda: title(browser) == "Ready: press to start")
    keys(browser, Keys.TAB, Keys.TAB, Keys.ENTER)
    wait_until(lambda: title(browser) == "Manual")
    keys(browser, Keys.SHIFT + Keys.TAB + Keys.NULL, Keys.TAB, Keys.TAB)
    browser.driver.execute_script("document.querySelector('#help-page a[href$=recovery]').focus()")
    keys(browser, Keys.ENTER)
    wait_until(lambda: title(browser).startswith("When something fails"))
    keys(browser, Keys.BACKSPACE)
    wait_until(lambda: title(browser) == "Manual")
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: not is_open(browser))
    wait_until(lambda: "Ready" not in browser.driver.page_source)  # nothing stays behind
    browser.press()
    wait_until(lambda: source.presses)
    assert [entry["message"] for entry in browser.driver.get_log("browser")] == []


def test_ok__a_question_mark_or_the_small_button(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.show(WAITING, trouble=Trouble(code="storage_broken"), press="retry")
    browser.open(server.address)
    ask(browser, "?")
    assert title(browser) == "The box cannot record"
    browser.driver.find_element("css selector", "#help-page a").click()
    wait_until(lambda: "An officer" in title(browser))
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: not is_open(browser))
    browser.driver.find_element("css selector", "[data-open=help]").click()
    wait_until(lambda: is_open(browser))


def test_ok__over_a_form_that_keeps_what_was_typed(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.show(WAITING, step="reading_document", press=None, hold="refer", crossing="c1", takes_typed=True)
    browser.open(server.address)
    keys(browser, Keys.F2)
    wait_until(lambda: browser.driver.execute_script("return document.getElementById('typing').open"))
    field = browser.driver.find_element("name", "primary_identifier")
    field.send_keys("Who?")
    assert not is_open(browser), "a question mark in a field is a question mark"
    ask(browser)
    assert title(browser) == "Typing a document in"
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: not is_open(browser))
    assert field.get_property("value") == "Who?"


def test_ok__what_to_do_is_there_when_the_box_is_not(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    browser.open(server.address)
    server.stop()
    browser.wait_for_phase("lost")
    ask(browser)
    assert title(browser) == "No connection to the box"
    server.start()
    browser.wait_for_phase("idle")
    browser.driver.get_log("browser")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__it_fits_and_can_be_read(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str, size: str
) -> None:
    browser.open(f"{server.address}/language/{language}", size=SIZES[size])
    for name in ("amber_near_match", "red_stolen"):
        browser.wait_for_revision(source.decide(TRAVELLERS[name]).revision)
        ask(browser)
        assert browser.driver.execute_script(SIDEWAYS) == [True] * 6
        looked, faint = browser.driver.execute_script(FAINT)
        assert looked > 10
        assert faint == []
        if folder := os.environ.get("BORNE_SCREENSHOTS"):
            browser.screenshot(Path(folder) / f"help-{name}-{language}-{size}.png")
        keys(browser, Keys.ESCAPE)
        wait_until(lambda: not is_open(browser))
    ask(browser)
    browser.driver.find_element("css selector", "[data-help=manual]").click()
    wait_until(lambda: browser.driver.execute_script("return document.querySelector('#help-page a')"))
    browser.driver.find_element("css selector", "#help-page a[href$=operation]").click()
    wait_until(lambda: browser.driver.execute_script("return document.querySelector('#help-page img')"))
    browser.settle()
    assert browser.driver.execute_script(SIDEWAYS) == [True] * 6
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / f"manual-{language}-{size}.png")
