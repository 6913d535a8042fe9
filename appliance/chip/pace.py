"""Password Authenticated Connection Establishment (ICAO Doc 9303-11, 4.4), the terminal's side.

Generic, integrated and chip authentication mapping, over curves and prime fields, with 3DES and AES.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from appliance.chip.channel import Channel
from appliance.chip.errors import AccessDenied, AccessUnavailable, ProtocolFailed
from appliance.secure_messaging.apdu import (
    CLA_CHAINED,
    MAX_EXTENDED_LE,
    MAX_SHORT_LE,
    Command,
    Ins,
    Response,
    Status,
)
from appliance.secure_messaging.ciphers import AesCipher, SessionCipher, equal, raw_cbc, unpad
from appliance.secure_messaging.errors import SecureMessagingError
from appliance.secure_messaging.key_derivation import can_secret, password_key, password_seed, session_cipher
from appliance.secure_messaging.session import SecureMessaging
from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import Malformed
from appliance.travel_document.lds.security_infos import Cipher, PaceInfo
from appliance.travel_document.pki.groups import STANDARDISED, Curve, Group

DO_DYNAMIC: Final = 0x7C
DO_NONCE: Final = 0x80
DO_MAP_OUT, DO_MAP_IN = 0x81, 0x82
DO_KEY_OUT, DO_KEY_IN = 0x83, 0x84
DO_TOKEN_OUT, DO_TOKEN_IN = 0x85, 0x86
DO_CHIP_DATA: Final = 0x8A
DO_PUBLIC_KEY: Final = 0x7F49
DO_POINT, DO_VALUE = 0x86, 0x84
MSE_PACE: Final = (0xC1, 0xA4)
WITHOUT_PARAMETERS: Final = frozenset({Status.WRONG_DATA, 0x6A87, Status.REFERENCED_DATA_NOT_FOUND})
"""Chips with one set of parameters that take offence at being told it (seen on Ukrainian documents)."""

_R_CONSTANTS: Final = {
    16: (
        bytes.fromhex("A668892A7C41E3CA739F40B057D85904"),
        bytes.fromhex("A4E136AC725F738B01C1F60217C188AD"),
    ),
    32: (
        bytes.fromhex("D463D65234124EF7897054986DCA0A174E28DF758CBAA03F240616414D5A1676"),
        bytes.fromhex("54BD7255F0AAF831BEC3423FCF39D69B6CBF066677D0FAAE5AADD99DF8E53517"),
    ),
}
"""c0 and c1 by the nonce's length in bytes (4.4.3.3.2)."""


@dataclass(frozen=True, slots=True, repr=False)
class Password:
    """What opens the chip: the MRZ or the card access number."""

    kind: str
    reference: int
    secret: bytes

    @classmethod
    def mrz(cls, mrz_information: str) -> "Password":
        return cls("MRZ", 1, password_seed(mrz_information))

    @classmethod
    def can(cls, can: str) -> "Password":
        return cls("CAN", 2, can_secret(can))


@dataclass(frozen=True, slots=True, repr=False)
class ChipMapping:
    """What the chip authentication mapping left for whoever verifies it."""

    curve: str
    mapping_key: bytes
    chip_data: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Draws:
    """What a run draws: secrets, and the nonce t of the integrated mapping; tests give the standard's."""

    key: Callable[[Group], tuple[int, bytes]] = lambda group: group.generate()
    nonce: Callable[[int], bytes] = os.urandom


def supported_group(info: PaceInfo) -> Group | None:
    """The group that this way runs in; None for one that is not standardised or does not fit the way."""
    group = STANDARDISED.get(-1 if info.parameter_id is None else info.parameter_id)
    if group is None or isinstance(group, Curve) != (info.agreement == "ECDH"):
        return None
    if info.mapping == "IM" and isinstance(group, Curve) and group.p % 4 != 3:
        return None
    return group


