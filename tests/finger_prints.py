"""Invented fingers for the tests of several rooms: nobody's, each following from numbers."""

import sys
from functools import lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from finger_parts.prints import SENSORS, Sensor, impression

from appliance.biometrics.finger.impression import Extracted, extract
from appliance.biometrics.finger.picture import FingerPicture, GreyMap

PLAIN = SENSORS["optical_small"]


@lru_cache(maxsize=32)
def print_of(finger: int, touch: int = 1, sensor: Sensor = PLAIN) -> GreyMap:
    """One impression's pixels."""
    pixels = impression(finger, touch, sensor)
    pixels.setflags(write=False)
    return pixels


@lru_cache(maxsize=32)
def extracted(finger: int, touch: int = 1, sensor: Sensor = PLAIN) -> Extracted:
    """And its features."""
    return extract(FingerPicture(print_of(finger, touch, sensor), sensor.dpi))
