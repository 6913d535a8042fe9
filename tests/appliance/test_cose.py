import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey, VerifyKey

from appliance import cose

KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(32))
MAX = 1000


def known(kid: bytes) -> VerifyKey | None:
    return KEY.verify_key if kid == cose.key_id(KEY.verify_key) else None


def verify(data: bytes, max_bytes: int = MAX) -> tuple[cose.Header, bytes]:
    return cose.verify1(data, verify_key_for=known, max_bytes=max_bytes)


def shell(
    header: bytes, payload: bytes = b"x", *, unprotected: object = None, signature: bytes = b""
) -> bytes:
    """A message put together by a general encoder, signed rightly unless told otherwise."""
    signed = KEY.sign(cbor2.dumps(["Signature1", header, b"", payload])).signature
    return cbor2.dumps(cbor2.CBORTag(18, [header, unprotected or {}, payload, signature or signed]))


def header(**changes: object) -> dict[object, object]:
    return {1: -8, 4: cose.key_id(KEY.verify_key)} | {int(k[1:]): v for k, v in changes.items()}


def test_ok__round_trip() -> None:
    data = cose.sign1(b"payload", protected={3: "application/x", "name": 7}, signing_key=KEY)
    named, payload = verify(data)
    assert payload == b"payload"
    assert named == {1: -8, 3: "application/x", 4: cose.key_id(KEY.verify_key), "name": 7}


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65535, 65536])
def test_ok__every_length_of_length(size: int) -> None:
    data = cose.sign1(bytes(size), protected={}, signing_key=KEY)
    assert verify(data, max_bytes=70_000)[1] == bytes(size)


def test_ok__a_general_encoder_writes_the_same_bytes() -> None:
    data = cose.sign1(b"x", protected={}, signing_key=KEY)
    assert data == shell(cbor2.dumps(header(), canonical=True))


def test_ok__known_answer_of_a_second_implementation() -> None:
    # RFC 9052 Sig_structure written out by hand for this header and payload.
    data = cose.sign1(b"\x01", protected={4: b"k"}, signing_key=KEY)
    protected = bytes.fromhex("a2012704416b")
    signed = b"\x84\x6aSignature1\x46" + protected + b"\x40\x41\x01"
    assert data == b"\xd2\x84\x46" + protected + b"\xa0\x41\x01\x58\x40" + KEY.sign(signed).signature


def test_fail__too_large() -> None:
    data = cose.sign1(b"x", protected={}, signing_key=KEY)
    assert verify(data, max_bytes=len(data))
    with pytest.raises(cose.TooLarge):
        verify(data, max_bytes=len(data) - 1)


def test_fail__unknown_key() -> None:
    with pytest.raises(cose.UnknownKey):
        verify(cose.sign1(b"x", protected={}, signing_key=OTHER))


def test_fail__right_name_wrong_key() -> None:
    stolen_name = {cose.KEY_ID: cose.key_id(KEY.verify_key)}
    with pytest.raises(cose.BadSignature):
        verify(cose.sign1(b"x", protected=stolen_name, signing_key=OTHER))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xd2",
        b"\xd2\x84",
        b"\xd2\x84\x01",
        b"\xd2\x84\x5f\x41\x00\xff",
        shell(cbor2.dumps(header(), canonical=True))[1:],
        shell(cbor2.dumps(header(), canonical=True))[:-1],
        shell(cbor2.dumps(header(), canonical=True)) + b"\x00",
        shell(cbor2.dumps(header(), canonical=True), unprotected={4: b"k"}),
        shell(cbor2.dumps(header(), canonical=True), signature=bytes(63)),
        shell(b""),
        shell(b"\xff"),
        shell(cbor2.dumps([1, 2])),
        shell(cbor2.dumps({4: b"k", 1: -8})),  # labels out of order
        shell(b"\xa2\x01\x38\x07\x04\x41k"),  # a longer way to write -8
        shell(b"\xa3\x01\x27\x01\x27\x04\x41k"),  # a label twice
        shell(cbor2.dumps(header(_1=-7), canonical=True)),
        shell(cbor2.dumps({1: -8})),
        shell(cbor2.dumps(header(_4="k"), canonical=True)),
        shell(cbor2.dumps(header(_99=1), canonical=True)),
        shell(cbor2.dumps(header(_5=[1]), canonical=True)),
        shell(cbor2.dumps(header(_5=True), canonical=True)),
        shell(cbor2.dumps(header(_5="x" * 1100), canonical=True)),
        shell(b"\x81" * 900 + b"\x00"),
    ],
)
def test_fail__malformed(data: bytes) -> None:
    with pytest.raises(cose.Malformed):
        verify(data, max_bytes=10_000)


def test_fail__longer_form_of_a_length() -> None:
    data = shell(cbor2.dumps(header(), canonical=True), b"x")
    assert data.count(b"\xa0\x41x") == 1
    with pytest.raises(cose.Malformed, match="deterministic"):
        verify(data.replace(b"\xa0\x41x", b"\xa0\x58\x01x"))


@pytest.mark.parametrize("protected", [{1: -7}, {99: 1}, {5: None}, {4: "text"}, {5: "x" * 1100}])
def test_fail__sign_refuses_what_verify_would(protected: dict) -> None:
    with pytest.raises(ValueError, match=r"^The "):
        cose.sign1(b"x", protected=protected, signing_key=KEY)


@given(st.binary(max_size=300))
def test_fail__garbage_is_a_cose_error(data: bytes) -> None:
    with pytest.raises(cose.CoseError):
        verify(b"\xd2\x84" + data)


@given(st.data())
def test_fail__any_flipped_bit_is_noticed(data: st.DataObject) -> None:
    message = bytearray(cose.sign1(b"payload", protected={3: "t"}, signing_key=KEY))
    message[data.draw(st.integers(0, len(message) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(cose.CoseError):
        verify(bytes(message))
