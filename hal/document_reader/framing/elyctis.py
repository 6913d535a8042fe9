"""ELYCTIS IDBOX One: tag, length, value (Scanner Command Set 1.7)."""

import re

from hal.document_reader.framing.base import MAX_FRAME, SHAPES, Deframer, Outcome, document, is_noise


class ElyctisDeframer(Deframer):
    """ELYCTIS IDBOX: tag, length (two bytes, high first), value; presence messages are passed over."""

    name = "elyctis"
    MRZ, ONE_LINE, CONTINUOUS = 0x49, 0x4C, 0x43

    ARM = bytes([CONTINUOUS, 0, 1, 1])
    DISARM = bytes([CONTINUOUS, 0, 1, 0])

    def __init__(self) -> None:
        super().__init__()
        self._message = bytearray()

    @property
    def in_document(self) -> bool:
        return bool(self._message)

    def _restart(self) -> None:
        self._message.clear()

    def _byte(self, byte: int) -> Outcome | None:
        message = self._message
        if not message and byte not in (self.MRZ, self.ONE_LINE, self.CONTINUOUS):
            self.noise += is_noise(byte)  # presence messages among them: their tags are not public
            return None
        message.append(byte)
        if len(message) < 3:
            return None
        length = message[1] << 8 | message[2]
        if length > MAX_FRAME or (message[0] == self.CONTINUOUS and length != 1):
            self._resync()
            return None
        if len(message) < 3 + length:
            return None
        tag, value = message[0], bytes(message[3:])
        self._restart()
        if tag == self.CONTINUOUS:
            return None
        return document(_cut(value), self.name)

    def _resync(self) -> None:
        """That was no tag: look for one in the two bytes that followed it."""
        rest = bytes(self._message[1:])
        self.noise += 1
        self._restart()
        for byte in rest:  # at most two, so nothing can complete here
            self._byte(byte)


def _cut(text: bytes) -> list[bytes]:
    """Lines of an ELYCTIS message, which may come without anything between them."""
    lines = [line for line in re.split(rb"[\r\n]+", text) if line]
    if len(lines) == 1:
        for shape in SHAPES:
            if len(text) == sum(shape):
                return [text[start : start + shape[0]] for start in range(0, len(text), shape[0])]
    return lines
