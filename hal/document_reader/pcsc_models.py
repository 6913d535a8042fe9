"""What readers carry, by model: where a reader's own word is more than it keeps.

A CCID reader whose descriptor says "extended APDU level" makes libccid say 65,536 bytes, whatever fits into
the reader's memory. Beyond one CCID message (dwMaxCCIDMessageLength) it would have to take an APDU in parts,
which many firmwares do wrong or not at all; so the table holds an APDU to what one message carries. The
figures are those of the readers' own USB descriptors, as the CCID driver's project publishes them
(ccid.apdu.fr); a reader that is not here is trusted with what it says.
"""

import re
from dataclasses import dataclass
from typing import Final

CCID_HEADER_BYTES: Final = 10
"""Before the data of every CCID message (USB CCID 1.1, 6.1)."""
SHORT_APDU_BYTES: Final = 256
"""What every reader carries, and all that one that says nothing of itself is trusted with."""


@dataclass(frozen=True, slots=True)
class ReaderModel:
    """One line of the table."""

    name: re.Pattern[str]
    """Of the slot, as pcscd gives it."""
    message_bytes: int
    """dwMaxCCIDMessageLength."""
    extended: bool
    """Whether the contactless interface exchanges extended APDUs."""
    quirk: str = ""
    """What is known to go wrong, for the technician."""

    @property
    def apdu_bytes(self) -> int:
        return self.message_bytes - CCID_HEADER_BYTES if self.extended else SHORT_APDU_BYTES


def _model(pattern: str, message_bytes: int, *, extended: bool = True, quirk: str = "") -> ReaderModel:
    return ReaderModel(re.compile(pattern, re.IGNORECASE), message_bytes, extended, quirk)


MODELS: Final[tuple[ReaderModel, ...]] = (
    _model("ACR122U", 271, extended=False, quirk="short APDUs only, so chips are read in smaller blocks"),
    _model(
        "ACR1252", 522, quirk="firmware 1.07 was reported to fail on APDUs of 32 kB (pcsc-lite's issue 54)"
    ),
    _model("ACR1281", 522, quirk="long commands were reported not to be sent (acsccid's issue 42)"),
    _model("ACR1581", 516),
    _model(r"Access IS ePassport", 278, quirk="says extended, but a message holds 268 bytes"),
    _model(r"OMNIKEY 5022|OMNIKEY 5422", 520),
    _model(r"ELYCTIS CL", 1034),
)


def model_of(reader_name: str) -> ReaderModel | None:
    """The line for this slot; None for a reader that nothing is known of."""
    return next((model for model in MODELS if model.name.search(reader_name)), None)


def apdu_limit(reader_name: str, said: int | None, *, configured: int | None = None) -> int:
    """How many bytes an APDU may have: as configured, else the reader's word, held to its model.

    `said` is dwMaxAPDUDataSize, None where the driver does not say: then short APDUs, whatever the model.
    """
    if configured is not None:
        return configured
    if said is None:
        return SHORT_APDU_BYTES
    model = model_of(reader_name)
    return said if model is None else min(said, model.apdu_bytes)
