"""From the lane's referral to the closed case, at a real lane in real Chromium, with the keyboard alone.

With BORNE_SCREENSHOTS=FOLDER the pictures of docs/screens are made.
"""

import contextlib
from pathlib import Path

import pytest
from kiosk_axe import violations
from kiosk_beside import beside, keys, picture, script
from kiosk_browser import SIZES, Kiosk, wait_until
from kiosk_looks import FAINT
from second_line_scripted import HONEST, NEAR, PINS, STOLEN, LitReader, login, records, staff
from selenium.webdriver.common.keys import Keys

from appliance.services.lane.kiosk.looks import THEMES
from appliance.services.lane.second_line import desk
from appliance.services.lane.second_line.routines import ROUTINES
from appliance.services.lane.second_line.waiting import waited_seconds

LANGUAGES = ("en", "fr", "ru")
RELEASED = "Found again: the desk confirmed it by telephone."
SIDEWAYS = "return document.documentElement.scrollWidth > innerWidth"
WIDE = """
return [...document.querySelectorAll("#second *")]
  .filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.tagName + "." + e.className);
"""
LOOK = "Object.assign(document.documentElement.dataset, {theme: arguments[0], print: arguments[1]})"


@pytest.fixture(autouse=True)
def _staff(keys_and_lists, tmp_path: Path, quick_pins) -> None:
    staff(tmp_path, keys_and_lists[0].storage)


def focus(kiosk: Kiosk, selector: str) -> None:
    """What Tab would come to in the end."""
    script(kiosk, "document.querySelector(arguments[0]).focus()", selector)


def path(kiosk: Kiosk) -> str:
    return script(kiosk, "return location.pathname")


def ready(kiosk: Kiosk, prefix: str = "/second-line") -> None:
    """Until a page of the second line answers keys."""
    wait_until(
        lambda: path(kiosk).startswith(prefix) and script(kiosk, "return 'ready' in document.body.dataset")
    )


def refer_by_key(browser: Kiosk) -> None:
    """A hold that a new view has overtaken is not taken: a person would hold again."""
    browser.start("deciding")

    def referred() -> bool:
        if browser.phase == "deciding":
            browser.press(2.0)
        with contextlib.suppress(AssertionError):
            browser.wait_for_phase("idle", seconds=5.0)
        return browser.phase == "idle"

    wait_until(referred)


def log_in(browser: Kiosk, name: str) -> None:
    keys(browser, Keys.F3)
    wait_until(lambda: script(browser, "return document.getElementById('login').open"))
    keys(browser, name[0], Keys.TAB, PINS[name], Keys.ENTER)
    wait_until(lambda: name in browser.text(".officer"))


def help_here(browser: Kiosk) -> str:
    """What help says of this page; Esc leaves the help, and not the page."""
    where = path(browser)
    keys(browser, Keys.F1)
    wait_until(lambda: browser.text("#help-page h2"))
    title = browser.text("#help-page h2")
    looked, faint = script(browser, FAINT)
    assert (looked > 10, faint) == (True, [])
    picture(browser, f"help{where.count('/')}-{title[:12]}")
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: not script(browser, "return document.getElementById('help').open"))
    assert path(browser) == where
    return title


