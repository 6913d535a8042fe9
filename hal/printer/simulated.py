"""A printer without hardware: it keeps the last page."""

import time

import numpy as np
import numpy.typing as npt

from hal.device import Capability, Timeout
from hal.driver import POLL_SECONDS
from hal.printer import check_page
from hal.simulated import Simulated, SimulatedOptions


class Options(SimulatedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    dots: int = 576
    """As `escpos`: 576 or 384."""


class SimulatedPrinter(Simulated):
    """Paper in memory."""

    capabilities = frozenset({Capability.PRINT})

    def __init__(self, options: Options | None = None) -> None:
        options = options or Options()
        super().__init__("printer", options)
        self.dots = options.dots
        self.page: npt.NDArray[np.bool_] | None = None
        """What was printed last; one page, so that a demo left running does not grow."""
        self._paper = True

    def load(self, *, paper: bool) -> None:
        """Put a roll in, or take it out."""
        with self._changed:
            self._paper = paper
            self._changed.notify_all()

    def print_page(self, page: npt.NDArray[np.bool_], timeout: float) -> None:
        check_page(page, self.dots)
        deadline = time.monotonic() + timeout
        with self._operation():
            with self._changed:
                self._check_plugged()
                while not self._paper:
                    if time.monotonic() >= deadline:
                        raise Timeout("The printer has no paper.")
                    self._changed.wait(POLL_SECONDS)
                    self._check_plugged()
            self._begin(deadline)
            self.page = page.copy()


def create(options: Options) -> SimulatedPrinter:
    """The driver for `hal.discovery.make_device`."""
    return SimulatedPrinter(options)
