import hashlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

from appliance import cose
from appliance.contracts.movement import Stamp
from appliance.records import envelope
from appliance.records.errors import EnvelopeError, Erased

SIGNING = SigningKey(bytes(32))
CENTRAL = PrivateKey(bytes(range(32)))
STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")


def known(kid: bytes) -> VerifyKey | None:
    return SIGNING.verify_key if kid == cose.key_id(SIGNING.verify_key) else None


def sealed(**changes: object) -> bytes:
    values = {
        "record_type": "movement",
        "body": {"crossing": "c", "picture": b"\xff\xd8"},
        "device": "box-1",
        "epoch": "e",
        "seq": 1,
        "prev": envelope.GENESIS,
        "stamp": STAMP,
        "signing_key": SIGNING,
        "recipient": CENTRAL.public_key,
    }
    return envelope.seal(**(values | changes))[0]


def test_ok__round_trip() -> None:
    data, chain_hash = envelope.seal(
        record_type="movement",
        body={"crossing": "c", "picture": b"\xff\xd8"},
        device="box-1",
        epoch="e",
        seq=3,
        prev=bytes(range(32)),
        stamp=STAMP,
        signing_key=SIGNING,
        recipient=CENTRAL.public_key,
    )
    verified = envelope.verify(data, verify_key_for=known)
    header = verified.header
    assert (header.device, header.epoch, header.seq) == ("box-1", "e", 3)
    assert header.prev == bytes(range(32))
    assert header.stamp == STAMP
    assert verified.chain_hash == chain_hash
    opened = envelope.open_(verified, private_key=CENTRAL)
    assert opened.type == "movement"
    assert opened.body == {"crossing": "c", "picture": b"\xff\xd8"}


def test_ok__any_cose_library_can_verify_it() -> None:
    # Nothing of ours between the bytes and the signature: RFC 9052, sections 4.2 and 4.4.
    message = cbor2.loads(sealed())
    assert message.tag == 18
    protected, unprotected, payload, signature = message.value
    assert payload == b""
    SIGNING.verify_key.verify(cbor2.dumps(["Signature1", protected, b"", payload]), signature)
    header = cbor2.loads(protected)
    assert header[1] == -8
    assert header[3] == "application/vnd.borne.record+cbor"
    assert header[4] == hashlib.sha256(bytes(SIGNING.verify_key)).digest()[:16]
    assert header["hash"] == hashlib.sha256(unprotected["body"]).digest()
    assert header["kh"] == hashlib.sha256(unprotected["key"]).digest()
    own = SealedBox(CENTRAL).decrypt(unprotected["key"])
    inside = cbor2.loads(SecretBox(own).decrypt(unprotected["body"]))
    assert (inside["dev"], inside["epoch"], inside["seq"]) == ("box-1", "e", 1)
    assert inside["kid"] == header[4]
    assert inside["enc"] == header["enc"]


def test_ok__nothing_of_the_traveller_in_clear() -> None:
    data = sealed(body={"crossing": "CROSSING-ID", "document": "L898902C3", "name": "ERIKSSON"})
    for secret in (b"CROSSING-ID", b"L898902C3", b"ERIKSSON", b"movement"):
        assert secret not in data


def test_ok__what_the_envelope_costs() -> None:
    body = {"x": bytes(20_000)}
    assert len(sealed(body=body)) - len(cbor2.dumps(body)) < 600


def test_fail__another_signer() -> None:
    with pytest.raises(EnvelopeError, match="not known here"):
        envelope.verify(sealed(signing_key=SigningKey(bytes(range(32)))), verify_key_for=known)


def test_fail__a_bit_changed_anywhere() -> None:
    data = sealed()
    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(EnvelopeError):
            envelope.verify(bytes(changed), verify_key_for=known)


def test_fail__too_large(monkeypatch) -> None:
    monkeypatch.setattr(envelope, "MAX_ENVELOPE_BYTES", 100)
    with pytest.raises(EnvelopeError, match="at most 100"):
        envelope.verify(sealed(), verify_key_for=known)


