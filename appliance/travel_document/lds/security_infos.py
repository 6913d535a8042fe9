"""SecurityInfos (ICAO Doc 9303-11, 9.2): what EF.CardAccess, CardSecurity and DG14 say that a chip can do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed
from appliance.travel_document.pki.keys import DhKey, EcKey, parse_public_key

TAG_DG14: Final = 0x6E
MAX_INFOS: Final = 64
"""The richest chip seen has 16."""

PACE: Final = "0.4.0.127.0.7.2.2.4"
CHIP_AUTHENTICATION: Final = "0.4.0.127.0.7.2.2.3"
CHIP_AUTHENTICATION_KEY: Final = "0.4.0.127.0.7.2.2.1"
TERMINAL_AUTHENTICATION: Final = "0.4.0.127.0.7.2.2.2"
ACTIVE_AUTHENTICATION: Final = "2.23.136.1.1.5"

_MAPPINGS: Final = {
    1: ("DH", "GM"),
    2: ("ECDH", "GM"),
    3: ("DH", "IM"),
    4: ("ECDH", "IM"),
    6: ("ECDH", "CAM"),
}
_CIPHERS: Final = {1: ("3DES", 16), 2: ("AES", 16), 3: ("AES", 24), 4: ("AES", 32)}
_AGREEMENTS: Final = {1: "DH", 2: "ECDH"}
_STRENGTH: Final = {"CAM": 2, "GM": 1, "IM": 0}
"""Which mapping is preferred: CAM authenticates the chip too, GM is what every chip was tested with."""


@dataclass(frozen=True, slots=True)
class Cipher:
    """3DES or AES with the length of its keys in bytes."""

    name: str
    key_bytes: int

    @property
    def description(self) -> str:
        return self.name if self.name == "3DES" else f"{self.name}-{8 * self.key_bytes}"


@dataclass(frozen=True, slots=True)
class PaceInfo:
    """One way of PACE that the chip offers."""

    oid: str
    version: int
    parameter_id: int | None
    """Of the standardised domain parameters; None when a PACEDomainParameterInfo is to say."""

    @property
    def agreement(self) -> str:
        return self._form[0]

    @property
    def mapping(self) -> str:
        return self._form[1]

    @property
    def cipher(self) -> Cipher:
        return Cipher(*_CIPHERS[int(self.oid.split(".")[-1])])

    @property
    def description(self) -> str:
        return f"PACE-{self.agreement}-{self.mapping}-{self.cipher.description}"

    @property
    def strength(self) -> tuple[int, int]:
        return _STRENGTH[self.mapping], self.cipher.key_bytes if self.cipher.name == "AES" else 0

    @property
    def _form(self) -> tuple[str, str]:
        return _MAPPINGS[int(self.oid.split(".")[-2])]


@dataclass(frozen=True, slots=True)
class ChipAuthenticationInfo:
    """One way of Chip Authentication."""

    oid: str
    version: int
    key_id: int | None
    inferred: bool = False
    """The chip did not state it; it follows from the key (French documents leave it out)."""

    @property
    def agreement(self) -> str:
        return _AGREEMENTS[int(self.oid.split(".")[-2])]

    @property
    def cipher(self) -> Cipher:
        return Cipher(*_CIPHERS[int(self.oid.split(".")[-1])])

    @property
    def description(self) -> str:
        return f"CA-{self.agreement}-{self.cipher.description}"


@dataclass(frozen=True, slots=True)
class ChipAuthenticationKey:
    """A static public key of the chip."""

    key: EcKey | DhKey
    key_id: int | None

    @property
    def agreement(self) -> str:
        return "ECDH" if isinstance(self.key, EcKey) else "DH"


@dataclass(frozen=True, slots=True)
class SecurityInfos:
    """All that was said, in its order; what is not known is kept as bytes."""

    pace: tuple[PaceInfo, ...] = ()
    chip_authentication: tuple[ChipAuthenticationInfo, ...] = ()
    chip_authentication_keys: tuple[ChipAuthenticationKey, ...] = ()
    active_authentication_digest: str | None = None
    terminal_authentication: bool = False
    explicit_pace_parameters: bool = False
    """The chip brings domain parameters of its own; they are not used."""
    unknown: tuple[bytes, ...] = field(default=(), repr=False)
    unread: int = 0
    """Entries of a known kind that could not be read."""

    def chip_authentication_ways(self) -> tuple[tuple[ChipAuthenticationInfo, ChipAuthenticationKey], ...]:
        """Every stated way with its key, the strongest first; an inferred one where none is stated."""
        ways = []
        for info in self.chip_authentication:
            for key in self.chip_authentication_keys:
                if info.agreement == key.agreement and info.key_id in (None, key.key_id):
                    ways.append((info, key))
                    break
        if not ways and not self.chip_authentication:
            ways = [(_inferred(key), key) for key in self.chip_authentication_keys]
        return tuple(sorted(ways, key=lambda way: _strength(way[0].cipher), reverse=True))


def read_card_access(content: bytes) -> SecurityInfos:
    """What EF.CardAccess says.

    Raises:
        Malformed: it is no SecurityInfos.
    """
    return read_security_infos(der.parse(content))


def read_dg14(content: bytes) -> SecurityInfos:
    """What EF.DG14 says.

    Raises:
        Malformed: it is no EF.DG14.
    """
    return read_security_infos(der.parse(tlv.decode_one(content, TAG_DG14).value))


def read_security_infos(element: der.Element) -> SecurityInfos:
    """The SET of all infos."""
    infos = element.expect(der.SET).children()
    if len(infos) > MAX_INFOS:
        raise LimitExceeded(f"A chip states more than {MAX_INFOS} SecurityInfos.")
    pace, ways, keys, unknown = [], [], [], []
    digest, terminal, explicit, unread = None, False, False, 0
    for info in infos:
        fields = info.expect(der.SEQUENCE).fields()
        oid = fields.take(der.OBJECT_IDENTIFIER).oid()
        try:
            if _is_way(oid, PACE, _MAPPINGS):
                pace.append(_pace(oid, fields))
            elif oid.startswith(PACE + "."):
                explicit = True
            elif _is_way(oid, CHIP_AUTHENTICATION, _AGREEMENTS):
                ways.append(_chip_authentication(oid, fields))
            elif oid in (f"{CHIP_AUTHENTICATION_KEY}.1", f"{CHIP_AUTHENTICATION_KEY}.2"):
                keys.append(_chip_authentication_key(fields))
            elif oid == ACTIVE_AUTHENTICATION:
                fields.take(der.INTEGER)
                digest = _active_authentication_digest(fields.take(der.OBJECT_IDENTIFIER).oid())
            elif oid.startswith(TERMINAL_AUTHENTICATION):
                terminal = True
            else:
                unknown.append(info.raw)
        except EmrtdError:
            unread += 1
    return SecurityInfos(
        tuple(pace), tuple(ways), tuple(keys), digest, terminal, explicit, tuple(unknown), unread
    )


def pace_ways(infos: Iterable[PaceInfo]) -> tuple[PaceInfo, ...]:
    """The ways of PACE in the order in which they are tried."""
    return tuple(sorted(infos, key=lambda info: info.strength, reverse=True))


def _is_way(oid: str, root: str, forms: dict[int, tuple[str, str]] | dict[int, str]) -> bool:
    if not oid.startswith(root + "."):
        return False
    rest = oid[len(root) + 1 :].split(".")
    if len(rest) != 2 or int(rest[0]) not in forms or int(rest[1]) not in _CIPHERS:
        return False
    return not (root == PACE and rest == ["6", "1"])  # CAM has no 3DES


def _pace(oid: str, fields: der.Fields) -> PaceInfo:
    version = fields.take(der.INTEGER).integer()
    number = fields.maybe(der.INTEGER)
    return PaceInfo(oid, version, number.integer() if number is not None else None)


def _chip_authentication(oid: str, fields: der.Fields) -> ChipAuthenticationInfo:
    version = fields.take(der.INTEGER).integer()
    number = fields.maybe(der.INTEGER)
    return ChipAuthenticationInfo(oid, version, number.integer() if number is not None else None)


def _chip_authentication_key(fields: der.Fields) -> ChipAuthenticationKey:
    key = parse_public_key(fields.take(der.SEQUENCE))
    number = fields.maybe(der.INTEGER)
    if not isinstance(key, EcKey | DhKey):
        raise Malformed("A key for Chip Authentication is none that can agree.")
    return ChipAuthenticationKey(key, number.integer() if number is not None else None)


def _inferred(key: ChipAuthenticationKey) -> ChipAuthenticationInfo:
    """3DES, which was all there was when chips left the info out (seen on French documents)."""
    form = next(number for number, name in _AGREEMENTS.items() if name == key.agreement)
    return ChipAuthenticationInfo(f"{CHIP_AUTHENTICATION}.{form}.1", 1, key.key_id, inferred=True)


def _strength(cipher: Cipher) -> int:
    return cipher.key_bytes if cipher.name == "AES" else 0


_PLAIN_ECDSA: Final = "0.4.0.127.0.7.1.1.4.1."
_PLAIN_DIGESTS: Final = {"1": "sha1", "2": "sha224", "3": "sha256", "4": "sha384", "5": "sha512"}


def _active_authentication_digest(oid: str) -> str:
    """The digest in an ActiveAuthenticationInfo's algorithm, which is a plain ECDSA of TR-03111."""
    digest = _PLAIN_DIGESTS.get(oid.removeprefix(_PLAIN_ECDSA)) if oid.startswith(_PLAIN_ECDSA) else None
    if digest is None:
        raise Malformed("Active Authentication states an algorithm that it cannot have.")
    return digest
