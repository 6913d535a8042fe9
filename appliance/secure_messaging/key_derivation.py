"""Keys from a shared secret, and the secret from an MRZ or a CAN (ICAO Doc 9303-11, 9.7)."""

import hashlib
import re

from appliance.secure_messaging.ciphers import AesCipher, SessionCipher, TripleDesCipher
from appliance.secure_messaging.errors import UnusableCan, UnusableMrz
from appliance.travel_document.lds.security_infos import Cipher

KSEED_BYTES = 16
_COUNTER_ENC = 1
_COUNTER_MAC = 2
_COUNTER_PASSWORD = 3
_MRZ_INFORMATION = re.compile(r"[A-Z0-9<]{9,22}[0-9][0-9<]{6}[0-9][0-9]{6}[0-9]")
"""Document number (9 characters, up to 22 on TD1), birth and expiry date, each with check digit.
A birth date may be unknown in part, an expiry date may not."""
_CAN = re.compile(r"[0-9]{6}")
_TRIPLE_DES = Cipher("3DES", 16)


def password_seed(mrz_information: str) -> bytes:
    """K, of which BAC takes 16 bytes and PACE all 20 (9.7.1.2, 9.7.3)."""
    if not _MRZ_INFORMATION.fullmatch(mrz_information):
        raise UnusableMrz(
            "The MRZ information must be document number, birth date and expiry date with check digits."
        )
    # The standard's own function; collision resistance is not what it is used for.
    return hashlib.sha1(mrz_information.encode("ascii"), usedforsecurity=False).digest()


def can_secret(can: str) -> bytes:
    """The secret of a card access number: its six digits as they are printed (9.7.3)."""
    if not _CAN.fullmatch(can):
        raise UnusableCan("A card access number has six digits.")
    return can.encode("ascii")


def password_key(cipher: Cipher, secret: bytes) -> bytes:
    """K_pi, under which PACE's nonce travels (9.7.2)."""
    return derive_key(cipher, secret, _COUNTER_PASSWORD)


def session_cipher(cipher: Cipher, secret: bytes) -> SessionCipher:
    """The session's cipher, its keys derived from a shared secret (9.7.1)."""
    keys = derive_key(cipher, secret, _COUNTER_ENC), derive_key(cipher, secret, _COUNTER_MAC)
    return make_cipher(cipher, *keys)


def make_cipher(cipher: Cipher, key_enc: bytes, key_mac: bytes) -> SessionCipher:
    """The cipher with these keys."""
    return TripleDesCipher(key_enc, key_mac) if cipher.name == "3DES" else AesCipher(key_enc, key_mac)


def derive_3des_keys(seed: bytes) -> tuple[bytes, bytes]:
    """The two-key 3DES keys for encryption and MAC (9.7.1.1), with DES parity set."""
    return derive_key(_TRIPLE_DES, seed, _COUNTER_ENC), derive_key(_TRIPLE_DES, seed, _COUNTER_MAC)


def derive_key(cipher: Cipher, secret: bytes, counter: int) -> bytes:
    """KDF(K, c): SHA-1 up to 128 bits, SHA-256 above (9.7.1.1, 9.7.1.2)."""
    message = secret + counter.to_bytes(4)
    if cipher.key_bytes > 16:
        return hashlib.sha256(message).digest()[: cipher.key_bytes]
    digest = hashlib.sha1(message, usedforsecurity=False).digest()[: cipher.key_bytes]
    return _with_odd_parity(digest) if cipher.name == "3DES" else digest


def _with_odd_parity(key: bytes) -> bytes:
    return bytes((byte & 0xFE) | ((byte >> 1).bit_count() + 1) & 1 for byte in key)
