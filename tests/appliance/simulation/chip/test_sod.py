"""The simulated security object: signed as ICAO Doc 9303-10 says, by nobody in particular."""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.chip import tlv
from appliance.simulation.chip.sod import security_object


def test_ok__signature_and_hashes_hold():
    digests = {1: hashlib.sha256(b"one").digest(), 2: hashlib.sha256(b"two").digest()}
    content_type, explicit = tlv.decode_one(security_object(digests), 0x30).children()
    assert content_type.value.hex().upper() == "2A864886F70D010702"
    _, _, encapsulated, certificates, signers = explicit.children()[0].children()

    content = encapsulated.child(0xA0).child(0x04).value
    assert encapsulated.child(0x06).value.hex() == "678108010101"
    _, _, groups = tlv.decode_one(content, 0x30).children()
    listed = [[part.value for part in group.children()] for group in groups.children()]
    assert listed == [[b"\x01", digests[1]], [b"\x02", digests[2]]]

    signer = signers.children()[0].children()
    attributes = signer[3].value
    digest = tlv.decode(attributes)[1].children()[1].children()[0].value
    assert digest == hashlib.sha256(content).digest()
    certificate = x509.load_der_x509_certificate(certificates.value)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signer[5].value, tlv.encode(0x31, attributes), ec.ECDSA(hashes.SHA256()))


def test_ok__every_one_has_a_key_of_its_own():
    assert security_object({1: bytes(32)}) != security_object({1: bytes(32)})
