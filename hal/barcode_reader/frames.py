"""How barcode readers end a code: by a suffix, between STX and ETX, or by silence (makers' manuals)."""

from typing import Literal

from hal.barcode_reader import Barcode
from hal.document_reader.framing.base import CR, ETX, LF, STX, Damaged

MAX_BYTES = 4096
"""QR 40-L holds 2,953 bytes, Aztec 1,914, Data Matrix 1,556, PDF417 1,108: more is not one code."""
SILENCE_SECONDS = 0.15
"""A code that ends by silence: at 9600 baud a character takes 1 ms, so this is more than a hundred."""
CUT_OFF_SECONDS = 2.0
"""A code that has begun and stays silent this long was cut off."""
AIM_FLAG = 0x5D
"""`]`, then a letter and a digit or letter: which symbology this was (ISO/IEC 15424)."""

BarcodeFraming = Literal["suffix", "stx_etx", "silence"]


class BarcodeFrames:
    """Bytes in, codes out. A suffix is CR, LF or both: for codes of text.

    A seal is binary, and may hold any of these bytes: then set the reader to no suffix, and `silence` here.
    """

    def __init__(self, framing: BarcodeFraming, *, never: bytes = b"") -> None:
        """`never`: bytes that stand for something that was lost on the way; no code has them."""
        self._framing = framing
        self._never = never
        self._code = bytearray()
        self._begun = framing != "stx_etx"
        self._oversized = False
        self.noise = 0

    @property
    def gap_seconds(self) -> float:
        return SILENCE_SECONDS if self._framing == "silence" else CUT_OFF_SECONDS

    @property
    def in_document(self) -> bool:
        return bool(self._code) or self._oversized or (self._framing == "stx_etx" and self._begun)

    def reset(self) -> None:
        self.noise = 0
        self._restart()

    def feed(self, data: bytes) -> list[Barcode | Damaged]:
        """What these bytes complete, in order."""
        return [outcome for byte in data if (outcome := self._byte(byte)) is not None]

    def idle(self) -> Barcode | Damaged | None:
        """What a silence completes."""
        code, oversized = bytes(self._code), self._oversized
        began = self.in_document
        self._restart()
        if not began or oversized:  # of an oversized one it was said already
            return None
        if self._framing == "silence":
            return self._barcode(code)
        return Damaged("The reader began a code and did not finish it.")

    def _restart(self) -> None:
        self._code.clear()
        self._begun = self._framing != "stx_etx"
        self._oversized = False

    def _byte(self, byte: int) -> Barcode | Damaged | None:
        if self._framing == "stx_etx":
            if byte == STX:  # also inside: the code before was cut off, this one counts
                self._restart()
                self._begun = True
                return None
            if not self._begun:
                self.noise += byte not in (0, CR, LF)
                return None
        if self._ends(byte):
            code, oversized = bytes(self._code), self._oversized
            self._restart()
            return self._barcode(code) if code and not oversized else None
        if self._oversized:
            return None
        self._code.append(byte)
        if len(self._code) > MAX_BYTES:
            self._code.clear()
            self._oversized = True  # until its end
            return Damaged("The reader sent more bytes than any code holds.")
        return None

    def _ends(self, byte: int) -> bool:
        if self._framing == "suffix":
            return byte in (CR, LF)
        return self._framing == "stx_etx" and byte == ETX

    def _barcode(self, code: bytes) -> Barcode | Damaged:
        if self._never and self._never in code:
            return Damaged("The reader typed keys that are no text, or some were lost.")
        aim = code[:3]
        if len(code) > 3 and aim[0] == AIM_FLAG and aim[1:].isalnum() and aim[1:2].isalpha():
            return Barcode(code[3:], aim[1:].decode("ascii"))
        return Barcode(code)
