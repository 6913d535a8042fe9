"""How much is read at once: what the reader and the card can carry, and what was learned of others like it.

Old chips answer a block of 256 bytes with an error and lose the session over it, so a reading begins where no
known card breaks (223 bytes) unless reader and card both say that they can carry more.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from appliance.secure_messaging.apdu import MAX_SHORT_LE
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError

SAFE_BLOCKS: Final = (223, 192, 160, 112)
"""From the largest that every known chip can protect in a short answer, down to the shy ones."""
PROTECTION_BYTES: Final = 64
"""What secure messaging adds to a block: cryptogram header, padding, status and code, with some to spare."""
MAX_BLOCK: Final = 32_000
"""Larger blocks gain nothing, and every driver's buffers end somewhere."""
MAX_LEARNED: Final = 512

_TAG_EXTENDED_LENGTH: Final = 0x7F66
_TAG_SIZE: Final = 0x02
_TAG_CAPABILITIES: Final = 0x47
_EXTENDED_LENGTHS: Final = 0x40
"""In the third byte of the card capabilities (ISO/IEC 7816-4, 12.1.1.9)."""


@dataclass(frozen=True, slots=True)
class CardLimits:
    """What EF.ATR/INFO says a card can take and give, in bytes of a whole APDU (9303-10, 3.9)."""

    command_bytes: int
    response_bytes: int


@dataclass(frozen=True, slots=True)
class Manners:
    """How a kind of chip wants to be read; a fresh one is a guess that no known card minds."""

    block: int = SAFE_BLOCKS[0]
    short_ids: bool = True
    """READ BINARY by short identifier; False: SELECT first."""
    known: bool = False
    """A whole chip was read like this before, so EF.ATR/INFO need not be asked again."""

    def shyer(self) -> "Manners | None":
        """The next way to try after an error; None when there is none left."""
        smaller = [size for size in SAFE_BLOCKS if size < self.block]
        return replace(self, block=smaller[0]) if smaller else None


class LearnedManners:
    """What was learned, by the state that issued the document; shared by all readings of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_issuer: dict[str, Manners] = {}

    def of(self, issuer: str) -> Manners:
        with self._lock:
            return self._by_issuer.get(issuer, Manners())

    def learn(self, issuer: str, manners: Manners) -> None:
        """Keep how a whole chip was read; an issuer nobody named teaches nothing."""
        if not issuer:
            return
        with self._lock:
            if len(self._by_issuer) >= MAX_LEARNED and issuer not in self._by_issuer:
                self._by_issuer.clear()
            self._by_issuer[issuer] = replace(manners, known=True)

    def forget(self, issuer: str) -> None:
        """Another chip of this issuer minded: begin anew with the next."""
        with self._lock:
            self._by_issuer.pop(issuer, None)

    def all(self) -> Mapping[str, Manners]:
        with self._lock:
            return dict(self._by_issuer)


def read_card_limits(content: bytes) -> CardLimits | None:
    """The sizes in EF.ATR/INFO; None where it states none, or cannot be read."""
    try:
        objects = {one.tag: one for one in tlv.decode(content)}
        sizes = objects.get(_TAG_EXTENDED_LENGTH)
        if sizes is None:
            return None
        numbers = [int.from_bytes(one.value) for one in sizes.children() if one.tag == _TAG_SIZE]
        capabilities = objects.get(_TAG_CAPABILITIES)
    except EmrtdError:
        return None
    stated = capabilities.value[2:3] if capabilities is not None else b""
    if len(numbers) != 2 or (stated and not stated[0] & _EXTENDED_LENGTHS):
        return None
    return CardLimits(*numbers)


def block_for(limits: CardLimits | None, reader_bytes: int) -> int:
    """The block that reader and card both carry under protection; the safe one where either is unknown."""
    if limits is None or reader_bytes <= MAX_SHORT_LE:
        return SAFE_BLOCKS[0]
    block = min(limits.response_bytes, reader_bytes, MAX_BLOCK + PROTECTION_BYTES) - PROTECTION_BYTES
    return max(block, SAFE_BLOCKS[0])