OWN_KEY = bytes(range(32))
ATTACHED = frozenset(("body", "key"))


def header_of(data: bytes) -> dict[cose.HeaderLabel, cose.HeaderValue]:
    return cose.verify1(data, verify_key_for=known, max_bytes=10_000, attachments=ATTACHED)[0]


def resigned(body: bytes = b"x", *, payload: bytes = b"", **changes: object) -> bytes:
    """Rightly signed by the box, with a header of the test's choosing."""
    wrapped = SealedBox(CENTRAL.public_key).encrypt(OWN_KEY)
    hashes = {"hash": hashlib.sha256(body).digest(), "kh": hashlib.sha256(wrapped).digest()}
    named = header_of(sealed()) | hashes | changes
    named = {label: value for label, value in named.items() if value is not None}
    attachments = {"body": body, "key": wrapped}
    return cose.sign1(payload, protected=named, signing_key=SIGNING, attachments=attachments)


def content_type(value: str) -> bytes:
    return cose.sign1(b"", protected=header_of(sealed()) | {cose.CONTENT_TYPE: value}, signing_key=SIGNING)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"v": 3}, "no record of a version that is known"),
        ({"v": "2"}, "no record of a version that is known"),
        ({"hash": bytes(32)}, "not the one that the header names"),
        ({"dev": None}, "lacks a value"),
        ({"dev": 7}, "of another kind"),
        ({"seq": "1"}, "of another kind"),
        ({"tsq": None}, "lacks a value"),
        ({"seq": 0}, "number out of range"),
        ({"seq": 2**53}, "number out of range"),
        ({"mono": -1}, "number out of range"),
        ({"mono": 2**64 - 1}, "number out of range"),
        ({"epoch": ""}, "no box writes"),
        ({"epoch": "e" * 65}, "no box writes"),
        ({"dev": "a\0b"}, "no box writes"),
        ({"boot": "two words"}, "no box writes"),
        ({"ts": "\n"}, "no box writes"),
        ({"tsq": "sûr"}, "no box writes"),
        ({"prev": b"short"}, "hash of another length"),
        ({"kh": None}, "hash of another length"),
        ({"kh": bytes(32)}, "key is not the one that the header names"),
        ({"suite": -1}, "number out of range"),
        ({"ctr": 2**60}, "number out of range"),
        ({"tsu": -5}, "number out of range"),
    ],
)
def test_fail__header(changes: dict[str, object], said: str) -> None:
    with pytest.raises(EnvelopeError, match=said):
        envelope.verify(resigned(**changes), verify_key_for=known)


def test_fail__signed_but_something_else() -> None:
    with pytest.raises(EnvelopeError, match="no record of a version that is known"):
        envelope.verify(content_type("application/vnd.borne.watermark"), verify_key_for=known)


def test_fail__sealed_to_another_key() -> None:
    verified = envelope.verify(sealed(), verify_key_for=known)
    with pytest.raises(EnvelopeError, match="sealed to another key"):
        envelope.open_(verified, private_key=PrivateKey.generate())


def opened(inside: object, **changes: object) -> envelope.Opened:
    plain = inside if isinstance(inside, bytes) else cbor2.dumps(inside)
    body = bytes(SecretBox(OWN_KEY).encrypt(plain))
    verified = envelope.verify(resigned(body, **changes), verify_key_for=known)
    return envelope.open_(verified, private_key=CENTRAL)


def inside(**changes: object) -> dict[str, object]:
    verified = envelope.verify(sealed(), verify_key_for=known)
    assert verified.key is not None
    assert verified.body is not None
    own = SealedBox(CENTRAL).decrypt(verified.key)
    return cbor2.loads(SecretBox(own).decrypt(verified.body)) | changes


