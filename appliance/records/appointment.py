"""An appointment: central says who is a supervisor at one box, and a code told by telephone proves who it is.

A COSE_Sign1 (RFC 9052) by the key that signed the box's answer, so that a box without a shell gets its first
supervisor, and gets one again when all have gone or have forgotten their PINs. Whoever carries it has no use
for it: of the code it holds Argon2id alone, and the code is too long to be found within its days.
"""

import datetime as dt
import re
import secrets
from typing import Annotated, Any, Final

import cbor2
import msgspec
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.contracts.officers import Role
from appliance.records.secret_proof import prove, proves

CONTENT_TYPE: Final = "application/vnd.borne.appointment+cbor"
VERSION: Final = 1
MAX_BYTES: Final = 2048
MAX_TIME: Final = dt.timedelta(days=14)
"""A technician's way to a far post; the box's word is that of the document, which central keeps to this."""
SKEW: Final = dt.timedelta(minutes=5)
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: without I, L, O and U, which are misheard and misread."""
CODE_LETTERS: Final = 10
"""50 bits: with Argon2id thousands of machine years, of which the document lasts days."""
_GROUP: Final = 5
_READ_AS: Final = str.maketrans("OIL", "011")
_PROOF: Final = re.compile(rb"\$argon2id\$v=19\$m=([0-9]{1,5}),t=([1-4]),p=1\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
_MAX_MEMORY_KIB: Final = 64 * 1024
"""Of looking at a code: the document says how dear that is, and a small board must be able to pay."""


class AppointmentError(Exception):
    """Why a document appoints nobody here, in one plain sentence; `code` as APPOINTMENT_PROBLEMS has it."""

    def __init__(self, sentence: str, code: str = "appointment_foreign") -> None:
        super().__init__(sentence)
        self.code = code


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """One, as signed."""

    device: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """Of the officer."""
    role: Role
    """Supervisor: whoever else works at a box, its supervisor says."""
    serial: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    proof: Annotated[bytes, msgspec.Meta(max_length=160)]
    """Argon2id of the code."""
    not_before: dt.datetime
    expires: dt.datetime

    def counts(self, *, now: dt.datetime, sure: bool, floor: dt.datetime) -> bool:
        """Whether its time is now; on an unsure clock until it is certainly over."""
        if not sure:
            return floor < self.expires
        return self.not_before - SKEW <= now < self.expires


def make_appointment(
    *, device: str, name: str, now: dt.datetime, lasts: dt.timedelta
) -> tuple[Appointment, str]:
    """The appointment of a supervisor, and the code, which is kept nowhere.

    Raises:
        AppointmentError: nobody is called so, or it would last too long.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise AppointmentError("A name has 1 to 64 characters.")
    if not dt.timedelta(0) < lasts <= MAX_TIME:
        raise AppointmentError(f"An appointment lasts {MAX_TIME.days} days at most.")
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LETTERS))
    appointment = Appointment(
        device=device,
        name=name,
        role=Role.SUPERVISOR,
        serial=secrets.token_hex(8),
        proof=prove(code),
        not_before=now.replace(microsecond=0),
        expires=(now + lasts).replace(microsecond=0),
    )
    return appointment, code


def spoken(code: str) -> str:
    """The code in groups, as it is told by telephone."""
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))


def is_code(appointment: Appointment, typed: str) -> bool:
    """Whether this is the code, however it was written: groups, small letters, O for 0, I and L for 1."""
    letters = re.sub(r"[\s-]", "", typed).upper().translate(_READ_AS)
    return proves(appointment.proof, letters)


def sign_appointment(appointment: Appointment, *, signing_key: SigningKey) -> bytes:
    """The document as it travels."""
    protected: dict[cose.HeaderLabel, cose.HeaderValue] = {
        cose.CONTENT_TYPE: CONTENT_TYPE,
        "v": VERSION,
        "dev": appointment.device,
        "iat": appointment.not_before.isoformat(),
        "exp": appointment.expires.isoformat(),
    }
    payload: dict[str, Any] = {
        "name": appointment.name,
        "role": appointment.role.value,
        "serial": appointment.serial,
        "proof": appointment.proof,
    }
    return cose.sign1(cbor2.dumps(payload, canonical=True), protected=protected, signing_key=signing_key)


def read_appointment(data: bytes, *, key: VerifyKey) -> Appointment:
    """The appointment, verified; whether it is for this box, unspent and in time is for its reader to say.

    Raises:
        AppointmentError: not signed by this key, or no appointment that this version knows.
    """
    try:
        named, payload = cose.verify1(data, verify_key_for={cose.key_id(key): key}.get, max_bytes=MAX_BYTES)
    except cose.CoseError as error:
        raise AppointmentError(f"The appointment is not central's: {error}") from error
    if named.get(cose.CONTENT_TYPE) != CONTENT_TYPE or named.get("v") != VERSION:
        raise AppointmentError("The document is signed, but it is no appointment of this version.")
    try:
        plain = cbor.loads(payload)
        if not isinstance(plain, dict):
            raise AppointmentError("The appointment holds no words.")
        about = {"device": named.get("dev"), "not_before": named.get("iat"), "expires": named.get("exp")}
        appointment = msgspec.convert(plain | about, Appointment)
    except (cbor.CborError, msgspec.MsgspecError, ValueError, TypeError, OverflowError) as error:
        raise AppointmentError("The appointment lacks a value, or has one of another kind.") from error
    _check(appointment)
    return appointment


def _check(appointment: Appointment) -> None:
    if appointment.role is not Role.SUPERVISOR:
        raise AppointmentError("Central appoints supervisors, and nobody else.")
    if appointment.not_before.tzinfo is None or appointment.expires.tzinfo is None:
        raise AppointmentError("The appointment has a moment without a time zone.")
    if not dt.timedelta(0) < appointment.expires - appointment.not_before <= MAX_TIME:
        raise AppointmentError(f"The appointment lasts longer than {MAX_TIME.days} days, or never counts.")
    name = appointment.name
    if not name.isprintable() or name != " ".join(name.split()):
        raise AppointmentError("The appointment is for a name that nobody has.")
    proof = _PROOF.fullmatch(appointment.proof)
    if proof is None or int(proof[1]) > _MAX_MEMORY_KIB:
        raise AppointmentError("The appointment's code is kept in a way that this box does not know.")
