import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from appliance import cose
from appliance.records.errors import WatermarkError
from appliance.records.watermark import CONTENT_TYPE, MAX_GAPS, Watermark, read_watermark, sign_watermark

KEY = SigningKey(bytes(range(32)))
MARK = Watermark(
    device="box-1", epoch="e", seq=7, chain=bytes(range(32)), issued_at="2026-11-02T08:00:00+00:00"
)


def read(data: bytes) -> Watermark:
    return read_watermark(data, verify_key_for=lambda _: KEY.verify_key)


def signed(payload: bytes = b"", **changes: object) -> bytes:
    named = {cose.CONTENT_TYPE: CONTENT_TYPE, "dev": "d", "epoch": "e", "seq": 1, "iat": "t"} | changes
    named = {label: value for label, value in named.items() if value is not None}
    return cose.sign1(payload, protected=named, signing_key=KEY)


def test_ok__round_trip() -> None:
    assert read(sign_watermark(MARK, signing_key=KEY)) == MARK


def test_ok__gaps_and_who_does_not_know_them() -> None:
    mark = msgspec.structs.replace(MARK, gaps=((9, 9), (12, 400)))
    data = sign_watermark(mark, signing_key=KEY)
    assert read(data) == mark
    # Firmware of version 1 asks for these, an empty payload, and nothing more.
    named, payload = cose.verify1(data, verify_key_for=lambda _: KEY.verify_key, max_bytes=2048)
    assert payload == b""
    assert {name: named[name] for name in ("dev", "epoch", "seq", "chain", "iat")} == {
        "dev": "box-1", "epoch": "e", "seq": 7, "chain": bytes(range(32)), "iat": MARK.issued_at,
    }  # fmt: skip
    most = msgspec.structs.replace(MARK, gaps=tuple((2**52 + 2 * n, 2**52 + 2 * n) for n in range(MAX_GAPS)))
    assert read(sign_watermark(most, signing_key=KEY)) == most


@pytest.mark.parametrize(
    "gaps",
    [7, "x", b"", b"\xff", b"\x81\x08", cbor2.dumps([9, "9"]), cbor2.dumps([5, 9]), cbor2.dumps([9, 8]),
     cbor2.dumps([9, 12, 12, 13]), cbor2.dumps([9, 2**53]), cbor2.dumps([9, True]), cbor2.dumps({}),
     cbor2.dumps([n for g in range(33) for n in (9 + 2 * g, 9 + 2 * g)])],
)  # fmt: skip
def test_fail__gaps_that_are_none(gaps: object) -> None:
    with pytest.raises(WatermarkError, match="gaps"):
        read(signed(chain=bytes(32), seq=7, gaps=gaps))


def test_fail__another_signer() -> None:
    with pytest.raises(WatermarkError):
        read(sign_watermark(MARK, signing_key=SigningKey.generate()))


@pytest.mark.parametrize("changes", [{"payload": b"x"}, {"dev": None}, {"seq": "7"}, {"seq": -1}, {"iat": 5}])
def test_fail__not_an_acknowledgement(changes: dict[str, object]) -> None:
    with pytest.raises(WatermarkError):
        read(signed(**changes))


def test_fail__signed_for_something_else() -> None:
    data = cose.sign1(b"", protected={cose.CONTENT_TYPE: "application/vnd.borne.list"}, signing_key=KEY)
    with pytest.raises(WatermarkError, match="no acknowledgement"):
        read(data)


@given(st.binary(max_size=200))
def test_fail__any_bytes(data: bytes) -> None:
    with pytest.raises(WatermarkError):
        read(data)
