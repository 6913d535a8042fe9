"""The kiosk as an officer meets it: real Chromium, the space bar, both screens, three languages."""

import time
from collections.abc import Iterator

import msgspec
import pytest
from kiosk_browser import SIZES, Kiosk, Server, served, wait_until
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import TRAVELLERS, WAITING, Crossing, ScriptedSource, check
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from appliance.contracts.checks import Outcome, Verdict
from appliance.contracts.lane import FingerView, PortraitView, Trouble
from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk.words import GUIDE, LANGUAGES


@pytest.fixture
def crossing() -> Iterator[tuple[Crossing, Server]]:
    source = Crossing(TRAVELLERS["green"])
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        yield source, server


def complaints(kiosk: Kiosk) -> list[str]:
    """What the browser itself complained of: refused by the CSP, errors in the script."""
    return [entry["message"] for entry in kiosk.driver.get_log("browser")]


def key(kiosk: Kiosk, kind: str, *, repeat: bool = False) -> None:
    kiosk.driver.execute_cdp_cmd(
        "Input.dispatchKeyEvent",
        {"type": kind, "code": "Space", "key": " ", "windowsVirtualKeyCode": 32, "autoRepeat": repeat},
    )


# The button


def test_ok__a_whole_crossing_by_the_space_bar(browser: Kiosk, crossing: tuple[Crossing, Server]) -> None:
    source, server = crossing
    browser.open(server.address)
    assert browser.text(".title") == "Press to start"
    browser.press()
    browser.wait_for_phase("working")
    browser.wait_for_phase("deciding")
    assert browser.text(".title") == "GREEN"
    assert "ERIKSSON" in browser.text(".document")
    assert "No hit – list 9 days old" in browser.text(".checks")
    browser.press()
    browser.wait_for_phase("idle")
    assert browser.text(".last").strip() == "Last traveller Admitted and recorded"
    assert "1 unsent" in browser.text(".network")
    assert source.steps == ["reading_document", "reading_chip", "taking_portrait", "checking"]
    assert [press.event for press in source.presses] == ["press", "press"]
    assert "ERIKSSON" not in browser.driver.page_source
    assert complaints(browser) == []


def test_ok__held_a_second_and_a_half_is_a_hold(browser: Kiosk, crossing: tuple[Crossing, Server]) -> None:
    source, server = crossing
    source.decide(source.traveller)
    browser.open(server.address)
    key(browser, "rawKeyDown")
    time.sleep(0.7)
    ring = "return getComputedStyle(document.querySelector('.key-ring')).strokeDashoffset"
    halfway = float(browser.driver.execute_script(ring).rstrip("px"))
    assert 20 < halfway < 90, "the ring fills while the button is held"
    assert source.presses == []
    browser.wait_for_phase("idle")  # at a second and a half, not when the finger leaves
    key(browser, "keyUp")
    assert [press.event for press in source.presses] == ["hold"]
    assert "Referred and recorded" in browser.text(".last")


