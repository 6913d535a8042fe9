"""What every framing shares: bytes in, documents out, and a bound on what is held (makers' manuals).

A deframer is fed byte by byte, so that no cutting of the stream into reads can change what comes out.
Framing is never validation: what is inside the frame is not judged here, only that it is text.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from hal.document_reader import RawLines

SOH, STX, ETX, LF, CR = 0x01, 0x02, 0x03, 0x0A, 0x0D

MAX_LINE = 64
"""The longest MRZ line has 44 characters; a reader may pad, but not to more than this."""

MAX_FRAME = 256
"""Three lines of 64 with their terminators and a header: more is not a document."""

MAX_LINES = 3
SHAPES = ((44, 44), (36, 36), (30, 30, 30))
"""TD3 and MRV-A, TD2 and MRV-B, TD1: Doc 9303-4, -5, -6 and -7."""

FILL = b"_"
"""What RTE readers, and others set like them, send for `<`; no MRZ has it (Doc 9303-3, 4.3)."""

LINES_GAP_SECONDS = 0.5
"""Bare lines end by silence: at 9600 baud a character takes 1 ms, so this is five hundred of them."""

FRAME_GAP_SECONDS = 2.0
"""A frame that has begun and stays silent this long was cut off."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """Something that began like a document and was not one."""

    reason: str
    """A plain sentence, without what was read."""


Outcome = RawLines | Damaged


class Deframer(ABC):
    """Bytes in, documents out."""

    name: str

    def __init__(self) -> None:
        self.noise = 0
        """Bytes skipped since `reset`: many of them mean a wrong baud rate or a wrong framing."""

    @property
    def gap_seconds(self) -> float:
        """After this much silence the driver calls `idle`."""
        return FRAME_GAP_SECONDS

    @property
    @abstractmethod
    def in_document(self) -> bool:
        """Whether a document has begun and not ended."""

    @abstractmethod
    def _byte(self, byte: int) -> Outcome | None:
        """Take one byte; return what it completes."""

    @abstractmethod
    def _restart(self) -> None:
        """Forget what has begun."""

    def feed(self, data: bytes) -> list[Outcome]:
        """What these bytes complete, in order."""
        return [outcome for byte in data if (outcome := self._byte(byte)) is not None]

    def idle(self) -> Outcome | None:
        """What a silence completes: for a frame, that it was cut off."""
        if not self.in_document:
            return None
        self._restart()
        return Damaged("The reader began a document and did not finish it.")

    def reset(self) -> None:
        """Begin anew, as for another traveller."""
        self.noise = 0
        self._restart()


def document(lines: list[bytes], framing: str) -> Outcome:
    """The lines as text: missing ones dropped, the fill character `_` of some readers made `<`, no more."""
    present = [line.replace(FILL, b"<") for line in lines if line]
    if not present:
        return Damaged("The reader saw a document but could not read its lines.")
    if len(present) > MAX_LINES or max(map(len, present)) > MAX_LINE:
        return Damaged("The reader sent more, or longer, lines than any document has.")
    if not all(is_text(byte) for line in present for byte in line):
        return Damaged("The reader sent bytes that are not text: check its baud rate and parity.")
    return RawLines(lines=tuple(line.decode("ascii") for line in present), framing=framing)


def is_text(byte: int) -> bool:
    """Printable ASCII: all that an MRZ can hold is in it."""
    return 0x20 <= byte <= 0x7E


def is_noise(byte: int) -> bool:
    """Line ends and fill bytes between documents are customary, anything else is noise."""
    return byte not in (0, CR, LF)
