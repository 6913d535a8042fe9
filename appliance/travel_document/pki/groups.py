"""The groups that keys live in: standardised domain parameters 0 to 2 and 8 to 18 (ICAO Doc 9303-11, 9.5.1).

One seam for elliptic curves and for prime fields, because PACE and Chip Authentication run over either.
Point arithmetic is the `ecdsa` package's over gmpy2: PACE needs sums and multiples of arbitrary points, which
`cryptography` does not expose. Timing channels are not a concern for a terminal's one-time secrets.
"""

import secrets
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, cast

import gmpy2
from ecdsa import curves as known
from ecdsa.ellipticcurve import INFINITY, PointJacobi

from appliance.travel_document.lds.errors import LimitExceeded, Malformed

UNCOMPRESSED = 0x04
MAX_FIELD_BITS = 4_096
"""No document's DH group is larger; a larger one would cost seconds."""
MIN_FIELD_BITS = 1_024


class Group(Protocol):
    """A cyclic group with its generator. Public keys are bytes as they travel (9303-11, 9.4.5)."""

    @property
    def name(self) -> str: ...
    @property
    def order_bytes(self) -> int: ...
    def generate(self) -> tuple[int, bytes]:
        """A fresh secret and its public key."""

    def public(self, secret: int) -> bytes: ...
    def agree(self, secret: int, public: bytes) -> bytes:
        """The shared secret: an x-coordinate, or a field element.

        Raises:
            Malformed: the other side's key is no element of this group, or a useless one.
        """

    def map_generic(self, secret: int, public: bytes, nonce: bytes) -> "Group":
        """The group with the generator of PACE's generic mapping (9303-11, 4.4.3.3.1)."""

    def map_integrated(self, random: bytes) -> "Group":
        """The group with the generator of PACE's integrated mapping; `random` is R(s, t) (4.4.3.3.2)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A prime curve in short Weierstrass form; a point is checked to be on it before it is used."""

    name: str
    library: Any
    """The `ecdsa` package's curve."""
    generator: Any

    @property
    def p(self) -> int:
        return int(self.library.curve.p())

    @property
    def order(self) -> int:
        return int(self.library.order)

    @property
    def bits(self) -> int:
        return self.order.bit_length()

    @property
    def field_bytes(self) -> int:
        return (self.p.bit_length() + 7) // 8

    @property
    def order_bytes(self) -> int:
        return (self.bits + 7) // 8

    @property
    def parameters(self) -> tuple[int, int, int, int, int, int]:
        """p, a, b, the generator's x and y, its order: all that makes the curve what it is."""
        curve, point = self.library.curve, self.library.generator
        p = int(curve.p())
        return (
            p,
            int(curve.a()) % p,
            int(curve.b()) % p,
            int(point.x()),
            int(point.y()),
            int(self.library.order),
        )

    def generate(self) -> tuple[int, bytes]:
        secret = 1 + secrets.randbelow(self.order - 1)
        return secret, self.public(secret)

    def public(self, secret: int) -> bytes:
        return self.encode(self.generator * secret)

    def agree(self, secret: int, public: bytes) -> bytes:
        shared = self.decode(public) * secret
        if shared == INFINITY:
            raise Malformed("A key agreement ends at infinity.")
        return int(shared.x()).to_bytes(self.field_bytes)

    def multiply(self, public: bytes, factor: int) -> bytes:
        """factor times this point, encoded."""
        product = self.decode(public) * (factor % self.order)
        if product == INFINITY:
            raise Malformed("A product of points is infinity.")
        return self.encode(product)

    def map_generic(self, secret: int, public: bytes, nonce: bytes) -> "Curve":
        mapped = self.library.generator * int.from_bytes(nonce) + self.decode(public) * secret
        return self._with_generator(mapped)

    def map_integrated(self, random: bytes) -> "Curve":
        return self._with_generator(self._point(*_encode_to_curve(self, int.from_bytes(random) % self.p)))

    def encode(self, point: Any) -> bytes:
        size = self.field_bytes
        # Affine once: each coordinate of a Jacobian point costs an inversion otherwise.
        affine = point.to_affine()
        return bytes((UNCOMPRESSED,)) + int(affine.x()).to_bytes(size) + int(affine.y()).to_bytes(size)

    def decode(self, encoded: bytes) -> Any:
        """The point; uncompressed form only (9303-11, 4.4.3.2).

        Raises:
            Malformed: it is not on the curve.
        """
        size = self.field_bytes
        if len(encoded) != 1 + 2 * size or encoded[0] != UNCOMPRESSED:
            raise Malformed("A public key is not an uncompressed point of its curve.")
        x, y = int.from_bytes(encoded[1 : 1 + size]), int.from_bytes(encoded[1 + size :])
        if x >= self.p or y >= self.p or not self.library.curve.contains_point(x, y):
            raise Malformed("A public key is not a point of its curve.")
        return self._point(x, y)

    def _point(self, x: int, y: int) -> Any:
        return PointJacobi(self.library.curve, x, y, 1, self.library.order)

    def _with_generator(self, point: Any) -> "Curve":
        if point == INFINITY:
            raise Malformed("A mapping ends at infinity.")
        return replace(self, generator=point)


