"""The portrait step with a video file as the camera: both pages in real Chromium, one whole demo around them.

SCREENS=folder in the environment keeps a picture of notice, guidance, success and time-out.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

TESTS = Path(__file__).parents[2]
sys.path[:0] = [
    str(TESTS),
    str(TESTS / "appliance" / "services" / "lane" / "kiosk"),
    str(Path(__file__).parent),
]

from face_pictures import before_the_camera  # noqa: E402
from kiosk_browser import CHROMIUM, DRIVER, SIZES, Kiosk, chromium, wait_until  # noqa: E402
from running_demo import running_demo  # noqa: E402

EMPTY = np.full((720, 1280, 3), (200, 196, 190), np.uint8)
PATIENCE_SECONDS = 40.0


def film(path: Path, *scenes: tuple[np.ndarray, int]) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15, (1280, 720))
    for scene, times in scenes:
        for _ in range(times):
            writer.write(scene)
    writer.release()
    return path


@pytest.fixture
def watch(tmp_path: Path) -> Callable[[Path, str], list[str]]:
    """Runs a crossing before this film; every word of the traveller's page, until the officer decides."""

    def run(camera: Path, name: str) -> list[str]:
        with (
            running_demo(tmp_path / "demo", "--camera", str(camera), ends_within=20) as address,
            chromium() as kiosk,
        ):
            kiosk.open(address)
            wait_until(lambda: "Start" in kiosk.text(".button"))
            officer = kiosk.driver.current_window_handle
            kiosk.driver.switch_to.new_window("tab")
            traveller = kiosk.driver.current_window_handle
            kiosk.driver.get(f"{address}traveller")
            kiosk.resize(SIZES["small"])
            wait_until(lambda: code_on(kiosk) == "welcome")
            kiosk.driver.switch_to.window(officer)
            kiosk.press()
            kiosk.driver.switch_to.window(traveller)
            seen = ["welcome"]
            while seen[-1] not in ("taken", "timed_out", "missed"):
                wait_until(lambda: code_on(kiosk) != seen[-1], PATIENCE_SECONDS)
                seen.append(code_on(kiosk))
                keep(kiosk, f"traveller-{name}-{seen[-1]}")
                if seen[-1] in ("notice", "come_closer"):
                    kiosk.driver.switch_to.window(officer)
                    kiosk.resize(SIZES["small"])
                    keep(kiosk, f"officer-{name}-{seen[-1]}")
                    kiosk.driver.switch_to.window(traveller)
            kiosk.driver.switch_to.window(officer)
            kiosk.wait_for_phase("deciding")
            seen.append(kiosk.text(".title"))
            kiosk.driver.switch_to.window(traveller)
            kiosk.driver.get_log("browser")
            return seen

    return run


def code_on(kiosk: Kiosk) -> str:
    return kiosk.driver.execute_script("return document.body.dataset.code")


def keep(kiosk: Kiosk, name: str) -> None:
    if folder := os.environ.get("SCREENS"):
        kiosk.screenshot(Path(folder) / f"{name}.png")


pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()), reason="chromium is not installed"
)


def test_ok__somebody_walks_up_and_is_taken(tmp_path: Path, watch: Callable[[Path, str], list[str]]) -> None:
    walks_up = film(
        tmp_path / "walks-up.avi",
        (EMPTY, 25),
        (before_the_camera(scale=0.55), 60),
        (before_the_camera(), 200),
    )
    words = watch(walks_up, "success")
    assert words[:3] == ["welcome", "notice", "stand_in_front"]
    assert "come_closer" in words
    assert words[-2:] == ["taken", "GREEN"]


def test_ok__nobody_comes_near_and_the_best_is_kept(
    tmp_path: Path, watch: Callable[[Path, str], list[str]]
) -> None:
    stays_away = film(tmp_path / "stays-away.avi", (before_the_camera(scale=0.55), 100))
    words = watch(stays_away, "time-out")
    assert words[:2] == ["welcome", "notice"]
    assert "come_closer" in words
    assert words[-2] == "timed_out"
