"""The whole house by the space bar alone: `borne demo` as a person starts it, its page in real Chromium.

SCREENS=folder in the environment keeps a picture of each traveller at both sizes.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

KIOSK_TESTS = Path(__file__).parents[1] / "services" / "lane" / "kiosk"
sys.path[:0] = [str(KIOSK_TESTS), str(Path(__file__).parent)]

from kiosk_browser import CHROMIUM, DRIVER, SIZES, chromium, wait_until  # noqa: E402
from running_demo import running_demo  # noqa: E402

LOOK_FIRST = {1: ("GREEN", 0.1), 2: ("AMBER", 2.0), 3: ("RED", 0.1), 4: ("AMBER", 2.0)}
"""Traveller -> what is recommended, and how long the officer keeps the bar down: 2 s is a hold."""
DECIDED = {1: "Admitted", 2: "Referred", 3: "Referred", 4: "Referred"}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    with running_demo(tmp_path, ends_within=60) as address:
        yield address


@pytest.mark.skipif(not (CHROMIUM.exists() and DRIVER.exists()), reason="chromium is not installed")
def test_ok__four_travellers_by_the_space_bar_alone(demo: str) -> None:
    with chromium() as kiosk:
        kiosk.open(demo)
        wait_until(lambda: "Start" in kiosk.text(".button"))
        for number, (colour, seconds) in LOOK_FIRST.items():
            kiosk.start("deciding")
            wait_until(lambda colour=colour: colour in kiosk.text(".stage"))
            keep_pictures(kiosk, f"{number}-{colour.lower()}")
            kiosk.press(seconds)
            kiosk.wait_for_phase("idle")
            wait_until(lambda number=number: DECIDED[number] in kiosk.text(".stage"))
        wait_until(lambda: "all sent" in kiosk.text(".status"))


@pytest.mark.skipif(not (CHROMIUM.exists() and DRIVER.exists()), reason="chromium is not installed")
def test_ok__the_second_line_by_the_pin_that_the_demo_tells(tmp_path: Path) -> None:
    told: list[str] = []
    with running_demo(tmp_path, ends_within=60, told=told) as address, chromium() as kiosk:
        pin = re.search(r"Simulated officer, PIN (\d{6}) ", told[0])[1]
        kiosk.open(address)
        kiosk.start("deciding")
        kiosk.press(2.0)
        kiosk.wait_for_phase("idle")
        typed(kiosk, Keys.F3)
        wait_until(lambda: kiosk.driver.execute_script("return document.getElementById('login').open"))
        typed(kiosk, "Simulated o", Keys.TAB, pin, Keys.ENTER)
        wait_until(lambda: kiosk.text(".to-second strong") == "1")
        wait_until(lambda: not kiosk.driver.execute_script("return document.getElementById('login').open"))
        typed(kiosk, Keys.F8)
        count = "return document.querySelectorAll('.queue a').length"
        wait_until(lambda: kiosk.driver.execute_script(count) == 1)
        assert "SIMULATED" in kiosk.text(".second-simulated")


def typed(kiosk, *keys: str) -> None:
    ActionChains(kiosk.driver, duration=0).send_keys(*keys).perform()


def keep_pictures(kiosk, name: str) -> None:
    if folder := os.environ.get("SCREENS"):
        for size in SIZES.values():
            kiosk.resize(size)
            kiosk.screenshot(Path(folder) / f"{name}-{size[0]}x{size[1]}.png")
        kiosk.resize(SIZES["small"])
