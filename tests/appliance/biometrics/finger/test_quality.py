"""Quality: clear ridges count, and each fault has its instruction."""

from dataclasses import replace

import numpy as np
import pytest
from finger_prints import PLAIN, SENSORS, extracted, print_of

from appliance.biometrics.finger.impression import extract
from appliance.biometrics.finger.picture import FingerPicture, GreyMap
from appliance.biometrics.finger.quality import FingerQuality, quality_of

EVEN = replace(PLAIN, moisture=0.05, patch=0.15)


def judged(pixels: GreyMap) -> FingerQuality:
    picture = FingerPicture(pixels, 500.0)
    return quality_of(extract(picture), pixels)


def test_ok_a_good_print_needs_no_word() -> None:
    quality = judged(print_of(5, 1, EVEN))
    assert quality.instruction is None
    assert quality.score > 80
    assert quality.minutiae > 30
    assert 150 < quality.area < 330


def test_ok_wetter_and_drier_is_worse_and_said() -> None:
    wet, good, dry = (judged(print_of(5, 1, replace(EVEN, lightness=each))) for each in (-1.5, 0.0, 1.7))
    assert wet.score < good.score - 10
    assert dry.score < good.score - 10
    assert wet.wet > 0.7 > 0.5 > good.wet
    assert dry.broken > good.broken
    assert wet.instruction in ("wipe_finger", "press_lighter")
    assert dry.instruction == "press_harder"


def test_ok_pressed_a_little_too_hard() -> None:
    assert judged(print_of(8, 1, replace(EVEN, lightness=-1.0))).instruction == "press_lighter"


@pytest.mark.parametrize(
    ("way", "instruction"),
    [
        ((-150, 0), "finger_right"),
        ((150, 0), "finger_left"),
        ((0, -190), "finger_down"),
        ((0, 190), "finger_up"),
    ],
)
def test_ok_beside_the_window(way: tuple[int, int], instruction: str) -> None:
    pixels = print_of(5, 1, EVEN)
    moved = np.full_like(pixels, 228)
    dx, dy = way
    height, width = pixels.shape
    to = (slice(max(dy, 0), height + min(dy, 0)), slice(max(dx, 0), width + min(dx, 0)))
    come = (slice(max(-dy, 0), height + min(-dy, 0)), slice(max(-dx, 0), width + min(-dx, 0)))
    moved[to] = pixels[come]
    assert judged(moved).instruction == instruction


def test_ok_no_finger() -> None:
    quality = judged(np.full((300, 300), 230, np.uint8))
    assert (quality.instruction, quality.score, quality.minutiae) == ("lay_finger", 0, 0)


def test_ok_only_a_tip() -> None:
    pixels = np.full((300, 300), 228, np.uint8)
    pixels[110:180, 110:190] = print_of(5, 1, EVEN)[140:210, 120:200]
    assert judged(pixels).instruction in ("press_harder", "lay_finger")


def test_ok_worn_prints_score_lower_than_clean_ones() -> None:
    worn = [quality_of(extracted(n, 1, SENSORS["worn"]), print_of(n, 1, SENSORS["worn"])) for n in (5, 6, 8)]
    clean = [
        quality_of(extracted(n, 1, SENSORS["optical"]), print_of(n, 1, SENSORS["optical"])) for n in (5, 6, 8)
    ]
    assert max(each.score for each in worn) < min(each.score for each in clean)
