"""The paper ledger at the screen, in real Chromium: line by line, each answered, nothing of it stays."""

import os
from pathlib import Path

import pytest
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_client import Client
from kiosk_ledger import LINE, YESTERDAY, enter_line
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import WAITING, ScriptedSource
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.contracts.errors import ServiceError
from appliance.contracts.officers import OfficerView, Role
from appliance.services.lane.kiosk import kiosk_app

LANGUAGES = ("en", "fr", "ru")
OFFICER = OfficerView(name="A. Clerk", roles=(Role.OFFICER,))
OPEN = "return document.getElementById('paper').open"


@pytest.fixture
def source() -> ScriptedSource:
    source = ScriptedSource()
    source.show(WAITING, officers=(OFFICER,), officer=OFFICER)
    return source


def keys(browser: Kiosk, *typed: str) -> None:
    ActionChains(browser.driver, duration=0).send_keys(*typed).perform()


def value(browser: Kiosk, name: str) -> str:
    return browser.driver.execute_script(
        "return document.getElementById('paper-form').elements[arguments[0]].value", name
    )


def is_open(browser: Kiosk) -> bool:
    return browser.driver.execute_script(OPEN)


def open_form(browser: Kiosk) -> None:
    keys(browser, Keys.F7)
    wait_until(lambda: is_open(browser))


def test_ok__by_keyboard_alone(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    open_form(browser)
    typed = (
        *(YESTERDAY, Keys.TAB, "14:05", Keys.TAB, Keys.TAB, Keys.TAB, "P", Keys.TAB, "Utopia", Keys.TAB),
        *("L898902C3", Keys.TAB, "Utopia", Keys.TAB, "ERIKSSON", Keys.TAB, "ANNA MARIA", Keys.TAB),
        *("1974-08-12", Keys.TAB, "f", Keys.TAB, "2031-05-14", Keys.TAB, "A. Clerk", Keys.ENTER),
    )
    keys(browser, *typed)
    wait_until(lambda: "recorded" in browser.text("#paper-lines li"))
    (request,) = source.paper
    (line,) = request.lines
    assert request.by == "A. Clerk"
    assert (line.number, line.document_number, line.nationality, line.sex) == (1, "L898902C3", "UTO", "F")
    assert source.presses == []
    assert (value(browser, "date"), value(browser, "officer")) == (YESTERDAY, "A. Clerk")
    assert value(browser, "primary_identifier") == "", "of a person nothing stays for the next line"
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: not is_open(browser))
    wait_until(lambda: (value(browser, "date"), browser.text("#paper-lines")) == ("", ""))
    assert [entry["message"] for entry in browser.driver.get_log("browser")] == []


def test_ok__a_hit_says_what_to_do_and_a_line_again_is_known(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    browser.open(server.address)
    open_form(browser)
    enter_line(browser, document_number="ST0481516")
    wait_until(lambda: browser.text("#paper-lines li strong"))
    told = browser.text("#paper-lines li strong")
    assert "Reported stolen" in told or "stolen" in told.lower()
    assert "The person has gone: do not look for them" in told
    assert "ask NCB" in told
    enter_line(browser, document_number="ST0481516")
    wait_until(lambda: "was there already" in browser.text("#paper-lines li:first-child"))


def test_fail__each_field_says_what_is_wrong(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    open_form(browser)
    enter_line(browser, time="25:00", date="2016-01-01", document_number="")
    wait_until(lambda: browser.text("#paper [data-problem=time]"))
    assert browser.text("#paper [data-problem=time]") == "Is no time: 14:05"
    assert browser.text("#paper [data-problem=date]") == "Is more than 180 days ago"
    assert source.paper == []
    assert value(browser, "primary_identifier") == "ERIKSSON", "what was typed is there to be mended"


def test_fail__nobody_on_duty_and_a_traveller_who_stands_here(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.show(WAITING, officers=(OFFICER,), officer=None)
    browser.open(server.address)
    open_form(browser)
    enter_line(browser)
    wait_until(lambda: "log in first" in browser.text("#paper-failed"))
    assert source.paper == []
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: not is_open(browser))
    source.show(WAITING, step="reading_document", press=None, hold="refer", crossing="c1")
    browser.wait_for_phase("working")
    keys(browser, Keys.F7)
    assert not is_open(browser)


def test_fail__a_box_that_does_not_answer_keeps_what_was_typed(
    browser: Kiosk, source: ScriptedSource, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(request: object) -> None:
        raise ServiceError("storage_broken", "The disk is gone.")

    monkeypatch.setattr(source, "enter_paper", refuses)
    browser.open(server.address)
    open_form(browser)
    enter_line(browser)
    wait_until(lambda: browser.text("#paper-failed"))
    assert value(browser, "document_number") == "L898902C3"
    browser.driver.get_log("browser")


def test_fail__only_the_page_itself_and_who_is_on_duty(source: ScriptedSource) -> None:
    client = Client(kiosk_app(source, languages=LANGUAGES, default_language="en"))
    body = {"number": 1} | LINE
    assert client.post("/paper", json=body).status_code == 403
    ours = {"x-borne-kiosk": "1"}
    assert client.post("/paper", json=body | {"by": "Somebody"}, headers=ours).status_code == 400
    assert client.post("/paper", json=body, headers=ours).json()["taken"]
    assert source.paper[0].by == "A. Clerk"
    assert client.post("/paper", json=body | {"officer": "x" * 20_000}, headers=ours).status_code == 413


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__it_fits_and_can_be_read(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str, size: str
) -> None:
    browser.open(f"{server.address}/language/{language}", size=SIZES[size])
    open_form(browser)
    enter_line(browser, document_number="ST0481516")
    wait_until(lambda: browser.text("#paper-lines li"))
    enter_line(browser, time="?")
    wait_until(lambda: browser.text("#paper [data-problem=time]"))
    assert [one for one in browser.driver.execute_script(MISFITS) if "DIALOG" in one] == []
    looked, faint = browser.driver.execute_script(FAINT)
    assert looked > 20
    assert faint == []
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / f"paper-{language}-{size}.png")
