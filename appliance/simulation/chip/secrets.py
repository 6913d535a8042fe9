"""What a chip keeps to itself: its access passwords and the private halves of its keys, for every scheme
there is."""

import hashlib
import secrets
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import rsa

from appliance.simulation.chip import asn1
from appliance.simulation.chip.authority import Holder
from appliance.simulation.chip.signing import Signing, ec_key_info, ec_signing, rsa_signing
from appliance.travel_document.lds.security_infos import (
    ACTIVE_AUTHENTICATION,
    CHIP_AUTHENTICATION,
    CHIP_AUTHENTICATION_KEY,
    PACE,
    ChipAuthenticationInfo,
    PaceInfo,
)
from appliance.travel_document.lds.tlv import encode
from appliance.travel_document.pki.groups import STANDARDISED, Curve, Group, PrimeField

_MAPPINGS = {("DH", "GM"): 1, ("ECDH", "GM"): 2, ("DH", "IM"): 3, ("ECDH", "IM"): 4, ("ECDH", "CAM"): 6}
_CIPHERS = {"3DES": 1, "AES-128": 2, "AES-192": 3, "AES-256": 4}
CARD_SECURITY_TYPE = "0.4.0.127.0.7.3.2.1"


def pace_info(mapping: str = "GM", cipher: str = "AES-128", parameter_id: int = 12) -> PaceInfo:
    """One way of PACE in these words; DH or ECDH follows from the parameters."""
    agreement = "ECDH" if isinstance(STANDARDISED[parameter_id], Curve) else "DH"
    return PaceInfo(f"{PACE}.{_MAPPINGS[agreement, mapping]}.{_CIPHERS[cipher]}", 2, parameter_id)


def chip_authentication_info(
    cipher: str = "AES-128", parameter_id: int = 12, key_id: int | None = None
) -> ChipAuthenticationInfo:
    """One way of Chip Authentication."""
    agreement = 2 if isinstance(STANDARDISED[parameter_id], Curve) else 1
    return ChipAuthenticationInfo(f"{CHIP_AUTHENTICATION}.{agreement}.{_CIPHERS[cipher]}", 1, key_id)


@dataclass(frozen=True, slots=True, repr=False)
class StaticKey:
    """A key pair for Chip Authentication or the mapping, in a standardised group."""

    parameter_id: int
    secret: int
    public: bytes
    key_id: int | None = None

    @property
    def group(self) -> Group:
        return STANDARDISED[self.parameter_id]

    @classmethod
    def generate(cls, parameter_id: int, key_id: int | None = None) -> "StaticKey":
        return cls(parameter_id, *STANDARDISED[parameter_id].generate(), key_id)


