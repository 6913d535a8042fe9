"""STX/ETX framing, and DESKO's (CUTE, manual 7000310001), which puts delimiters of its own around it."""

import re
from collections import deque

from hal.document_reader.framing.base import (
    ETX,
    MAX_FRAME,
    STX,
    Damaged,
    Deframer,
    Outcome,
    document,
    is_noise,
)


class DelimitedDeframer(Deframer):
    """A start sequence, lines ended by CR, LF or both, an end sequence."""

    def __init__(self, name: str, *, start: bytes = bytes([STX]), end: bytes = bytes([ETX])) -> None:
        super().__init__()
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
            return document(re.split(rb"[\r\n]+", body), self.name)
        if len(self._frame) > MAX_FRAME + len(self._end):
            self._restart()
            return Damaged("The reader sent a frame longer than any document.")
        return None
