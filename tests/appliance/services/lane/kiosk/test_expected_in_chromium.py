"""Who is expected, at a real lane in real Chromium: the second line's page, and a bus's group from its list.

With BORNE_SCREENSHOTS=FOLDER the pictures are made.
"""

import datetime as dt
from pathlib import Path

import pytest
from kiosk_axe import violations
from kiosk_beside import beside, keys, picture, script
from kiosk_browser import SIZES, Kiosk, wait_until
from kiosk_looks import FAINT
from lists_scripted import csv_of, row
from second_line_scripted import HONEST, LitReader, login, staff
from selenium.webdriver.common.keys import Keys

from appliance.contracts.advance import AdvanceLine, ImportAdvance
from appliance.simulation.watchlists import STOLEN_DOCUMENT

SOON = dt.datetime.now().astimezone() + dt.timedelta(hours=1)
LIST = {
    "list": "bus 17",
    "kind": "bus",
    "route": "North to South",
    "direction": "entry",
    "expected_date": SOON.date().isoformat(),
    "expected_time": SOON.strftime("%H:%M"),
    "plate": "01KG123ABC",
}
LINES = (
    AdvanceLine(
        number=2,
        **LIST,
        coach="1",
        seat="14A",
        issuing_state=STOLEN_DOCUMENT.issuing_state,
        document_number=STOLEN_DOCUMENT.number,
        primary_identifier="SPECIMEN",
        secondary_identifier="EXPECTED",
    ),
    AdvanceLine(
        number=3, **LIST, issuing_state="UTO", document_number="ZZ1", primary_identifier="HONEST", seat="2"
    ),
)


@pytest.fixture(autouse=True)
def _staff(keys_and_lists, tmp_path: Path, quick_pins) -> None:
    staff(tmp_path, keys_and_lists[0].storage)


def with_the_list(lane, browser_work):
    """The lane and the browser beside it, when the bus's list has been imported."""
    return beside(
        lane,
        browser_work,
        languages=("en", "fr", "ar"),
        first=lambda: lane.advance.take(ImportAdvance(lines=LINES, by="A. Clerk")),
    )


def test_ok__an_expected_hit_is_the_second_line_s_alone(browser: Kiosk, make_lane, house) -> None:
    lane = make_lane(LitReader(HONEST))

    def officer_s_work(officer, address: str, call) -> None:
        browser.open(address, size=SIZES["large"])
        call(lane.login(login("Aida")))
        wait_until(lambda: "Aida" in browser.text(".officer"))
        assert "SPECIMEN" not in browser.driver.page_source
        browser.driver.get(f"{address}/second-line")
        wait_until(lambda: script(browser, "return location.pathname") == "/")
        assert "SPECIMEN" not in browser.driver.page_source
        call(lane.login(login("Emil")))
        wait_until(lambda: browser.text(".to-second strong") == "1")
        browser.driver.get(f"{address}/second-line")
        wait_until(lambda: "SPECIMEN, EXPECTED" in browser.text("#second"))
        said = browser.text("#second")
        assert "stolen" in said.lower()
        assert "seat 14A" in said
        assert "bus 17" in said
        assert "HONEST" not in said
        browser.settle()
        picture(browser, "second-line-expected")
        looked, faint = script(browser, FAINT)
        assert (looked > 5, faint) == (True, [])
        assert violations(browser) == []
        assert not script(browser, "return document.documentElement.scrollWidth > innerWidth")

    house.run(lane, with_the_list(lane, officer_s_work))


def test_ok__a_list_is_looked_at_taken_in_and_removed(browser: Kiosk, make_lane, house, tmp_path) -> None:
    lane = make_lane(LitReader(HONEST))
    stick = tmp_path / "stick/borne-advance"
    stick.mkdir(parents=True)
    (stick / "train.csv").write_bytes(csv_of(row("ZZ7", list="train 4", kind="train")))
    file = tmp_path / "bus 17.csv"
    file.write_bytes(csv_of(*(row(f"ZZ{one}") for one in range(120)), row("№"), "a,b"))

    def looked(size: str) -> None:
        browser.resize(SIZES[size])
        browser.settle()
        picture(browser, f"advance-lists-{size}")
        assert violations(browser) == []
        assert not script(browser, "return document.documentElement.scrollWidth > innerWidth")

    def officer_s_work(officer, address: str, call) -> None:
        browser.open(address, size=SIZES["small"])
        call(lane.login(login("Emil")))
        wait_until(lambda: "Emil" in browser.text(".officer"))
        browser.driver.get(f"{address}/second-line")
        wait_until(lambda: script(browser, "return 'ready' in document.body.dataset"))
        script(browser, "document.getElementById('to-lists').click()")
        wait_until(lambda: "train.csv" in browser.text("#lists-stick"))
        wait_until(lambda: script(browser, "return 'ready' in document.body.dataset"))
        browser.driver.find_element("name", "file").send_keys(str(file))
        browser.driver.find_element("css selector", "#lists-file [type=submit]").click()
        wait_until(lambda: "120 lines can be taken in, 2 are wrong" in browser.text("#lists-looked"))
        for size in ("small", "large"):
            looked(size)
        browser.driver.find_element("css selector", "[data-take]").click()
        wait_until(lambda: "120 people are expected now" in browser.text("#lists-progress"))
        wait_until(lambda: "120 listed" in browser.text("#lists-known"))
        browser.driver.find_element("css selector", "[data-stick='train.csv']").click()
        wait_until(lambda: browser.driver.find_elements("css selector", "[data-take]"))
        assert "train 4" not in browser.text("#lists-known")
        browser.driver.find_element("css selector", "[data-take]").click()
        wait_until(lambda: "train 4" in browser.text("#lists-known"))
        part = (
            "[...document.querySelectorAll('#lists-known li')].find((li) => li.innerText.includes('bus 17'))"
        )
        script(browser, f"{part}.querySelector('summary').click()")
        looked("large")
        script(browser, f"{part}.querySelector('[data-remove]').click()")
        wait_until(lambda: "bus 17" not in browser.text("#lists-known"))
        assert [one.reference for one in call(lane.second_line.lists.lists())] == ["train 4"]

    house.run(lane, beside(lane, officer_s_work, languages=("en", "fr", "ar")))


def test_ok__a_bus_s_group_takes_its_count_from_the_list(browser: Kiosk, make_lane, house) -> None:
    lane = make_lane(LitReader(HONEST))

    def officer_s_work(officer, address: str, call) -> None:
        browser.open(address, size=SIZES["large"])
        wait_until(lambda: lane.view().press == "start" and lane.view().coming)
        wait_until(lambda: browser.phase == "idle")
        keys(browser, Keys.F11)
        wait_until(lambda: script(browser, "return document.getElementById('group').open"))
        assert violations(browser) == []
        picture(browser, "group-of-a-list")
        options = "return [...document.querySelectorAll('[name=advance] option')].map((o) => o.textContent)"
        assert script(browser, options) == ["none", f"bus 17, {SOON:%H:%M}: 2 people"]
        script(browser, "document.querySelector('[name=advance]').selectedIndex = 1")
        browser.driver.find_element("css selector", "[data-note=OpenGroup] [type=submit]").click()
        wait_until(lambda: lane.view().group is not None)
        group = lane.view().group
        assert (group.kind, group.declared, group.plate) == ("bus", 2, "01KG123ABC")

    house.run(lane, with_the_list(lane, officer_s_work))