@pytest.mark.parametrize(
    "changes", [{"dev": "box-2"}, {"epoch": "f"}, {"seq": 2}, {"kid": b"other"}, {"enc": b"other"}]
)
def test_fail__a_body_of_another_header(changes: dict[str, object]) -> None:
    # A signer who strips the signature of another's record and puts their own on.
    assert opened(inside()).type == "movement"
    with pytest.raises(EnvelopeError, match="made for another header"):
        opened(inside(**changes))


def test_ok__without_its_key_it_verifies_and_nobody_reads_it() -> None:
    whole = sealed()
    for bare in (envelope.without_key(whole), envelope.without_body(whole)):
        verified = envelope.verify(bare, verify_key_for=known)
        assert verified.chain_hash == envelope.verify(whole, verify_key_for=known).chain_hash
        with pytest.raises(Erased):
            envelope.open_(verified, private_key=CENTRAL)
    assert len(envelope.without_body(whole)) < 600


def test_ok__what_is_recorded_of_time_and_of_a_hardware_counter() -> None:
    stamp = Stamp(
        boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="nts", uncertainty_ms=12
    )
    header = envelope.verify(sealed(stamp=stamp, counter=5), verify_key_for=known).header
    assert (header.stamp, header.counter) == (stamp, 5)


def test_fail__no_message_to_take_from() -> None:
    with pytest.raises(EnvelopeError):
        envelope.without_key(b"x")


def test_fail__something_else_attached() -> None:
    data = cose.with_attachments(sealed(), {"other": b"x"})
    with pytest.raises(EnvelopeError, match="unprotected headers"):
        envelope.verify(data, verify_key_for=known)


def test_fail__a_body_where_this_version_has_none() -> None:
    with pytest.raises(EnvelopeError, match="outside its signature"):
        envelope.verify(resigned(payload=b"x"), verify_key_for=known)


def test_fail__a_suite_that_is_not_known() -> None:
    verified = envelope.verify(resigned(suite=2), verify_key_for=known)
    with pytest.raises(EnvelopeError, match="in a way that is not known"):
        envelope.open_(verified, private_key=CENTRAL)


def test_fail__a_damaged_box() -> None:
    verified = envelope.verify(resigned(b"not sealed at all"), verify_key_for=known)
    with pytest.raises(EnvelopeError, match="cannot be opened"):
        envelope.open_(verified, private_key=CENTRAL)


@pytest.mark.parametrize("changes", [{"type": 7}, {"body": [1]}, {"body": None}])
def test_fail__no_type_or_content(changes: dict[str, object]) -> None:
    with pytest.raises(EnvelopeError, match="no type, or no content"):
        opened(inside(**changes))


@given(st.binary(max_size=300))
def test_fail__any_bytes(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        envelope.verify(data, verify_key_for=known)


@given(st.binary(max_size=300), st.integers(0, 400))
def test_fail__any_splice(data: bytes, at: int) -> None:
    whole = SEALED[:at] + data + SEALED[at + len(data) :]
    if whole != SEALED:
        with pytest.raises(EnvelopeError):
            envelope.verify(whole, verify_key_for=known)


SEALED = sealed()
TAGS = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)
DEPTHS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=9) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(cbor2.CBORTag, st.sampled_from(TAGS), inner)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=100) | DEPTHS.map(cbor2.dumps))
def test_fail__a_signed_body_of_any_bytes(plain: bytes) -> None:
    # The box's own key may be stolen with the box: central must survive what it signs.
    with pytest.raises(EnvelopeError):
        opened(plain)


@pytest.mark.parametrize(
    "plain",
    [
        b"\x81" * 100_000,
        b"\x9f" * 50_000,
        b"\x5b" + b"\xff" * 8,
        b"\x9b" + b"\x7f" + b"\xff" * 7,
        b"\xa1\xa0\x01",
    ],
)
def test_fail__a_body_made_to_exhaust(plain: bytes) -> None:
    with pytest.raises(EnvelopeError):
        opened(plain)
