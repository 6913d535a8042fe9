"""Public keys as certificates and data groups carry them: SubjectPublicKeyInfo (RFC 5280, 4.1.2.7; RFC
3279)."""

from dataclasses import dataclass

from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import LimitExceeded, Malformed, UnsupportedEncoding
from appliance.travel_document.pki.groups import (
    CURVE_BY_OID,
    CURVE_BY_PARAMETERS,
    STANDARDISED,
    Curve,
    PrimeField,
    stated_prime_field,
)

RSA = "1.2.840.113549.1.1.1"
RSA_PSS = "1.2.840.113549.1.1.10"
EC = "1.2.840.10045.2.1"
PRIME_FIELD_TYPE = "1.2.840.10045.1.1"
DH_PKCS3 = "1.2.840.113549.1.3.1"
DH_X942 = "1.2.840.10046.2.1"
STANDARDISED_PARAMETERS = "0.4.0.127.0.7.1.2"
"""standardizedDomainParameters: a number of table 6 in the place of parameters (9303-11, 9.5.1)."""

MIN_RSA_BITS = 1_024
"""Shorter keys are broken by anyone who rents a machine; none is used in documents."""
MAX_RSA_BITS = 16_384
MAX_RSA_EXPONENT_BITS = 256
"""Bounds what a hostile key can make a verification cost."""


@dataclass(frozen=True, slots=True)
class RsaKey:
    """Modulus and public exponent."""

    n: int
    e: int

    @property
    def bits(self) -> int:
        return self.n.bit_length()

    @property
    def description(self) -> str:
        return f"RSA-{self.bits}"


@dataclass(frozen=True, slots=True)
class EcKey:
    """A point on a curve of the table, as encoded; checked to be on it."""

    curve: Curve
    point: bytes

    @property
    def description(self) -> str:
        return self.curve.name


@dataclass(frozen=True, slots=True)
class DhKey:
    """An element of a prime field's group."""

    group: PrimeField
    value: bytes

    @property
    def description(self) -> str:
        return self.group.name


PublicKey = RsaKey | EcKey | DhKey


def parse_public_key(info: der.Element) -> PublicKey:
    """The key in a SubjectPublicKeyInfo.

    Raises:
        UnsupportedEncoding: an algorithm or curve that no travel document uses.
        Malformed: it is none.
    """
    fields = info.fields()
    algorithm = fields.take().fields()
    kind = algorithm.take().oid()
    parameters = algorithm.rest()
    bits = fields.take(der.BIT_STRING).bits()
    if kind in (RSA, RSA_PSS):
        return _rsa(bits)
    if kind == EC:
        return _ec(parameters, bits)
    if kind in (DH_PKCS3, DH_X942):
        return _dh(kind, parameters, bits)
    if kind == STANDARDISED_PARAMETERS:
        return _standardised(parameters, bits)
    raise UnsupportedEncoding(f"Keys of the algorithm {kind} are not read.")


def curve_of(parameters: der.Element) -> Curve:
    """The curve that is named, or whose explicit parameters are all those of a known one."""
    if parameters.tag == der.OBJECT_IDENTIFIER:
        curve = CURVE_BY_OID.get(parameters.oid())
        if curve is None:
            raise UnsupportedEncoding("A curve is named that no travel document uses.")
        return curve
    curve = CURVE_BY_PARAMETERS.get(_explicit_parameters(parameters))
    if curve is None:
        raise UnsupportedEncoding("Explicit curve parameters are not those of a known curve.")
    return curve


def _rsa(bits: bytes) -> RsaKey:
    fields = der.parse(bits).fields()
    key = RsaKey(fields.take(der.INTEGER).unsigned(), fields.take(der.INTEGER).unsigned())
    if not MIN_RSA_BITS <= key.bits <= MAX_RSA_BITS:
        raise LimitExceeded(f"An RSA key has between {MIN_RSA_BITS} and {MAX_RSA_BITS} bits.")
    if key.e < 3 or key.e % 2 == 0 or key.n % 2 == 0 or key.e.bit_length() > MAX_RSA_EXPONENT_BITS:
        raise Malformed("An RSA key has an impossible modulus or exponent.")
    return key


