"""The forms with a PIN, in real Chromium."""

import os
from pathlib import Path

import pytest
from kiosk_axe import violations
from kiosk_beside import picture
from kiosk_browser import SIZES, Kiosk, served, wait_until
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource
from msgspec import structs
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.contracts.cases import SecondLineView
from appliance.contracts.officers import OfficerView, Role
from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk.words import LANGUAGES

STAFF = tuple(OfficerView(name=name, roles=(Role.OFFICER,)) for name in ("Aida Osmonova", "Bek Toktogulov"))
REASON = "Found again: the desk confirmed it by telephone."


def keys(kiosk: Kiosk, *typed: str) -> None:
    ActionChains(kiosk.driver, duration=0).send_keys(*typed).perform()


def opened(kiosk: Kiosk, dialog: str) -> bool:
    return kiosk.driver.execute_script(f"return document.getElementById('{dialog}').open")


def value(kiosk: Kiosk, selector: str) -> str:
    return kiosk.driver.execute_script("return document.querySelector(arguments[0]).value", selector)


def under_red(source: ScriptedSource, **changes) -> None:
    source.decide(TRAVELLERS["red_stolen"], officers=STAFF, may_release=True, **changes)


def test_ok__on_duty_and_off_again(browser: Kiosk, source: ScriptedSource) -> None:
    source.show(WAITING, officers=STAFF, needs_login=True, press=None)
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        wait_until(lambda: "Nobody on duty" in browser.text(".officer"))
        assert browser.text(".stage .title") == "Officer: log in to begin"
        keys(browser, Keys.F3)
        wait_until(lambda: opened(browser, "login"))
        keys(browser, "B", Keys.TAB, "111", Keys.ENTER)
        wait_until(lambda: browser.text("#login .typing-failed") == "This is not the PIN. It is recorded.")
        assert value(browser, "#login [name=pin]") == ""
        keys(browser, "271828", Keys.ENTER)
        wait_until(lambda: not opened(browser, "login"))
        wait_until(lambda: "Bek Toktogulov" in browser.text(".officer"))
        assert source.logins[-1].name == "Bek Toktogulov"
        keys(browser, Keys.F3)
        wait_until(lambda: opened(browser, "login"))
        assert value(browser, "#login [name=pin]") == "", "no PIN stays behind"
        browser.driver.find_element("css selector", "#login [data-do=logout]").click()
        wait_until(lambda: not opened(browser, "login"))
        wait_until(lambda: "Nobody on duty" in browser.text(".officer"))
        assert source.presses == []


def test_ok__who_has_a_card_is_told_to_lay_it_down(browser: Kiosk, source: ScriptedSource) -> None:
    aida, bek = STAFF
    carded = structs.replace(bek, card=True, card_alone=True)
    source.show(WAITING, officers=(aida, carded), needs_login=True, press=None)
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        for size in SIZES:
            browser.open(server.address, size=SIZES[size])
            keys(browser, Keys.F3)
            wait_until(lambda: opened(browser, "login"))
            assert "Lay your card" not in browser.text("#login")
            keys(browser, "B")
            wait_until(lambda: "Lay your card on the reader" in browser.text("#login"))
            picture(browser, f"login-with-card-{size}")
            assert violations(browser) == []
            assert [one for one in browser.driver.execute_script(MISFITS) if "DIALOG" in one] == []
        browser.driver.find_element("css selector", "#login [data-do=card]").click()
        wait_until(lambda: source.logins and source.logins[-1].card)
        assert source.logins[-1].name == ""


def test_ok__let_go_on_under_red(browser: Kiosk, source: ScriptedSource) -> None:
    under_red(source)
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address, size=SIZES["large"])
        keys(browser, Keys.F4)
        wait_until(lambda: opened(browser, "release"))
        keys(browser, REASON, Keys.TAB, "A", Keys.TAB, "000001", Keys.ENTER)
        wait_until(lambda: "15 more minutes" in browser.text("#release .typing-failed"))
        keys(browser, "271828", Keys.ENTER)
        wait_until(lambda: not opened(browser, "release"))
        browser.wait_for_phase("idle")
    last = source.releases[-1]
    assert (last.crossing, last.name, last.reason) == ("c1", "Aida Osmonova", REASON)


def test_ok__a_form_for_a_traveller_who_is_gone_closes(browser: Kiosk, source: ScriptedSource) -> None:
    under_red(source)
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        keys(browser, Keys.F4)
        wait_until(lambda: opened(browser, "release"))
        source.show(WAITING, officers=STAFF)
        wait_until(lambda: not opened(browser, "release"))
        keys(browser, Keys.F4)
        assert not opened(browser, "release")
        wait_until(lambda: value(browser, "#release textarea") == "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__it_fits_and_can_be_read(
    browser: Kiosk, source: ScriptedSource, language: str, size: str
) -> None:
    second_line = SecondLineView(cases=12, reviews=3, overdue=1)
    under_red(source, officer=STAFF[0], second_line=second_line)
    with served(kiosk_app(source, languages=LANGUAGES, default_language=language)) as server:
        browser.open(server.address, size=SIZES[size])
        assert browser.text(".to-second strong") == "15"
        assert browser.driver.execute_script(MISFITS) == []
        keys(browser, Keys.F4)
        wait_until(lambda: opened(browser, "release"))
        assert [one for one in browser.driver.execute_script(MISFITS) if "DIALOG" in one] == []
        looked, faint = browser.driver.execute_script(FAINT)
        assert looked > 20
        assert faint == []
        if folder := os.environ.get("BORNE_SCREENSHOTS"):
            browser.screenshot(Path(folder) / f"release-{language}-{size}.png")
