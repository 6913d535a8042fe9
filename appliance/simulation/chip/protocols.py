"""The chip's side of PACE and Chip Authentication (ICAO Doc 9303-11, 4.4 and 6.2)."""

import os
from collections.abc import Callable

from appliance.chip.pace import (
    DO_CHIP_DATA,
    DO_DYNAMIC,
    DO_KEY_IN,
    DO_KEY_OUT,
    DO_MAP_IN,
    DO_MAP_OUT,
    DO_NONCE,
    DO_TOKEN_IN,
    DO_TOKEN_OUT,
    Password,
    field_bits,
    nonce_bytes,
    pseudo_random,
    public_key_object,
)
from appliance.secure_messaging.apdu import Response, Status
from appliance.secure_messaging.chip_authentication import DO_EPHEMERAL, DO_EPHEMERAL_KAT, DO_KEY_REFERENCE
from appliance.secure_messaging.ciphers import AesCipher, SessionCipher, equal, pad, raw_cbc
from appliance.secure_messaging.key_derivation import password_key, session_cipher
from appliance.simulation.chip.chip_side import ChipSession
from appliance.simulation.chip.secrets import ChipSecrets, StaticKey
from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.lds.security_infos import ChipAuthenticationInfo, PaceInfo
from appliance.travel_document.pki.groups import STANDARDISED, Curve, Group

OK = Response(b"", Status.OK)
WRONG_DATA = Response(b"", Status.WRONG_DATA)
NOT_FOUND = Response(b"", Status.REFERENCED_DATA_NOT_FOUND)
DENIED = Response(b"", Status.AUTHENTICATION_FAILED)
NOT_NOW = Response(b"", Status.CONDITIONS_NOT_SATISFIED)


