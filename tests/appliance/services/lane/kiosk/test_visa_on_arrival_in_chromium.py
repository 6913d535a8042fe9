"""A visa on arrival at a real lane in real Chromium, with the keyboard alone: from the booth to the label.

With BORNE_SCREENSHOTS=FOLDER the pictures of docs/visa-on-arrival.md are made.
"""

import base64
import contextlib
import io
import json
import os
import re
from pathlib import Path

import pytest
from kiosk_axe import violations
from kiosk_beside import beside, keys, picture, script
from kiosk_browser import SIZES, Kiosk, wait_until
from kiosk_looks import FAINT, MISFITS
from second_line_scripted import PINS, records, staff
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from test_second_line_in_chromium import WIDE, focus, log_in, path, ready
from test_visa import Reader
from test_visa_on_arrival import REASON, ruled  # noqa: F401 - the lane under rules

from appliance.cli import main

POINTS_A_MM = 72 / 25.4
OVERLAPS = """
const label = document.querySelector(".label").getBoundingClientRect();
const mrz = document.querySelector(".label-mrz").getBoundingClientRect();
return [...document.querySelectorAll(".label dl > div, .label > img")]
  .filter((e) => { const r = e.getBoundingClientRect(); return r.bottom > mrz.top || r.right > label.right; })
  .map((e) => e.dataset.viz ?? e.tagName);
"""


@pytest.fixture(autouse=True)
def _staff(keys_and_lists, tmp_path: Path, quick_pins) -> None:
    staff(tmp_path, keys_and_lists[0].storage)


def opened(browser: Kiosk, name: str) -> bool:
    return script(browser, "return document.getElementById(arguments[0]).open", name)


def shift_f2(browser: Kiosk) -> None:
    chain = ActionChains(browser.driver, duration=0)
    chain.key_down(Keys.SHIFT).send_keys(Keys.F2).key_up(Keys.SHIFT).perform()


def all_well(browser: Kiosk) -> None:
    """Nothing that axe-core or our own eyes have against the page as it stands."""
    assert violations(browser) == []
    looked, faint = script(browser, FAINT)
    assert (looked > 10, faint) == (True, [])


def pressed_on(browser: Kiosk) -> bool:
    """No visa, with Enter: a space that a slow machine holds too long would refer. Whether it is decided."""
    if script(browser, "return document.body.dataset.press") == "without_visa":
        focus(browser, "#button")
        keys(browser, Keys.ENTER)
    return browser.phase == "deciding"


def to_the_application(browser: Kiosk) -> None:
    """A traveller who needs a visa says that there is none; the officer opens the form."""
    browser.start("working", "deciding")
    wait_until(lambda: pressed_on(browser))
    wait_until(lambda: "Visa on arrival" in browser.text(".noted"))
    shift_f2(browser)
    wait_until(lambda: opened(browser, "arrival"))


def apply(browser: Kiosk) -> None:
    to_the_application(browser)
    assert not opened(browser, "typing")
    assert "60.00 USD" in browser.text("#arrival")
    keys(browser, "v", Keys.TAB, "14", Keys.TAB, "Hotel Ak-Keme, Bishkek", Keys.TAB, "R 4711")
    for size in SIZES:
        browser.resize(SIZES[size])
        assert [one for one in script(browser, MISFITS) if "DIALOG" in one] == []
        all_well(browser)
        picture(browser, f"visa-application-{size}")
    days = "const days = document.querySelector('#arrival [name=days]'); days.focus(); days.select();"
    script(browser, days)
    keys(browser, "44", Keys.ENTER)
    wait_until(lambda: browser.text("#arrival [data-problem=days]") == "More days than the rule allows")
    script(browser, days)
    keys(browser, "14", Keys.ENTER)
    browser.wait_for_phase("idle")


def grant(browser: Kiosk) -> None:
    log_in(browser, "Emil")
    wait_until(lambda: browser.text(".to-second strong") == "1")
    keys(browser, Keys.F8)
    ready(browser)
    keys(browser, Keys.ENTER)
    ready(browser, "/second-line/")
    assert "Hotel Ak-Keme, Bishkek" in browser.text(".application")
    assert "R 4711 (60.00 USD)" in browser.text(".application")
    focus(browser, "#close [value=admitted]")
    keys(browser, " ")
    wait_until(lambda: not script(browser, "return document.getElementById('grant').hidden"))
    focus(browser, "#close textarea")
    keys(browser, REASON, Keys.TAB, PINS["Emil"])
    for size in SIZES:
        browser.resize(SIZES[size])
        all_well(browser)
        script(browser, "document.querySelector('.application').scrollIntoView()")
        picture(browser, f"visa-case-{size}")
        script(browser, "document.getElementById('close').scrollIntoView()")
        picture(browser, f"visa-decision-{size}")
    focus(browser, "#close [name=pin]")
    keys(browser, Keys.ENTER)
    wait_until(lambda: path(browser).startswith("/visas/"))


