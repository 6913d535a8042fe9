"""The groups: standardised parameters, agreements, mappings, and elements that are none."""

import gmpy2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed
from appliance.travel_document.pki.groups import (
    CURVE_BY_NAME,
    CURVES,
    PRIME_FIELDS,
    STANDARDISED,
    PrimeField,
    stated_prime_field,
)


def test_ok__prime_fields_are_what_they_must_be():
    for field in PRIME_FIELDS:
        assert gmpy2.is_prime(field.p)
        assert gmpy2.is_prime(field.q)
        assert (field.p - 1) % field.q == 0
        assert pow(field.g, field.q, field.p) == 1


def test_ok__curves_have_their_generators_and_orders():
    for curve in CURVES:
        p, a, b, x, y, _ = curve.parameters
        assert (y * y - (x**3 + a * x + b)) % p == 0
        assert curve.public(1) == curve.encode(curve.generator)
        assert (
            curve.public(curve.order - 1)[1 : 1 + curve.field_bytes]
            == curve.public(1)[1 : 1 + curve.field_bytes]
        )


def test_ok__the_table_is_the_standards():
    assert set(STANDARDISED) == {0, 1, 2, *range(8, 19)}
    assert (STANDARDISED[8].name, STANDARDISED[13].name, STANDARDISED[18].name) == (
        "secp192r1",
        "brainpoolP256r1",
        "secp521r1",
    )


@pytest.mark.parametrize("number", list(STANDARDISED))
def test_ok__both_sides_agree_and_map_alike(number: int):
    group = STANDARDISED[number]
    (ours, our_key), (theirs, their_key) = group.generate(), group.generate()
    assert group.agree(ours, their_key) == group.agree(theirs, our_key)
    nonce = bytes(range(16))
    mapped = group.map_generic(ours, their_key, nonce)
    assert mapped.public(7) == group.map_generic(theirs, our_key, nonce).public(7)
    assert mapped.public(1) != group.public(1)
    assert len(group.public(3)) == len(our_key)


@pytest.mark.parametrize("number", [number for number in STANDARDISED if number != 10])
def test_ok__integrated_mapping_gives_elements(number: int):
    mapped = STANDARDISED[number].map_integrated(bytes(range(100)))
    assert mapped.agree(5, mapped.public(6)) == mapped.agree(6, mapped.public(5))


def test_fail__p_224_has_no_integrated_mapping():
    with pytest.raises(Malformed, match="integrated mapping"):
        STANDARDISED[10].map_integrated(bytes(40))


def test_fail__nonces_that_map_to_no_point():
    with pytest.raises(Malformed, match="map to no point"):
        STANDARDISED[12].map_integrated(bytes(40))  # t = 0
    with pytest.raises(Malformed, match="ends at one"):
        STANDARDISED[0].map_integrated(b"\x01")
    with pytest.raises(Malformed, match="order of the group"):
        PrimeField("x", PRIME_FIELDS[0].p, PRIME_FIELDS[0].g).map_integrated(b"\x02")


CURVE = CURVE_BY_NAME["secp256r1"]


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x04",
        b"\x00",  # infinity
        b"\x04" + bytes(64),
        b"\x02" + CURVE.public(1)[1:33],  # compressed: chips may not
        CURVE.public(1)[:-1],
        CURVE.public(1) + b"\x00",
        CURVE.public(1)[:-1] + bytes((CURVE.public(1)[-1] ^ 1,)),
        b"\x04" + CURVE.p.to_bytes(32) + CURVE.public(1)[33:],
        CURVE_BY_NAME["brainpoolP256r1"].public(1),
    ],
)
def test_fail__not_a_point(encoded: bytes):
    with pytest.raises(Malformed):
        CURVE.agree(3, encoded)


def test_fail__an_agreement_at_infinity():
    with pytest.raises(Malformed, match="infinity"):
        CURVE.agree(CURVE.order, CURVE.public(2))
    with pytest.raises(Malformed, match="infinity"):
        CURVE.multiply(CURVE.public(2), CURVE.order)
    with pytest.raises(Malformed, match="infinity"):
        CURVE.map_generic(CURVE.order - 5, CURVE.public(1), (5).to_bytes(16))


FIELD = PRIME_FIELDS[0]


@pytest.mark.parametrize("value", [0, 1, FIELD.p - 1, FIELD.p, FIELD.p + 5, 2])
def test_fail__not_an_element(value: int):
    with pytest.raises(Malformed):
        FIELD.agree(
            3, value.to_bytes(FIELD.field_bytes + 1).lstrip(b"\x00").rjust(FIELD.field_bytes, b"\x00")
        )


def test_fail__an_agreement_at_one():
    with pytest.raises(Malformed, match="ends at one"):
        FIELD.agree(FIELD.q, FIELD.public(2))
    with pytest.raises(Malformed, match="ends at one"):
        FIELD.map_generic(FIELD.q - 5, FIELD.public(1), (5).to_bytes(16))


def test_ok__stated_groups():
    assert stated_prime_field(FIELD.p, FIELD.g) is FIELD
    assert stated_prime_field(FIELD.p, FIELD.g, FIELD.q) is FIELD
    other = stated_prime_field(FIELD.p, 5)
    assert (other.name, other.q, other.order_bytes) == ("dh1024", 0, 128)


@pytest.mark.parametrize(
    ("p", "g", "q", "error"),
    [
        (23, 5, 0, LimitExceeded),
        (1 << 5000, 5, 0, LimitExceeded),
        (FIELD.p, 5, FIELD.p, LimitExceeded),
        (FIELD.p + 1, 5, 0, LimitExceeded),
        (FIELD.p, 1, 0, Malformed),
        (FIELD.p, FIELD.p - 1, 0, Malformed),
        (FIELD.p + 2, 5, 0, Malformed),  # not a prime
    ],
)
def test_fail__stated_groups_that_are_none(p: int, g: int, q: int, error: type[EmrtdError]):
    with pytest.raises(error):
        stated_prime_field(p, g, q)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(list(STANDARDISED)), st.binary(max_size=140))
def test_ok__any_key_is_an_element_or_refused(number: int, encoded: bytes):
    try:
        STANDARDISED[number].agree(3, encoded)
    except Malformed:
        return
