"""An officer's card: the key that a PIV card proves (NIST SP 800-73-4, Card Authentication key, P-256). Pure.

The box believes a key because a supervisor has enrolled it, not because somebody has certified it: of the
card's certificate nothing counts but its public key. A card's serial number proves nothing and is not read.
"""

import hashlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CHALLENGE_BYTES: Final = 32
KEY_BYTES: Final = 65
"""An uncompressed point of P-256 (SEC 1, 2.3.3)."""
MAX_CERTIFICATE_BYTES: Final = 4096
MAX_SIGNATURE_BYTES: Final = 80
_PURPOSE: Final = b"borne officer card v1\0"


class CardError(Exception):
    """What is wrong with a card's certificate, in one plain sentence."""


def digest_of(device: str, challenge: bytes) -> bytes:
    """What the card signs: this box's challenge and nothing that means anything elsewhere; 32 bytes."""
    return hashlib.sha256(_PURPOSE + device.encode() + b"\0" + challenge).digest()


def key_of(certificate: bytes) -> bytes:
    """The public key in the card's certificate (X.509, DER), KEY_BYTES.

    Raises:
        CardError: it is no certificate, or its key is not one of P-256.
    """
    if len(certificate) > MAX_CERTIFICATE_BYTES:
        raise CardError("The card's certificate is larger than one is.")
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CardError("The card's certificate cannot be read.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CardError("The card's key is not one of ECC P-256.")
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def proves(key: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether the holder of this key has signed this digest (ECDSA, DER)."""
    if len(signature) > MAX_SIGNATURE_BYTES:
        return False
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        public.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True


def name_of(key: bytes) -> str:
    """How records and lists name a card: 16 hexadecimal digits of its key's SHA-256."""
    return hashlib.sha256(key).hexdigest()[:16]
