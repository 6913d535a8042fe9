"""Document readers that type the MRZ like a keyboard (keyboard wedge), grabbed through evdev."""

from collections.abc import Callable

from hal.device import Capability, Identity
from hal.document_reader import RawLines
from hal.document_reader.framing import make_deframer
from hal.framed_reader import FramedReader, LinePort
from hal.wedge import WedgeOptions, WedgePort, grab


class Options(WedgeOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    model: str = "keyboard-wedge MRZ reader"


class WedgeReader(FramedReader[RawLines]):
    """Lines ended by Enter; a document ends when its shape is complete, or by silence."""

    what = "document reader"
    capabilities = frozenset({Capability.MRZ_LINES})

    def __init__(self, options: Options, *, take: Callable[[int], None] = grab) -> None:
        super().__init__(
            Identity(
                kind="document_reader",
                driver="wedge",
                model=options.model,
                serial=options.serial_number,
                port=options.device,
            ),
            make_deframer("cr_lines"),
            accept_earlier=options.accept_earlier,
        )
        self._take = take

    def read_lines(self, timeout: float) -> RawLines:
        return self._next(timeout)

    def _open_port(self) -> LinePort:
        assert self.identity.port is not None
        return WedgePort(self.identity.port, self.what, take=self._take)


def create(options: Options) -> WedgeReader:
    """The driver for `hal.discovery.make_device`."""
    return WedgeReader(options)