def _ec(parameters: tuple[der.Element, ...], bits: bytes) -> EcKey:
    if len(parameters) != 1:
        raise Malformed("An elliptic curve key does not say its curve.")
    curve = curve_of(parameters[0])
    return EcKey(curve, curve.encode(curve.decode(_uncompressed(curve, bits))))


def _uncompressed(curve: Curve, encoded: bytes) -> bytes:
    """The point in uncompressed form: certificates may compress it, chips may not."""
    size = curve.field_bytes
    if len(encoded) == 1 + size and encoded[0] in (2, 3):
        p, a, b, *_ = curve.parameters
        x = int.from_bytes(encoded[1:])
        square = (pow(x, 3, p) + a * x + b) % p
        if p % 4 != 3:
            raise UnsupportedEncoding(f"Compressed points of {curve.name} are not read.")
        y = pow(square, (p + 1) // 4, p)
        if y % 2 != encoded[0] % 2:
            y = p - y
        return b"\x04" + x.to_bytes(size) + y.to_bytes(size)
    return encoded


def _explicit_parameters(parameters: der.Element) -> tuple[int, int, int, int, int, int]:
    """ECParameters (RFC 3279, 2.3.5): p, a, b, the generator's x and y, its order."""
    fields = parameters.fields()
    fields.take(der.INTEGER)
    field = fields.take().fields()
    if field.take().oid() != PRIME_FIELD_TYPE:
        raise UnsupportedEncoding("Only curves over prime fields are used in travel documents.")
    p = field.take(der.INTEGER).unsigned()
    coefficients = fields.take().fields()
    a, b = (int.from_bytes(coefficients.take(der.OCTET_STRING).content) for _ in range(2))
    base = fields.take(der.OCTET_STRING).content
    order = fields.take(der.INTEGER).unsigned()
    size = (p.bit_length() + 7) // 8
    if len(base) == 1 + 2 * size and base[0] == 4:
        return p, a, b, int.from_bytes(base[1 : 1 + size]), int.from_bytes(base[1 + size :]), order
    # A compressed generator: x and the sign of y still say which point it is.
    for known in CURVE_BY_PARAMETERS:
        kp, ka, kb, x, y, korder = known
        if (kp, ka, kb, korder) == (p, a, b, order) and base == bytes((2 + y % 2,)) + x.to_bytes(size):
            return known
    raise UnsupportedEncoding("A curve's generator is not written as a point.")


def _dh(kind: str, parameters: tuple[der.Element, ...], bits: bytes) -> DhKey:
    if len(parameters) != 1:
        raise Malformed("A DH key does not say its group.")
    fields = parameters[0].fields()
    p, g = fields.take(der.INTEGER).unsigned(), fields.take(der.INTEGER).unsigned()
    q = 0
    if kind == DH_X942 and (stated := fields.maybe(der.INTEGER)) is not None:
        q = stated.unsigned()
    return _dh_key(stated_prime_field(p, g, q), bits)


def _dh_key(group: PrimeField, bits: bytes) -> DhKey:
    value = der.parse(bits).expect(der.INTEGER).unsigned().to_bytes(group.field_bytes + 1).lstrip(b"\x00")
    group.element(value)
    return DhKey(group, value.rjust(group.field_bytes, b"\x00"))


def _standardised(parameters: tuple[der.Element, ...], bits: bytes) -> PublicKey:
    if len(parameters) != 1:
        raise Malformed("A key does not say its domain parameters.")
    group = STANDARDISED.get(parameters[0].expect(der.INTEGER).integer())
    if isinstance(group, Curve):
        return EcKey(group, group.encode(group.decode(bits)))
    if isinstance(group, PrimeField):
        return _dh_key(group, bits)
    raise UnsupportedEncoding("A key has domain parameters that no standard numbers.")
