import math
import time

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import cbor, cose
from appliance.contracts import wire
from appliance.records import commands
from appliance.records.errors import CommandError
from appliance.reference_data import delivery
from appliance.reference_data.errors import Refused

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=9)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=3) | st.integers(-9, 9) | st.binary(max_size=2), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(PLAIN)
def test_ok__what_a_general_encoder_writes(value: object) -> None:
    assert cbor.loads(cbor2.dumps(value)) == value


def test_ok__floats_of_every_width() -> None:
    for data in (b"\xf9\x3c\x00", b"\xfa\x3f\x80\x00\x00", b"\xfb\x3f\xf0" + bytes(6)):
        assert cbor.loads(data) == 1.0
    nan = cbor.loads(b"\xf9\x7e\x00")
    assert isinstance(nan, float)
    assert math.isnan(nan)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x18",
        b"\x1c",
        b"\x5f\x41a\xff",  # a length that is not said
        b"\x9f\xff",
        b"\xbf\xff",
        b"\x42a",
        b"\x5b" + b"\xff" * 8,
        b"\x9b" + b"\xff" * 8,
        b"\x9a\xff\xff\xff\xff",
        b"\xc1\x00",  # a tag
        b"\xd8\x1c\x80",
        b"\xf7",  # undefined
        b"\xf8\x20",
        b"\xf9\x00",
        b"\xa1\x80\x01",  # a list as a key
        b"\xa1\xa0\x01",
        b"\xa1\xf4\x01",
        b"\x62\xff\xff",  # no UTF-8
        b"\x00\x00",  # something behind it
        b"\x81" * 33 + b"\x00",
        b"\x81" * 100_000,
    ],
)
def test_fail__refused(data: bytes) -> None:
    with pytest.raises(cbor.CborError):
        cbor.loads(data)


@given(st.binary(max_size=200))
def test_fail__any_bytes(data: bytes) -> None:
    try:
        cbor.loads(data)
    except cbor.CborError:
        return


def test_ok__as_deep_as_it_may_be() -> None:
    assert cbor.loads(b"\x81" * 32 + b"\x00")


# Maps whose keys are maps whose keys are maps: each level doubles a general decoder's work


NESTED = b"\xa1" * 60 + b"\x01\x02" + b"\x02" * 59


@pytest.mark.parametrize(
    ("read", "data", "error"),
    [
        (cbor.loads, NESTED, cbor.CborError),
        (wire.unpack, NESTED, wire.WireError),
        (commands.read_message, NESTED, CommandError),
        (
            lambda data: cose.verify1(data, verify_key_for=lambda _: None, max_bytes=2000),
            b"\xd2\x84" + cbor2.dumps(NESTED) + b"\xa0\x40" + cbor2.dumps(bytes(64)),
            cose.Malformed,
        ),
    ],
)
def test_fail__a_map_made_to_exhaust(read, data: bytes, error: type[Exception]) -> None:
    began = time.process_time()
    with pytest.raises(error):
        read(data)
    assert time.process_time() - began < 0.5


def test_fail__a_delivery_made_to_exhaust() -> None:
    began = time.process_time()
    with pytest.raises(Refused, match="malformed"):
        delivery.MessageDelivery(delivery.MAGIC + NESTED)
    assert time.process_time() - began < 0.5


def test_ok__a_long_batch_is_walked_quickly() -> None:
    batch = wire.pack([bytes(60_000)] * 256)
    began = time.process_time()
    assert len(wire.unpack(batch)) == 256
    assert time.process_time() - began < 1.0
