"""The ciphers of secure messaging behind one seam (ICAO Doc 9303-11, 9.8.6): 3DES and AES."""

import hmac
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:  # before cryptography 43 it was not yet called decrepit
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

MAC_BYTES = 8
_ZERO_IV = bytes(8)


class SessionCipher(Protocol):
    """What secure messaging needs of a cipher; `ssc` is the send sequence counter as sent into it.

    The counter is given to all three, because AES derives its IV from it where 3DES has none.
    """

    block_bytes: int

    def encrypt(self, ssc: bytes, padded: bytes) -> bytes: ...
    def decrypt(self, ssc: bytes, encrypted: bytes) -> bytes: ...
    def mac(self, ssc: bytes, padded: bytes) -> bytes: ...
    def token(self, message: bytes) -> bytes:
        """PACE's authentication code over a message that nobody has padded (4.4.3.4)."""


class TripleDesCipher:
    """Two-key 3DES in CBC mode with zero IV, and the retail MAC (ISO/IEC 9797-1 MAC algorithm 3)."""

    block_bytes = 8

    def __init__(self, key_enc: bytes, key_mac: bytes) -> None:
        first, second = key_mac[:8], key_mac[8:16]
        self._cbc = Cipher(TripleDES(key_enc + key_enc[:8]), modes.CBC(_ZERO_IV))
        # One DES is 3DES with three equal keys: the library offers no other.
        self._single_cbc = Cipher(TripleDES(first * 3), modes.CBC(_ZERO_IV))
        self._final = Cipher(TripleDES(first + second + first), modes.ECB())  # noqa: S305

    def encrypt(self, ssc: bytes, padded: bytes) -> bytes:  # noqa: ARG002 - AES needs it
        encryptor = self._cbc.encryptor()
        return encryptor.update(padded) + encryptor.finalize()

    def decrypt(self, ssc: bytes, encrypted: bytes) -> bytes:  # noqa: ARG002 - AES needs it
        decryptor = self._cbc.decryptor()
        return decryptor.update(encrypted) + decryptor.finalize()

    def mac(self, ssc: bytes, padded: bytes) -> bytes:
        message = ssc + padded
        chain = bytes(8)
        if len(message) > 8:
            encryptor = self._single_cbc.encryptor()
            chain = encryptor.update(message[:-8])[-8:] + encryptor.finalize()
        # The last block goes through both keys: encrypt, decrypt, encrypt.
        last = bytes(a ^ b for a, b in zip(chain, message[-8:], strict=True))
        encryptor = self._final.encryptor()
        return encryptor.update(last) + encryptor.finalize()

    def token(self, message: bytes) -> bytes:
        return self.mac(b"", pad(message, self.block_bytes))


class AesCipher:
    """AES in CBC mode, its IV the encrypted counter (9.8.6.2), and CMAC cut to eight bytes (9.8.6.3)."""

    block_bytes = 16

    def __init__(self, key_enc: bytes, key_mac: bytes) -> None:
        self._aes = AES(key_enc)
        self._ecb = Cipher(self._aes, modes.ECB())  # noqa: S305 - one block: the counter
        self._mac_key = AES(key_mac)

    def encrypt(self, ssc: bytes, padded: bytes) -> bytes:
        encryptor = Cipher(self._aes, modes.CBC(self.encrypt_block(ssc))).encryptor()
        return encryptor.update(padded) + encryptor.finalize()

    def decrypt(self, ssc: bytes, encrypted: bytes) -> bytes:
        decryptor = Cipher(self._aes, modes.CBC(self.encrypt_block(ssc))).decryptor()
        return decryptor.update(encrypted) + decryptor.finalize()

    def encrypt_block(self, block: bytes) -> bytes:
        """E(KSenc, block): an IV from the counter, or from minus one for chip data (4.4.3.5.4)."""
        encryptor = self._ecb.encryptor()
        return encryptor.update(block) + encryptor.finalize()

    def mac(self, ssc: bytes, padded: bytes) -> bytes:
        code = CMAC(self._mac_key)
        code.update(ssc + padded)
        return code.finalize()[:MAC_BYTES]

    def token(self, message: bytes) -> bytes:
        return self.mac(b"", message)


def raw_cbc(name: str, key: bytes, data: bytes, *, encrypt: bool) -> bytes:
    """CBC with zero IV and without padding, as PACE's nonces travel (4.4.3.3); 3DES or AES by its name."""
    if name == "3DES":
        made = Cipher(TripleDES(key + key[:8]), modes.CBC(bytes(8)))
    else:
        made = Cipher(AES(key), modes.CBC(bytes(16)))
    context = made.encryptor() if encrypt else made.decryptor()
    return context.update(data) + context.finalize()


def pad(message: bytes, block_bytes: int) -> bytes:
    """ISO/IEC 9797-1 padding method 2: a one bit, then zeros to the block's end; never nothing."""
    return message + b"\x80" + bytes(-(len(message) + 1) % block_bytes)


def unpad(padded: bytes, block_bytes: int) -> bytes | None:
    """The message, or None when these bytes do not end in padding of at most one block."""
    stripped = padded.rstrip(b"\x00")
    if not stripped.endswith(b"\x80") or len(padded) - len(stripped) >= block_bytes:
        return None
    return stripped[:-1]


def equal(one: bytes, other: bytes) -> bool:
    """Comparison that takes the same time wherever the difference is."""
    return hmac.compare_digest(one, other)