class PaceSide:
    """One run of PACE as the chip sees it; `session` is there when the terminal has proved the password."""

    def __init__(
        self, secrets: ChipSecrets, mrz_information: str, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._secrets = secrets
        self._passwords = {1: Password.mrz(mrz_information)}
        if secrets.can is not None:
            self._passwords[2] = Password.can(secrets.can)
        self._random = random
        self.session: ChipSession | None = None
        self._step = 0

    def set_template(self, data: bytes, *, wants_parameters: bool = False) -> Response:
        """MSE:Set AT; `wants_parameters` is the quirk of chips that must be told their only parameters."""
        objects = {one.tag: one.value for one in tlv.decode(data)}
        number = objects.get(0x84)
        if wants_parameters and number is None:
            return Response(b"", 0x6A87)
        for info in self._secrets.pace:
            if der.oid_bytes(info.oid) == objects.get(0x80) and number in (
                None,
                bytes((info.parameter_id or 0,)),
            ):
                break
        else:
            return WRONG_DATA
        password = self._passwords.get(int.from_bytes(objects.get(0x83, b"")))
        if password is None:
            return NOT_FOUND
        self._info: PaceInfo = info
        self._password = password
        self._group: Group = STANDARDISED[info.parameter_id or 0]
        self._step = 1
        return OK

    def authenticate(self, data: bytes) -> Response:
        """GENERAL AUTHENTICATE: the next step of the chain."""
        steps = (None, self._send_nonce, self._map, self._agree, self._prove)
        step = steps[self._step] if self._step < len(steps) else None
        self._step += 1
        if step is None:
            self._step = 0
            return NOT_NOW
        try:
            objects = {one.tag: one.value for one in tlv.decode_one(data, DO_DYNAMIC).children()}
            return step(objects)
        except (EmrtdError, KeyError):
            self._step = 0
            return WRONG_DATA

    def _send_nonce(self, objects: dict[int, bytes]) -> Response:  # noqa: ARG002 - the shape of a step
        cipher = self._info.cipher
        self._nonce = self._random(nonce_bytes(cipher))
        key = password_key(cipher, self._password.secret)
        return _answer(tlv.encode(DO_NONCE, raw_cbc(cipher.name, key, self._nonce, encrypt=True)))

    def _map(self, objects: dict[int, bytes]) -> Response:
        theirs = objects[DO_MAP_OUT]
        if self._info.mapping == "IM":
            random = pseudo_random(self._info.cipher, self._nonce, theirs, field_bits(self._group))
            self._mapped = self._group.map_integrated(random)
            return _answer(tlv.encode(DO_MAP_IN, b""))
        self._mapping_secret, public = self._group.generate()
        self._mapped = self._group.map_generic(self._mapping_secret, theirs, self._nonce)
        return _answer(tlv.encode(DO_MAP_IN, public))

    def _agree(self, objects: dict[int, bytes]) -> Response:
        self._theirs = objects[DO_KEY_OUT]
        secret, self._ours = self._mapped.generate()
        self._cipher: SessionCipher = session_cipher(
            self._info.cipher, self._mapped.agree(secret, self._theirs)
        )
        return _answer(tlv.encode(DO_KEY_IN, self._ours))

    def _prove(self, objects: dict[int, bytes]) -> Response:
        self._step = 0
        expected = self._cipher.token(public_key_object(self._info.oid, self._mapped, self._ours))
        if not equal(objects[DO_TOKEN_OUT], expected):
            return DENIED
        token = self._cipher.token(public_key_object(self._info.oid, self._mapped, self._theirs))
        answer = tlv.encode(DO_TOKEN_IN, token)
        if self._info.mapping == "CAM":
            answer += tlv.encode(DO_CHIP_DATA, self._chip_data())
        self.session = ChipSession(self._cipher, bytes(self._cipher.block_bytes))
        return _answer(answer)

    def _chip_data(self) -> bytes:
        assert isinstance(self._cipher, AesCipher)
        assert isinstance(self._group, Curve)
        static = next(one for one in self._secrets.static_keys if one.parameter_id == self._info.parameter_id)
        order = self._group.order
        value = pow(static.secret, -1, order) * self._mapping_secret % order
        plain = pad(value.to_bytes(self._group.order_bytes), self._cipher.block_bytes)
        return self._cipher.encrypt(b"\xff" * self._cipher.block_bytes, plain)


class ChipAuthenticationSide:
    """Chip Authentication as the chip sees it; the session it leads to begins after the answer has gone
    out."""

    def __init__(self, secrets: ChipSecrets) -> None:
        self._secrets = secrets
        self._info: ChipAuthenticationInfo | None = None
        self._key: StaticKey | None = None
        self.next_session: ChipSession | None = None

    def set_key_agreement_template(self, data: bytes) -> Response:
        """MSE:Set KAT, which is the whole protocol for 3DES."""
        objects = {one.tag: one.value for one in tlv.decode(data)}
        for info in self._secrets.chip_authentication:
            if info.cipher.name == "3DES":
                return self._agree(info, self._key_of(info, objects), objects.get(DO_EPHEMERAL_KAT, b""))
        return WRONG_DATA

    def set_template(self, data: bytes) -> Response:
        """MSE:Set AT."""
        objects = {one.tag: one.value for one in tlv.decode(data)}
        for info in self._secrets.chip_authentication:
            if der.oid_bytes(info.oid) == objects.get(0x80):
                self._info, self._key = info, self._key_of(info, objects)
                return OK if self._key is not None else NOT_FOUND
        return WRONG_DATA

    def authenticate(self, data: bytes) -> Response:
        """GENERAL AUTHENTICATE."""
        if self._info is None:
            return NOT_NOW
        objects = {one.tag: one.value for one in tlv.decode_one(data, DO_DYNAMIC).children()}
        answer = self._agree(self._info, self._key, objects.get(DO_EPHEMERAL, b""))
        return _answer(b"") if answer.ok else answer

    def _key_of(self, info: ChipAuthenticationInfo, objects: dict[int, bytes]) -> StaticKey | None:
        number = objects.get(DO_KEY_REFERENCE)
        for key in self._secrets.static_keys:
            fits = isinstance(key.group, Curve) == (info.agreement == "ECDH")
            if fits and (number is None or key.key_id == int.from_bytes(number)):
                return key
        return None

    def _agree(self, info: ChipAuthenticationInfo, key: StaticKey | None, theirs: bytes) -> Response:
        if key is None:
            return NOT_FOUND
        try:
            cipher = session_cipher(info.cipher, key.group.agree(key.secret, theirs))
        except EmrtdError:
            return WRONG_DATA
        self.next_session = ChipSession(cipher, bytes(cipher.block_bytes))
        return OK


def _answer(objects: bytes) -> Response:
    return Response(tlv.encode(DO_DYNAMIC, objects), Status.OK)
