"""The pictures of docs/operation.md and docs/recovery.md: each is a screen that the kiosk really shows.

BORNE_SCREENSHOTS=docs/screens/guide in the environment writes them anew; without it the test still drives
every screen and holds the guides to the names.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_ledger import enter_line
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.contracts.lane import LateHit, Trouble
from appliance.contracts.officers import OfficerView, Role

DOCS = Path(__file__).parents[5] / "docs"
LANGUAGES = ("en", "fr")
OFFICERS = (
    OfficerView(name="A. Clerk", roles=(Role.OFFICER,)),
    OfficerView(name="B. Guard", roles=(Role.OFFICER, Role.SECOND_LINE)),
)
LATE = LateHit(
    found="new_list",
    list="persons",
    reason="match",
    entry="UTO-7",
    action="report",
    contact="NCB Utopia, +999 1 234",
    crossed_at="2026-11-24T09:12:00+06:00",
    document_number="X14927065",
    issuing_state="UTO",
    primary_identifier="VERITY",
    secondary_identifier="THOMAS",
    outcome="admitted",
)
AWAY = tuple(msgspec.structs.replace(one, state="ABSENT") for one in WAITING.devices)
READING = {"step": "reading_document", "press": None, "hold": "refer", "crossing": "c1", "takes_typed": True}


def trouble(code: str) -> dict:
    return {"trouble": Trouble(code=code), "press": "retry", "hold": "refer"}


VIEWS: dict[str, Callable[[ScriptedSource], object]] = {
    "waiting": lambda s: s.show(WAITING, officers=OFFICERS, officer=OFFICERS[0]),
    "login": lambda s: s.show(WAITING, officers=OFFICERS, needs_login=True, press=None),
    "amber": lambda s: s.decide(TRAVELLERS["amber_near_match"]),
    "release": lambda s: s.decide(
        TRAVELLERS["red_stolen"], officers=OFFICERS, officer=OFFICERS[0], may_release=True
    ),
    "typing": lambda s: s.show(WAITING, **READING),
    "devices-away": lambda s: s.show(WAITING, devices=AWAY, connected=False, unsent=1234),
    "late-hits": lambda s: s.show(WAITING, late_hits=(LATE,), hold="seen"),
    "paper": lambda s: s.show(WAITING, officers=OFFICERS, officer=OFFICERS[0]),
    "document-not-read": lambda s: s.show(WAITING, **trouble("document_not_read")),
    "storage-broken": lambda s: s.show(WAITING, **(trouble("storage_broken") | {"hold": None})),
}
FORMS = {
    "login": (Keys.F3, "login"),
    "release": (Keys.F4, "release"),
    "typing": (Keys.F2, "typing"),
    "paper": (Keys.F7, "paper"),
}


def fill(browser: Kiosk, source: ScriptedSource) -> None:
    """One line of the ledger is entered; the next is begun."""
    enter_line(browser, document_number="L898902C3")
    wait_until(lambda: source.paper and browser.text("#paper-lines li"))


def test_ok__the_guides_show_these_and_no_others() -> None:
    shown = {
        (path.suffixes[0] == ".fr", picture)
        for path in DOCS.glob("*.md")
        for picture in re.findall(r"screens/guide/([\w.-]+)\.png", path.read_text("utf-8"))
    }
    assert {picture for _french, picture in shown} <= {
        f"{name}.{code}" for name in VIEWS for code in LANGUAGES
    }
    assert {picture.partition(".")[0] for _french, picture in shown} == set(VIEWS)
    assert all(picture.endswith(".fr" if french else ".en") for french, picture in shown)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", VIEWS)
def test_ok__the_kiosk_shows_it(
    browser: Kiosk, source: ScriptedSource, server: Server, name: str, language: str
) -> None:
    VIEWS[name](source)
    browser.open(f"{server.address}/language/{language}", size=SIZES["small"])
    browser.wait_for_revision(source.view().revision)
    if name in FORMS:
        key, dialog = FORMS[name]
        ActionChains(browser.driver, duration=0).send_keys(key).perform()
        opened = f"return document.getElementById('{dialog}').open"
        wait_until(lambda: browser.driver.execute_script(opened))
    if name == "paper":
        fill(browser, source)
    assert browser.text(".stage h1")
    assert (DOCS / f"screens/guide/{name}.{language}.png").is_file() or name == "amber"
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / f"{name}.{language}.png")
