"""Signatures of certificates, lists and security objects: which algorithm, and whether it holds (9303-12, 4).

RSA (PKCS#1 v1.5 and PSS) and the common curves go to `cryptography`; curves that it lacks (brainpool of 160,
192, 224 and 320 bits, the twisted ones) to `ecdsa`.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from ecdsa import BadSignatureError, VerifyingKey
from ecdsa.util import sigdecode_string

from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import Malformed, UnsupportedEncoding
from appliance.travel_document.pki.keys import EcKey, PublicKey, RsaKey

HASHES: Final[dict[str, str]] = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
}
"""Digest algorithms by object identifier; MD5 is not among them, so what it signs is refused."""

_ALGORITHMS: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sha3_224": hashes.SHA3_224,
    "sha3_256": hashes.SHA3_256,
    "sha3_384": hashes.SHA3_384,
    "sha3_512": hashes.SHA3_512,
}
_PKCS1: Final = "pkcs1"
_PSS: Final = "pss"
_ECDSA: Final = "ecdsa"
_ECDSA_PLAIN: Final = "ecdsa_plain"

_SIGNATURES: Final[dict[str, tuple[str, str]]] = {
    "1.2.840.113549.1.1.5": (_PKCS1, "sha1"),
    "1.3.14.3.2.29": (_PKCS1, "sha1"),
    "1.2.840.113549.1.1.14": (_PKCS1, "sha224"),
    "1.2.840.113549.1.1.11": (_PKCS1, "sha256"),
    "1.2.840.113549.1.1.12": (_PKCS1, "sha384"),
    "1.2.840.113549.1.1.13": (_PKCS1, "sha512"),
    "1.2.840.10045.4.1": (_ECDSA, "sha1"),
    "1.2.840.10045.4.3.1": (_ECDSA, "sha224"),
    "1.2.840.10045.4.3.2": (_ECDSA, "sha256"),
    "1.2.840.10045.4.3.3": (_ECDSA, "sha384"),
    "1.2.840.10045.4.3.4": (_ECDSA, "sha512"),
    **{
        f"2.16.840.1.101.3.4.3.{9 + at}": (_ECDSA, name)
        for at, name in enumerate(("sha3_224", "sha3_256", "sha3_384", "sha3_512"))
    },
    **{
        f"2.16.840.1.101.3.4.3.{13 + at}": (_PKCS1, name)
        for at, name in enumerate(("sha3_224", "sha3_256", "sha3_384", "sha3_512"))
    },
    **{  # BSI TR-03111, 5.2.1.2: r and s side by side
        f"0.4.0.127.0.7.1.1.4.1.{1 + at}": (_ECDSA_PLAIN, name)
        for at, name in enumerate(("sha1", "sha224", "sha256", "sha384", "sha512"))
    },
}
_BARE: Final = {"1.2.840.113549.1.1.1": _PKCS1, "1.2.840.10045.2.1": _ECDSA}
"""CMS signers may name the key's algorithm alone; the digest algorithm is said beside it."""
_RSA_PSS: Final = "1.2.840.113549.1.1.10"
_MGF1: Final = "1.2.840.113549.1.1.8"
MAX_SALT_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """A signature scheme with its digest; `salt_bytes` and `mask_digest` for PSS."""

    scheme: str
    digest: str
    mask_digest: str = ""
    salt_bytes: int = 0

    @property
    def description(self) -> str:
        return f"{self.scheme}/{self.digest}"


def parse_digest_algorithm(algorithm: der.Element) -> str:
    """The name that `hashlib` has for an AlgorithmIdentifier's digest."""
    oid = algorithm.fields().take().oid()
    if oid not in HASHES:
        raise UnsupportedEncoding(f"The digest algorithm {oid} is not accepted.")
    return HASHES[oid]


def parse_signature_algorithm(algorithm: der.Element, *, digest: str = "sha256") -> SignatureAlgorithm:
    """The scheme in an AlgorithmIdentifier; `digest` is what a CMS signer says beside a bare key algorithm.

    Raises:
        UnsupportedEncoding: none that is accepted in travel documents.
    """
    fields = algorithm.fields()
    oid = fields.take().oid()
    if oid == _RSA_PSS:
        return _pss(fields)
    if oid in _BARE:
        return SignatureAlgorithm(_BARE[oid], digest)
    if oid not in _SIGNATURES:
        raise UnsupportedEncoding(f"The signature algorithm {oid} is not accepted.")
    return SignatureAlgorithm(*_SIGNATURES[oid])


