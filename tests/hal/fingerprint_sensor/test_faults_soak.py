"""A thousand faults at each of the two sensors that are spoken to byte by byte: nothing is left behind."""

import gc
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from uru_fake import FakeUru, finger, upright
from zfm_emulator import SHAPES, ZfmEmulator
from zfm_emulator import finger as zfm_finger

from hal.device import HalError
from hal.fingerprint_sensor import uru4500, zfm

FAULTS = 1000
EVERY = 50
"""Faults between two looks at the memory, which swings by some megabytes: the least of each part counts."""
MOST_KILOBYTES = 3000
"""What the process may have grown by from the second to the last of three parts."""

pytestmark = pytest.mark.soak


def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)


def left():
    gc.collect()
    return threading.active_count(), len(os.listdir("/proc/self/fd"))


def endure(fault, capture, expected, record):
    """Faults one after the other; every result is either a typed error or the right picture."""
    outcomes, looks = {"mended": 0}, []
    for number in range(FAULTS):
        fault(number)
        try:
            assert (capture() == expected).all()
            outcomes["mended"] += 1
        except HalError as error:
            outcomes[type(error).__name__] = outcomes.get(type(error).__name__, 0) + 1
        if number == 100:
            before = left()
        if number % EVERY == 0:
            looks.append(resident())
    third = len(looks) // 3
    grown = min(looks[-third:]) - min(looks[third:-third])
    for name, count in outcomes.items():
        record(name, count)
    record("kilobytes_grown", grown)
    print(outcomes, "kilobytes grown:", grown)
    assert left() <= before
    assert grown < MOST_KILOBYTES
    return outcomes


def test_ok__a_thousand_faults_of_a_module(tmp_path, pseudo_terminals, record_property):
    module = ZfmEmulator(tmp_path / "port")
    sensor = zfm.create(zfm.Options(port=str(module.port), baud=57600))
    random = np.random.default_rng(1)
    faults = ["bad_sum", "truncated", "noise", "garbage", "lost_byte", "lost_packet", "wrong_size"]
    faults += ["unplug", "unplug_in_image"]

    def fault(_number):
        if not module._fds:
            module.replug()
        module.present(1)
        module.fail(str(random.choice(faults)), at=int(random.choice([0x01, 0x0A])))

    expected = zfm_finger(1, SHAPES["zfm20"]) * 17
    outcomes = endure(fault, lambda: sensor.capture(2.0).pixels, expected, record_property)
    assert len(outcomes) >= 4
    sensor.close()
    module.close()


def test_ok__a_thousand_faults_of_a_sensor_on_the_bus(record_property):
    fake = FakeUru()
    sensor = uru4500.Uru4500Sensor(uru4500.Options(), find_device=fake.find, open_device=fake.link)
    random = np.random.default_rng(2)

    def fault(_number):
        fake.replug()
        fake.pictures, fake.trace, fake.said = [], [], []
        fake.present(1)
        match int(random.integers(3)):
            case 0:
                fake.unplug_at = fake.exchanges + int(random.integers(1, 14))
            case 1:
                fake.pictures = [random.bytes(int(random.integers(0, 200)))] * int(random.integers(1, 4))
            case _:
                fake.events.append(random.bytes(int(random.integers(0, 3))))

    expected = upright(finger(1), turned=True)
    outcomes = endure(fault, lambda: sensor.capture(2.0).pixels, expected, record_property)
    assert {"mended", "DeviceGone", "Unreadable"} <= set(outcomes)
    sensor.close()
    assert fake.open_links == 0
