"""Barcode readers that type like a keyboard, grabbed through evdev: for codes of text.

A binary seal cannot be typed; a reader that is to read those must be set to its serial mode.
"""

from collections.abc import Callable

from hal.barcode_reader import Barcode
from hal.barcode_reader.frames import BarcodeFrames
from hal.device import Capability, Identity
from hal.framed_reader import FramedReader, LinePort
from hal.wedge import LOST, WedgeOptions, WedgePort, grab


class Options(WedgeOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    model: str = "keyboard-wedge barcode reader"


class WedgeBarcodeReader(FramedReader[Barcode]):
    """Codes ended by Enter."""

    what = "barcode reader"
    capabilities = frozenset({Capability.BARCODE})

    def __init__(self, options: Options, *, take: Callable[[int], None] = grab) -> None:
        super().__init__(
            Identity(
                kind="barcode_reader",
                driver="wedge",
                model=options.model,
                serial=options.serial_number,
                port=options.device,
            ),
            BarcodeFrames("suffix", never=LOST),
            accept_earlier=options.accept_earlier,
        )
        self._take = take

    def read_barcode(self, timeout: float) -> Barcode:
        return self._next(timeout)

    def _open_port(self) -> LinePort:
        assert self.identity.port is not None
        return WedgePort(self.identity.port, self.what, take=self._take)


def create(options: Options) -> WedgeBarcodeReader:
    """The driver for `hal.discovery.make_device`."""
    return WedgeBarcodeReader(options)
