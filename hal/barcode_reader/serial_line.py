"""Barcode readers on a serial line (RS-232, USB CDC: most hand-held readers can be set to "USB COM port")."""

from hal.barcode_reader import Barcode
from hal.barcode_reader.frames import BarcodeFrames, BarcodeFraming
from hal.device import Capability, Identity
from hal.framed_reader import FramedReader, LinePort
from hal.serial_port import SerialOptions, open_serial


class Options(SerialOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    framing: BarcodeFraming = "suffix"
    model: str = "serial barcode reader"


class SerialBarcodeReader(FramedReader[Barcode]):
    """A reader on a serial line; `FramedReader` says what is fresh."""

    what = "barcode reader"
    capabilities = frozenset({Capability.BARCODE})

    def __init__(self, options: Options) -> None:
        super().__init__(
            Identity(
                kind="barcode_reader",
                driver="serial_line",
                model=options.model,
                serial=options.serial_number,
                port=options.port,
            ),
            BarcodeFrames(options.framing),
            accept_earlier=options.accept_earlier,
        )
        self._options = options

    def read_barcode(self, timeout: float) -> Barcode:
        return self._next(timeout)

    def _open_port(self) -> LinePort:
        return open_serial(self._options, self.what)


def create(options: Options) -> SerialBarcodeReader:
    """The driver for `hal.discovery.make_device`."""
    return SerialBarcodeReader(options)
