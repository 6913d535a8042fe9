"""Benches of receipt printers: an emulator on a pty, and the simulated one."""

import sys
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "printer"))

from escpos_emulator import EscposEmulator

from conformance.case import Bench
from conformance.simulated import Scripted
from hal.printer import Printer, escpos
from hal.printer import simulated as simulated_printer

GIVES_NOTHING = {"results_share_no_data": "it gives nothing; what it was given is compared in test_escpos.py"}
PAGE_ROWS = 200


def page_of(number, dots=576):
    """A page that tells its number: a black block at its place."""
    page = np.zeros((PAGE_ROWS, dots), dtype=bool)
    page[:, 8 * number : 8 * number + 8] = True
    return page


class Printing(Bench):
    """What a person provides is paper; the page is the caller's."""

    protocol = Printer
    lies = True
    wanted = 0

    def operate(self, timeout):
        self.device.print_page(page_of(self.wanted), timeout)
        return self.printed()

    def number_of(self, result):
        return int(np.argmax(result[0])) // 8

    def printed(self):
        raise NotImplementedError


class Escpos(Printing):
    """Begins without paper."""

    not_applicable = GIVES_NOTHING
    exchanges = 4

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.emulator = EscposEmulator(tmp_path / "port")
        self.emulator.paper = False
        self.device = escpos.create(escpos.Options(port=str(self.emulator.port), baud=115200))

    def provide(self, number=0):
        self.wanted = number
        self.emulator.load()

    def make_well(self):
        self.emulator.load()

    def printed(self):
        page = self.emulator.pages[-1]
        self.emulator.paper = False
        return page

    def malform(self):
        self.emulator.rubbish = True

    def mend(self):
        self.emulator.rubbish = False

    def unplug(self):
        self.emulator.unplug()

    def replug(self):
        self.emulator.replug()

    def arm_unplug(self, exchange):
        """After nothing, after the first band, after half of the page, before its last bytes."""
        if exchange == 0:
            return super().arm_unplug(exchange)
        self.emulator.unplug_after = self.emulator._taken + (4700, 9000, 14300)[exchange - 1]
        self.emulator.load()
        gone = threading.Thread(target=self._until_gone)
        gone.start()
        return gone

    def _until_gone(self):
        until = time.monotonic() + 10
        while self.emulator._fds and time.monotonic() < until:
            time.sleep(0.01)

    def tear_down(self):
        super().tear_down()
        self.emulator.close()


class SimulatedPaper(Printing, Scripted):
    not_applicable = GIVES_NOTHING

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = simulated_printer.SimulatedPrinter()
        self.device.load(paper=False)

    def provide(self, number=0):
        self.wanted = number
        self.device.load(paper=True)

    def printed(self):
        self.device.load(paper=False)
        return self.device.page
