"""Keys from a shared secret, and the secret from an MRZ (ICAO Doc 9303-11, 9.7)."""

import hashlib
import re

from appliance.chip.errors import UnusableMrz

KEY_BYTES_3DES = 16
KSEED_BYTES = 16
_COUNTER_ENC = 1
_COUNTER_MAC = 2
_MRZ_INFORMATION = re.compile(r"[A-Z0-9<]{9,22}[0-9][0-9<]{6}[0-9][0-9]{6}[0-9]")
"""Document number (9 characters, up to 22 on TD1), birth and expiry date, each with check digit.
A birth date may be unknown in part, an expiry date may not."""


def password_seed(mrz_information: str) -> bytes:
    """K, of which BAC takes 16 bytes and PACE all 20 (9.7.1.2, 9.7.3)."""
    if not _MRZ_INFORMATION.fullmatch(mrz_information):
        raise UnusableMrz(
            "The MRZ information must be document number, birth date and expiry date with check digits."
        )
    # The standard's own function; collision resistance is not what it is used for.
    return hashlib.sha1(mrz_information.encode("ascii"), usedforsecurity=False).digest()


def derive_3des_keys(seed: bytes) -> tuple[bytes, bytes]:
    """The two-key 3DES keys for encryption and MAC (9.7.1.1), with DES parity set."""
    return _derive_3des(seed, _COUNTER_ENC), _derive_3des(seed, _COUNTER_MAC)


def _derive_3des(seed: bytes, counter: int) -> bytes:
    digest = hashlib.sha1(seed + counter.to_bytes(4), usedforsecurity=False).digest()
    return _with_odd_parity(digest[:KEY_BYTES_3DES])


def _with_odd_parity(key: bytes) -> bytes:
    return bytes((byte & 0xFE) | ((byte >> 1).bit_count() + 1) & 1 for byte in key)