@dataclass(frozen=True, slots=True)
class PrimeField:
    """A subgroup of the integers modulo a prime; `q` is 0 where nobody says its order."""

    name: str
    p: int
    g: int
    q: int = 0

    @property
    def field_bytes(self) -> int:
        return (self.p.bit_length() + 7) // 8

    @property
    def order_bytes(self) -> int:
        return (self.q.bit_length() + 7) // 8 if self.q else self.field_bytes

    def generate(self) -> tuple[int, bytes]:
        secret = 2 + secrets.randbelow((self.q or self.p) - 3)
        return secret, self.public(secret)

    def public(self, secret: int) -> bytes:
        return _power(self.g, secret, self.p).to_bytes(self.field_bytes)

    def agree(self, secret: int, public: bytes) -> bytes:
        shared = _power(self.element(public), secret, self.p)
        if shared == 1:
            raise Malformed("A key agreement ends at one.")
        return shared.to_bytes(self.field_bytes)

    def map_generic(self, secret: int, public: bytes, nonce: bytes) -> "PrimeField":
        h = _power(self.element(public), secret, self.p)
        return self._with_generator(_power(self.g, int.from_bytes(nonce), self.p) * h % self.p)

    def map_integrated(self, random: bytes) -> "PrimeField":
        if not self.q:
            raise Malformed("The integrated mapping needs the order of the group.")
        return self._with_generator(_power(int.from_bytes(random) % self.p, (self.p - 1) // self.q, self.p))

    def element(self, public: bytes) -> int:
        """The public key as a number, validated as RFC 2631, 2.1.5 demands."""
        value = int.from_bytes(public)
        if len(public) > self.field_bytes or not 1 < value < self.p - 1:
            raise Malformed("A public key is no element of its group.")
        if self.q and _power(value, self.q, self.p) != 1:
            raise Malformed("A public key is outside its subgroup.")
        return value

    def _with_generator(self, g: int) -> "PrimeField":
        if g in (0, 1):
            raise Malformed("A mapping ends at one.")
        return replace(self, g=g)


def stated_prime_field(p: int, g: int, q: int = 0) -> PrimeField:
    """The group with these parameters: a standardised one, or one that is at least of a reasonable size.

    Only for keys in files that passive authentication covers: then the issuer answers for the group.
    """
    for group in PRIME_FIELDS:
        if (p, g) == (group.p, group.g) and q in (0, group.q):
            return group
    if not MIN_FIELD_BITS <= p.bit_length() <= MAX_FIELD_BITS or not 0 <= q < p or p % 2 == 0:
        raise LimitExceeded(f"A DH group has between {MIN_FIELD_BITS} and {MAX_FIELD_BITS} bits.")
    if not 1 < g < p - 1 or not gmpy2.is_prime(p):
        raise Malformed("A DH group's parameters do not make a group.")
    return PrimeField(f"dh{p.bit_length()}", p, g, q)


def _power(base: int, exponent: int, modulus: int) -> int:
    return int(gmpy2.powmod(base, exponent, modulus))


def _encode_to_curve(curve: Curve, t: int) -> tuple[int, int]:
    """f_G: a field element to a point (9303-11, appendix B.1; all divisions checked first)."""
    p, a, b, *_ = curve.parameters
    if p % 4 != 3:
        raise Malformed(f"The curve {curve.name} cannot be used with the integrated mapping.")
    alpha = -t * t % p
    divisor = alpha + alpha * alpha
    if divisor % p == 0:
        raise Malformed("The nonces map to no point; a new try has new ones.")
    x2 = -b * _inverse(a, p) * (1 + _inverse(divisor, p)) % p
    x3 = alpha * x2 % p
    h2 = (_power(x2, 3, p) + a * x2 + b) % p
    root = _power(h2, p - 1 - (p + 1) // 4, p)
    if root * root * h2 % p == 1:
        return x2, root * h2 % p
    return x3, root * _power(t, 3, p) * h2 % p


def _inverse(value: int, modulus: int) -> int:
    return int(gmpy2.invert(value % modulus, modulus))


def _curve(name: str, library: Any) -> Curve:
    return Curve(name, library, library.generator)


CURVES: Final[tuple[Curve, ...]] = (
    _curve("secp192r1", known.NIST192p),
    _curve("secp224r1", known.NIST224p),
    _curve("secp256r1", known.NIST256p),
    _curve("secp384r1", known.NIST384p),
    _curve("secp521r1", known.NIST521p),
    _curve("secp256k1", known.SECP256k1),
    *(
        _curve(f"brainpoolP{bits}{kind}", getattr(known, f"BRAINPOOLP{bits}{kind}"))
        for bits in (160, 192, 224, 256, 320, 384, 512)
        for kind in ("r1", "t1")
    ),
)
CURVE_BY_NAME: Final = {curve.name: curve for curve in CURVES}
CURVE_BY_OID: Final = {".".join(map(str, curve.library.oid)): curve for curve in CURVES}
CURVE_BY_PARAMETERS: Final = {curve.parameters: curve for curve in CURVES}
"""Explicit parameters are compared whole, the generator too: whoever may choose it can forge
(CVE-2020-0601)."""

# RFC 5114, 2.1 to 2.3: the three prime groups that ICAO took over.
_P_1024 = int(
    "B10B8F96A080E01DDE92DE5EAE5D54EC52C99FBCFB06A3C69A6A9DCA52D23B616073E28675A23D189838EF1E2EE652C0"
    "13ECB4AEA906112324975C3CD49B83BFACCBDD7D90C4BD7098488E9C219A73724EFFD6FAE5644738FAA31A4FF55BCCC0"
    "A151AF5F0DC8B4BD45BF37DF365C1A65E68CFDA76D4DA708DF1FB2BC2E4A4371",
    16,
)
_G_1024 = int(
    "A4D1CBD5C3FD34126765A442EFB99905F8104DD258AC507FD6406CFF14266D31266FEA1E5C41564B777E690F5504F213"
    "160217B4B01B886A5E91547F9E2749F4D7FBD7D3B9A92EE1909D0D2263F80A76A6A24C087A091F531DBF0A0169B6A28A"
    "D662A4D18E73AFA32D779D5918D08BC8858F4DCEF97C2A24855E6EEB22B3B2E5",
    16,
)
_Q_1024 = int("F518AA8781A8DF278ABA4E7D64B7CB9D49462353", 16)
_P_2048_224 = int(
    "AD107E1E9123A9D0D660FAA79559C51FA20D64E5683B9FD1B54B1597B61D0A75E6FA141DF95A56DBAF9A3C407BA1DF15"
    "EB3D688A309C180E1DE6B85A1274A0A66D3F8152AD6AC2129037C9EDEFDA4DF8D91E8FEF55B7394B7AD5B7D0B6C12207"
    "C9F98D11ED34DBF6C6BA0B2C8BBC27BE6A00E0A0B9C49708B3BF8A317091883681286130BC8985DB1602E714415D9330"
    "278273C7DE31EFDC7310F7121FD5A07415987D9ADC0A486DCDF93ACC44328387315D75E198C641A480CD86A1B9E587E8"
    "BE60E69CC928B2B9C52172E413042E9B23F10B0E16E79763C9B53DCF4BA80A29E3FB73C16B8E75B97EF363E2FFA31F71"
    "CF9DE5384E71B81C0AC4DFFE0C10E64F",
    16,
)
_G_2048_224 = int(
    "AC4032EF4F2D9AE39DF30B5C8FFDAC506CDEBE7B89998CAF74866A08CFE4FFE3A6824A4E10B9A6F0DD921F01A70C4AFA"
    "AB739D7700C29F52C57DB17C620A8652BE5E9001A8D66AD7C17669101999024AF4D027275AC1348BB8A762D0521BC98A"
    "E247150422EA1ED409939D54DA7460CDB5F6C6B250717CBEF180EB34118E98D119529A45D6F834566E3025E316A330EF"
    "BB77A86F0C1AB15B051AE3D428C8F8ACB70A8137150B8EEB10E183EDD19963DDD9E263E4770589EF6AA21E7F5F2FF381"
    "B539CCE3409D13CD566AFBB48D6C019181E1BCFE94B30269EDFE72FE9B6AA4BD7B5A0F1C71CFFF4C19C418E1F6EC0179"
    "81BC087F2A7065B384B890D3191F2BFA",
    16,
)
_Q_2048_224 = int("801C0D34C58D93FE997177101F80535A4738CEBCBF389A99B36371EB", 16)
_P_2048_256 = int(
    "87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00E00DF8F1D61957D4FAF7DF4561B2AA30"
    "16C3D91134096FAA3BF4296D830E9A7C209E0C6497517ABD5A8A9D306BCF67ED91F9E6725B4758C022E0B1EF4275BF7B"
    "6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C4FDB70C581B23F76B63ACAE1CAA6B7902D52526735488A0E"
    "F13C6D9A51BFA4AB3AD8347796524D8EF6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026"
    "C0B857F689962856DED4010ABD0BE621C3A3960A54E710C375F26375D7014103A4B54330C198AF126116D2276E11715F"
    "693877FAD7EF09CADB094AE91E1A1597",
    16,
)
_G_2048_256 = int(
    "3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA12510DBC15077BE463FFF4FED4AAC0BB555"
    "BE3A6C1B0C6B47B1BC3773BF7E8C6F62901228F8C28CBB18A55AE31341000A650196F931C77A57F2DDF463E5E9EC144B"
    "777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC831D14348F6F2F9193B5045AF2767164E1DFC967C1FB3F2E55"
    "A4BD1BFFE83B9C80D052B985D182EA0ADB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915"
    "B3353BBB64E0EC377FD028370DF92B52C7891428CDC67EB6184B523D1DB246C32F63078490F00EF8D647D148D4795451"
    "5E2327CFEF98C582664B4C0F6CC41659",
    16,
)
_Q_2048_256 = int("8CF83642A709A097B447997640129DA299B1A47D1EB3750BA308B0FE64F5FBD3", 16)

PRIME_FIELDS: Final[tuple[PrimeField, ...]] = (
    PrimeField("modp1024_160", _P_1024, _G_1024, _Q_1024),
    PrimeField("modp2048_224", _P_2048_224, _G_2048_224, _Q_2048_224),
    PrimeField("modp2048_256", _P_2048_256, _G_2048_256, _Q_2048_256),
)

_CURVE_NUMBERS: Final = {
    8: "secp192r1",
    9: "brainpoolP192r1",
    10: "secp224r1",
    11: "brainpoolP224r1",
    12: "secp256r1",
    13: "brainpoolP256r1",
    14: "brainpoolP320r1",
    15: "secp384r1",
    16: "brainpoolP384r1",
    17: "brainpoolP512r1",
    18: "secp521r1",
}
STANDARDISED: Final[dict[int, Group]] = {
    **{number: cast("Group", group) for number, group in enumerate(PRIME_FIELDS)},
    **{number: cast("Group", CURVE_BY_NAME[name]) for number, name in _CURVE_NUMBERS.items()},
}
"""By the number that PACEInfo and ChipAuthenticationInfo give (9303-11, table 6)."""
