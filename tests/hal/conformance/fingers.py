"""Benches of the fingerprint sensors: a module on a pty, a sensor behind a fake of USB, libfprint's own."""

import functools
import os
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fingerprint_sensor"))

from test_libfprint import Finger
from uru_fake import FakeUru, upright
from uru_fake import finger as uru_finger
from zfm_emulator import SHAPES, ZfmEmulator
from zfm_emulator import finger as zfm_finger

from conformance.case import Bench
from hal.fingerprint_sensor import FingerprintSensor, libfprint, zfm
from hal.fingerprint_sensor.ridges import impression
from hal.fingerprint_sensor.uru4500 import Options, Uru4500Sensor

SEED = 0x51EA2124


def which(pixels, candidates):
    """The number of the finger whose picture this is, to the pixel."""
    (number,) = [
        place for place, one in enumerate(candidates) if one.shape == pixels.shape and (one == pixels).all()
    ]
    return number


class Sensor(Bench):
    protocol = FingerprintSensor
    lies = True

    def operate(self, timeout):
        return self.device.capture(timeout).pixels


class Zfm(Sensor):
    """Unplugged at the look for a finger, at the upload's command, and in the middle of the picture."""

    exchanges = 3
    FAULTS = (("unplug", 0x01), ("unplug", 0x0A), ("unplug_in_image", None))

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.module = ZfmEmulator(tmp_path / "port", baud=57600)
        self.device = zfm.create(zfm.Options(port=str(self.module.port), baud=57600))

    def provide(self, number=0):
        self.module.present(number + 1)

    def take_away(self):
        self.module.remove()

    def number_of(self, result):
        return which(result, [zfm_finger(number, SHAPES["zfm20"]) * 17 for number in (1, 2)])

    def malform(self):
        self.module.fail("lost_packet", -1)
        self.module.present(1)

    def mend(self):
        self.module.faults = {}

    def unplug(self):
        self.module.unplug()

    def replug(self):
        self.module.faults = {}
        self.module.replug()

    def arm_unplug(self, exchange):
        fault, at = self.FAULTS[exchange]
        self.module.fail(fault, at=at)
        thread = threading.Thread(target=self.provide)
        thread.start()
        return thread

    def tear_down(self):
        super().tear_down()
        self.module.close()


def uru_on(fake):
    return Uru4500Sensor(Options(), find_device=fake.find, open_device=fake.link, seed=lambda: SEED)


@functools.cache
def exchanges_of_a_capture():
    """Of one that follows the start."""
    fake = FakeUru()
    sensor = uru_on(fake)
    sensor.open()
    begun = fake.exchanges
    fake.present(1)
    sensor.capture(5.0)
    count = fake.exchanges - begun
    sensor.close()
    return count


class Uru(Sensor):
    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.fake = FakeUru()
        self.device = uru_on(self.fake)

    @property
    def exchanges(self):
        return exchanges_of_a_capture()

    def provide(self, number=0):
        if self.fake.on != number + 1:
            self.fake.present(number + 1)

    def take_away(self):
        self.fake.remove()

    def number_of(self, result):
        return which(result, [upright(uru_finger(number), turned=True) for number in (1, 2)])

    def malform(self):
        self.fake.pictures = [b"x"] * 3  # after each it tries once more
        self.fake.present(1)

    def mend(self):
        self.fake.pictures = []

    def unplug(self):
        self.fake.unplug()

    def replug(self):
        self.fake.remove()
        self.fake.replug()

    def arm_unplug(self, exchange):
        self.fake.unplug_at = self.fake.exchanges + exchange + 1
        thread = threading.Thread(target=self.provide)
        thread.start()
        return thread


@functools.cache
def libfprint_is_here():
    script = "import gi; gi.require_version('FPrint', '2.0'); from gi.repository import FPrint"
    command = [libfprint.SYSTEM_PYTHON, "-c", script]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class LibfprintVirtual(Sensor):
    """libfprint itself, with the sensor that it has for such tests: a picture is laid once."""

    lies = False
    simulated = True
    every = 0.5
    not_applicable = dict.fromkeys(
        ("unplugged_and_back", "unplugged_waiting", "unplugged_at_every_exchange"),
        "libfprint's virtual sensor has no plug; the check of what it says then is in test_libfprint.py",
    )

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        os.environ["FP_VIRTUAL_IMAGE"] = str(tmp_path / "s")
        self.finger = Finger(tmp_path / "s")
        self.laying = []
        self.device = libfprint.create(libfprint.Options(virtual=True))

    def lay(self, numbers, data=b""):
        thread = threading.Thread(target=self.send, args=(numbers, data))
        self.laying.append(thread)
        thread.start()

    def send(self, numbers, data):
        try:
            self.finger.send(*numbers, data=data)
        except OSError:
            return  # nobody asked

    def provide(self, number=0):
        pixels = impression(1, number + 1)
        self.lay(pixels.shape[::-1], pixels.tobytes())

    def number_of(self, result):
        return which(result, [impression(1, number) for number in (1, 2)])

    def malform(self):
        self.lay((-1, 0))

    def tear_down(self):
        super().tear_down()
        for thread in self.laying:
            thread.join(10)
        os.environ.pop("FP_VIRTUAL_IMAGE", None)