def establish_pace(
    channel: Channel, info: PaceInfo, password: Password, *, draws: Draws | None = None
) -> ChipMapping | None:
    """Run PACE and put the channel under its session keys.

    Raises:
        AccessDenied: the chip does not accept the password.
        AccessUnavailable: the chip does not take part in this way of PACE after all.
        ProtocolFailed: it stopped on the way.
        SecureMessagingError: the chip could not prove that it knows the password.
        Malformed: it sent something that is no part of the protocol.
    """
    group = supported_group(info)
    if group is None:
        raise AccessUnavailable(f"{info.description} has domain parameters that are not used here.")
    return _Pace(channel, info, group, password, draws or Draws()).run()


class _Pace:
    def __init__(
        self, channel: Channel, info: PaceInfo, group: Group, password: Password, draws: Draws
    ) -> None:
        self._channel = channel
        self._info = info
        self._group = group
        self._password = password
        self._draws = draws

    def run(self) -> ChipMapping | None:
        info, draws = self._info, self._draws
        with ThreadPoolExecutor(1) as aside:
            # The mapping key is made while the chip is busy with its nonce.
            pair = None if info.mapping == "IM" else aside.submit(draws.key, self._group)
            self._set_template()
            nonce = self._decrypt_nonce(self._step("nonce", b"", DO_NONCE))
            if pair is None:
                mapped, mapping_key = self._map_integrated(nonce), b""
            else:
                mapped, mapping_key = self._map_generic(nonce, *pair.result())
        secret, public = draws.key(mapped)
        chip_public = self._step("key_agreement", tlv.encode(DO_KEY_OUT, public), DO_KEY_IN)
        if chip_public == public:
            raise Malformed("The chip sends our own key back.")
        cipher = session_cipher(info.cipher, mapped.agree(secret, chip_public))
        answer = self._authenticate(cipher.token(public_key_object(info.oid, mapped, chip_public)))
        token = answer.child(DO_TOKEN_IN).value
        if not equal(token, cipher.token(public_key_object(info.oid, mapped, public))):
            raise SecureMessagingError("The chip could not prove that it knows the password.")
        self._channel.protect_with(SecureMessaging(cipher, bytes(cipher.block_bytes)))
        return self._chip_mapping(cipher, answer, mapping_key)

    def _set_template(self) -> None:
        """MSE:Set AT, with the number of the parameters, then without where the chip minds it."""
        parameters = (
            b"" if self._info.parameter_id is None else tlv.encode(0x84, bytes((self._info.parameter_id,)))
        )
        answer = self._manage(parameters)
        if answer.status in WITHOUT_PARAMETERS:
            answer = self._manage(b"")
        # 63Cx: the password has few tries left, which concerns us only when it is wrong.
        if not answer.ok and answer.status >> 4 != 0x63C:
            raise AccessUnavailable(
                f"The chip does not begin {self._info.description} (status {answer.status:04X})."
            )

    def _manage(self, parameters: bytes) -> Response:
        data = (
            tlv.encode(0x80, der.oid_bytes(self._info.oid))
            + tlv.encode(0x83, bytes((self._password.reference,)))
            + parameters
        )
        return self._channel.send(Command(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, *MSE_PACE, data))

    def _step(self, name: str, objects: bytes, wanted: int, *, last: bool = False) -> bytes:
        return self._exchange(name, objects, last=last).child(wanted).value

    def _exchange(self, name: str, objects: bytes, *, last: bool) -> tlv.Tlv:
        data = tlv.encode(DO_DYNAMIC, objects)
        # An answer is about as long as its question; only large prime fields need the long form.
        le = MAX_SHORT_LE if len(data) < MAX_SHORT_LE else MAX_EXTENDED_LE
        cla = 0x00 if last else CLA_CHAINED
        answer = self._channel.send(Command(cla, Ins.GENERAL_AUTHENTICATE, 0, 0, data, le))
        if not answer.ok:
            if last and answer.status >> 8 == 0x63:
                raise AccessDenied(f"The chip does not open with this password (status {answer.status:04X}).")
            raise ProtocolFailed(
                name, f"PACE stopped at the step {name} (status {answer.status:04X}).", answer.status
            )
        return tlv.decode_one(answer.data, DO_DYNAMIC)

    def _authenticate(self, token: bytes) -> tlv.Tlv:
        return self._exchange("mutual_authentication", tlv.encode(DO_TOKEN_OUT, token), last=True)

    def _decrypt_nonce(self, encrypted: bytes) -> bytes:
        cipher = self._info.cipher
        if len(encrypted) != nonce_bytes(cipher):
            raise Malformed("The chip's nonce has the wrong size.")
        return raw_cbc(cipher.name, password_key(cipher, self._password.secret), encrypted, encrypt=False)

    def _map_generic(self, nonce: bytes, secret: int, public: bytes) -> tuple[Group, bytes]:
        chip_public = self._step("mapping", tlv.encode(DO_MAP_OUT, public), DO_MAP_IN)
        if chip_public == public:
            raise Malformed("The chip sends our own key back.")
        return self._group.map_generic(secret, chip_public, nonce), chip_public

    def _map_integrated(self, nonce: bytes) -> Group:
        cipher = self._info.cipher
        ours = self._draws.nonce(cipher.key_bytes)
        self._exchange("mapping", tlv.encode(DO_MAP_OUT, ours), last=False)
        return self._group.map_integrated(pseudo_random(cipher, nonce, ours, field_bits(self._group)))

    def _chip_mapping(self, cipher: SessionCipher, answer: tlv.Tlv, mapping_key: bytes) -> ChipMapping | None:
        if self._info.mapping != "CAM":
            return None
        assert isinstance(cipher, AesCipher)
        encrypted = answer.child(DO_CHIP_DATA).value
        if not encrypted or len(encrypted) % cipher.block_bytes:
            raise Malformed("The chip's authentication data is not a whole number of blocks.")
        plain = unpad(decrypt_chip_data(cipher, encrypted), cipher.block_bytes)
        if plain is None:
            raise Malformed("The chip's authentication data has no valid padding.")
        assert isinstance(self._group, Curve)
        return ChipMapping(self._group.name, mapping_key, plain)


