"""What a reading gave: every file's bytes or why there are none, and what the chip did to prove itself."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from appliance.chip.active_authentication import SignedChallenge
from appliance.chip.pace import ChipMapping
from appliance.secure_messaging.apdu import Status
from appliance.travel_document.authentication.facts import (
    AccessFacts,
    ActiveAuthenticationFacts,
    ChipAuthenticationFacts,
    ChipFacts,
    ChipMappingFacts,
)


class FileStatus(enum.StrEnum):
    """What became of a wanted file."""

    READ = "read"
    ABSENT = "absent"
    REFUSED = "refused"
    GUARDED = "guarded"
    """Behind terminal authentication: not asked for."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of a wanted file, and on which word of the chip."""

    status: FileStatus
    status_word: int | None = None
    protected: bool = True
    """False when the chip's word came without protection: then anyone in between may have said it."""

    @property
    def words(self) -> str:
        """For the record: absent 6A82."""
        return (
            self.status.value if self.status_word is None else f"{self.status.value} {self.status_word:04X}"
        )


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
    """By name: COM, DG1, SOD, ...; CardAccess and CardSecurity where the chip has them."""
    outcomes: Mapping[str, FileOutcome]
    """Every wanted file, whether it was read or not."""
    access: AccessFacts
    chip_mapping: ChipMapping | None
    active_authentication: SignedChallenge | None
    chip_authentication: ChipAuthenticationFacts | None
    """How a run in this process ended; across processes lane knows, and this is None."""
    unknown_tags: tuple[int, ...]
    """Tags in EF.COM that stand for no file of the standard."""
    atr: bytes
    apdus: int
    bytes_sent: int
    bytes_received: int
    seconds: Mapping[str, float]
    """By step: CardAccess, access, then each file; opening anew counts under access and under its file."""
    card_seconds: float
    """Of these, how long card and reader had the word."""
    block_bytes: int
    """The block size that the chip bore in the end."""
    accesses: int
    """How often the access protocol was run; more than once when the chip ended a session."""

    @property
    def pace_offered(self) -> bool:
        return self.access.pace_offered

    @property
    def not_read(self) -> dict[str, str]:
        """Wanted files that were not read, and why."""
        return {
            name: outcome.words
            for name, outcome in self.outcomes.items()
            if outcome.status is not FileStatus.READ
        }

    def facts(self) -> ChipFacts:
        """The same for whoever judges."""
        signed, mapping = self.active_authentication, self.chip_mapping
        return ChipFacts(
            files=self.files,
            not_read=self.not_read,
            access=self.access,
            active_authentication=None
            if signed is None
            else ActiveAuthenticationFacts(signed.challenge, signed.response, signed.status_word),
            chip_authentication=self.chip_authentication,
            chip_mapping=None
            if mapping is None
            else ChipMappingFacts(mapping.curve, mapping.mapping_key, mapping.chip_data),
        )


def outcome_of(status_word: int, *, protected: bool) -> FileOutcome:
    """What a refused file's status word says of it."""
    absent = status_word == Status.FILE_NOT_FOUND
    return FileOutcome(FileStatus.ABSENT if absent else FileStatus.REFUSED, status_word, protected)
