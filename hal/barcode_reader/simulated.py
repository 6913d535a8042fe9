"""A barcode reader without hardware: gives the codes that it is shown."""

import time
from collections import deque

from hal.barcode_reader import Barcode
from hal.device import Capability, Timeout
from hal.driver import POLL_SECONDS
from hal.framed_reader import FRESH_SECONDS
from hal.simulated import Simulated, SimulatedOptions


class Options(SimulatedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""


class SimulatedBarcodeReader(Simulated):
    """Reads each code once; one that nobody asked for within `FRESH_SECONDS` is forgotten."""

    capabilities = frozenset({Capability.BARCODE})

    def __init__(self, options: Options | None = None) -> None:
        super().__init__("barcode_reader", options or Options())
        self._shown: deque[tuple[float, Barcode]] = deque(maxlen=1)

    def present(self, data: bytes, symbology: str | None = None) -> None:
        """Hold this code before it."""
        with self._changed:
            self._shown.append((time.monotonic(), Barcode(data, symbology)))
            self._changed.notify_all()

    def read_barcode(self, timeout: float) -> Barcode:
        deadline = time.monotonic() + timeout
        with self._operation():
            barcode = self._wait_for_code(deadline)
            self._begin(deadline)
            return barcode

    def _wait_for_code(self, deadline: float) -> Barcode:
        with self._changed:
            while True:
                self._check_plugged()
                while self._shown:
                    when, barcode = self._shown.popleft()
                    if time.monotonic() - when < FRESH_SECONDS:
                        return barcode
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Timeout("No code was shown.")
                self._changed.wait(min(left, POLL_SECONDS))


def create(options: Options) -> SimulatedBarcodeReader:
    """The driver for `hal.discovery.make_device`."""
    return SimulatedBarcodeReader(options)
