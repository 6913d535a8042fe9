"""Document readers that send the MRZ as text over a serial line (RS-232, USB CDC)."""

from hal.device import Capability, Identity
from hal.document_reader import RawLines
from hal.document_reader.framing import ElyctisDeframer, FramingName, RteCheck, make_deframer
from hal.framed_reader import FramedReader, LinePort
from hal.serial_port import SerialOptions, open_serial


class Options(SerialOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    framing: FramingName = "auto"
    start_of_data: str = ""
    """DESKO's <SOD>, as its configuration sets it; empty when it sends none."""
    end_of_data: str = ""
    """DESKO's <EOD>."""
    rte_check: RteCheck = "xor_after_soh"
    model: str = "serial MRZ reader"


class MrzLineReader(FramedReader[RawLines]):
    """A reader on a serial line; `FramedReader` says what is fresh."""

    what = "document reader"
    capabilities = frozenset({Capability.MRZ_LINES})

    def __init__(self, options: Options) -> None:
        arms = (
            options.framing == "elyctis"
        )  # only where the technician has named it is anything written to it
        super().__init__(
            Identity(
                kind="document_reader",
                driver="mrz_line",
                model=options.model,
                serial=options.serial_number,
                port=options.port,
            ),
            make_deframer(
                options.framing,
                start_of_data=options.start_of_data.encode("latin-1"),
                end_of_data=options.end_of_data.encode("latin-1"),
                rte_check=options.rte_check,
            ),
            accept_earlier=options.accept_earlier,
            arm=ElyctisDeframer.ARM if arms else b"",
            disarm=ElyctisDeframer.DISARM if arms else b"",
        )
        self._options = options

    def read_lines(self, timeout: float) -> RawLines:
        return self._next(timeout)

    def _open_port(self) -> LinePort:
        return open_serial(self._options, self.what)


def create(options: Options) -> MrzLineReader:
    """The driver for `hal.discovery.make_device`."""
    return MrzLineReader(options)
