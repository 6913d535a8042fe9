"""STX/ETX framing, and its relatives: DESKO's (CUTE, manual 7000310001), which puts delimiters of its own
around it, and Access-IS' (ATR110, LSR116), which puts a symbology character before the data."""

import re
from collections import deque

from hal.document_reader.framing.base import (
    ETX,
    MAX_FRAME,
    SHAPES,
    STX,
    Damaged,
    Deframer,
    Outcome,
    document,
    is_noise,
)


class DelimitedDeframer(Deframer):
    """A start sequence, lines ended by CR, LF or both, an end sequence."""

    def __init__(
        self, name: str, *, start: bytes = bytes([STX]), end: bytes = bytes([ETX]), symbology: bool = False
    ) -> None:
        """`symbology`: whether a character may stand before the first line."""
        super().__init__()
        self._symbology = symbology
        self.name = name
        self._start, self._end = start, end
        self._recent: deque[int] = deque(maxlen=len(start))
        self._frame: bytearray | None = None

    @property
    def in_document(self) -> bool:
        return self._frame is not None

    def _restart(self) -> None:
        self._frame = None
        self._recent.clear()

    def _byte(self, byte: int) -> Outcome | None:
        self._recent.append(byte)
        if bytes(self._recent) == self._start:  # also inside: the frame before was cut off, this one counts
            self._frame = bytearray()
            self._recent.clear()
            return None
        if self._frame is None:
            self.noise += is_noise(byte)
            return None
        self._frame.append(byte)
        if self._frame.endswith(self._end):
            body = bytes(self._frame[: -len(self._end)])
            self._restart()
            lines = re.split(rb"[\r\n]+", body)
            return document(without_symbology(lines) if self._symbology else lines, self.name)
        if len(self._frame) > MAX_FRAME + len(self._end):
            self._restart()
            return Damaged("The reader sent a frame longer than any document.")
        return None


def without_symbology(lines: list[bytes]) -> list[bytes]:
    """The lines without the character before the first; it is one only if then a document's shape is left.

    Which character it is can be set in the reader, so its place tells, not its value.
    """
    present = [line for line in lines if line]
    if not present:
        return lines
    first = present[0][1:]
    shape = (len(first), *map(len, present[1:]))
    return [first, *present[1:]] if shape in SHAPES else lines
