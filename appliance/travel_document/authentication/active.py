"""Active Authentication (ICAO Doc 9303-11, 6.1): did the chip sign this challenge with the key of its DG15?

RSA by ISO/IEC 9796-2 scheme 1 with partial message recovery; ECDSA plain, and in DER as chips were seen to
answer.
"""

import hashlib
import hmac
from typing import Final

from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import Malformed
from appliance.travel_document.pki.keys import EcKey, PublicKey, RsaKey, parse_public_key
from appliance.travel_document.pki.signatures import verify_ecdsa_any

TAG_DG15: Final = 0x6F
CHALLENGE_BYTES: Final = 8

_TRAILERS: Final = {
    0x33: "sha1",
    0x34: "sha256",
    0x35: "sha512",
    0x36: "sha384",
    0x38: "sha224",
}
"""Trailer field option 2: one of these, then CC."""


def read_dg15(content: bytes) -> PublicKey:
    """The chip's public key.

    Raises:
        Malformed: it is no EF.DG15.
    """
    return parse_public_key(der.parse(tlv.decode_one(content, TAG_DG15).value))


def response_bytes(key: PublicKey) -> int:
    """How long the chip's answer is; by it the terminal knows whether a short command can carry it."""
    if isinstance(key, RsaKey):
        return (key.bits + 7) // 8
    if isinstance(key, EcKey):
        return 2 * key.curve.order_bytes
    raise Malformed("A DH key cannot sign.")


def proves(key: PublicKey, challenge: bytes, response: bytes, *, digest: str | None = None) -> bool:
    """Whether the response is this key's signature over the challenge.

    `digest` is what DG14 states for ECDSA; without it the one that fits the key, or one of the common.
    """
    if isinstance(key, RsaKey):
        return _recovers(key, challenge, response)
    if isinstance(key, EcKey):
        return any(verify_ecdsa_any(key, response, challenge, name) for name in _digests(key, digest))
    return False


def _digests(key: EcKey, stated: str | None) -> list[str]:
    bits = key.curve.bits
    fitting = "sha512" if bits >= 512 else "sha384" if bits >= 384 else "sha256" if bits >= 256 else "sha224"
    return list(dict.fromkeys(name for name in (stated, fitting, "sha256", "sha1") if name))


def _recovers(key: RsaKey, challenge: bytes, response: bytes) -> bool:
    """ISO/IEC 9796-2, B.4 and B.6: open the signature, and hash what it recovers with the challenge."""
    size = (key.bits + 7) // 8
    signature = int.from_bytes(response)
    if len(response) != size or not 0 < signature < key.n:
        return False
    opened = pow(signature, key.e, key.n)
    if opened & 0x0F != 0x0C:  # B.6 signs with whichever of s and n - s is smaller
        opened = key.n - opened
    message = opened.to_bytes(size)
    if message[-1] == 0xBC:
        digest, end = "sha1", size - 1
    elif message[-1] == 0xCC and message[-2] in _TRAILERS:
        digest, end = _TRAILERS[message[-2]], size - 2
    else:
        return False
    made = hashlib.new(digest, usedforsecurity=False)
    start = _recoverable_part(message)
    if start is None or end - made.digest_size <= start:
        return False
    made.update(message[start : end - made.digest_size] + challenge)
    return hmac.compare_digest(made.digest(), message[end - made.digest_size : end])


def _recoverable_part(message: bytes) -> int | None:
    """Where M1 begins: behind the header 01, the bit that more of the message follows, and B…A padding."""
    if message[0] >> 4 != 0b0110:
        return None
    if message[0] & 0x0F == 0x0A:
        return 1
    if message[0] & 0x0F != 0x0B:
        return None
    for at, byte in enumerate(message[1:], start=1):
        if byte == 0xBA:
            return at + 1
        if byte != 0xBB:
            return None
    return None