def test_ok__released_earlier_is_a_press(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    source.decide(TRAVELLERS["green"])
    browser.open(server.address)
    browser.press(1.1)
    wait_until(lambda: source.presses)
    time.sleep(0.6)
    assert [press.event for press in source.presses] == ["press"]


def test_ok__key_repeat_is_not_pressing_again(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    key(browser, "rawKeyDown")
    for _ in range(5):
        key(browser, "rawKeyDown", repeat=True)
    key(browser, "keyUp")
    wait_until(lambda: source.presses)
    time.sleep(0.2)
    assert [(press.event, press.revision) for press in source.presses] == [("press", 1)]


def test_ok__a_finger_on_the_button(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    browser.driver.find_element("id", "button").click()
    wait_until(lambda: source.presses)
    time.sleep(0.2)  # a press is ignored while one is on its way
    browser.press()  # the space bar does not also click what the finger left focused
    wait_until(lambda: len(source.presses) > 1)
    time.sleep(0.2)
    assert [press.event for press in source.presses] == ["press", "press"]


def test_ok__a_press_answers_only_what_was_seen(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["green"])
    browser.open(server.address)
    seen = browser.revision
    key(browser, "rawKeyDown")
    browser.wait_for_revision(source.decide(TRAVELLERS["red_stolen"], crossing="c2").revision)
    key(browser, "keyUp")
    wait_until(lambda: source.presses)
    assert source.presses[0].revision == seen
    wait_until(lambda: browser.text("#toast") == "The screen had just changed. Nothing was done.")


@pytest.mark.parametrize("event", ["press", "hold"])
def test_ok__a_button_that_does_nothing_sends_nothing(
    browser: Kiosk, source: ScriptedSource, server: Server, event: str
) -> None:
    source.show(press=None, hold="refer") if event == "press" else source.show(press="start", hold=None)
    browser.open(server.address)
    browser.press(0.1 if event == "press" else 1.7)
    time.sleep(0.3)
    assert source.presses == []


def test_fail__a_foreign_page_cannot_press_nor_look(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["green"])
    foreign = Starlette(routes=[Route("/", lambda _request: HTMLResponse("<title>foreign</title>"))])
    with served(foreign) as other:
        browser.driver.get(other.address)
        script = """
            const [kiosk, revision, done] = arguments;
            const body = JSON.stringify({event: "press", revision});
            const asked = [
              fetch(kiosk + "/press", {method: "POST", mode: "no-cors", body}),
              fetch(kiosk + "/press", {method: "POST", body, headers:
                {"Content-Type": "application/json", "X-Borne-Kiosk": "1"}}),
              fetch(kiosk + "/events"),
              new Promise((yes, no) => { const i = new Image(); i.onload = yes; i.onerror = no;
                i.src = kiosk + "/picture/portrait?crossing=c1"; }),
            ];
            Promise.allSettled(asked).then((all) => done(all.map((one) => one.status)));
        """
        settled = browser.driver.execute_async_script(script, server.address, source.view().revision)
    assert settled == ["rejected"] * 4
    assert source.presses == []
    complaints(browser)


# The connection


def test_ok__a_lost_box_is_said_nothing_stale_is_left_and_the_page_comes_back(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["red_stolen"])
    browser.open(server.address)
    assert "VERITY" in browser.driver.page_source
    server.stop()
    browser.wait_for_phase("lost")
    assert browser.text(".lost").startswith("No connection to the box")
    assert "VERITY" not in browser.driver.page_source
    browser.press()
    assert source.presses == []
    source.show(WAITING)
    server.start()
    browser.wait_for_phase("idle")
    browser.press()
    wait_until(lambda: source.presses)
    complaints(browser)


def test_ok__a_box_that_falls_silent_is_lost_too(
    browser: Kiosk, source: ScriptedSource, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.services.lane.kiosk.page.HEARTBEAT_SECONDS", 60.0)
    faster = "const slow = window.setTimeout; window.setTimeout = (f, ms, ...a) => slow(f, ms / 10, ...a);"
    added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": faster})
    try:
        browser.open(server.address)
        browser.driver.execute_script(
            "window.phases = []; new MutationObserver(() => phases.push(document.body.dataset.phase))"
            ".observe(document.body, {attributeFilter: ['data-phase']})"
        )
        # lost after a second of these, and found again as soon as the box answers
        wait_until(lambda: browser.driver.execute_script("return phases.slice(0, 2)") == ["lost", "idle"])
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_ok__an_open_page_reloads_after_an_update(
    browser: Kiosk, source: ScriptedSource, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.open(server.address)
    browser.driver.execute_script("window.old = true; document.body.dataset.version = 'of before';")
    source.show(WAITING)
    wait_until(lambda: not browser.driver.execute_script("return window.old"))
    browser.wait_for_phase("idle")


# The look


def situations(source: ScriptedSource) -> Iterator[str]:
    """Every look of the page, one after the other."""
    for name, traveller in TRAVELLERS.items():
        source.decide(traveller, crossing=name)
        yield name
    green = TRAVELLERS["green"]
    source.show(
        WAITING,
        last_outcome=Outcome.REFERRED,
        notices=("database_set_aside", "crossing_unreadable", "disk_almost_full"),
    )
    yield "waiting"
    away = tuple(msgspec.structs.replace(one, state="ABSENT") for one in WAITING.devices)
    source.show(WAITING, devices=(*away, *away[:1]), connected=False, unsent=1234)
    yield "every device away"
    for step in ("reading_document", "reading_chip", "taking_portrait", "checking"):
        document = None if step == "reading_document" else green.document
        source.show(WAITING, step=step, press=None, hold="refer", crossing="green", document=document)
        yield step
    for code in GUIDE[1:-3]:
        phase = code if code in ("notice", "good") else "guiding"
        portrait = PortraitView(phase=phase, instruction=code if phase == "guiding" else None)
        source.show(step="taking_portrait", document=green.document, portrait=portrait)
        yield f"taking_portrait {code}"
    for finger in (
        FingerView(finger="left_middle"),
        FingerView(finger="right_ring", instruction="press_lighter"),
    ):
        source.show(step="taking_fingers", document=green.document, portrait=None, finger=finger)
        yield f"taking_fingers {finger.instruction}"
    source.show(finger=None)
    for code in ("document_not_read", "storage_full", "storage_broken", "capture_unreachable"):
        source.show(
            WAITING,
            trouble=Trouble(code=code),
            press="retry",
            hold="refer",
            connected=False,
            unsent=812,
            notices=("clock_unsure",),
            time_quality="unsure",
        )
        yield code
    source.show(WAITING, notices=("support_access",))
    yield "support_access"


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__everything_fits_and_can_be_read(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str
) -> None:
    browser.open(f"{server.address}/language/{language}")
    problems = []
    for name in situations(source):
        for size, pixels in SIZES.items():
            browser.resize(pixels)
            browser.wait_for_revision(source.view().revision)
            problems += [f"{name} {size}: {found}" for found in browser.driver.execute_script(MISFITS)]
            looked, faint = browser.driver.execute_script(FAINT)
            assert looked > 10
            problems += [f"{name} {size}: {found}" for found in faint]
    assert problems == []
    assert complaints(browser) == []


def test_fail__the_measure_of_what_fits_and_of_contrast_can_fail(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["green"])
    browser.open(server.address)
    browser.driver.execute_script(
        "document.querySelector('.title').textContent = 'W'.repeat(60);"
        "document.querySelector('.post').style.color = '#bbb';"
    )
    assert browser.driver.execute_script(MISFITS)
    assert "Utopia North Pass" in str(browser.driver.execute_script(FAINT)[1])


def test_ok__too_many_findings_scroll_under_their_totals_and_the_gravest_stay_on_top(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    traveller = TRAVELLERS["red_stolen"]
    failed = tuple(msgspec.structs.replace(one, verdict=Verdict.FAIL) for one in traveller.checks)
    source.decide(traveller, checks=failed)
    browser.open(server.address)
    assert browser.text(".totals").split() == [str(len(failed)), "failed"]
    first = browser.driver.execute_script(
        "const r = document.querySelector('.attention > li').getBoundingClientRect();"
        "return [document.querySelector('.attention > li').dataset.check, r.top, r.bottom]"
    )
    assert first[0] == "watchlist.document"
    assert 0 < first[1] < first[2] < 480


def test_ok__colour_shape_and_word_all_say_the_recommendation(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    browser.open(server.address)
    looks = set()
    for name in ("green", "amber_near_match", "red_stolen"):
        browser.wait_for_revision(source.decide(TRAVELLERS[name]).revision)
        looks.add(
            tuple(
                browser.driver.execute_script(
                    "const s = document.querySelector('.stage');"
                    "return [getComputedStyle(s).backgroundColor,"
                    " s.querySelector('use').getAttribute('href'), s.querySelector('h1').innerText]"
                )
            )
        )
    assert [len(set(part)) for part in zip(*looks, strict=True)] == [3, 3, 3]
    assert {look[1:] for look in looks} == {("#p-green", "GREEN"), ("#p-amber", "AMBER"), ("#p-red", "RED")}


def test_ok__at_800x480_passes_shrink_to_counts_and_at_1920x1080_all_are_listed(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["green"])
    browser.open(server.address)
    shown = "return [...document.querySelectorAll('.check')].filter(e => e.checkVisibility()).length"
    assert browser.driver.execute_script(shown) == 3
    assert "MRZ" in browser.text(".areas")
    browser.resize(SIZES["large"])
    assert browser.driver.execute_script(shown) == len(TRAVELLERS["green"].checks)


def test_ok__right_to_left_mirrors_the_page_but_not_the_mrz(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["amber_check_digit"])
    browser.open(server.address)
    where = """
        document.documentElement.dir = arguments[0];
        const parts = ["stage", "checks", "photos", "document", "direction", "languages"];
        return Object.fromEntries(parts.map((c) => {
          const r = document.querySelector("." + c).getBoundingClientRect();
          return [c, [Math.round(r.left), Math.round(r.right)]];
        }));
    """
    left_to_right = browser.driver.execute_script(where, "ltr")
    mirrored = browser.driver.execute_script(where, "rtl")
    for name, (left, right) in left_to_right.items():
        assert mirrored[name] == pytest.approx([800 - right, 800 - left], abs=3), name
    code = "return getComputedStyle(document.querySelector('.mrz code')).direction"
    assert browser.driver.execute_script(code) == "ltr"
    assert browser.driver.execute_script(MISFITS) == []


@pytest.mark.parametrize(("wish", "moves"), [("reduce", False), ("no-preference", True)])
def test_ok__who_wants_no_motion_sees_none(
    browser: Kiosk, source: ScriptedSource, server: Server, wish: str, moves: bool
) -> None:
    feature = {"name": "prefers-reduced-motion", "value": wish}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    source.show(step="reading_chip", press=None)
    browser.open(server.address)
    browser.settle()
    looks = set()
    for _ in range(5):
        looks.add(browser.driver.get_screenshot_as_png())
        time.sleep(0.15)
    assert (len(looks) > 1) is moves


def test_ok__what_a_stranger_wrote_runs_nothing(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    evil = "<img src=x onerror=\"document.title='run'\">"
    document = msgspec.structs.replace(
        TRAVELLERS["green"].document, primary_identifier=evil, lines=(evil, evil)
    )
    source.decide(
        TRAVELLERS["green"], document=document, checks=(check("watchlist.person", "FAIL", evil, list=evil),)
    )
    browser.open(server.address)
    assert evil in browser.text(".document")
    assert "run" not in browser.driver.title
    assert browser.driver.execute_script("return document.querySelectorAll('img').length") == 2
    assert complaints(browser) == []


def test_ok__a_picture_stays_while_nothing_of_it_changes(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["green"])
    browser.open(server.address)
    browser.driver.execute_script("window.first = document.querySelector('img')")
    browser.wait_for_revision(source.show(unsent=3, connected=False).revision)
    assert "3 unsent" in browser.text(".network")
    assert browser.driver.execute_script("return window.first === document.querySelector('img')")
