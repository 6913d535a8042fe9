"""What is kept in place of a PIN or a code that is typed: Argon2id (RFC 9106), as libsodium writes it."""

from typing import Final

import nacl.exceptions
import nacl.pwhash

OPS: Final = nacl.pwhash.argon2id.OPSLIMIT_INTERACTIVE
MEMORY: Final = 32 * 1024 * 1024
"""A quarter of a second and 32 MiB on a small board."""


def prove(secret: str, *, ops: int = OPS, memory: int = MEMORY) -> bytes:
    """What is kept of it, under a salt of its own."""
    return nacl.pwhash.argon2id.str(secret.encode(), opslimit=ops, memlimit=memory)


def proves(proof: bytes, secret: str) -> bool:
    """Whether this is the secret."""
    try:
        return bool(nacl.pwhash.verify(proof, secret.encode()))
    except (nacl.exceptions.InvalidkeyError, nacl.exceptions.CryptoError, ValueError):
        return False