def verify(key: PublicKey, algorithm: SignatureAlgorithm, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is this key's over `message`; False too when key and scheme do not fit.

    Raises:
        UnsupportedEncoding: the library refuses the key, so nothing is known.
    """
    digest = hashlib.new(algorithm.digest, message, usedforsecurity=False).digest()
    return verify_digest(key, algorithm, signature, digest)


def verify_digest(key: PublicKey, algorithm: SignatureAlgorithm, signature: bytes, digest: bytes) -> bool:
    """The same over a digest that was made already."""
    if isinstance(key, RsaKey) and algorithm.scheme in (_PKCS1, _PSS):
        return _verify_rsa(key, algorithm, signature, digest)
    if isinstance(key, EcKey) and algorithm.scheme in (_ECDSA, _ECDSA_PLAIN):
        plain = signature if algorithm.scheme == _ECDSA_PLAIN else _plain(key, signature)
        return plain is not None and _verify_ecdsa(key, plain, digest, algorithm.digest)
    return False


def verify_ecdsa_any(key: EcKey, signature: bytes, message: bytes, digest: str) -> bool:
    """ECDSA in either encoding: chips were seen to answer Active Authentication in both."""
    hashed = hashlib.new(digest, message, usedforsecurity=False).digest()
    forms = [signature] if len(signature) == 2 * key.curve.order_bytes else []
    decoded = _plain(key, signature)
    if decoded is not None:
        forms.append(decoded)
    return any(_verify_ecdsa(key, plain, hashed, digest) for plain in forms)


def _pss(fields: der.Fields) -> SignatureAlgorithm:
    digest, mask, salt = "sha1", "sha1", 20  # RFC 4055, 3.1: what stands for what is left out
    parameters = fields.maybe(der.SEQUENCE)
    for element in parameters.children() if parameters is not None else ():
        match element.tag:
            case 0xA0:
                digest = parse_digest_algorithm(element.explicit())
            case 0xA1:
                generator = element.explicit().fields()
                if generator.take().oid() != _MGF1:
                    raise UnsupportedEncoding("A PSS signature has an unknown mask generation.")
                mask = parse_digest_algorithm(generator.take())
            case 0xA2:
                salt = element.explicit().expect(der.INTEGER).integer()
            case _:
                pass  # the trailer field, of which there is one only
    if not 0 <= salt <= MAX_SALT_BYTES:
        raise Malformed("A PSS signature has an impossible salt.")
    return SignatureAlgorithm(_PSS, digest, mask, salt)


def _verify_rsa(key: RsaKey, algorithm: SignatureAlgorithm, signature: bytes, digest: bytes) -> bool:
    chosen = _ALGORITHMS[algorithm.digest]()
    scheme: Any = padding.PKCS1v15()
    if algorithm.scheme == _PSS:
        mask = _ALGORITHMS[algorithm.mask_digest]()
        scheme = padding.PSS(padding.MGF1(mask), algorithm.salt_bytes)
    try:
        public = rsa.RSAPublicNumbers(key.e, key.n).public_key()
        public.verify(signature, digest, scheme, utils.Prehashed(chosen))
    except InvalidSignature:
        return False
    except (ValueError, UnsupportedAlgorithm, OverflowError) as error:
        raise UnsupportedEncoding("This kind of RSA signature cannot be checked here.") from error
    return True


def _verify_ecdsa(key: EcKey, plain: bytes, digest: bytes, digest_name: str) -> bool:
    if len(plain) != 2 * key.curve.order_bytes:
        return False
    size = key.curve.order_bytes
    r, s = int.from_bytes(plain[:size]), int.from_bytes(plain[size:])
    if not (0 < r < key.curve.order and 0 < s < key.curve.order):
        return False
    fast = _fast_curve(key.curve.name)
    if fast is None:
        return _verify_ecdsa_slowly(key, plain, digest)
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(fast, key.point)
        public.verify(
            utils.encode_dss_signature(r, s), digest, ec.ECDSA(utils.Prehashed(_ALGORITHMS[digest_name]()))
        )
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError):
        return _verify_ecdsa_slowly(key, plain, digest)  # a build of OpenSSL without this curve
    return True


def _verify_ecdsa_slowly(key: EcKey, plain: bytes, digest: bytes) -> bool:
    try:
        public = VerifyingKey.from_string(key.point, key.curve.library)
        public.verify_digest(plain, digest, sigdecode=sigdecode_string, allow_truncate=True)
    except BadSignatureError:
        return False
    return True


def _plain(key: EcKey, signature: bytes) -> bytes | None:
    """r and s side by side, from their SEQUENCE (RFC 3279, 2.2.3)."""
    size = key.curve.order_bytes
    try:
        fields = der.parse(signature).fields()
        numbers = [fields.take(der.INTEGER).unsigned() for _ in range(2)]
        return b"".join(number.to_bytes(size) for number in numbers)
    except (Malformed, OverflowError):
        return None


_FAST: Final[dict[str, type[ec.EllipticCurve]]] = {
    "secp192r1": ec.SECP192R1,
    "secp224r1": ec.SECP224R1,
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
    "secp256k1": ec.SECP256K1,
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
    "brainpoolP512r1": ec.BrainpoolP512R1,
}


@functools.cache
def _fast_curve(name: str) -> ec.EllipticCurve | None:
    return _FAST[name]() if name in _FAST else None
