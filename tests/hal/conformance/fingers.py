"""Benches of the fingerprint drivers: a module on a pty, a fake sensor, libfprint with its virtual sensor."""

import os
import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fingerprint_sensor"))

from conformance.case import Bench, Case, Proof
from uru_fake import FakeUru, upright
from uru_fake import finger as finger_on_glass
from zfm_emulator import SHAPES, ZfmEmulator
from zfm_emulator import finger as finger_of_module

from hal.fingerprint_sensor import FingerprintSensor, libfprint, uru4500, zfm
from hal.fingerprint_sensor.ridges import impression
from hal.fingerprint_sensor.uru_registers import MODELS


class Fingers(Bench):
    """A sensor; `pictures` are those of finger 0 and 1."""

    protocol = FingerprintSensor

    def operate(self, timeout):
        return self.device.capture(timeout).pixels

    def number_of(self, result):
        (number,) = (number for number, one in enumerate(self.pictures) if (one == result).all())
        return number


class Zfm(Fingers):
    lies = True
    exchanges = 4
    model = "zfm20"

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.pictures = [finger_of_module(number, SHAPES[self.model]) * 17 for number in (1, 2)]
        self.module = ZfmEmulator(tmp_path / "port", model=self.model)
        self.device = zfm.create(zfm.Options(port=str(self.module.port)))

    def provide(self, number=0):
        self.module.present(number + 1)

    def malform(self):
        self.module.fail("lost_packet", at=0x0A)
        self.module.present(1)

    def mend(self):
        self.module.faults = {}

    def unplug(self):
        self.module.unplug()

    def replug(self):
        self.module.replug()

    def arm_unplug(self, exchange):
        self.module.remove()  # so that the operation waits
        return super().arm_unplug(exchange)

    def unplug_at(self, exchange):
        """While a finger is awaited, at the picture, at its upload, between two packets."""
        if exchange == 0:
            self.unplug()
        elif exchange == 3:
            self.module.fail("unplug_in_image")
        else:
            self.module.fail("unplug", at=(0x01, 0x0A)[exchange - 1])
        self.module.present(1)

    def tear_down(self):
        super().tear_down()
        self.module.close()


class R503(Zfm):
    model = "r503"


class Uru(Fingers):
    lies = True
    exchanges = 7
    ids = (0x05BA, 0x000A)

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        turned = MODELS[self.ids].upside_down
        self.pictures = [upright(finger_on_glass(number), turned=turned) for number in (1, 2)]
        self.sensor = FakeUru(*self.ids)
        self.sensor.stubborn = 1 if MODELS[self.ids].challenges else 0
        self.device = uru4500.Uru4500Sensor(
            uru4500.Options(), find_device=self.sensor.find, open_device=self.sensor.link
        )

    def provide(self, number=0):
        self.sensor.present(number + 1)

    def malform(self):
        self.sensor.pictures = [b""] * 3
        self.sensor.present(1)

    def mend(self):
        self.sensor.pictures = []

    def unplug(self):
        self.sensor.unplug()

    def replug(self):
        self.sensor.replug()

    def arm_unplug(self, exchange):
        self.sensor.remove()  # so that the operation waits
        return super().arm_unplug(exchange)

    def unplug_at(self, exchange):
        """While a finger is awaited; then at each transfer from the bulk-IN to the last register."""
        if exchange == 0:
            self.unplug()
        else:
            self.sensor.unplug_at = self.sensor.exchanges + exchange
            self.sensor.present(1)


class UruChallenged(Uru):
    ids = (0x045E, 0x00CA)


class Libfprint(Fingers):
    """libfprint itself, with the virtual sensor that it brings along."""

    not_applicable = dict.fromkeys(
        ("unplugged_and_back", "unplugged_waiting", "unplugged_at_every_exchange"),
        "libfprint's virtual sensor has no plug",
    )
    stale_after = 0.0
    every = 0.2

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.pictures = [impression(1, number) for number in (1, 2)]
        self.socket = str(tmp_path / "virtual")
        os.environ["FP_VIRTUAL_IMAGE"] = self.socket
        self.device = libfprint.create(libfprint.Options(virtual=True))

    def provide(self, number=0):
        picture = self.pictures[number]
        self._send(*picture.shape[::-1], data=picture.tobytes())

    def malform(self):
        self._send(-1, 2)

    def _send(self, *numbers, data=b""):
        """What is laid on a sensor that nobody has opened is laid on nothing."""
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(self.socket)
                line.sendall(struct.pack("ii", *numbers) + data)
                line.shutdown(socket.SHUT_WR)
                line.settimeout(0.5)
                line.recv(1)
            except OSError:
                return

    def tear_down(self):
        super().tear_down()
        os.environ.pop("FP_VIRTUAL_IMAGE", None)


ZFM_PLUG = "for training and enrolment checks; RS-232 or a USB adapter; `port = ...`"
ZFM_MEANS = "byte-level emulator on a pty, which satisfies adafruit-circuitpython-fingerprint too"
URU_PLUG = "USB; no options"
RECORDED = "fake sensor; a real one's recorded traffic in `benchmarks/fingerprint_replay.py`"
LIBFPRINT_PLUG = "USB; packages python3-gi and gir1.2-fprint-2.0"
PTYS = ("pseudo_terminals",)

CASES = (
    Case("fingerprint_sensor", "zfm", "zfm20", "ZFM-20, R305, R307: not border grade",
         Zfm, Proof.EMULATED, ZFM_MEANS, ZFM_PLUG, fixtures=PTYS),
    Case("fingerprint_sensor", "zfm", "r503", "R503: not border grade",
         R503, Proof.EMULATED, ZFM_MEANS, ZFM_PLUG, fixtures=PTYS),
    Case("fingerprint_sensor", "uru4500", "", "DigitalPersona U.are.U 4000B and 4500",
         Uru, Proof.EMULATED, RECORDED, URU_PLUG),
    Case("fingerprint_sensor", "uru4500", "challenged", "Microsoft Fingerprint Reader v2",
         UruChallenged, Proof.EMULATED, "fake sensor", URU_PLUG),
    Case("fingerprint_sensor", "libfprint", "", "sensors of libfprint that give pictures",
         Libfprint, Proof.ITSELF, "libfprint's own virtual sensor", LIBFPRINT_PLUG),
)  # fmt: skip
"""These lines of the suite's table: `*fingers.CASES`."""
