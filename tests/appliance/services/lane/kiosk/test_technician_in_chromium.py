"""The technician's page in real Chromium: keys alone, every language, both sizes, a traveller who comes."""

import os
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import zxingcpp
from kiosk_axe import violations
from kiosk_bench import (
    BENCH,
    MEMBER,
    PIN,
    RENEWAL,
    REQUEST,
    SPECIMEN,
    STRANGER,
    ScriptedDesk,
    nothing_yet,
)
from kiosk_beside import keys, picture, script
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_looks import FAINT
from kiosk_scripted import ScriptedSource
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.services.lane.kiosk.words import LANGUAGES

MANUAL = Path(__file__).parents[5] / "docs/screens"
ALL = {"doing": "specimen", "signal": "working", "running": True, "done": 3, "specimen": SPECIMEN}
ALL |= {"post": RENEWAL}


@pytest.fixture
def desk(source: ScriptedSource) -> ScriptedDesk:
    source.technician = ScriptedDesk()
    return source.technician


def ready(browser: Kiosk) -> bool:
    return bool(script(browser, "return document.body.dataset.ready !== undefined"))


def enter(browser: Kiosk, server: Server, *, size: str = "small", language: str = "en") -> None:
    """Past the form, to the page."""
    browser.resize(SIZES[size])
    browser.driver.get(f"{server.address}/language/{language}")
    browser.driver.get(f"{server.address}/technician")
    wait_until(lambda: ready(browser))
    keys(browser, PIN, Keys.ENTER)
    wait_until(lambda: browser.driver.find_elements("css selector", ".bench-do") and ready(browser))


def test_ok__from_the_lane_s_screen_with_keys_alone(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: ScriptedDesk
) -> None:
    browser.open(server.address)
    shift = ActionChains(browser.driver, duration=0).key_down(Keys.SHIFT).send_keys(Keys.F8)
    shift.key_up(Keys.SHIFT).perform()
    wait_until(lambda: browser.driver.current_url.endswith("/technician") and ready(browser))
    keys(browser, "111", Keys.ENTER)
    wait_until(lambda: browser.text(".typing-failed") == "This is not the PIN. It is recorded.")
    keys(browser, PIN, Keys.ENTER)
    wait_until(lambda: browser.driver.find_elements("css selector", ".bench-do") and ready(browser))
    assert [one.name for one in desk.opened] == ["Chyngyz Tekhnik"] * 2
    wait_until(lambda: "Heat, power, memory" in browser.text(".bench-results"))
    row = browser.text("tr[data-id='central.broker']")
    assert "FAIL" in row or "failed" in row.lower()
    assert "broker.example.org" not in browser.text(".bench-counts")
    keys(browser, "1")
    wait_until(lambda: "3 of 7 parts done" in browser.text(".bench-now"))
    keys(browser, "2")
    wait_until(lambda: "Ready: white" in browser.text(".bench-now"))
    keys(browser, "y")
    wait_until(lambda: "Ready: white" not in browser.text(".bench-now"))
    keys(browser, "3")
    wait_until(lambda: "Lay a specimen document" in browser.text(".bench-now"))
    keys(browser, "0")
    wait_until(lambda: "Lay a specimen document" not in browser.text(".bench-now"))
    keys(browser, "5")
    wait_until(lambda: "right index" in browser.text(".bench-now"))
    assert desk.tried == ["run", "signal", "seen", "specimen", "stop", "finger"]
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: browser.driver.current_url == f"{server.address}/")
    assert desk.tried[-1] == "leave"
    assert source.presses == []


def test_ok__the_camera_is_looked_through_and_the_figure_moves(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: ScriptedDesk
) -> None:
    enter(browser, server)
    wait_until(lambda: "Model of the camera" in browser.text("[data-region=devices]"))
    keys(browser, "4")
    wait_until(lambda: int(script(browser, "return camera.dataset.frames ?? 0")) >= 3)
    first = float(browser.text("#focus"))
    wait_until(lambda: float(browser.text("#focus")) > first)
    wide = "return document.getElementById('camera-picture').naturalWidth"
    wait_until(lambda: script(browser, wide) > 0)  # between two frames there is none
    assert browser.text("#light") == "good (121)"
    keys(browser, "4")
    wait_until(lambda: script(browser, "return document.getElementById('camera').hidden"))
    looks = desk.looks
    browser.driver.get(f"{server.address}/technician/target")
    wait_until(lambda: ready(browser))
    target = "return document.querySelector('.bench-target').naturalWidth"
    wait_until(lambda: script(browser, target) > 0)
    assert violations(browser) == []
    assert desk.looks <= looks + 1
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: browser.driver.current_url.endswith("/technician"))


def test_ok__what_is_printed_is_the_result_without_the_keys(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: ScriptedDesk
) -> None:
    desk.bench = msgspec.structs.replace(BENCH, specimen=SPECIMEN)
    enter(browser, server)
    wait_until(lambda: browser.driver.find_elements("css selector", ".bench-checks li"))
    script(browser, "window.print = () => (document.body.dataset.printed = 'yes')")
    keys(browser, "6")
    wait_until(lambda: script(browser, "return document.body.dataset.printed === 'yes'"))
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = "return document.querySelector(arguments[0]).checkVisibility()"
        parts = (
            ".bench-do",
            "[data-region=specimen]",
            ".second-top",
            ".bench-results",
            ".bench-title",
            ".bench-facts",
        )
        assert [script(browser, shown, part) for part in parts] == [False, False, False, True, True, True]
        assert "median_ms" in browser.text("tr[data-id='disk.flush']"), "paper is wide enough for the figures"
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_ok__a_traveller_who_comes_ends_it_at_once(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: ScriptedDesk
) -> None:
    enter(browser, server)
    keys(browser, "4")
    desk.end("traveller")
    wait_until(lambda: browser.driver.current_url == f"{server.address}/")
    browser.wait_for_phase("idle")
    browser.driver.get(f"{server.address}/technician")
    assert browser.driver.current_url == f"{server.address}/", "while somebody stands there"


