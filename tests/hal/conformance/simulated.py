"""Benches of the simulated devices: they are their own emulators."""

import threading

import numpy as np

from conformance.case import Bench
from conformance.documents import lines_of, number_in
from hal.camera import Camera
from hal.camera import simulated as camera
from hal.document_reader import ChipReader, MrzLineReader
from hal.document_reader import simulated as reader
from hal.fingerprint_sensor import FingerprintSensor
from hal.fingerprint_sensor import simulated as sensor
from hal.panel import Panel
from hal.panel import simulated as panel
from hal.panel.button import FRESH_SECONDS
from hal.simulated import Fault

ALWAYS = "always has something to give"
NEVER_SILENT = dict.fromkeys(("time_out", "cancel", "one_at_a_time", "unplugged_waiting"), ALWAYS)


class Scripted(Bench):
    """A simulated device: its fault script is written here."""

    simulated = True

    def malform(self):
        done = self.device._operations
        self.device._faults = {done + 1: Fault.GARBAGE, done + 2: Fault.GARBAGE}
        self.provide()

    def mend(self):
        self.device._faults = {}

    def arm_unplug(self, exchange):
        self.device._faults = {self.device._operations + 1: Fault.UNPLUG}
        thread = threading.Thread(target=self.provide)
        thread.start()
        return thread


class SimulatedLines(Scripted):
    protocol = MrzLineReader
    lies = True

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = reader.SimulatedDocumentReader()

    def provide(self, number=0):
        self.device.present(lines=lines_of(number), transmit=lambda command: bytes([number, 0x90, 0x00]))

    def operate(self, timeout):
        return self.device.read_lines(timeout)

    def number_of(self, result):
        return number_in(result.lines)


class SimulatedChip(SimulatedLines):
    protocol = ChipReader

    def operate(self, timeout):
        return self.device.wait_for_chip(timeout)

    def number_of(self, result):
        return result.transmit(b"\x00")[0]


class SimulatedCamera(Scripted):
    protocol = Camera
    not_applicable = NEVER_SILENT
    lies = True

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = camera.SimulatedCamera(camera.Options(width=64, height=48))

    def provide(self, number=0):
        self.device.present(np.full((48, 64, 3), number, np.uint8))

    def operate(self, timeout):
        return self.device.capture(timeout).pixels

    def number_of(self, result):
        return int(result[0, 0, 0])


class SimulatedSensor(Scripted):
    protocol = FingerprintSensor
    not_applicable = {"nothing_stale": "no two impressions are equal; test_simulated.py compares fingers"}

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = sensor.SimulatedFingerprintSensor(sensor.Options(finger=None))

    def provide(self, number=0):
        self.device.present(number + 1)

    def take_away(self):
        self.device.remove()

    def operate(self, timeout):
        return self.device.capture(timeout).pixels


class SimulatedPanel(Scripted):
    protocol = Panel
    stale_after = FRESH_SECONDS + 0.1

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = panel.SimulatedPanel()

    def provide(self, number=0):
        self.device.press() if number == 0 else self.device.hold()

    def operate(self, timeout):
        return self.device.wait_for_button(timeout)

    def number_of(self, result):
        return ("press", "hold").index(result.value)