def visa_ready(browser: Kiosk) -> None:
    ready(browser, "/visas/")


def take(browser: Kiosk, number: str, again: str) -> None:
    """A scanner ends each number with Enter."""
    visa_ready(browser)
    wait_until(lambda: script(browser, "return document.activeElement.name") == "number")
    keys(browser, number, Keys.ENTER)
    wait_until(lambda: script(browser, "return document.activeElement.name") == "number_again")
    keys(browser, again, Keys.ENTER)


def printed(browser: Kiosk) -> bytes:
    """The page as the printer gets it."""
    answer = browser.driver.execute_cdp_cmd(
        "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True}
    )
    return base64.b64decode(answer["data"])


def boxes(pdf: bytes) -> list[tuple[float, float]]:
    """Each page's size in millimetres."""
    found = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)", pdf)
    return [(float(width) / POINTS_A_MM, float(height) / POINTS_A_MM) for width, height in found]


def read_back(browser: Kiosk, folder: Path) -> tuple[int, dict]:
    """The label's picture as `borne mrz read` sees it: its exit status, and what it says."""
    script(browser, "document.querySelector('.label').scrollIntoView({block: 'center'})")
    where = script(browser, "return document.querySelector('.label').getBoundingClientRect().toJSON()")
    top = where["y"] + script(browser, "return scrollY")
    clip = {"x": where["x"], "y": top, "width": where["width"], "height": where["height"], "scale": 3}
    shot = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    (folder / "label.png").write_bytes(base64.b64decode(shot["data"]))
    if wanted := os.environ.get("BORNE_SCREENSHOTS"):
        (Path(wanted) / "visa-label.png").write_bytes(base64.b64decode(shot["data"]))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = main(["mrz", "read", "--json", str(folder / "label.png")])
    return status, json.loads(said.getvalue())


def true_to_size(browser: Kiosk) -> None:
    """Both formats as the printer gets them, and no field in the zone of the MRZ."""
    for format_, size in (("MRV-A", (120, 80)), ("MRV-B", (105, 74))):
        script(browser, "document.querySelector('.label').dataset.format = arguments[0]", format_)
        ((width, height),) = boxes(printed(browser))
        assert (round(width), round(height)) == size
        assert script(browser, OVERLAPS) == []


def test_ok__applied_granted_labelled_by_keyboard(browser: Kiosk, ruled, house, tmp_path: Path) -> None:  # noqa: F811
    lane = ruled(Reader())

    def officer_s_work(officer, address: str, call) -> list:
        browser.open(address, size=SIZES["large"])
        apply(browser)
        grant(browser)
        browser.driver.execute_script("window.print = () => sessionStorage.setItem('printed', 'yes')")
        take(browser, "kv 1234567", "kv 1234568")
        wait_until(lambda: "not the same" in browser.text("[data-act=issue] .typing-failed"))
        browser.driver.refresh()
        take(browser, "kv 1234567", "KV1234567")
        wait_until(lambda: script(browser, "return document.querySelector('.label-mrz') !== null"))
        visa_ready(browser)
        for size in SIZES:
            browser.resize(SIZES[size])
            all_well(browser)
            browser.settle()
            picture(browser, f"visa-label-{size}")
            assert script(browser, WIDE) == []
        script(browser, "window.print = () => sessionStorage.setItem('printed', 'yes')")
        focus(browser, "[data-act=print] button")
        keys(browser, Keys.ENTER)
        wait_until(lambda: script(browser, "return sessionStorage.getItem('printed')") == "yes")
        wait_until(lambda: "Printed: 1" in browser.text(".label-list"))
        status, read = read_back(browser, tmp_path)
        assert (status, read["format"], read["fields"]["document_number"]) == (0, "MRV-A", "KV1234567")
        label = lane.second_line.visas.visas.label(lane.second_line.visas.heads()[0].crossing)
        assert tuple(read["lines"]) == label.lines
        true_to_size(browser)
        keys(browser, Keys.ESCAPE)
        wait_until(lambda: path(browser) == "/second-line")
        ready(browser)
        assert "Label KV1234567" in browser.text(".queue")
        return call(records(lane, house))

    found = house.run(lane, beside(lane, officer_s_work))
    (closed,) = [body for type_, body in found if type_ == "case_closed"]
    assert (closed["outcome"], closed["visa"]["outcome"]) == ("admitted", "granted")
    assert (closed["visa"]["grant"]["days"], closed["visa"]["grant"]["entries"]) == (14, 1)
    assert [body["act"] for type_, body in found if type_ == "visa_label"] == ["issued", "printed"]
