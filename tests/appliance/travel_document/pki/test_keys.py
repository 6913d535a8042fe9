"""Public keys: RSA, curves named and written out, DH; and the lies about them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.simulation.chip import asn1
from appliance.simulation.chip.signing import ec_key_info, ec_signing, explicit_parameters, rsa_signing
from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed, UnsupportedEncoding
from appliance.travel_document.pki.groups import CURVE_BY_NAME, CURVES, PRIME_FIELDS
from appliance.travel_document.pki.keys import DhKey, EcKey, RsaKey, curve_of, parse_public_key

RSA = "1.2.840.113549.1.1.1"
EC = "1.2.840.10045.2.1"


def read(info: bytes):
    return parse_public_key(der.parse(info))


def info(kind: str, *parameters: bytes, bits: bytes) -> bytes:
    return asn1.sequence(asn1.sequence(asn1.oid(kind), *parameters), asn1.bits(bits))


def rsa(n: int, e: int) -> bytes:
    return info(RSA, asn1.NULL, bits=asn1.sequence(asn1.integer(n), asn1.integer(e)))


@pytest.mark.parametrize("curve", [curve.name for curve in CURVES])
@pytest.mark.parametrize("explicit", [True, False])
def test_ok__every_curve_named_and_written_out(curve: str, explicit: bool):
    known = CURVE_BY_NAME[curve]
    key = read(ec_key_info(known, known.public(5), explicit=explicit))
    assert key == EcKey(known, known.public(5))
    assert key.description == curve


def test_ok__rsa():
    signing = rsa_signing(1024)
    key = read(signing.public_key_info)
    assert isinstance(key, RsaKey)
    assert (key.bits, key.e, key.description) == (1024, 65537, "RSA-1024")


def test_ok__compressed_points_in_certificates():
    known = CURVE_BY_NAME["secp256r1"]
    for secret in (5, 6, 7, 8):
        point = known.public(secret)
        compressed = bytes((2 + point[-1] % 2,)) + point[1:33]
        assert read(ec_key_info(known, compressed)).point == point


def test_ok__a_compressed_generator_is_still_the_generator():
    known = CURVE_BY_NAME["brainpoolP256r1"]
    *_, x, y, _ = known.parameters
    compressed = bytes((2 + y % 2,)) + x.to_bytes(32)
    assert curve_of(der.parse(explicit_parameters(known, generator=compressed))) is known


@pytest.mark.parametrize("kind", ["1.2.840.113549.1.3.1", "1.2.840.10046.2.1"])
def test_ok__dh(kind: str):
    group = PRIME_FIELDS[0]
    parts = [asn1.integer(group.p), asn1.integer(group.g)]
    if kind.startswith("1.2.840.10046"):
        parts.append(asn1.integer(group.q))
    key = read(info(kind, asn1.sequence(*parts), bits=asn1.integer(int.from_bytes(group.public(5)))))
    assert key == DhKey(group, group.public(5))
    assert key.description == "modp1024_160"


@pytest.mark.parametrize("number", [13, 1])
def test_ok__standardised_by_number(number: int):
    from appliance.travel_document.pki.groups import STANDARDISED

    group = STANDARDISED[number]
    public = group.public(5)
    bits = public if number == 13 else asn1.integer(int.from_bytes(public))
    key = read(info("0.4.0.127.0.7.1.2", asn1.integer(number), bits=bits))
    assert key.description == group.name


KNOWN = CURVE_BY_NAME["secp256r1"]
NOT_ON_IT = next(
    x
    for x in range(1, 50)
    if pow(x**3 + KNOWN.parameters[1] * x + KNOWN.parameters[2], (KNOWN.p - 1) // 2, KNOWN.p) != 1
)
OTHER_GENERATOR = explicit_parameters(KNOWN, generator=KNOWN.public(2))


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (rsa((1 << 511) + 1, 65537), LimitExceeded),
        (rsa((1 << 20_000) + 1, 65537), EmrtdError),
        (rsa((1 << 1023) + 1, 2), Malformed),
        (rsa((1 << 1023) + 1, 1), Malformed),
        (rsa(1 << 1023, 65537), Malformed),
        (rsa((1 << 1023) + 1, (1 << 300) + 1), Malformed),
        (info("1.2.3.4", bits=b""), UnsupportedEncoding),
        (info(EC, bits=KNOWN.public(1)), Malformed),
        (info(EC, asn1.oid("1.2.3.4"), bits=KNOWN.public(1)), UnsupportedEncoding),
        (info(EC, OTHER_GENERATOR, bits=KNOWN.public(1)), UnsupportedEncoding),
        (ec_key_info(KNOWN, KNOWN.public(1)[:-1]), Malformed),
        (ec_key_info(CURVE_BY_NAME["secp224r1"], b"\x02" + bytes(28)), UnsupportedEncoding),
        (ec_key_info(KNOWN, b"\x02" + NOT_ON_IT.to_bytes(32)), Malformed),
        (info("1.2.840.113549.1.3.1", bits=b"\x02\x01\x05"), Malformed),
        (info("0.4.0.127.0.7.1.2", bits=b"\x02\x01\x05"), Malformed),
        (info("0.4.0.127.0.7.1.2", asn1.integer(25), bits=b"\x02\x01\x05"), UnsupportedEncoding),
        (b"\x30\x00", Malformed),
    ],
)
def test_fail__keys_that_are_not_believed(made: bytes, error: type[EmrtdError]):
    with pytest.raises(error):
        read(made)


@pytest.mark.parametrize("at", range(6))
def test_fail__each_explicit_parameter_is_compared(at: int):
    """Whoever may choose one of them, the generator above all, makes signatures at will (CVE-2020-0601)."""
    parts = list(KNOWN.parameters)
    parts[at] ^= 2
    p, a, b, x, y, order = parts
    made = asn1.sequence(
        asn1.integer(1),
        asn1.sequence(asn1.oid("1.2.840.10045.1.1"), asn1.integer(p)),
        asn1.sequence(asn1.octets(a.to_bytes(32)), asn1.octets(b.to_bytes(32))),
        asn1.octets(b"\x04" + x.to_bytes(32) + y.to_bytes(32)),
        asn1.integer(order),
    )
    with pytest.raises(UnsupportedEncoding):
        curve_of(der.parse(made))


def test_fail__a_curve_over_another_field_and_a_generator_that_is_none():
    binary = asn1.sequence(asn1.integer(1), asn1.sequence(asn1.oid("1.2.840.10045.1.2"), asn1.integer(5)))
    with pytest.raises(UnsupportedEncoding, match="prime fields"):
        curve_of(der.parse(binary))
    with pytest.raises(UnsupportedEncoding, match="generator"):
        curve_of(der.parse(explicit_parameters(KNOWN, generator=b"\x04\x05")))


@settings(deadline=None)
@given(st.binary(max_size=150))
def test_ok__any_bytes_are_a_key_or_refused(data: bytes):
    try:
        read(data)
    except EmrtdError:
        return


def test_ok__ecdsa_keys_of_the_simulator_are_read():
    signing = ec_signing("brainpoolP320r1", "sha256", explicit=True)
    assert read(signing.public_key_info).description == "brainpoolP320r1"