def test_ok__refer_queue_open_close(browser: Kiosk, make_lane, house) -> None:
    lane = make_lane(LitReader(HONEST))

    def officer_s_work(officer, address: str, call) -> list:
        browser.open(address, size=SIZES["large"])
        refer_by_key(browser)
        assert script(browser, "return document.querySelector('.to-second')") is None
        log_in(browser, "Emil")
        wait_until(lambda: browser.text(".to-second strong") == "1")
        keys(browser, Keys.F8)
        ready(browser)
        assert "ERIKSSON" in browser.text(".queue")
        assert "waits under an hour" in browser.text(".queue")
        assert script(browser, "return document.activeElement.matches('.queue a')"), "the first is chosen"
        assert help_here(browser) == "The second line: what waits (F8)"
        keys(browser, Keys.ENTER)
        ready(browser, "/second-line/")
        assert help_here(browser) == "A case"
        assert script(browser, "return document.querySelectorAll('.pictures img').length") == 6
        browser.settle()
        widths = script(browser, "return [...document.images].map((i) => i.naturalWidth)")
        assert all(width > 100 for width in widths), "every picture is one"
        assert script(browser, "return document.querySelectorAll('[role=radiogroup]').length") == len(
            ROUTINES
        )
        assert "list_age_hours" in script(browser, "return document.querySelector('.evidence').textContent")
        looked, faint = script(browser, FAINT)
        assert looked > 100
        assert faint == []
        assert not script(browser, SIDEWAYS)
        picture(browser, "second-line-case")
        focus(browser, "[name='routine IR.AB.MR']:checked")
        keys(browser, Keys.ARROW_LEFT)  # from the last of three to the middle one
        focus(browser, "[name='indicator']")
        keys(browser, " ")
        focus(browser, "#notes-text")
        keys(browser, "Says she visits her aunt.")
        wait_until(lambda: browser.text("#saved") == "kept")
        case = lane.second_line.cases.open_cases()[0]
        wait_until(
            lambda: lane.second_line.cases.case(case.crossing).work.notes == "Says she visits her aunt."
        )
        work = lane.second_line.cases.case(case.crossing).work
        assert (work.routines, work.indicators) == ({"IR.AB.MR": "FAIL"}, ("papers_with_another",))
        browser.driver.refresh()  # a power cut of the screen
        ready(browser, "/second-line/")
        assert script(browser, "return document.getElementById('notes-text').value")
        focus(browser, "#close [value=refused]")
        keys(browser, " ")
        wait_until(lambda: not script(browser, "return document.getElementById('ground').hidden"))
        focus(browser, "#close textarea")
        keys(browser, "The photo was put into another’s passport.", Keys.TAB, PINS["Emil"], Keys.ENTER)
        wait_until(lambda: "needs a ground" in browser.text("#close .typing-failed"))
        focus(browser, "#close select")
        keys(browser, "F")
        focus(browser, "#close [name=pin]")
        keys(browser, "111111", Keys.ENTER)
        wait_until(lambda: "not the PIN" in browser.text("#close .typing-failed"))
        assert script(browser, "return document.querySelector('#close [name=pin]').value") == ""
        keys(browser, PINS["Emil"])
        picture(browser, "second-line-decision")
        keys(browser, Keys.ENTER)
        wait_until(lambda: path(browser) == "/second-line")
        ready(browser)
        assert "Nothing waits" in browser.text(".empty")
        keys(browser, Keys.ESCAPE)
        wait_until(lambda: path(browser) == "/")
        return call(records(lane, house))

    found = house.run(lane, beside(lane, officer_s_work))
    (closed,) = [body for type_, body in found if type_ == "case_closed"]
    assert (closed["outcome"], closed["ground"], closed["officer"]) == ("refused", "false_document", "Emil")
    assert closed["examined"]["routines"] == {"IR.AB.MR": "FAIL"}
    assert closed["examined"]["notes"] == "Says she visits her aunt."


def test_ok__a_release_is_reviewed_first(browser: Kiosk, make_lane, house, monkeypatch) -> None:
    monkeypatch.setattr(desk, "waited_seconds", lambda since, now: 26 * 3600 + waited_seconds(since, now))
    capture = LitReader(STOLEN)
    lane = make_lane(capture)

    def officer_s_work(officer, address: str, call) -> list:
        browser.open(address, size=SIZES["large"])
        browser.start("deciding")
        wait_until(lambda: script(browser, "return !document.getElementById('let-go').hidden"))
        keys(browser, Keys.F4)
        wait_until(lambda: script(browser, "return document.getElementById('release').open"))
        keys(browser, RELEASED, Keys.TAB, "A", Keys.TAB, PINS["Aida"], Keys.ENTER)
        browser.wait_for_phase("idle")
        log_in(browser, "Emil")
        for number in (NEAR, HONEST):
            capture.turn_to(number)
            refer_by_key(browser)
        call(lane.login(login("Dinara")))
        wait_until(lambda: browser.text(".to-second strong") == "3")
        assert script(browser, "return document.querySelector('.to-second').matches('.worry')")
        keys(browser, Keys.F8)
        ready(browser)
        first = script(browser, "return document.querySelector('.queue a').innerText")
        assert "overdue" in first
        assert RELEASED in first
        assert browser.text("#releases").startswith("Released under RED")
        picture(browser, "second-line-queue")
        keys(browser, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ENTER)
        ready(browser, "/second-line/")
        assert help_here(browser) == "Review a release under RED"
        assert script(browser, "return document.querySelectorAll('#close [name=outcome]').length") == 2
        focus(browser, "#close [value=not_upheld]")
        keys(browser, " ")
        focus(browser, "#close textarea")
        keys(browser, "Nobody had telephoned the desk.", Keys.TAB, PINS["Dinara"], Keys.ENTER)
        wait_until(lambda: path(browser) == "/second-line")
        wait_until(lambda: script(browser, "return document.querySelectorAll('.queue a').length") == 2)
        return call(records(lane, house))

    found = house.run(lane, beside(lane, officer_s_work))
    (review,) = [body for type_, body in found if type_ == "release_review"]
    assert (review["outcome"], review["officer"], review["released_by"]) == ("not_upheld", "Dinara", "Aida")
    assert review["late"] is True


