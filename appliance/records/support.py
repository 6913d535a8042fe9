"""Support access to a box: an order of central's operator that carries a grant by a second key of central's.

What it opens is no shell and no way in: as long as it lasts the box writes its own state, sealed to
central, into its journal. So two keys that lie with two people are needed, it is bound to one box, one
journal and a few hours, it is recorded, and it stands on the officer's screen.
"""

import datetime as dt
from typing import Any, Final

import cbor2
import msgspec
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.records.commands import Command, Support
from appliance.records.errors import CommandError

CONTENT_TYPE: Final = "application/vnd.borne.support+cbor"
MAX_GRANT_BYTES: Final = 2048
MAX_TIME: Final = dt.timedelta(hours=24)
SKEW: Final = dt.timedelta(minutes=5)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder of central's support key has agreed to."""

    device: str
    epoch: str
    request: str
    reason: str
    until: dt.datetime


def sign_grant(grant: Grant, *, signing_key: SigningKey) -> bytes:
    """The grant, as it goes to the operator."""
    payload = cbor2.dumps(msgspec.to_builtins(grant), canonical=True)
    return cose.sign1(payload, protected={cose.CONTENT_TYPE: CONTENT_TYPE}, signing_key=signing_key)


def read_grant(data: bytes, *, key: VerifyKey) -> Grant:
    """Raises:
    CommandError: it is not signed by this key, or is no grant.
    """
    try:
        named, payload = cose.verify1(
            data, verify_key_for={cose.key_id(key): key}.get, max_bytes=MAX_GRANT_BYTES
        )
        if named.get(cose.CONTENT_TYPE) != CONTENT_TYPE:
            raise CommandError("What comes with the order for support is signed, but is no grant.")
        return msgspec.convert(cbor.loads(payload), Grant)
    except cose.CoseError as error:
        raise CommandError(f"The grant for support is not by central's support key: {error}") from error
    except (cbor.CborError, msgspec.MsgspecError, ValueError, TypeError, OverflowError) as error:
        raise CommandError("The grant for support is none that this box knows.") from error


def check_support(command: Command, key: VerifyKey | None) -> None:
    """Whether both of central's keys have agreed to this, of this box, for no longer than a day.

    Raises:
        CommandError: they have not.
    """
    order = command.order
    assert isinstance(order, Support)
    if key is None:
        raise CommandError("This box lets nobody support it: no support key is configured.")
    grant = read_grant(order.grant, key=key)
    wanted = Grant(
        device=command.device,
        epoch=order.epoch,
        request=order.request,
        reason=order.reason,
        until=order.until,
    )
    if grant != wanted:
        raise CommandError("The grant is for another box, journal, request or time than the order.")
    if not command.issued_at - SKEW <= order.until <= command.issued_at + MAX_TIME:
        raise CommandError("Support lasts a day at most.")


def begin_support(
    meta: dict[str, Any], order: Support, now: dt.datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the journal's `meta` says of it from now on, and what its record says.

    Raises:
        CommandError: it is over, or for an earlier journal.
    """
    if order.epoch != meta["epoch"]:
        raise CommandError("The command is for an earlier journal of this box.")
    if order.until <= now:
        raise CommandError("The command came too late: the time for support is over.")
    until = order.until.isoformat(timespec="seconds")
    said = {"request": order.request, "reason": order.reason, "until": until}
    return {"support_until": until, "support_request": order.request}, {"kind": "support", **said}
