"""Numbers as keyed hashes: BLAKE2b (RFC 7693) under a key of each state and epoch.

Whoever holds the master key can try every number of a state in minutes, so the hash protects a lost card
only as well as the key is kept (docs/screening.md says what a stolen box discloses). A leaked key of one
state and epoch says nothing of another's.
"""

import hashlib
from functools import lru_cache
from typing import Final

KEY_BYTES: Final = 32
MAX_HASH_BITS: Final = 60
"""Hashes are cut to what a list of its size needs, and fit a 64-bit word with room to shift."""
_STATE_KEY: Final = b"borne-state-key"
_KEY_ID: Final = b"borne-key-id"
_NUMBER: Final = b"borne-number"


class NumberHasher:
    """Hashes of the numbers of one kind of list, under one master key and epoch."""

    def __init__(self, master_key: bytes, *, epoch: str, kind: str) -> None:
        if len(master_key) != KEY_BYTES:
            raise ValueError(f"The key of a list of numbers has {KEY_BYTES} bytes.")
        self._master_key = master_key
        self._context = f"{kind}|{epoch}".encode()
        self._state_key = lru_cache(maxsize=512)(self._derive)

    @property
    def key_id(self) -> str:
        """Which key and epoch this is, without saying anything of either."""
        return hashlib.blake2b(self._context, key=self._master_key, digest_size=8, person=_KEY_ID).hexdigest()

    def hash64(self, state: str, number: str) -> int:
        """64 bits of a number of this state; both as `numbers` normalises them."""
        digest = hashlib.blake2b(
            number.encode("ascii"), digest_size=8, key=self._state_key(state), person=_NUMBER
        )
        return int.from_bytes(digest.digest(), "big")

    def _derive(self, state: str) -> bytes:
        return hashlib.blake2b(
            self._context + b"|" + state.encode(),
            key=self._master_key,
            digest_size=KEY_BYTES,
            person=_STATE_KEY,
        ).digest()