def test_fail__who_does_not_work_there_sees_nothing(browser: Kiosk, make_lane, house) -> None:
    lane = make_lane(LitReader(NEAR))

    def officer_s_work(officer, address: str, call) -> None:
        browser.open(address)
        refer_by_key(browser)
        (case,) = lane.second_line.cases.open_cases()
        for name in (None, "Aida"):
            if name:
                assert call(lane.login(login(name))).taken
            for where in ("/second-line", f"/second-line/{case.crossing}"):
                browser.driver.get(address + where)
                wait_until(lambda: path(browser) == "/")
                browser.wait_for_phase("idle")
            assert (
                script(
                    browser,
                    "return fetch(arguments[0]).then((r) => r.status)",
                    f"/second-line/{case.crossing}/picture/portrait",
                )
                == 404
            )
            assert (
                script(
                    browser,
                    "return fetch('/second-line/close', {method: 'POST', headers: {'Content-Type':"
                    " 'application/json', 'X-Borne-Kiosk': '1'}, body: JSON.stringify({"
                    "crossing: arguments[0], pin: '271828', outcome: 'admitted', reason: 'So I say it is'})})"
                    ".then((r) => r.json()).then((a) => a.taken)",
                    case.crossing,
                )
                is False
            )
        # The shift ends while a case is open on the screen: it is put away.
        assert call(lane.login(login("Emil"))).taken
        browser.driver.get(f"{address}/second-line/{case.crossing}")
        wait_until(lambda: browser.text(".pictures"))
        assert call(lane.login(login(""))).taken
        wait_until(lambda: path(browser) == "/")
        assert len(lane.second_line.cases.open_cases()) == 1

    house.run(lane, beside(lane, officer_s_work))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__it_can_be_read(browser: Kiosk, make_lane, house, language: str, size: str) -> None:
    lane = make_lane(LitReader(NEAR, open_chip=["no_chip", "no_chip"]))

    def officer_s_work(officer, address: str, call) -> None:
        browser.open(address, size=SIZES[size])
        refer_by_key(browser)
        assert call(lane.login(login("Cholpon"))).taken
        (case,) = lane.second_line.cases.open_cases()
        for where in ("/second-line", f"/second-line/{case.crossing}"):
            browser.driver.get(address + where)
            wait_until(lambda: browser.text("#second"))
            browser.settle()
            for theme, print_ in (*((one, "normal") for one in THEMES), ("day", "large")):
                script(browser, LOOK, theme, print_)
                looked, faint = script(browser, FAINT)
                assert looked > 8
                problems = [*faint, *violations(browser), *["it scrolls aside"] * script(browser, SIDEWAYS)]
                assert problems == [], (where, theme, print_, script(browser, WIDE))
                if language == "en":
                    queue_or_case = "queue" if where == "/second-line" else "case"
                    picture(browser, f"second-line-{queue_or_case}-{theme}-{print_}-{size}")
            script(browser, LOOK, "day", "normal")
        if language != "en":
            picture(browser, f"second-line-case-{language}-{size}")

    house.run(lane, beside(lane, officer_s_work, language=language))
