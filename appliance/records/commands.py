"""Central's signed commands to one box: a COSE_Sign1 (RFC 9052) by the key of central's operator role.

Not whoever is at the broker commands a box, and not the key that acknowledges either: the operator's key is
another. Each command has a counter that only grows and never repeats, which is what makes replays harmless,
and a moment after which nobody shall obey it any more. The box records each that it carries out.
"""

import datetime as dt
import enum
from collections.abc import Callable, Sequence
from typing import Final

import cbor2
import msgspec
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.records.errors import CommandError

CONTENT_TYPE: Final = "application/vnd.borne.command+cbor"
VERSION: Final = 1
OPERATOR: Final = "operator"
"""The role that a command is signed in; the reader knows one key of it and no other."""
MAX_COMMAND_BYTES: Final = 64 * 1024
MAX_COMMANDS: Final = 64
"""In one message: what waits for a box that was away for weeks."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024
MAX_NUMBERS: Final = 4096
"""Records that one command names: one person's crossings in many years, several times over."""
MAX_RECORDS_PER_SECOND: Final = 10_000.0
MIN_RECORDS_PER_SECOND: Final = 0.01
"""Slower than one record in 100 seconds would be a box that is switched off by its rate."""
_MAX_TEXT: Final = 200
_MAX_NUMBER: Final = 2**53 - 1


class Resync(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="resync"):
    """Send again from this number on: central was put back from a copy, or has lost something."""

    epoch: str
    from_seq: int


class Rate(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="rate"):
    """Send no more than this; None: as fast as the line allows."""

    records_per_second: float | None


class Action(enum.StrEnum):
    """What one person's request asks of the records that central has named.

    Central can read records and the box cannot, so central finds and names them. On the box:
    find: say which of them are still here, and of which crossings the box itself remembers something;
    export: put what it remembers into the record of the command; restrict, correct: forget it, so that
    nothing is looked up in what is disputed or wrong; erase: forget it, and destroy the keys of the copies.
    """

    FIND = "find"
    EXPORT = "export"
    RESTRICT = "restrict"
    CORRECT = "correct"
    ERASE = "erase"


class Rights(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="rights"):
    """What a person's request means for this box's copies of these records."""

    request: str
    """Central's name for the request; it holds no name of a person."""
    purpose: str
    """Why, in central's words, for the log: for instance `subject_access`."""
    action: Action
    epoch: str
    seqs: tuple[int, ...]


class ChangeKey(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="change_key"):
    """Sign with a new key from now on."""

    reason: str


class Support(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="support"):
    """Let support see the box's state until then; `grant` is central's second key's word (`support.py`)."""

    request: str
    """Central's name for it."""
    reason: str
    epoch: str
    until: dt.datetime
    grant: bytes


Order = Resync | Rate | Rights | ChangeKey | Support


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command, as signed."""

    device: str
    counter: int
    """Greater than in every command before it; milliseconds since 1970 do, also after a restored backup."""
    issued_at: dt.datetime
    expires_at: dt.datetime
    order: Order


def sign_command(command: Command, *, signing_key: SigningKey) -> bytes:
    """The command as it travels."""
    protected: dict[cose.HeaderLabel, cose.HeaderValue] = {
        cose.CONTENT_TYPE: CONTENT_TYPE,
        "v": VERSION,
        "dev": command.device,
        "ctr": command.counter,
        "role": OPERATOR,
        "iat": command.issued_at.isoformat(timespec="milliseconds"),
        "exp": command.expires_at.isoformat(timespec="milliseconds"),
    }
    payload = cbor2.dumps(msgspec.to_builtins(command.order, builtin_types=(bytes,)), canonical=True)
    return cose.sign1(payload, protected=protected, signing_key=signing_key)


def read_command(data: bytes, *, verify_key_for: Callable[[bytes], VerifyKey | None]) -> Command:
    """The command, verified; whether it is for this box, new and in time is for the journal to say.

    Raises:
        CommandError: not signed by the operator, or no command that this version knows.
    """
    try:
        named, payload = cose.verify1(data, verify_key_for=verify_key_for, max_bytes=MAX_COMMAND_BYTES)
    except cose.CoseError as error:
        raise CommandError(str(error)) from error
    if named.get(cose.CONTENT_TYPE) != CONTENT_TYPE or named.get("v") != VERSION:
        raise CommandError("The message is signed, but it is no command of this version.")
    if named.get("role") != OPERATOR:
        raise CommandError("The command is not given in the operator's role.")
    plain: dict[str, object] = {
        "device": named.get("dev"),
        "counter": named.get("ctr"),
        "issued_at": named.get("iat"),
        "expires_at": named.get("exp"),
    }
    try:
        plain["order"] = cbor.loads(payload)
        command = msgspec.convert(plain, Command)
    except (cbor.CborError, msgspec.MsgspecError, ValueError, TypeError, OverflowError) as error:
        raise CommandError("The command is none that this box knows.") from error
    _check(command)
    return command


def read_message(message: bytes) -> list[bytes]:
    """The signed commands of a message: one alone, or a CBOR array of byte strings; none is verified yet.

    Raises:
        CommandError: it is neither.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise CommandError("The message with commands is larger than central sends.")
    if message[:1] == b"\xd2":
        return [message]
    try:
        commands = cbor.loads(message)
    except cbor.CborError as error:
        raise CommandError("The message with commands is not CBOR.") from error
    if not isinstance(commands, list) or len(commands) > MAX_COMMANDS:
        raise CommandError("The message is no list of commands.")
    if not all(isinstance(command, bytes) for command in commands):
        raise CommandError("The message holds something that is no command.")
    return commands


def pack_commands(commands: Sequence[bytes]) -> bytes:
    """Those that the box has not recorded yet, in the order of their counters: retained at the broker."""
    return cbor2.dumps([bytes(command) for command in commands])


def _check(command: Command) -> None:
    if command.issued_at.tzinfo is None or command.expires_at.tzinfo is None:
        raise CommandError("The command has a moment without a time zone.")
    order = command.order
    numbers: tuple[int, ...] = (command.counter,)
    texts: tuple[str, ...] = (command.device,)
    if isinstance(order, Rate):
        rate = order.records_per_second
        if rate is not None and not MIN_RECORDS_PER_SECOND <= rate <= MAX_RECORDS_PER_SECOND:
            raise CommandError("The command sets a rate that no box can keep.")
    elif isinstance(order, Resync):
        numbers, texts = (*numbers, order.from_seq), (*texts, order.epoch)
    elif isinstance(order, ChangeKey):
        texts = (*texts, order.reason)
    elif isinstance(order, Support):
        texts = (*texts, order.epoch, order.request, order.reason)
        if order.until.tzinfo is None:
            raise CommandError("The command has a moment without a time zone.")
    else:
        numbers, texts = (*numbers, *order.seqs), (*texts, order.epoch, order.request, order.purpose)
        if not 0 < len(order.seqs) <= MAX_NUMBERS:
            raise CommandError(f"The command names no record, or more than {MAX_NUMBERS}.")
    if not all(0 < number <= _MAX_NUMBER for number in numbers):
        raise CommandError("The command has a number out of range.")
    if not all(0 < len(text) <= _MAX_TEXT and text.isprintable() for text in texts):
        raise CommandError("The command has a text that central does not write.")
