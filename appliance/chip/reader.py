"""Read an eMRTD: the access offered and used, every wanted file's bytes, and what became of each."""

import enum
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from appliance.chip.apdu import Status
from appliance.chip.bac import access_cipher, establish_bac
from appliance.chip.card_access import offers_pace
from appliance.chip.channel import Channel, Transmit
from appliance.chip.errors import FileError, Malformed, SessionEnded
from appliance.chip.files import BY_NAME, CARD_ACCESS, ElementaryFile
from appliance.chip.read_file import (
    read_selected,
    select_application,
    select_file,
    select_master_file,
)

WANTED = ("COM", "DG1", "SOD", "DG2")
"""Small files first, so that the screen can show who it is while the portrait still comes."""
BLOCK_BYTES = (223, 192, 160, 112)
"""From the largest that every known chip can protect in a short answer, down to the shy ones."""
MAX_SECONDS = 60.0
"""A slow chip gives 40 kB in some 10 s; a traveller and a chip get no more than this together."""

_REFUSALS = frozenset(
    {
        Status.SECURITY_NOT_SATISFIED,
        Status.CONDITIONS_NOT_SATISFIED,
        Status.FILE_NOT_FOUND,
        Status.WRONG_P1_P2,
    }
)
"""Status words that mean no, whatever the block size; others may mean that the block was too long."""


class Access(enum.StrEnum):
    """Access protocols."""

    BAC = "BAC"
    PACE = "PACE"


class FileStatus(enum.StrEnum):
    """What became of a wanted file."""

    READ = "read"
    ABSENT = "absent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of a wanted file, and on which word of the chip."""

    status: FileStatus
    status_word: int | None = None
    protected: bool = True
    """False when the chip's word came without protection: then anyone in between may have said it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reading is; `step` is a protocol's or a file's name."""

    step: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, repr=False)
class ChipFiles:
    """What a chip gave: evidence as raw bytes, which whoever relies on it verifies. Without repr."""

    files: Mapping[str, bytes]
    """By name: COM, DG1, SOD, ...; CardAccess where the chip has it."""
    outcomes: Mapping[str, FileOutcome]
    """Every wanted file, whether it was read or not."""
    access: Access
    offered: tuple[Access, ...]
    atr: bytes
    apdus: int
    bytes_sent: int
    bytes_received: int
    seconds: Mapping[str, float]
    """By step: CardAccess, BAC, then each file; opening anew counts under BAC and under its file."""
    block_bytes: int
    """The block size that the chip bore in the end."""
    accesses: int
    """How often the access protocol was run; more than once when the chip ended a session."""

    @property
    def pace_offered(self) -> bool:
        return Access.PACE in self.offered


def read_chip(
    transmit: Transmit,
    *,
    mrz_information: str,
    want: Sequence[str] = WANTED,
    max_seconds: float = MAX_SECONDS,
    atr: bytes = b"",
    progress: Callable[[Progress], None] | None = None,
) -> ChipFiles:
    """Open the chip with its MRZ information (9303-11, 4.3) and read the wanted files.

    A file that is absent or refused is an outcome. Everything else that goes wrong is a `ChipError`;
    errors of the reading device itself pass through.
    """
    wanted = [BY_NAME[name] for name in want]
    channel = Channel(transmit, max_seconds=max_seconds)
    return _Reading(channel, mrz_information, progress).run(wanted, atr)


class _Reading:
    """One chip, from the first command to the last."""

    def __init__(
        self, channel: Channel, mrz_information: str, progress: Callable[[Progress], None] | None
    ) -> None:
        self._channel = channel
        self._cipher = access_cipher(mrz_information)
        self._progress = progress
        self._files: dict[str, bytes] = {}
        self._outcomes: dict[str, FileOutcome] = {}
        self._seconds: dict[str, float] = {}
        self._blocks = list(BLOCK_BYTES)
        self._accesses = 0

    def run(self, wanted: Sequence[ElementaryFile], atr: bytes) -> ChipFiles:
        with self._step(CARD_ACCESS.name):
            pace = self._read_card_access()
        self._open()
        for file in wanted:
            with self._step(file.name):
                self._outcomes[file.name] = self._read(file)
        return ChipFiles(
            files=self._files,
            outcomes=self._outcomes,
            access=Access.BAC,
            offered=(Access.PACE, Access.BAC) if pace else (Access.BAC,),
            atr=atr,
            apdus=self._channel.apdus,
            bytes_sent=self._channel.bytes_sent,
            bytes_received=self._channel.bytes_received,
            seconds=self._seconds,
            block_bytes=self._blocks[0],
            accesses=self._accesses,
        )

    def _read_card_access(self) -> bool:
        """Whether PACE is offered. Chips differ in how the file is reached, so both ways are tried."""
        try:
            try:
                select_file(self._channel, CARD_ACCESS)
            except FileError:
                if not select_master_file(self._channel):
                    return False
                select_file(self._channel, CARD_ACCESS)
            content = read_selected(self._channel, CARD_ACCESS, block_bytes=self._blocks[0])
        except FileError:
            return False
        except Malformed:
            return True  # there is something, and only chips with PACE have it
        self._files[CARD_ACCESS.name] = content
        return offers_pace(content)

    def _open(self) -> None:
        with self._step(Access.BAC.value):
            self._channel.start_over()
            select_application(self._channel)
            establish_bac(self._channel, self._cipher)
            self._accesses += 1
            self._tell(Access.BAC.value, 1, 1)

    def _read(self, file: ElementaryFile) -> FileOutcome:
        """One file; smaller blocks after an error that a smaller block may cure, each in a new session.

        Every round either returns or uses up a block size, so the chip is opened a bounded number of times.
        """
        while True:
            try:
                select_file(self._channel, file)
                self._files[file.name] = read_selected(
                    self._channel,
                    file,
                    block_bytes=self._blocks[0],
                    progress=lambda done, total: self._tell(file.name, done, total),
                )
            except FileError as error:
                if self._final(error.status_word):
                    return _outcome(error.status_word, protected=True)
            except SessionEnded as error:
                if self._final(error.status_word):
                    self._open()
                    return _outcome(error.status_word, protected=False)
            else:
                return FileOutcome(FileStatus.READ)
            self._blocks.pop(0)
            self._open()

    def _final(self, status_word: int) -> bool:
        return status_word in _REFUSALS or len(self._blocks) == 1

    def _tell(self, step: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(Progress(step, done, total))

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began


def _outcome(status_word: int, *, protected: bool) -> FileOutcome:
    absent = status_word == Status.FILE_NOT_FOUND
    return FileOutcome(FileStatus.ABSENT if absent else FileStatus.REFUSED, status_word, protected)
