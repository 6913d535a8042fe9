"""Our COSE_Sign1 against published ones: RFC 9052 appendix C.2.1, and the working group's EdDSA example.

The published messages name their key in the unprotected header, which we refuse on the wire; so what is held
to them is what a signature covers (RFC 9052 section 4.4), and that nothing but that header is why we refuse.
"""

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from nacl.signing import SigningKey, VerifyKey

from appliance import cose

CONTENT = b"This is the content."

# RFC 9052, C.2.1: ECDSA with SHA-256 by the key "11" of appendix C.7.1.
ES256 = bytes.fromhex(
    "d28443a10126a10442313154546869732069732074686520636f6e74656e742e5840"
    "8eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e"
    "2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
)
KEY_11 = ec.EllipticCurvePublicNumbers(
    0xBAC5B11CAD8F99F9C72B05CF4B9E26D244DC189F745228255A219A86D6A09EFF,
    0x20138BF82DC1B6D562BE0FA54AB7804A3A64B6D72CCFED6B6FB6ED28BBFC117E,
    ec.SECP256R1(),
).public_key()

# github.com/cose-wg/Examples, eddsa-examples/eddsa-sig-01.json; its key is RFC 8032's first test key.
EDDSA = bytes.fromhex(
    "d28445a201270300a10442313154546869732069732074686520636f6e74656e742e5840"
    "7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb87"
    "11497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d"
)
SECRET = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
PUBLIC = VerifyKey(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))


def parts(message: bytes) -> tuple[bytes, dict[object, object], bytes, bytes]:
    decoded = cbor2.loads(message)
    assert decoded.tag == 18
    return tuple(decoded.value)


def test_ok__what_is_signed_is_what_rfc_9052_signs() -> None:
    protected, unprotected, payload, signature = parts(ES256)
    assert (cbor2.loads(protected), dict(unprotected), payload) == ({1: -7}, {4: b"11"}, CONTENT)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    covered = cose._to_be_signed(protected, payload)
    KEY_11.verify(encode_dss_signature(r, s), covered, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        KEY_11.verify(encode_dss_signature(r, s), covered + b"\0", ec.ECDSA(hashes.SHA256()))


def test_ok__we_sign_the_published_message_with_the_published_signature() -> None:
    protected, _, payload, signature = parts(EDDSA)
    assert SECRET.verify_key == PUBLIC
    assert SECRET.sign(cose._to_be_signed(protected, payload)).signature == signature


@pytest.mark.parametrize("message", [ES256, EDDSA])
def test_fail__a_key_named_where_nobody_vouches_for_it(message: bytes) -> None:
    with pytest.raises(cose.Malformed, match="unprotected headers"):
        cose.verify1(message, verify_key_for=lambda _: PUBLIC, max_bytes=1000)


def test_fail__the_published_one_without_that_header_names_no_key() -> None:
    protected, _, payload, signature = parts(EDDSA)
    bare = b"\xd2\x84" + b"".join(cbor2.dumps(one) for one in (protected, {}, payload, signature))
    with pytest.raises(cose.Malformed, match="does not name its key"):
        cose.verify1(bare, verify_key_for=lambda _: PUBLIC, max_bytes=1000)
    es256 = b"\xd2\x84" + b"".join(cbor2.dumps(one) for one in (*parts(ES256)[:1], {}, *parts(ES256)[2:]))
    with pytest.raises(cose.Malformed, match="not signed with EdDSA"):
        cose.verify1(es256, verify_key_for=lambda _: PUBLIC, max_bytes=1000)


def test_ok__attachments_are_outside_the_signature_and_strictly_read() -> None:
    key = SigningKey(bytes(32))
    message = cose.sign1(b"", protected={}, signing_key=key, attachments={"key": b"k", "body": b"b" * 300})
    allowed = frozenset(("body", "key"))
    for attachments in ({}, {"body": b"x"}, {"key": b"k", "body": b"b" * 300}):
        changed = cose.with_attachments(message, attachments)
        assert cose.attachments_of(changed) == attachments
        cose.verify1(changed, verify_key_for=lambda _: key.verify_key, max_bytes=1000, attachments=allowed)
        assert cbor2.loads(changed).value[1] == attachments
        assert cose.protected_bytes(changed) == cose.protected_bytes(message)
    with pytest.raises(cose.Malformed, match="unprotected headers"):
        cose.verify1(message, verify_key_for=lambda _: key.verify_key, max_bytes=1000)
    head, tail = message.split(b"\xa2\x63key", 1)
    tail = b"\x63key" + tail
    for map_ in (b"\xb8\x02", b"\xbf", b"\xa3", b"\xa1"):
        with pytest.raises(cose.Malformed):
            cose.attachments_of(head + map_ + tail)
    for broken in (
        cbor2.dumps({"body": b"b", "key": b"k"}),  # not in the order of deterministic encoding
        cbor2.dumps({"key": "text"}),
        cbor2.dumps({1: b"x"}),
        cbor2.dumps({"k" * 24: b"x"}),
        cbor2.dumps({"": b"x"}),
        b"\xa1\x63k\xc3\xa9\x41x",
        b"\xa2\x61a\x41x\x61a\x41x",
    ):
        with pytest.raises(cose.Malformed):
            cose.attachments_of(head + broken + cbor2.dumps(b"") + cbor2.dumps(bytes(64)))
