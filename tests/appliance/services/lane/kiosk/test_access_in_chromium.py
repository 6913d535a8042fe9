"""Who cannot see well, hear, hold a mouse or read small print: axe-core and the keyboard, on every screen."""

from collections.abc import Callable, Iterator

import pytest
from kiosk_axe import violations
from kiosk_browser import SIZES, Kiosk, Server, served, wait_until
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from test_duty_in_chromium import STAFF
from test_in_chromium import situations
from test_traveller_in_chromium import code_on, open_page, portrait_of

from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk.looks import PRINTS, THEMES
from appliance.services.lane.kiosk.words import GUIDE

FORMS = {"typing": Keys.F2, "login": Keys.F3, "release": Keys.F4}


def keys(kiosk: Kiosk, *typed: str) -> None:
    ActionChains(kiosk.driver, duration=0).send_keys(*typed).perform()


@pytest.mark.parametrize("size", SIZES)
def test_ok__axe_has_nothing_against_any_screen(
    browser: Kiosk, source: ScriptedSource, server: Server, size: str
) -> None:
    browser.open(server.address, size=SIZES[size])
    problems = []
    for name in situations(source):
        browser.wait_for_revision(source.view().revision)
        problems += [f"{name}: {found}" for found in violations(browser)]
    assert problems == []


def opened_forms(browser: Kiosk, source: ScriptedSource) -> Iterator[str]:
    """Every dialog of the page, one after the other, open."""
    source.decide(TRAVELLERS["red_stolen"], officers=STAFF, may_release=True, takes_typed=True)
    browser.wait_for_revision(source.view().revision)
    for dialog, key in FORMS.items():
        keys(browser, key)
        wait_until(lambda dialog=dialog: is_open(browser, dialog))
        yield dialog
        keys(browser, Keys.ESCAPE)
        wait_until(lambda dialog=dialog: not is_open(browser, dialog))
    browser.driver.execute_script("document.getElementById('looks').showModal()")
    yield "looks"
    keys(browser, Keys.ESCAPE)


def is_open(browser: Kiosk, dialog: str) -> bool:
    return browser.driver.execute_script(f"return document.getElementById('{dialog}').open")


@pytest.mark.parametrize("size", SIZES)
def test_ok__axe_has_nothing_against_any_form(
    browser: Kiosk, source: ScriptedSource, server: Server, size: str
) -> None:
    browser.open(server.address, size=SIZES[size])
    problems = []
    for name in opened_forms(browser, source):
        problems += [f"{name}: {found}" for found in violations(browser)]
    keys(browser, Keys.F2)
    wait_until(lambda: is_open(browser, "typing"))
    keys(browser, Keys.ENTER)  # everything is missing: each field says so
    wait_until(lambda: browser.text("[data-problem=sex]"))
    problems += violations(browser)
    assert problems == []


def test_ok__axe_has_nothing_against_the_traveller_s_page_nor_a_lost_box(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    open_page(browser, server)
    problems = []
    for code in GUIDE:
        source.show(WAITING, portrait=portrait_of(code))
        wait_until(lambda code=code: code_on(browser) == code)
        problems += [f"{code}: {found}" for found in violations(browser)]
    browser.open(server.address)
    server.stop()
    browser.wait_for_phase("lost")
    problems += [f"lost: {found}" for found in violations(browser)]
    server.start()
    browser.driver.get_log("browser")
    assert problems == []


def test_fail__axe_finds_what_is_wrong(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    browser.driver.execute_script(
        "document.querySelector('.post').style.color = '#bbb';"
        "document.body.append(Object.assign(document.createElement('img'), {src: '/static/icon.svg'}));"
    )
    found = " ".join(violations(browser))
    assert "color-contrast" in found
    assert "image-alt" in found