def public_key_object(oid: str, group: Group, public: bytes) -> bytes:
    """What the authentication token is made over (4.4.3.4, 9.4)."""
    tag = DO_POINT if isinstance(group, Curve) else DO_VALUE
    return tlv.encode(DO_PUBLIC_KEY, tlv.encode(0x06, der.oid_bytes(oid)) + tlv.encode(tag, public))


def decrypt_chip_data(cipher: AesCipher, encrypted: bytes) -> bytes:
    """CA_IC, padded: CBC whose IV is the encryption of minus one (4.4.3.5.4), as if that were the counter."""
    return cipher.decrypt(b"\xff" * cipher.block_bytes, encrypted)


def nonce_bytes(cipher: Cipher) -> int:
    """The length of s: the smallest multiple of the block size that is no shorter than the key (4.4.3.3)."""
    return 32 if cipher.key_bytes > 16 else 16


def field_bits(group: Group) -> int:
    """log2 p, of which the integrated mapping wants 64 bits more."""
    return int(getattr(group, "p")).bit_length()  # noqa: B009 - both kinds have it, the Protocol does not


def pseudo_random(cipher: Cipher, nonce: bytes, ours: bytes, bits: int) -> bytes:
    """R(s, t) (4.4.3.3.2)."""
    c0, c1 = _R_CONSTANTS[len(nonce)]
    key = raw_cbc(cipher.name, ours, nonce, encrypt=True)[: cipher.key_bytes]
    out = b""
    while 8 * len(out) < bits + 64:
        out += raw_cbc(cipher.name, key, c1, encrypt=True)
        key = raw_cbc(cipher.name, key, c0, encrypt=True)[: cipher.key_bytes]
    return out
