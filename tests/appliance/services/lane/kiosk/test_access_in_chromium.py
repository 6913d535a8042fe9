"""Who cannot see well, hear, hold a mouse or read small print: axe-core and the keyboard, on every screen."""

import io
import time
from collections.abc import Iterator

import numpy as np
import pytest
from kiosk_axe import violations
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_looks import FAINT
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from starlette.requests import Request
from test_duty_in_chromium import STAFF
from test_in_chromium import situations
from test_traveller_in_chromium import code_on, open_page, portrait_of

from appliance.contracts.lane import FingerView
from appliance.services.lane.kiosk.looks import THEMES, Look, look_of

FORMS = {"typing": Keys.F2, "login": Keys.F3, "release": Keys.F4}


def keys(kiosk: Kiosk, *typed: str) -> None:
    ActionChains(kiosk.driver, duration=0).send_keys(*typed).perform()


def looks(source: ScriptedSource) -> Iterator[str]:
    """Every look of the page; of the words to the traveller two, because all stand in the same places."""
    for name in situations(source):
        if not name.startswith("taking_portrait ") or name.endswith((" notice", " look_at_camera")):
            yield name


@pytest.mark.parametrize("size", SIZES)
def test_ok__axe_has_nothing_against_any_screen(
    browser: Kiosk, source: ScriptedSource, server: Server, size: str
) -> None:
    browser.open(server.address, size=SIZES[size])
    problems = []
    for name in looks(source):
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
    for code in ("welcome", "notice", "look_at_camera", "left_index", "taken"):
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


# By one key each: colours, letters, language


def look(browser: Kiosk) -> tuple[str, str, str]:
    script = "const r = document.documentElement; return [r.dataset.theme, r.dataset.print, r.lang]"
    theme, size, language = browser.driver.execute_script(script)
    return theme, size, language


