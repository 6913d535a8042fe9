"""Officers' cards between lane and capture: lane asks for a signature, capture brings it, lane judges it."""

from typing import Annotated

import msgspec

CARD_CODES = ("no_device", "no_card", "foreign_card", "card_error", "busy")
"""What `prove_card` raises besides a device's own codes. foreign_card: what lies there is no PIV card;
card_error: it is one, and does not prove its card authentication key; busy: a document is being read."""


class ProveCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let the card on the reader sign."""

    digest: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    """SHA-256 of what lane has made up for this once."""
    timeout: float
    """Seconds that a card is waited for."""


class CardProof(msgspec.Struct, frozen=True, kw_only=True):
    """What the card gave; nothing of it is verified yet."""

    certificate: bytes
    """X.509, DER."""
    signature: bytes
    """ECDSA, DER."""
    device: str
    simulated: bool
    own_reader: bool
    """The reader is for officers' cards alone, so that the card may go on lying there."""
