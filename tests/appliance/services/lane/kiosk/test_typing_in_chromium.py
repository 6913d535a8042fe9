"""The form for a document that cannot be read, in real Chromium: by keyboard alone, in three languages."""

import os
from pathlib import Path

import pytest
from kiosk_browser import SIZES, Kiosk, served, wait_until
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import WAITING, ScriptedSource
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk.words import LANGUAGES

FIELDS = (
    ("document_number", "AC 123"),
    ("document_number_again", "AC123"),
    ("primary_identifier", "Шишкин"),
    ("secondary_identifier", "Иван"),
    ("birth_date", "1980-05-31"),
    ("birth_date_again", "1980-05-31"),
    ("expiry_date", "2030-01-02"),
)
CHOICES = (("document_code", "P"), ("issuing_state", "KGZ"), ("nationality", "KGZ"), ("sex", "M"))
READING = {"step": "reading_document", "press": None, "hold": "refer", "crossing": "c1", "takes_typed": True}


@pytest.fixture
def source() -> ScriptedSource:
    source = ScriptedSource()
    source.show(WAITING, **READING)
    return source


def keys(browser: Kiosk, *typed: str) -> None:
    ActionChains(browser.driver, duration=0).send_keys(*typed).perform()


def seen(browser: Kiosk, selector: str) -> bool:
    return browser.driver.execute_script(
        "return document.querySelector(arguments[0]).checkVisibility()", selector
    )


def opened(browser: Kiosk) -> bool:
    return browser.driver.execute_script("return document.getElementById('typing').open")


def fill(browser: Kiosk) -> None:
    for name, value in (*FIELDS, *CHOICES):
        browser.driver.execute_script("document.getElementsByName(arguments[0])[0].focus()", name)
        if (name, value) in CHOICES:
            script = (
                "const e = document.getElementsByName(arguments[0])[0]; e.value = arguments[1];"
                "e.dispatchEvent(new Event('input', { bubbles: true }))"
            )
            browser.driver.execute_script(script, name, value)
        else:
            keys(browser, value)


def next_step(browser: Kiosk) -> None:
    browser.driver.find_element("id", "typing-next").click()


def test_ok__typed_compared_and_taken(browser: Kiosk, source: ScriptedSource) -> None:
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        wait_until(lambda: seen(browser, "#type"))
        keys(browser, Keys.F2)
        wait_until(lambda: opened(browser))
        next_step(browser)  # nothing was filled in: every field says so
        wait_until(lambda: browser.text("[data-problem=typed_for]"))
        assert browser.text("[data-problem=document_number]") == "Is missing"
        keys(browser, " ")  # a space in the form chooses the first reason, and presses no button
        fill(browser)
        assert source.presses == []
        next_step(browser)
        wait_until(lambda: seen(browser, "#typing-shown"))
        assert browser.text("[data-shown=name]") == "SHISHKIN, IVAN"
        assert browser.text("#typing-next") == "It is right"
        next_step(browser)
        wait_until(lambda: not opened(browser))
        assert source.entries[-1].confirmed
        assert source.entries[-1].primary_identifier == "Шишкин"
        keys(browser, Keys.F2)
        wait_until(lambda: opened(browser))
        value = "return document.getElementsByName('primary_identifier')[0].value"
        assert browser.driver.execute_script(value) == "", "nothing of a traveller stays behind"


def test_ok__another_field_is_typed_after_the_comparison(browser: Kiosk, source: ScriptedSource) -> None:
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        keys(browser, Keys.F2)
        wait_until(lambda: opened(browser))
        keys(browser, " ")
        fill(browser)
        next_step(browser)
        wait_until(lambda: seen(browser, "#typing-shown"))
        browser.driver.execute_script("document.getElementsByName('secondary_identifier')[0].focus()")
        keys(browser, "ов")
        assert not seen(browser, "#typing-shown"), "what is taken is what was compared"
        assert browser.text("#typing-next") == "Check"


def test_ok__a_form_for_a_traveller_who_is_gone_closes(browser: Kiosk, source: ScriptedSource) -> None:
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        wait_until(lambda: seen(browser, "#type"))
        keys(browser, Keys.F2)
        wait_until(lambda: opened(browser))
        source.show(**(READING | {"step": "reading_chip", "takes_typed": False}))
        wait_until(lambda: not opened(browser))
        keys(browser, Keys.F2)
        assert not opened(browser)
        assert not seen(browser, "#type")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__the_form_fits_and_can_be_read(
    browser: Kiosk, source: ScriptedSource, language: str, size: str
) -> None:
    with served(kiosk_app(source, languages=LANGUAGES, default_language=language)) as server:
        browser.open(server.address, size=SIZES[size])
        wait_until(lambda: seen(browser, "#type"))
        assert browser.driver.execute_script(MISFITS) == []
        keys(browser, Keys.F2)
        wait_until(lambda: opened(browser))
        next_step(browser)
        wait_until(lambda: browser.text("[data-problem=typed_for]"))
        keys(browser, " ")
        fill(browser)
        next_step(browser)
        wait_until(lambda: seen(browser, "#typing-shown"))
        assert [one for one in browser.driver.execute_script(MISFITS) if "DIALOG" in one] == []
        looked, faint = browser.driver.execute_script(FAINT)
        assert looked > 20
        assert faint == []
        if folder := os.environ.get("BORNE_SCREENSHOTS"):
            browser.screenshot(Path(folder) / f"typing-{language}-{size}.png")