def test_ok__one_key_each_and_it_is_kept(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    assert look(browser) == ("day", "normal", "en")
    for theme in ("sun", "night", "day", "sun"):
        keys(browser, Keys.F10)
        assert look(browser)[0] == theme
    assert browser.text("#look-said") == "Colours for the sun", "a screen reader hears it"
    keys(browser, Keys.F12)
    assert look(browser) == ("sun", "large", "en")
    keys(browser, Keys.F9)
    wait_until(lambda: look(browser) == ("sun", "large", "fr"))
    browser.wait_for_phase("idle")
    browser.driver.get(server.address)  # as after a restart
    assert look(browser) == ("sun", "large", "fr")
    browser.wait_for_phase("idle")
    browser.driver.get(f"{server.address}/traveller")
    assert look(browser)[:2] == ("sun", "large"), "the traveller's page follows"
    assert source.presses == []


def test_ok__a_form_keeps_its_words_until_it_is_closed(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    browser.open(server.address)
    next(opened_forms(browser, source))
    keys(browser, Keys.F9)
    assert is_open(browser, "typing")
    assert look(browser)[2] == "en"


@pytest.mark.parametrize("cookie", ["dusk", "", "night; x", "<script>"])
def test_fail__a_look_that_nobody_offers_is_the_first(cookie: str) -> None:
    request = Request({"type": "http", "headers": [(b"cookie", f"theme={cookie}; print={cookie}".encode())]})
    expected = Look(theme="night" if cookie.startswith("night") else "day", print="normal")
    assert look_of(request) == expected


def set_look(browser: Kiosk, **names: str) -> None:
    for name, value in names.items():
        browser.driver.execute_script(
            "document.documentElement.dataset[arguments[0]] = arguments[1]", name, value
        )


SUN_CONTRAST = 7.0
"""WCAG 2.2 AAA: half of it is lost in the light."""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__each_theme_can_be_read(
    browser: Kiosk, source: ScriptedSource, server: Server, theme: str, size: str
) -> None:
    measure = FAINT.replace("? 3 : 4.5", f"? {SUN_CONTRAST} : {SUN_CONTRAST}") if theme == "sun" else FAINT
    browser.open(server.address, size=SIZES[size])
    problems = []
    set_look(browser, theme=theme)
    for name in looks(source):
        browser.wait_for_revision(source.view().revision)
        looked, faint = browser.driver.execute_script(measure)
        assert looked > 10
        problems += [f"{name}: {found}" for found in faint]
        problems += [f"{name}: {found}" for found in browser.driver.execute_script(SHAPES)]
    for name in opened_forms(browser, source):
        problems += [f"{name}: {found}" for found in browser.driver.execute_script(measure)[1]]
        problems += [f"{name}: {found}" for found in violations(browser)]
    assert problems == []


def test_ok__the_night_is_dark_and_the_day_is_not(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    browser.open(server.address)
    light = {}
    for theme in THEMES:
        set_look(browser, theme=theme)
        for name in ("green", "amber_near_match", "red_stolen"):
            browser.wait_for_revision(source.decide(TRAVELLERS[name]).revision)
            light[theme, name] = mean_luminance(browser.driver.get_screenshot_as_png())
        browser.wait_for_revision(source.show(WAITING, last_outcome=None).revision)
        light[theme, "waiting"] = mean_luminance(browser.driver.get_screenshot_as_png())
    for name in ("green", "amber_near_match", "red_stolen", "waiting"):
        assert light["night", name] < light["day", name] / 10, light
    assert min(value for (theme, _), value in light.items() if theme == "day") > 0.4, light
    assert min(value for (theme, _), value in light.items() if theme == "sun") > 0.4, light


def mean_luminance(png: bytes) -> float:
    """WCAG's relative luminance of the whole picture, 0 black to 1 white."""
    rgb = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.float64) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float((linear @ np.array([0.2126, 0.7152, 0.0722])).mean())


# Large print


@pytest.mark.parametrize("language", ["en", "ru", "ps"])
@pytest.mark.parametrize("size", SIZES)
def test_ok__twice_as_large_and_nothing_is_lost(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str, size: str
) -> None:
    browser.open(f"{server.address}/language/{language}", size=SIZES[size])
    problems = []
    for name in looks(source):
        browser.wait_for_revision(source.view().revision)
        set_look(browser, print="normal")
        rem, words = browser.driver.execute_script(PRINTED)
        set_look(browser, print="large")
        larger, still = browser.driver.execute_script(PRINTED)
        assert larger == pytest.approx(2 * rem, abs=0.01)
        problems += [f"{name}: lost {lost}" for lost in sorted(set(words) - set(still))]
        problems += [f"{name}: {found}" for found in browser.driver.execute_script(CUT)]
    assert problems == []


def test_fail__large_print_that_cuts_is_found(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    source.decide(TRAVELLERS["green"])
    browser.open(server.address)
    set_look(browser, print="large")
    assert browser.driver.execute_script(CUT) == []
    browser.driver.execute_script(
        "const s = document.querySelector('.post').style; s.inlineSize = '2rem'; s.display = 'block';"
        "s.overflow = 'hidden'; s.whiteSpace = 'nowrap'"
    )
    assert browser.driver.execute_script(CUT)


PRINTED = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), words = [];
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
  if (text && e.checkVisibility() && e.getBoundingClientRect().width > 1) words.push(text);
}
return [parseFloat(getComputedStyle(document.documentElement).fontSize), words];
"""

# What large print cuts: the page may scroll down, never aside, and nothing is clipped in its box.
CUT = """
const found = [], root = document.documentElement;
if (root.scrollWidth > innerWidth) found.push(`the page scrolls aside: ${root.scrollWidth}`);
for (const e of document.querySelectorAll(".screen *")) {
  if (!e.checkVisibility() || e.closest(".mrz, svg, figure")) continue;
  if (e.getBoundingClientRect().width <= 1) continue;
  const hides = getComputedStyle(e).overflow !== "visible";
  if (hides && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 2))
    found.push(`cut: ${e.tagName}.${e.className} "${(e.innerText ?? "").slice(0, 30)}"`);
  const r = e.getBoundingClientRect();
  if (r.left < -1 || r.right > innerWidth + 1) found.push(`outside: ${e.tagName}.${e.className}`);
}
return found;
"""

# WCAG 2.2, 1.4.11: what tells one thing from another without words, 3 to 1 with what lies behind it.
SHAPES = """
const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05); };
const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
  if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
