"""An LDS security object in CMS signed data (ICAO Doc 9303-10, 4.6.2), under a key that is thrown away."""

import datetime as dt
import hashlib
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.chip.tlv import encode

_SEQUENCE = 0x30
_SET = 0x31
_INTEGER = 0x02
_OCTETS = 0x04
_OBJECT_IDENTIFIER = 0x06
_EXPLICIT_0 = 0xA0

_SIGNED_DATA = bytes.fromhex("2A864886F70D010702")
_CONTENT_TYPE = bytes.fromhex("2A864886F70D010903")
_MESSAGE_DIGEST = bytes.fromhex("2A864886F70D010904")
_LDS_SECURITY_OBJECT = bytes.fromhex("678108010101")
_SHA256 = bytes.fromhex("608648016503040201")
_ECDSA_SHA256 = bytes.fromhex("2A8648CE3D040302")

_VALID = dt.timedelta(days=3650)


def security_object(group_hashes: Mapping[int, bytes]) -> bytes:
    """ContentInfo over SHA-256 hashes by data group number; no trust store will ever know its signer."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key)
    content = _lds_security_object(group_hashes)
    attributes = sorted(
        (
            _attribute(_CONTENT_TYPE, _oid(_LDS_SECURITY_OBJECT)),
            _attribute(_MESSAGE_DIGEST, encode(_OCTETS, hashlib.sha256(content).digest())),
        )
    )
    # What is signed is the SET; what is stored is the same bytes under tag [0].
    signature = key.sign(encode(_SET, b"".join(attributes)), ec.ECDSA(hashes.SHA256()))
    serial = certificate.serial_number
    signer = _sequence(
        encode(_INTEGER, b"\x01"),
        _sequence(certificate.issuer.public_bytes(), encode(_INTEGER, _integer(serial))),
        _algorithm(_SHA256),
        encode(_EXPLICIT_0, b"".join(attributes)),
        _algorithm(_ECDSA_SHA256),
        encode(_OCTETS, signature),
    )
    signed_data = _sequence(
        encode(_INTEGER, b"\x03"),
        encode(_SET, _algorithm(_SHA256)),
        _sequence(_oid(_LDS_SECURITY_OBJECT), encode(_EXPLICIT_0, encode(_OCTETS, content))),
        encode(_EXPLICIT_0, certificate.public_bytes(serialization.Encoding.DER)),
        encode(_SET, signer),
    )
    return _sequence(_oid(_SIGNED_DATA), encode(_EXPLICIT_0, signed_data))


def _lds_security_object(group_hashes: Mapping[int, bytes]) -> bytes:
    groups = (
        _sequence(encode(_INTEGER, bytes((number,))), encode(_OCTETS, digest))
        for number, digest in sorted(group_hashes.items())
    )
    return _sequence(encode(_INTEGER, b"\x00"), _algorithm(_SHA256), _sequence(*groups))


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "UT"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Simulated document signer, no authority"),
        ]
    )
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )


def _sequence(*parts: bytes) -> bytes:
    return encode(_SEQUENCE, b"".join(parts))


def _oid(body: bytes) -> bytes:
    return encode(_OBJECT_IDENTIFIER, body)


def _algorithm(oid: bytes) -> bytes:
    return _sequence(_oid(oid))


def _attribute(oid: bytes, value: bytes) -> bytes:
    return _sequence(_oid(oid), encode(_SET, value))


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1)