def test_ok__a_box_without_technicians_and_one_without_anybody(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.technician = ScriptedDesk(names=())
    browser.driver.get(f"{server.address}/technician")
    wait_until(lambda: "Nobody with the role technician" in browser.text("#open"))
    assert browser.driver.find_elements("css selector", "#open button") == []
    source.technician = ScriptedDesk(names=(), open_to_all=True)
    browser.driver.get(f"{server.address}/technician")
    wait_until(lambda: ready(browser))
    assert violations(browser) == []
    keys(browser, Keys.ENTER)
    wait_until(lambda: browser.driver.find_elements("css selector", ".bench-do") and ready(browser))
    source.technician.bench = nothing_yet()
    wait_until(lambda: "Nothing has been tested" in browser.text("[data-region=results]"))


def test_ok__where_the_box_stands_in_its_post_and_what_it_asks(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: ScriptedDesk
) -> None:
    enter(browser, server)
    wait_until(lambda: browser.driver.find_elements("css selector", ".bench-results tbody tr"))
    assert browser.text("[data-region=post]") == "", "a box that has no post says nothing of one"
    desk.bench = msgspec.structs.replace(BENCH, post=STRANGER)
    wait_until(lambda: "waits for its first paper" in browser.text("[data-region=post]"))
    assert STRANGER.letters in browser.text("[data-region=post]")
    wait_until(lambda: script(browser, "return document.querySelector('.bench-post img')?.naturalWidth > 0"))
    code = browser.driver.find_element("css selector", ".bench-post img")
    script(browser, "arguments[0].scrollIntoView({block: 'center'})", code)
    seen = zxingcpp.read_barcodes(cv2.imdecode(np.frombuffer(code.screenshot_as_png, np.uint8), 0))
    assert [one.text for one in seen] == [REQUEST], "what a telephone photographs is the card's file"
    desk.bench = msgspec.structs.replace(BENCH, post=RENEWAL)
    wait_until(lambda: "asks for its next certificate" in browser.text("[data-region=post]"))
    assert "not taken" in browser.text(".bench-post .worry")
    assert RENEWAL.sentence in browser.text(".bench-post .worry")
    desk.bench = msgspec.structs.replace(BENCH, post=MEMBER)
    wait_until(lambda: "4 Feb 2029" in browser.text("[data-region=post]"))
    assert MEMBER.authority in browser.text("[data-region=post]")
    assert browser.driver.find_elements("css selector", ".bench-post img") == []
    for post, known in ((MEMBER, True), (STRANGER, False)):
        desk.bench = msgspec.structs.replace(BENCH, post=post)
        desk.visiting = known
        browser.driver.get(f"{server.address}/technician/post-request.svg")
        assert "Nothing is asked" in browser.text("body"), "no request, or no technician"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__it_fits_can_be_read_and_axe_has_nothing_against_it(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: ScriptedDesk, language: str, size: str
) -> None:
    desk.bench = msgspec.structs.replace(BENCH, **ALL)
    enter(browser, server, size=size, language=language)
    wait_until(lambda: browser.driver.find_elements("css selector", ".bench-checks li"))
    keys(browser, "4")
    wait_until(lambda: int(script(browser, "return camera.dataset.frames ?? 0")) >= 1)
    assert script(browser, "return document.documentElement.scrollWidth <= innerWidth")
    looked, faint = browser.driver.execute_script(FAINT)
    assert looked > 60
    assert faint == []
    assert violations(browser) == []
    raw = [word for word in ("bench_", "ui.") if word in browser.text("#second")]
    assert raw == []
    picture(browser, f"technician-{language}-{size}")


@pytest.mark.parametrize("look", [("sun", "normal"), ("night", "normal"), ("day", "large")])
def test_ok__in_every_look(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: ScriptedDesk, look: tuple[str, str]
) -> None:
    desk.bench = msgspec.structs.replace(BENCH, **ALL)
    enter(browser, server)
    for name, value in zip(("theme", "print"), look, strict=True):
        script(browser, "document.cookie = `${arguments[0]}=${arguments[1]}; path=/`", name, value)
    browser.driver.get(f"{server.address}/technician")
    wait_until(lambda: browser.driver.find_elements("css selector", ".bench-checks li"))
    assert script(browser, "return document.documentElement.scrollWidth <= innerWidth")
    assert violations(browser) == []
    picture(browser, f"technician-{'-'.join(look)}")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_ok__the_manual_s_picture(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: ScriptedDesk, language: str
) -> None:
    """BORNE_MANUAL=1 writes it anew."""
    enter(browser, server, language=language)
    wait_until(lambda: browser.driver.find_elements("css selector", ".bench-results tbody tr"))
    shown = MANUAL / f"technician.{language}.png"
    if os.environ.get("BORNE_MANUAL"):
        browser.screenshot(shown)
    assert shown.stat().st_size > 5000