@dataclass(frozen=True, slots=True, repr=False)
class ChipSecrets:
    """The schemes of one chip; a fresh one speaks BAC alone."""

    pace: tuple[PaceInfo, ...] = ()
    can: str | None = None
    bac: bool = True
    chip_authentication: tuple[ChipAuthenticationInfo, ...] = ()
    static_keys: tuple[StaticKey, ...] = ()
    states_chip_authentication: bool = True
    """False: DG14 holds the key and does not say what for, as French documents do."""
    active_authentication: Signing | None = None
    plain_signatures: bool = True
    """ECDSA plain as the standard has it; False: in DER."""
    explicit_curves: bool = True

    def cloned(self) -> "ChipSecrets":
        """The same chip to look at, with other private keys: what a clone has."""
        keys = tuple(
            StaticKey(one.parameter_id, one.group.generate()[0], one.public, one.key_id)
            for one in self.static_keys
        )
        signing = self.active_authentication
        if signing is not None:
            signing = (
                ec_signing(signing.curve.name, signing.digest)
                if signing.curve is not None
                else rsa_signing(signing.key.key_size, signing.digest)
            )
        return replace(self, static_keys=keys, active_authentication=signing)

    # What of it is in files

    def card_access(self) -> bytes | None:
        """EF.CardAccess."""
        if not self.pace:
            return None
        return asn1.set_of(*map(_pace, self.pace))

    def card_security(self, signer: Holder) -> bytes | None:
        """EF.CardSecurity, where the mapping needs it."""
        if not any(info.mapping == "CAM" for info in self.pace):
            return None
        infos = [*map(_pace, self.pace), *map(self._key, self.static_keys)]
        return signer.signed_data(CARD_SECURITY_TYPE, asn1.set_of(*infos))

    def dg14(self) -> bytes | None:
        """EF.DG14."""
        infos = [_pace(info) for info in self.pace]
        if self.states_chip_authentication:
            infos += [_chip_authentication(info) for info in self.chip_authentication]
        if self.chip_authentication:
            infos += map(self._key, self.static_keys)
        signing = self.active_authentication
        if signing is not None and signing.curve is not None:
            plain = {"sha1": 1, "sha224": 2, "sha256": 3, "sha384": 4, "sha512": 5}[signing.digest]
            infos.append(
                asn1.sequence(
                    asn1.oid(ACTIVE_AUTHENTICATION),
                    asn1.integer(1),
                    asn1.oid(f"0.4.0.127.0.7.1.1.4.1.{plain}"),
                )
            )
        if not infos:
            return None
        return encode(0x6E, asn1.set_of(*infos))

    def dg15(self) -> bytes | None:
        """EF.DG15."""
        if self.active_authentication is None:
            return None
        return encode(0x6F, self.active_authentication.public_key_info)

    def _key(self, key: StaticKey) -> bytes:
        group = key.group
        if isinstance(group, Curve):
            kind, info = 2, ec_key_info(group, key.public, explicit=self.explicit_curves)
        else:
            assert isinstance(group, PrimeField)
            value = asn1.integer(int.from_bytes(key.public))
            parameters = asn1.sequence(asn1.integer(group.p), asn1.integer(group.g))
            algorithm = asn1.sequence(asn1.oid("1.2.840.113549.1.3.1"), parameters)
            kind, info = 1, asn1.sequence(algorithm, asn1.bits(value))
        number = [asn1.integer(key.key_id)] if key.key_id is not None else []
        return asn1.sequence(asn1.oid(f"{CHIP_AUTHENTICATION_KEY}.{kind}"), info, *number)

    # What the chip computes

    def sign_challenge(self, challenge: bytes) -> bytes:
        """Active Authentication's answer."""
        signing = self.active_authentication
        assert signing is not None
        if signing.curve is not None:
            return signing.sign_plain(challenge) if self.plain_signatures else signing.sign(challenge)
        return iso9796_2(signing.key, challenge, signing.digest)


def iso9796_2(key: rsa.RSAPrivateKey, challenge: bytes, digest: str) -> bytes:
    """ISO/IEC 9796-2 scheme 1 over M1 || challenge; only M1 is inside (9303-11, 6.1.2.2)."""
    trailer = {
        "sha1": b"\xbc",
        "sha224": b"\x38\xcc",
        "sha256": b"\x34\xcc",
        "sha384": b"\x36\xcc",
        "sha512": b"\x35\xcc",
    }
    size = key.key_size // 8
    length = size - 1 - hashlib.new(digest, usedforsecurity=False).digest_size - len(trailer[digest])
    recovered = secrets.token_bytes(length)
    made = hashlib.new(digest, recovered + challenge, usedforsecurity=False).digest()
    message = int.from_bytes(b"\x6a" + recovered + made + trailer[digest])
    numbers = key.private_numbers()
    n = numbers.public_numbers.n
    signature = pow(message, numbers.d, n)
    return min(signature, n - signature).to_bytes(size)


def _pace(info: PaceInfo) -> bytes:
    number = [] if info.parameter_id is None else [asn1.integer(info.parameter_id)]
    return asn1.sequence(asn1.oid(info.oid), asn1.integer(info.version), *number)


def _chip_authentication(info: ChipAuthenticationInfo) -> bytes:
    number = [] if info.key_id is None else [asn1.integer(info.key_id)]
    return asn1.sequence(asn1.oid(info.oid), asn1.integer(info.version), *number)


__all__ = ["ChipSecrets", "StaticKey", "chip_authentication_info", "iso9796_2", "pace_info"]
