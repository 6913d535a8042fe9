"""What a reading left behind, as the judging code takes it: plain values, filled from evidence or from a
folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AccessAttempt:
    """One try of an access protocol; `step` and `status_word` say where a failed one stopped."""

    protocol: str
    password: str
    """MRZ or CAN."""
    outcome: str
    """opened, denied, failed, unavailable, unsupported."""
    step: str = ""
    status_word: int | None = None


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """Which access protocols were offered, tried and used."""

    used: str
    """PACE or BAC."""
    pace_offered: bool
    attempts: tuple[AccessAttempt, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class ActiveAuthenticationFacts:
    """A challenge, and the chip's answer to it; no answer where the chip refused."""

    challenge: bytes
    response: bytes
    status_word: int = 0x9000


@dataclass(frozen=True, slots=True, repr=False)
class ChipAuthenticationFacts:
    """How a run of Chip Authentication ended; `public_key` is the chip's, as agreed with."""

    outcome: str
    """proved: a right answer under the new keys; wrong: another one; refused: a status of the chip."""
    protocol: str
    public_key: bytes
    inferred: bool = False
    status_word: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ChipMappingFacts:
    """What PACE with Chip Authentication Mapping left: the chip's mapping key and its CA data."""

    curve: str
    mapping_key: bytes
    chip_data: bytes


@dataclass(frozen=True, slots=True, repr=False)
class ChipFacts:
    """Everything about one chip; names are those of its files (COM, SOD, DG1, CardAccess, ...)."""

    files: Mapping[str, bytes]
    not_read: Mapping[str, str] = field(default_factory=dict)
    """Why files were not read: absent 6A82, refused 6982, ..."""
    from_chip: bool = True
    """False for files from a folder, where there is nobody to challenge."""
    access: AccessFacts | None = None
    active_authentication: ActiveAuthenticationFacts | None = None
    chip_authentication: ChipAuthenticationFacts | None = None
    chip_mapping: ChipMappingFacts | None = None
