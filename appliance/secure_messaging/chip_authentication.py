"""Chip Authentication (ICAO Doc 9303-11, 6.2): the terminal's secret half, kept by whoever judges the chip.

`lane` makes the one-time key and the first command under the new keys; `capture` carries both to the chip
without knowing them, so that an answer that fits can have come from nobody but the chip that holds the
private key. Only then are the session keys handed over.
"""

from dataclasses import dataclass
from typing import Final

from appliance.secure_messaging.apdu import (
    MAX_EXTENDED_LE,
    MAX_SHORT_DATA,
    MAX_SHORT_LE,
    Command,
    Ins,
    Response,
)
from appliance.secure_messaging.errors import SecureMessagingError
from appliance.secure_messaging.key_derivation import derive_key, make_cipher
from appliance.secure_messaging.session import SecureMessaging
from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import Malformed
from appliance.travel_document.lds.security_infos import (
    ChipAuthenticationInfo,
    ChipAuthenticationKey,
    Cipher,
    SecurityInfos,
)
from appliance.travel_document.pki.groups import Group
from appliance.travel_document.pki.keys import EcKey

MSE_SET_AT: Final = (0x41, 0xA4)
MSE_SET_KAT: Final = (0x41, 0xA6)
DO_DYNAMIC: Final = 0x7C
DO_EPHEMERAL: Final = 0x80
DO_EPHEMERAL_KAT: Final = 0x91
DO_MECHANISM: Final = 0x80
DO_KEY_REFERENCE: Final = 0x84


@dataclass(frozen=True, slots=True, repr=False)
class SessionKeys:
    """What a session is made of; secret, hence without repr."""

    cipher: Cipher
    key_enc: bytes
    key_mac: bytes

    def session(self) -> SecureMessaging:
        """The session from its start: the counter at zero (9.8.6.3)."""
        made = make_cipher(self.cipher, self.key_enc, self.key_mac)
        return SecureMessaging(made, bytes(made.block_bytes))


class ChipAuthentication:
    """One run with one of the chip's keys."""

    def __init__(
        self, info: ChipAuthenticationInfo, key: ChipAuthenticationKey, *, secret: int | None = None
    ) -> None:
        self.info = info
        self._key = key
        group = self._group
        if secret is None:
            self._secret, self._public = group.generate()
        else:
            self._secret, self._public = secret, group.public(secret)
        shared = group.agree(self._secret, self.public_key)
        cipher = info.cipher
        self.keys = SessionKeys(cipher, derive_key(cipher, shared, 1), derive_key(cipher, shared, 2))
        self._session = self.keys.session()

    @property
    def public_key(self) -> bytes:
        """The chip's key that is agreed with, as it travels."""
        return self._key.key.point if isinstance(self._key.key, EcKey) else self._key.key.value

    @property
    def _group(self) -> Group:
        return self._key.key.curve if isinstance(self._key.key, EcKey) else self._key.key.group

    def commands(self) -> tuple[Command, ...]:
        """What is sent under the session that there is; the last one starts the new one.

        3DES chips know MSE:Set KAT, AES chips the pair of MSE:Set AT and GENERAL AUTHENTICATE (6.2.4).
        """
        reference = b""
        if self.info.key_id is not None:
            number = self.info.key_id
            size = max(1, (number.bit_length() + 7) // 8)
            reference = tlv.encode(DO_KEY_REFERENCE, number.to_bytes(size))
        if self.info.cipher.name == "3DES":
            data = tlv.encode(DO_EPHEMERAL_KAT, self._public) + reference
            return (Command(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, *MSE_SET_KAT, data),)
        mechanism = tlv.encode(DO_MECHANISM, der.oid_bytes(self.info.oid)) + reference
        dynamic = tlv.encode(DO_DYNAMIC, tlv.encode(DO_EPHEMERAL, self._public))
        le = MAX_SHORT_LE if len(dynamic) <= MAX_SHORT_DATA else MAX_EXTENDED_LE
        return (
            Command(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, *MSE_SET_AT, mechanism),
            Command(0x00, Ins.GENERAL_AUTHENTICATE, 0, 0, dynamic, le),
        )

    def first_command(self, plain: Command) -> Command:
        """The first command under the new keys: its answer is the proof."""
        return self._session.protect(plain)

    def proof(self, answer: bytes) -> Response:
        """What the chip answered to the first command, if it knew the new keys.

        Raises:
            SecureMessagingError: it did not; this is not the chip whose key DG14 holds.
        """
        try:
            return self._session.unprotect(Response.decode(answer))
        except Malformed as error:
            raise SecureMessagingError("The chip's answer is no response.") from error


def ways_of(infos: SecurityInfos) -> tuple[tuple[ChipAuthenticationInfo, ChipAuthenticationKey], ...]:
    """Every way of Chip Authentication, the strongest first."""
    return infos.chip_authentication_ways()


def begin(infos: SecurityInfos) -> ChipAuthentication | None:
    """A run with the strongest way that the chip states; None when it states none."""
    ways = ways_of(infos)
    return ChipAuthentication(*ways[0]) if ways else None
