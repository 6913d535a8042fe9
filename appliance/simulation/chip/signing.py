"""Signing keys for our own test authority, signers and chips: every curve and scheme that real ones use."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from ecdsa import SigningKey as EcdsaKey
from ecdsa.util import sigencode_der, sigencode_string

from appliance.simulation.chip import asn1
from appliance.travel_document.pki.groups import CURVE_BY_NAME, Curve

_DIGEST_OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_ECDSA_OIDS = {
    "sha1": "1.2.840.10045.4.1",
    "sha224": "1.2.840.10045.4.3.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
_RSA_OIDS = {
    "sha1": "1.2.840.113549.1.1.5",
    "sha224": "1.2.840.113549.1.1.14",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


def digest_algorithm(name: str) -> bytes:
    """AlgorithmIdentifier of a digest."""
    return asn1.sequence(asn1.oid(_DIGEST_OIDS[name]), asn1.NULL)


@dataclass(frozen=True, slots=True, repr=False)
class Signing:
    """A private key with the scheme that it signs in. `explicit`: its curve is written out, as many states
    do."""

    key: Any
    digest: str
    curve: Curve | None = None
    pss: bool = False
    explicit: bool = False

    def sign(self, message: bytes) -> bytes:
        """The signature as certificates carry it."""
        digest = hashlib.new(self.digest, message, usedforsecurity=False).digest()
        if self.curve is not None:
            made = self.key.sign_digest_deterministic(
                digest, hashfunc=getattr(hashlib, self.digest), sigencode=sigencode_der, allow_truncate=True
            )
            return bytes(made)
        chosen = _HASHES[self.digest]()
        scheme: Any = padding.PKCS1v15()
        if self.pss:
            scheme = padding.PSS(padding.MGF1(chosen), chosen.digest_size)
        return bytes(self.key.sign(digest, scheme, utils.Prehashed(chosen)))

    def sign_plain(self, message: bytes) -> bytes:
        """ECDSA's two numbers side by side, as Active Authentication wants them."""
        digest = hashlib.new(self.digest, message, usedforsecurity=False).digest()
        return bytes(self.key.sign_digest(digest, sigencode=sigencode_string, allow_truncate=True))

    @property
    def algorithm(self) -> bytes:
        """AlgorithmIdentifier of the scheme."""
        if self.curve is not None:
            return asn1.sequence(asn1.oid(_ECDSA_OIDS[self.digest]))
        if not self.pss:
            return asn1.sequence(asn1.oid(_RSA_OIDS[self.digest]), asn1.NULL)
        digest = digest_algorithm(self.digest)
        mask = asn1.sequence(asn1.oid("1.2.840.113549.1.1.8"), digest)
        salt = asn1.integer(_HASHES[self.digest]().digest_size)
        parameters = asn1.sequence(asn1.explicit(0, digest), asn1.explicit(1, mask), asn1.explicit(2, salt))
        return asn1.sequence(asn1.oid("1.2.840.113549.1.1.10"), parameters)

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo."""
        if self.curve is not None:
            point = self.key.verifying_key.to_string("uncompressed")
            return ec_key_info(self.curve, bytes(point), explicit=self.explicit)
        numbers = self.key.public_key().public_numbers()
        inside = asn1.sequence(asn1.integer(numbers.n), asn1.integer(numbers.e))
        algorithm = asn1.sequence(asn1.oid("1.2.840.113549.1.1.1"), asn1.NULL)
        return asn1.sequence(algorithm, asn1.bits(inside))


def ec_signing(
    curve: str = "secp256r1", digest: str = "sha256", *, seed: str = "", explicit: bool = False
) -> Signing:
    """A key on a curve: random, or the same for the same seed."""
    found = CURVE_BY_NAME[curve]
    if seed:
        wide = b"".join(hashlib.sha256(f"{seed}/{at}".encode()).digest() for at in range(3))
        secret = int.from_bytes(wide) % (found.order - 1) + 1
        key = EcdsaKey.from_secret_exponent(secret, found.library)
    else:
        key = EcdsaKey.generate(found.library)
    return Signing(key, digest, found, explicit=explicit)


def rsa_signing(bits: int = 2048, digest: str = "sha256", *, pss: bool = False) -> Signing:
    """An RSA key."""
    return Signing(rsa.generate_private_key(65537, bits), digest, pss=pss)


def ec_key_info(curve: Curve, point: bytes, *, explicit: bool = False) -> bytes:
    """SubjectPublicKeyInfo of a point, its curve named or written out."""
    parameters = explicit_parameters(curve) if explicit else asn1.oid(".".join(map(str, curve.library.oid)))
    return asn1.sequence(asn1.sequence(asn1.oid("1.2.840.10045.2.1"), parameters), asn1.bits(point))


def explicit_parameters(curve: Curve, *, generator: bytes | None = None) -> bytes:
    """ECParameters (RFC 3279, 2.3.5); another generator makes the lie that must not be believed."""
    p, a, b, x, y, order = curve.parameters
    size = curve.field_bytes
    base = generator or b"\x04" + x.to_bytes(size) + y.to_bytes(size)
    return asn1.sequence(
        asn1.integer(1),
        asn1.sequence(asn1.oid("1.2.840.10045.1.1"), asn1.integer(p)),
        asn1.sequence(asn1.octets(a.to_bytes(size)), asn1.octets(b.to_bytes(size))),
        asn1.octets(base),
        asn1.integer(order),
        asn1.integer(1),
    )
