"""The whole house by the space bar alone: `borne demo` as a person starts it, its page in real Chromium.

SCREENS=folder in the environment keeps a picture of each traveller at both sizes.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def keep_pictures(kiosk, name: str) -> None:
    if folder := os.environ.get("SCREENS"):
        for size in SIZES.values():
            kiosk.resize(size)
            kiosk.screenshot(Path(folder) / f"{name}-{size[0]}x{size[1]}.png")
        kiosk.resize(SIZES["small"])
