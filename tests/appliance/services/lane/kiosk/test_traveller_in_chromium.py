"""The traveller's page in real Chromium: seen from two steps away, heard, and never wrong.

SCREENS=folder in the environment keeps a picture of each word in each language.
"""

import os
from pathlib import Path

import msgspec
import pytest
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource
from test_in_chromium import FAINT, MISFITS

from appliance.contracts.lane import PortraitView
from appliance.services.lane.kiosk.words import GUIDE, LANGUAGES

SPOKEN = "return document.body.dataset.spoken"


def portrait_of(code: str) -> PortraitView | None:
    if code == "welcome":
        return None
    if code in ("notice", "good", "taken", "timed_out", "missed"):
        return PortraitView(phase=code)
    return PortraitView(phase="guiding", instruction=code)


def code_on(browser: Kiosk) -> str:
    return browser.driver.execute_script("return document.body.dataset.code")


def open_page(browser: Kiosk, server: Server, language: str = "en") -> None:
    browser.driver.get(f"{server.address}/traveller/language/{language}")
    wait_until(lambda: code_on(browser))


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__every_word_fits_can_be_read_and_is_heard(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str
) -> None:
    open_page(browser, server, language)
    problems = []
    for code in GUIDE:
        source.show(WAITING, portrait=portrait_of(code))
        wait_until(lambda code=code: code_on(browser) == code)
        if language != "ps":  # no voice
            wait_until(lambda code=code: browser.driver.execute_script(SPOKEN) == code)
        for size, pixels in SIZES.items():
            browser.resize(pixels)
            problems += [f"{code} {size}: {found}" for found in browser.driver.execute_script(MISFITS)]
            looked, faint = browser.driver.execute_script(FAINT)
            assert looked >= 4
            problems += [f"{code} {size}: {found}" for found in faint]
        if folder := os.environ.get("SCREENS"):
            browser.resize(SIZES["small"])
            browser.screenshot(Path(folder) / f"traveller-{code}-{language}.png")
    assert problems == []
    assert [entry["message"] for entry in browser.driver.get_log("browser")] == []


def test_ok__it_is_known_whether_a_page_is_open(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    assert source.traveller_pages == 0
    open_page(browser, server)
    assert source.traveller_pages == 1
    browser.driver.get("about:blank")
    source.show(WAITING)
    wait_until(lambda: source.traveller_pages == 0)


def test_ok__a_traveller_chooses_a_language(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    source.show(WAITING, portrait=portrait_of("look_at_camera"))
    open_page(browser, server)
    assert browser.text("h1") == "Look at the camera"
    browser.driver.find_element("link text", "Français").click()
    wait_until(lambda: browser.text("h1") == "Regardez la caméra")


def test_ok__the_document_s_language_the_traveller_s_and_the_next_traveller_s(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    document = msgspec.structs.replace(TRAVELLERS["green"].document, nationality="KGZ", issuing_state="KGZ")
    browser.driver.get(f"{server.address}/traveller")
    wait_until(lambda: browser.text("h1") == "Welcome")
    source.show(WAITING, step="reading_chip", document=document)
    wait_until(lambda: browser.text("h1") == "Кош келиңиз")
    wait_until(lambda: browser.driver.execute_script(SPOKEN) == "welcome")  # again, in the other language
    browser.driver.find_element("link text", "العربية").click()
    wait_until(lambda: browser.text("h1") == "أهلًا بك")
    source.show(WAITING, document=document, portrait=portrait_of("look_at_camera"))
    wait_until(lambda: browser.text("h1") == "انظر إلى الكاميرا")
    assert (
        browser.driver.execute_script("return getComputedStyle(document.querySelector('h1')).direction")
        == "rtl"
    )
    source.show(WAITING)
    wait_until(lambda: browser.text("h1") == "أهلًا بك")  # a receipt may still follow
    source.show(WAITING, portrait=portrait_of("notice"))
    wait_until(lambda: browser.text("h1") == "Your picture will be taken")
    assert browser.driver.execute_script(
        "return [document.documentElement.lang, document.documentElement.dir]"
    ) == [
        "en",
        "ltr",
    ]


def test_ok__a_lost_box_leaves_no_word_standing(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.show(WAITING, portrait=portrait_of("good"))
    open_page(browser, server)
    visible = "return getComputedStyle(document.getElementById('word')).visibility"
    assert browser.driver.execute_script(visible) == "visible"
    server.stop()
    wait_until(lambda: browser.driver.execute_script(visible) == "hidden")
    source.show(WAITING, portrait=portrait_of("taken"))
    server.start()
    wait_until(lambda: code_on(browser) == "taken")
    assert browser.driver.execute_script(visible) == "visible"
    browser.driver.get_log("browser")


def test_ok__it_looks_the_same_with_a_hit_and_without(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    looks = set()
    open_page(browser, server)
    browser.resize(SIZES["small"])
    for name in ("green", "red_stolen", "amber_not_alike"):
        source.decide(TRAVELLERS[name], portrait=portrait_of("taken"))
        wait_until(lambda: code_on(browser) == "taken")
        looks.add(browser.driver.get_screenshot_as_png())
    assert len(looks) == 1
