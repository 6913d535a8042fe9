"""Chooses the framing by how a document begins."""

from hal.document_reader.framing.base import LINES_GAP_SECONDS, SOH, STX, Deframer, Outcome, is_noise, is_text
from hal.document_reader.framing.cr_lines import LinesDeframer
from hal.document_reader.framing.delimited import DelimitedDeframer
from hal.document_reader.framing.elyctis import ElyctisDeframer
from hal.document_reader.framing.rte_native import RteCheck, RteNativeDeframer


class AutoDeframer(Deframer):
    """Chooses by how a document begins; for a technician who does not know. It never writes to the reader.

    What it recognises: SOH begins RTE Native, STX the STX/ETX family (DESKO's default and Access-IS too), an
    ELYCTIS tag followed by a zero length byte, anything printable bare lines.
    """

    name = "auto"

    def __init__(self, *, rte_check: RteCheck = "xor_after_soh") -> None:
        super().__init__()
        self._stx = DelimitedDeframer("stx_etx", symbology=True)
        self._lines = LinesDeframer()
        self._rte = RteNativeDeframer(check=rte_check)
        self._elyctis = ElyctisDeframer()
        self._chosen: Deframer | None = None
        self._held: int | None = None
        """An ELYCTIS tag is also a letter; the byte after it tells."""

    @property
    def gap_seconds(self) -> float:
        return self._chosen.gap_seconds if self._chosen is not None else LINES_GAP_SECONDS

    @property
    def in_document(self) -> bool:
        return self._held is not None or (self._chosen is not None and self._chosen.in_document)

    def _restart(self) -> None:
        for deframer in (self._stx, self._lines, self._rte, self._elyctis):
            deframer.reset()
        self._chosen, self._held = None, None

    def idle(self) -> Outcome | None:
        if self._held is not None:
            self._choose(self._lines, self._held)
        outcome = self._chosen.idle() if self._chosen is not None else None
        self._restart()
        return outcome

    def _byte(self, byte: int) -> Outcome | None:
        if self._held is not None:
            held, self._held = self._held, None
            self._choose(self._elyctis if byte == 0 else self._lines, held)
        if byte == SOH and self._chosen in (None, self._lines, self._stx):
            return self._choose(self._rte, byte)
        if byte == STX and self._chosen in (None, self._lines):
            return self._choose(self._stx, byte)
        if self._chosen is None:
            if byte in (ElyctisDeframer.MRZ, ElyctisDeframer.ONE_LINE, ElyctisDeframer.CONTINUOUS):
                self._held = byte
                return None
            if not is_text(byte):
                self.noise += is_noise(byte)
                return None
            return self._choose(self._lines, byte)
        outcome = self._chosen._byte(byte)
        if not self._chosen.in_document:
            self.noise += self._chosen.noise
            self._restart()
        return outcome

    def _choose(self, deframer: Deframer, byte: int) -> Outcome | None:
        self._restart()
        self._chosen = deframer
        return deframer._byte(byte)
