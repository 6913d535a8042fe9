import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts import wire
from appliance.contracts.wire import WireError


def test_ok__topics() -> None:
    assert wire.topic("post-7_a", "records") == "borne/v1/post-7_a/records"
    assert wire.device_of("borne/v1/post-7_a/records") == "post-7_a"


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a+", "-a", "_a", "ä", "a" * 65, "a\n", "a b", "$SYS"])
def test_fail__names_that_reach_beyond_their_level(name: str) -> None:
    with pytest.raises(WireError):
        wire.check_name(name)
    with pytest.raises(WireError):
        wire.topic(name, "records")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "borne/v1/a",
        "borne/v1/a/b/c",
        "borne/v2/a/records",
        "borne/v1//records",
        "x/borne/v1/a",
        "borne/v1/+/records",
    ],
)
def test_fail__no_topic_of_a_device(topic: str) -> None:
    with pytest.raises(WireError):
        wire.device_of(topic)


@given(st.text(max_size=40))
def test_fail__any_topic(topic: str) -> None:
    try:
        device = wire.device_of(topic)
    except WireError:
        return
    assert topic.startswith(f"borne/v1/{device}/")


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_ok__batches(envelopes: list[bytes]) -> None:
    assert wire.unpack(wire.pack(envelopes)) == envelopes


@pytest.mark.parametrize(
    "batch",
    [
        b"",
        b"\xff",
        b"\x81" * 100_000,
        b"\x9b" + b"\xff" * 8,
        b"\x5b\x7f" + b"\xff" * 7,
        cbor2.dumps({"a": 1}),
        cbor2.dumps(["text"]),
        cbor2.dumps([b"x", [b"y"]]),
        cbor2.dumps([b""] * (wire.MAX_BATCH_RECORDS + 1)),
    ],
)
def test_fail__no_batch(batch: bytes) -> None:
    with pytest.raises(WireError):
        wire.unpack(batch)


def test_fail__larger_than_a_box_sends(monkeypatch) -> None:
    monkeypatch.setattr(wire, "MAX_BATCH_BYTES", 10)
    with pytest.raises(WireError, match="larger"):
        wire.unpack(wire.pack([bytes(10)]))


@given(st.binary(max_size=200))
def test_fail__any_bytes(batch: bytes) -> None:
    try:
        envelopes = wire.unpack(batch)
    except WireError:
        return
    assert all(isinstance(envelope, bytes) for envelope in envelopes)


TAGS = st.sampled_from((0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004))
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=9) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(cbor2.CBORTag, TAGS, inner)
    ),
    max_leaves=8,
)


@given(VALUES.map(cbor2.dumps))
def test_fail__any_values(batch: bytes) -> None:
    try:
        envelopes = wire.unpack(batch)
    except WireError:
        return
    assert all(isinstance(envelope, bytes) for envelope in envelopes)
