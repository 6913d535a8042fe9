"""The simulated security object: signed as ICAO Doc 9303-10 says, by our own test signer; held to another
library."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.simulation.chip.authority import Authority, authority_of, signer_of
from appliance.simulation.chip.signing import ec_signing, rsa_signing
from appliance.simulation.chip.sod import security_object
from appliance.travel_document.lds import tlv

SIGNER = signer_of("UTO")


def test_ok__signature_and_hashes_hold():
    groups = {1: b"one", 2: b"two"}
    content_type, explicit = tlv.decode_one(security_object(groups, SIGNER), 0x30).children()
    assert content_type.value.hex().upper() == "2A864886F70D010702"
    _, _, encapsulated, certificates, signers = explicit.children()[0].children()

    content = encapsulated.child(0xA0).child(0x04).value
    assert encapsulated.child(0x06).value.hex() == "678108010101"
    _, _, listed, version = tlv.decode_one(content, 0x30).children()
    pairs = [[part.value for part in group.children()] for group in listed.children()]
    assert pairs == [[bytes((number,)), hashlib.sha256(one).digest()] for number, one in groups.items()]
    assert version.children()[0].value == b"0108"

    signer = signers.children()[0].children()
    attributes = signer[3].value
    certificate = x509.load_der_x509_certificate(certificates.value)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signer[5].value, tlv.encode(0x31, attributes), ec.ECDSA(hashes.SHA256()))


def test_ok__certificates_are_those_of_other_libraries_too():
    root = x509.load_der_x509_certificate(authority_of("UTO").root.certificate.raw)
    signer = x509.load_der_x509_certificate(SIGNER.certificate.raw)
    signer.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


@pytest.mark.parametrize(
    "signing", [rsa_signing(), rsa_signing(pss=True), ec_signing("brainpoolP384r1", "sha384")]
)
def test_ok__every_kind_of_signer(signing):
    root = x509.load_der_x509_certificate(Authority("UT", signing=signing).root.certificate.raw)
    root.verify_directly_issued_by(root)


def test_ok__the_authority_is_the_same_in_every_process():
    assert Authority("UT").root.certificate == authority_of("UTO").root.certificate
