"""Bare lines ended by CR or LF: a document ends when its shape is complete, or by silence."""

from collections import deque

from hal.document_reader.framing.base import (
    CR,
    LF,
    LINES_GAP_SECONDS,
    MAX_LINE,
    MAX_LINES,
    SHAPES,
    Damaged,
    Deframer,
    Outcome,
    document,
)


class LinesDeframer(Deframer):
    """Bare lines: a document is complete when its shape is, or when silence follows."""

    name = "cr_lines"

    def __init__(self) -> None:
        super().__init__()
        self._line = bytearray()
        self._lines: deque[bytes] = deque(maxlen=MAX_LINES)
        self._count = 0
        self._oversized = False

    @property
    def gap_seconds(self) -> float:
        return LINES_GAP_SECONDS

    @property
    def in_document(self) -> bool:
        return bool(self._line or self._lines or self._oversized)

    def _restart(self) -> None:
        self._line.clear()
        self._lines.clear()
        self._count = 0
        self._oversized = False

    def _byte(self, byte: int) -> Outcome | None:
        if byte in (CR, LF):
            return self._end_of_line()
        if self._oversized:
            return None
        self._line.append(byte)
        if len(self._line) > MAX_LINE:
            self._restart()
            self._oversized = True  # until its end
            return Damaged("The reader sent a line longer than any document has.")
        return None

    def _end_of_line(self) -> Outcome | None:
        if self._oversized:
            self._restart()
            return None
        if not self._line:
            return None
        self._lines.append(bytes(self._line))
        self._line.clear()
        self._count += 1
        lengths = tuple(len(line) for line in self._lines)
        for shape in SHAPES:
            if lengths[-len(shape) :] == shape:  # whatever came before it on the line was noise
                lines = list(self._lines)[-len(shape) :]
                self._restart()
                return document(lines, self.name)
        return None

    def idle(self) -> Outcome | None:
        if self._line:
            complete = self._end_of_line()
            if complete is not None:
                return complete
        lines, count = list(self._lines), self._count
        self._restart()
        if not lines:
            return None
        if count > MAX_LINES:
            return Damaged("The reader sent more lines than any document has.")
        return document(lines, self.name)
