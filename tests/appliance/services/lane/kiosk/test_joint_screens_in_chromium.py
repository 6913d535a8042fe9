"""Screens on which several rooms meet: nothing is cut, all can be read, axe-core has nothing against them.

BORNE_SCREENSHOTS=folder in the environment keeps pictures.
"""

import os
from pathlib import Path

import pytest
from kiosk_axe import violations
from kiosk_browser import SIZES, Kiosk, Server
from kiosk_joint import DUTY, bars, dialogs, screens
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import WAITING, ScriptedSource

from appliance.services.lane.kiosk.looks import THEMES
from appliance.services.lane.kiosk.words import LANGUAGES

# Of the bar: what is cut with or without dots, what lies outside, what lies on another.
CROWDED = """
const seen = (e) => e.checkVisibility() && e.getBoundingClientRect().width > 1;
const bar = document.querySelector(".top"), found = [];
const things = [...bar.children].filter((e) => seen(e) && !e.matches(".spacer"));
for (const e of bar.querySelectorAll("*")) {
  if (!seen(e) || e.closest("svg") || e.clientWidth === 0) continue;
  if (e.scrollWidth > e.clientWidth + 1) found.push(`cut: ${e.className} ${e.innerText}`);
}
things.forEach((e, i) => {
  const r = e.getBoundingClientRect();
  if (r.left < 0 || r.right > innerWidth) found.push(`outside: ${e.className}`);
  for (const other of things.slice(i + 1)) {
    const q = other.getBoundingClientRect();
    if (r.left < q.right - 1 && q.left < r.right - 1) found.push(`${e.className} on ${other.className}`);
  }
});
return found;
"""
KEYS = """
return [...document.querySelectorAll(".top [data-open]")]
  .filter((e) => e.checkVisibility()).map((e) => e.dataset.open);
"""


def picture(browser: Kiosk, name: str, size: str) -> None:
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / f"{name.replace(' ', '-')}-{size}.png")


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__the_fullest_bar_and_each_joint_screen_fit(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str
) -> None:
    browser.open(f"{server.address}/language/{language}")
    problems = []
    for name, view in screens(source):
        for size, pixels in SIZES.items():
            browser.resize(pixels)
            browser.wait_for_revision(view.revision)
            problems += [f"{name} {size}: {found}" for found in browser.driver.execute_script(CROWDED)]
            problems += [f"{name} {size}: {found}" for found in browser.driver.execute_script(MISFITS)]
            looked, faint = browser.driver.execute_script(FAINT)
            assert looked > 10
            problems += [f"{name} {size}: {found}" for found in faint]
    assert problems == []


@pytest.mark.parametrize("size", SIZES)
def test_ok__the_fullest_bar_has_every_key(
    browser: Kiosk, source: ScriptedSource, server: Server, size: str
) -> None:
    browser.open(server.address, size=SIZES[size])
    browser.wait_for_revision(source.show(WAITING, **DUTY).revision)
    assert browser.driver.execute_script(KEYS) == ["login", "second-line", "group", "help", "looks"]


def test_fail__a_crowded_bar_is_found(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    browser.wait_for_revision(source.show(WAITING, **DUTY).revision)
    assert browser.driver.execute_script(CROWDED) == []
    browser.driver.execute_script("document.querySelector('.post').textContent = 'Utopia '.repeat(9)")
    assert browser.driver.execute_script(CROWDED)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__axe_has_nothing_against_them(
    browser: Kiosk, source: ScriptedSource, server: Server, theme: str, size: str
) -> None:
    browser.open(server.address, size=SIZES[size])
    browser.driver.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    problems = []
    for name, view in screens(source):
        browser.wait_for_revision(view.revision)
        problems += [f"{name}: {found}" for found in violations(browser)]
        picture(browser, f"{theme}-{name}", size)
    for name in dialogs(browser, source):
        problems += [f"{name}: {found}" for found in violations(browser)]
        problems += [f"{name}: {found}" for found in browser.driver.execute_script(FAINT)[1]]
        picture(browser, f"{theme}-{name}", size)
    assert problems == []


@pytest.mark.parametrize("language", ["fr", "ru", "ar"])
def test_ok__axe_has_nothing_against_a_bar_in_another_language(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str
) -> None:
    browser.open(f"{server.address}/language/{language}")
    for name, view in bars(source):
        browser.wait_for_revision(view.revision)
        assert violations(browser) == [], name


@pytest.mark.parametrize("path", ["/receipt?whole", "/manual?whole", "/manual/operation?whole"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_ok__axe_has_nothing_against_a_page_to_print(
    browser: Kiosk, source: ScriptedSource, server: Server, path: str, language: str
) -> None:
    *_, (_, gone) = screens(source)
    assert gone.receipt
    browser.open(f"{server.address}/language/{language}")
    browser.driver.get(server.address + path)
    browser.settle()
    assert violations(browser) == []