const found = [];
for (const e of document.querySelectorAll(".glyph")) {
  if (!e.checkVisibility()) continue;
  const got = ratio(parse(getComputedStyle(e).color), behind(e.parentElement));
  if (got < 3) found.push(`${got.toFixed(2)} glyph of ${e.parentElement.className}`);
}
for (const e of document.querySelectorAll(".typing[open] :is(input, select, textarea, menu button)")) {
  if (e.type === "radio" || e.disabled) continue;
  const got = ratio(parse(getComputedStyle(e).borderTopColor), behind(e.closest("dialog")));
  if (got < 3) found.push(`${got.toFixed(2)} border of ${e.name || e.className}`);
}
const focus = document.createElement("i");
focus.style.color = "var(--focus)"; document.body.append(focus);
for (const ground of [document.body, document.querySelector(".document, .top")]) {
  const got = ratio(parse(getComputedStyle(focus).color), behind(ground));
  if (got < 3) found.push(`${got.toFixed(2)} focus on ${ground.className}`);
}
focus.remove();
return found;
"""


# Hands: keyboard only, and gloves


def test_ok__every_control_is_reached_and_worked_by_the_keyboard(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.show(
        step="taking_fingers",
        document=TRAVELLERS["green"].document,
        crossing="c1",
        press=None,
        hold="refer",
        finger=FingerView(finger="left_middle"),
        officers=STAFF,
    )
    browser.open(server.address)
    controls = browser.driver.execute_script(CONTROLS)
    reached = []
    for _ in range(len(controls)):
        keys(browser, Keys.TAB)
        reached.append(browser.driver.execute_script(FOCUSED))
    assert {name for name, _ in reached} == set(controls)
    assert all(outline >= 2 for _, outline in reached), reached
    browser.driver.execute_script("document.querySelector('[data-except=finger_missing]').focus()")
    keys(browser, Keys.ENTER)
    wait_until(lambda: source.excepted)
    assert source.excepted[-1].reason == "finger_missing"


def test_ok__enter_and_a_screen_reader_press_too_and_shift_space_is_a_hold(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["green"])
    browser.open(server.address)
    browser.driver.execute_script("document.getElementById('button').focus()")
    keys(browser, Keys.ENTER)
    wait_until(lambda: len(source.presses) == 1)
    wait_until(lambda: not browser.driver.execute_script("return document.querySelector('.holding')"))
    time.sleep(0.3)  # a press is ignored while one is on its way
    browser.driver.execute_script("document.getElementById('button').click()")  # as assistive technology does
    wait_until(lambda: len(source.presses) == 2)
    time.sleep(0.3)
    ActionChains(browser.driver, duration=0).key_down(Keys.SHIFT).send_keys(" ").key_up(Keys.SHIFT).perform()
    wait_until(lambda: len(source.presses) == 3)
    time.sleep(0.3)
    assert [press.event for press in source.presses] == ["press", "press", "hold"]


def test_ok__what_ticks_takes_the_keyboard_s_place_from_nobody(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.show(WAITING, officers=STAFF)
    browser.open(server.address)
    browser.driver.execute_script("document.querySelector('[data-open=login]').focus()")
    browser.wait_for_revision(source.show(time="2026-11-24T14:33:05+06:00").revision)
    assert browser.text(".hour") == "14:33"
    assert browser.driver.execute_script("return document.activeElement.dataset.open") == "login"


CONTROLS = """
return [...document.querySelectorAll("a, button, input, select, textarea, [tabindex]")]
  .filter((e) => e.checkVisibility() && !e.disabled && !e.closest("dialog"))
  .map((e) => e.outerHTML.slice(0, 60));
"""
FOCUSED = """
const e = document.activeElement, style = getComputedStyle(e);
return [e.outerHTML.slice(0, 60), style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth)];
"""

LEAST, GLOVED = 24, 44
"""CSS pixels: WCAG 2.2's 2.5.8, and 2.5.5 for what a gloved finger has to hit."""
SMALL = """
const [least, gloved] = arguments, found = [];
const targets = "a, button, select, textarea, input:not([type=radio]), label:has([type=radio])";
for (const e of document.querySelectorAll(targets)) {
  if (!e.checkVisibility()) continue;
  const r = e.getBoundingClientRect();
  // of the bar each has a key of its own, and a form is filled in with keys
  const needed = e.matches("a, button") && !e.closest(".top") ? gloved : least;
  if (r.width < least || r.height < needed - 0.5)
    found.push(`${Math.round(r.width)}x${Math.round(r.height)} ${e.outerHTML.slice(0, 60)}`);
}
return found;
"""


@pytest.mark.parametrize("size", SIZES)
def test_ok__a_gloved_finger_hits_what_it_aims_at(
    browser: Kiosk, source: ScriptedSource, server: Server, size: str
) -> None:
    browser.open(server.address, size=SIZES[size])
    problems = []
    for name in looks(source):
        browser.wait_for_revision(source.view().revision)
        problems += [f"{name}: {found}" for found in browser.driver.execute_script(SMALL, LEAST, GLOVED)]
    for name in opened_forms(browser, source):
        problems += [f"{name}: {found}" for found in browser.driver.execute_script(SMALL, LEAST, GLOVED)]
    open_page(browser, server)
    problems += [f"traveller: {found}" for found in browser.driver.execute_script(SMALL, LEAST, GLOVED)]
    assert problems == []
