"""Signatures of every scheme and curve, right and wrong."""

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from appliance.simulation.chip import asn1
from appliance.simulation.chip.signing import Signing, digest_algorithm, ec_signing, rsa_signing
from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import Malformed, UnsupportedEncoding
from appliance.travel_document.pki import signatures
from appliance.travel_document.pki.groups import CURVES
from appliance.travel_document.pki.keys import parse_public_key
from appliance.travel_document.pki.signatures import (
    parse_digest_algorithm,
    parse_signature_algorithm,
    verify,
    verify_ecdsa_any,
)

DIGESTS = ("sha1", "sha224", "sha256", "sha384", "sha512")
SIGNINGS = [
    *[rsa_signing(1536, digest) for digest in DIGESTS],
    *[rsa_signing(2048, digest, pss=True) for digest in DIGESTS],
    *[ec_signing(curve.name, "sha256") for curve in CURVES],
    *[ec_signing("secp521r1", digest) for digest in DIGESTS],
    ec_signing("brainpoolP160r1", "sha512"),
]


@pytest.mark.parametrize("signing", SIGNINGS)
def test_ok__every_scheme(signing: Signing):
    key = parse_public_key(der.parse(signing.public_key_info))
    algorithm = parse_signature_algorithm(der.parse(signing.algorithm))
    signature = signing.sign(b"message")
    assert algorithm.digest == signing.digest
    assert verify(key, algorithm, signature, b"message")
    assert not verify(key, algorithm, signature, b"massage")
    assert not verify(key, algorithm, signature[:-1] + bytes((signature[-1] ^ 1,)), b"message")
    assert not verify(key, algorithm, b"", b"message")


def test_ok__plain_ecdsa_and_der_for_active_authentication():
    signing = ec_signing("brainpoolP224r1", "sha224")
    key = parse_public_key(der.parse(signing.public_key_info))
    for signature in (signing.sign_plain(b"12345678"), signing.sign(b"12345678")):
        assert verify_ecdsa_any(key, signature, b"12345678", "sha224")
        assert not verify_ecdsa_any(key, signature, b"12345679", "sha224")
    assert not verify_ecdsa_any(key, bytes(56), b"12345678", "sha224")
    assert not verify_ecdsa_any(key, b"\xff" * 56, b"12345678", "sha224")


def test_ok__a_plain_scheme_by_its_identifier():
    signing = ec_signing()
    key = parse_public_key(der.parse(signing.public_key_info))
    algorithm = parse_signature_algorithm(der.parse(asn1.sequence(asn1.oid("0.4.0.127.0.7.1.1.4.1.3"))))
    assert verify(key, algorithm, signing.sign_plain(b"m"), b"m")
    assert algorithm.description == "ecdsa_plain/sha256"


def test_ok__a_bare_key_algorithm_takes_the_digest_beside_it():
    bare = der.parse(asn1.sequence(asn1.oid("1.2.840.113549.1.1.1"), asn1.NULL))
    assert parse_signature_algorithm(bare, digest="sha384").description == "pkcs1/sha384"


def test_fail__key_and_scheme_do_not_fit():
    rsa, ec = rsa_signing(), ec_signing()
    key = parse_public_key(der.parse(rsa.public_key_info))
    assert not verify(key, parse_signature_algorithm(der.parse(ec.algorithm)), ec.sign(b"m"), b"m")


def test_fail__numbers_too_large_for_the_curve():
    signing = ec_signing()
    key = parse_public_key(der.parse(signing.public_key_info))
    algorithm = parse_signature_algorithm(der.parse(signing.algorithm))
    huge = asn1.sequence(asn1.integer(1 << 400), asn1.integer(5))
    assert not verify(key, algorithm, huge, b"m")


PSS = "1.2.840.113549.1.1.10"


def test_ok__pss_defaults():
    algorithm = parse_signature_algorithm(der.parse(asn1.sequence(asn1.oid(PSS))))
    assert (algorithm.digest, algorithm.mask_digest, algorithm.salt_bytes) == ("sha1", "sha1", 20)
    trailer = asn1.sequence(asn1.oid(PSS), asn1.sequence(asn1.explicit(3, asn1.integer(1))))
    assert parse_signature_algorithm(der.parse(trailer)).salt_bytes == 20


def test_fail__algorithms_that_are_not_accepted():
    for oid in ("1.2.840.113549.1.1.4", "1.2.3"):  # MD5 with RSA
        with pytest.raises(UnsupportedEncoding):
            parse_signature_algorithm(der.parse(asn1.sequence(asn1.oid(oid))))
    with pytest.raises(UnsupportedEncoding):
        parse_digest_algorithm(der.parse(asn1.sequence(asn1.oid("1.2.840.113549.2.5"))))
    mask = asn1.sequence(asn1.oid("1.2.3"), digest_algorithm("sha256"))
    with pytest.raises(UnsupportedEncoding, match="mask"):
        parse_signature_algorithm(
            der.parse(asn1.sequence(asn1.oid(PSS), asn1.sequence(asn1.explicit(1, mask))))
        )
    salt = asn1.sequence(asn1.explicit(2, asn1.integer(100_000)))
    with pytest.raises(Malformed, match="salt"):
        parse_signature_algorithm(der.parse(asn1.sequence(asn1.oid(PSS), salt)))


def test_fail__a_scheme_that_the_key_is_too_short_for():
    signing = rsa_signing(1024, "sha512", pss=True)
    key = parse_public_key(der.parse(signing.public_key_info))
    assert not verify(key, parse_signature_algorithm(der.parse(signing.algorithm)), bytes(128), b"m")


def test_fail__a_library_that_refuses_the_key(monkeypatch):
    def refuse(*_: object) -> None:
        raise ValueError("too odd")

    signing = rsa_signing()
    key = parse_public_key(der.parse(signing.public_key_info))
    monkeypatch.setattr(signatures.rsa, "RSAPublicNumbers", refuse)
    with pytest.raises(UnsupportedEncoding, match="cannot be checked"):
        verify(key, parse_signature_algorithm(der.parse(signing.algorithm)), signing.sign(b"m"), b"m")


def test_ok__a_build_without_a_curve_takes_the_slow_way(monkeypatch):
    signing = ec_signing("brainpoolP256r1")
    key = parse_public_key(der.parse(signing.public_key_info))
    algorithm = parse_signature_algorithm(der.parse(signing.algorithm))

    def refuse(*_: object) -> None:
        raise UnsupportedAlgorithm("not built in")

    monkeypatch.setattr(signatures.ec.EllipticCurvePublicKey, "from_encoded_point", refuse)
    assert verify(key, algorithm, signing.sign(b"m"), b"m")
    assert not verify(key, algorithm, signing.sign(b"n"), b"m")
