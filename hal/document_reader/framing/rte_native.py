"""RTE Native, the framing of 3M (Rochford Thompson) swipe readers: RTE6701-OEM integration manual, 9.1."""

from typing import Literal

from hal.document_reader.framing.base import (
    ETX,
    MAX_FRAME,
    SOH,
    Damaged,
    Deframer,
    Outcome,
    document,
    is_noise,
)

RteCheck = Literal["xor_after_soh", "xor_with_soh", "ignore"]

HEADER = 7
"""SOH, length low, length high, "O", "U", STX, flag."""


class RteNativeDeframer(Deframer):
    """3M RTE Native: SOH, length (low, high), "OU", STX, flag, three CR-ended lines, ETX, BCC.

    The frame ends at ETX, not by its length: the manual's sentence on what the length counts is not
    public in full, so the length only has to be credible, and the BCC decides. How the BCC is formed is
    not public either: XOR of all after SOH up to and including ETX is the custom of this family of
    protocols (ISO 1745), an assumption until a real reader has confirmed it; `check` changes it.
    """

    name = "rte_native"

    def __init__(self, *, check: RteCheck = "xor_after_soh") -> None:
        super().__init__()
        self._check = check
        self._frame = bytearray()
        self._ended = False

    @property
    def in_document(self) -> bool:
        return bool(self._frame)

    def _restart(self) -> None:
        self._frame.clear()
        self._ended = False

    def _byte(self, byte: int) -> Outcome | None:
        frame = self._frame
        if not frame and byte != SOH:
            self.noise += is_noise(byte)
            return None
        if self._ended:
            return self._complete(byte)
        if len(frame) >= HEADER and byte == SOH:  # the frame before was cut off, this one counts
            frame.clear()
        frame.append(byte)
        if not self._credible():
            self._resync()
        elif len(frame) > MAX_FRAME:
            self._restart()
            return Damaged("The reader sent a frame longer than any document.")
        elif byte == ETX and len(frame) > HEADER:
            self._ended = True
        return None

    def _resync(self) -> None:
        """That was no header: look for one in the few bytes that followed its SOH."""
        rest = bytes(self._frame[1:])
        self.noise += 1
        self._restart()
        for byte in rest:  # at most five, so nothing can complete here
            self._byte(byte)

    def _credible(self) -> bool:
        """Whether the header, as far as it has come, is one."""
        frame = self._frame
        length = (frame[1] & 0x7F) | (frame[2] & 0x7F) << 7 if len(frame) >= 3 else 0
        return length <= MAX_FRAME and b"OU\x02".startswith(bytes(frame[3:6]))

    def _complete(self, bcc: int) -> Outcome:
        block = bytes(self._frame)
        self._restart()
        covered = block if self._check == "xor_with_soh" else block[1:]
        expected = 0
        for byte in covered:
            expected ^= byte
        if self._check != "ignore" and bcc != expected:
            return Damaged("The reader's check byte does not fit: the line to the reader is disturbed.")
        return document(block[HEADER:-1].split(b"\r"), self.name)  # `_` pads lines to their length
