"""`borne-central support-key|grant-support|support|diagnostics`: a look at a box's state, by two people's
keys.

One person grants it with the support key, which lies nowhere near the operator's; the operator orders it,
with the grant. Neither can do it alone, and the box sends its state, which is no way into it.
"""

import argparse
import datetime as dt
import json
import secrets
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from nacl.signing import SigningKey, VerifyKey

from appliance.contracts.wire import check_name
from appliance.key_files import read_key, write_key
from appliance.records import envelope as envelopes
from appliance.records.commands import Support
from appliance.records.errors import CommandError, EnvelopeError, Erased
from appliance.records.support import Grant, read_grant, sign_grant
from central.fleet.box_keys import ring_of
from central.fleet.commands import give
from central.keys import Keys, load_keys, load_operator_key
from central.rights.journal import note
from central.store import Batch, Store
from central.tables import DEVICES, RECORDS

SUPPORT: Final = "support"
MAX_HOURS: Final = 24.0
DIAGNOSTICS: Final = "diagnostics"


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to `borne-central`."""
    key = actions.add_parser(
        "support-key", help="make the second key; its public half goes among central's keys"
    )
    key.add_argument("folder", type=Path, help="of the person who grants, away from the operator's")
    key.set_defaults(run=_key)

    grant = actions.add_parser("grant-support", help="agree that support sees a box's state for some hours")
    grant.add_argument("device")
    grant.add_argument("grant", type=Path, help="the file to write, for the operator")
    grant.add_argument("--support-key", type=Path, required=True, metavar="FILE")
    grant.add_argument(
        "--epoch", required=True, help="of the box's journal, as `borne-central fleet --json` has it"
    )
    grant.add_argument("--hours", type=float, default=4.0)
    grant.add_argument("--reason", required=True)
    grant.set_defaults(run=_grant)

    support = actions.add_parser("support", help="order what was granted")
    support.add_argument("grant", type=Path)
    support.add_argument("--database", required=True, help="a file (SQLite) or postgresql+psycopg://...")
    support.add_argument(
        "--keys", type=Path, required=True, help="the folder with operator.key and support.pub"
    )
    support.add_argument("--by", required=True, help="who orders it")
    support.add_argument("--purpose", required=True, help="why")
    support.set_defaults(run=_support)

    seen = actions.add_parser("diagnostics", help="what a box told support of itself, the newest last")
    seen.add_argument("device")
    seen.add_argument("--database", required=True)
    seen.add_argument("--keys", type=Path, required=True)
    seen.add_argument("--by", required=True, help="who looks")
    seen.add_argument("--purpose", required=True, help="why")
    seen.set_defaults(run=_diagnostics)


def _key(arguments: argparse.Namespace) -> int:
    arguments.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = SigningKey.generate()
    write_key(arguments.folder / f"{SUPPORT}.key", key)
    write_key(arguments.folder / f"{SUPPORT}.pub", key.verify_key)
    return 0


def _grant(arguments: argparse.Namespace) -> int:
    if not 0 < arguments.hours <= MAX_HOURS:
        raise ValueError(f"Support lasts {MAX_HOURS:.0f} hours at most.")
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=arguments.hours)
    grant = Grant(
        device=check_name(arguments.device),
        epoch=check_name(arguments.epoch),
        request=f"support-{secrets.token_hex(4)}",
        reason=arguments.reason,
        until=until.replace(microsecond=0),
    )
    key = read_key(arguments.support_key, SigningKey)
    arguments.grant.write_bytes(sign_grant(grant, signing_key=key))
    return 0


def _support(arguments: argparse.Namespace) -> int:
    data = arguments.grant.read_bytes()
    try:
        grant = read_grant(data, key=read_key(arguments.keys / f"{SUPPORT}.pub", VerifyKey))
    except CommandError as error:
        raise ValueError(str(error)) from error
    order = Support(
        request=grant.request, reason=grant.reason, epoch=grant.epoch, until=grant.until, grant=data
    )
    store = Store(arguments.database)
    with store.batch() as batch:
        if batch.device(grant.device) is None:
            raise ValueError(f"{grant.device} is not registered.")
        outcome = {"device": grant.device, "request": grant.request, "until": grant.until.isoformat()}
        note(batch.connection, by=arguments.by, action=SUPPORT, purpose=arguments.purpose, outcome=outcome)
        give(
            batch.connection,
            grant.device,
            order,
            by=arguments.by,
            purpose=arguments.purpose,
            signing_key=load_operator_key(arguments.keys),
            now=dt.datetime.now(dt.UTC),
        )
    store.close()
    return 0


def _diagnostics(arguments: argparse.Namespace) -> int:
    """0: an object a line for each, 1: there is none."""
    device = check_name(arguments.device)
    store = Store(arguments.database)
    with store.batch() as batch:
        found = told_by(batch, device, keys=load_keys(arguments.keys))
        outcome = {"device": device, "found": len(found)}
        note(
            batch.connection, by=arguments.by, action=DIAGNOSTICS, purpose=arguments.purpose, outcome=outcome
        )
    store.close()
    for one in found:
        print(json.dumps(one, ensure_ascii=False))
    return 0 if found else 1


def told_by(batch: Batch, device: str, *, keys: Keys) -> list[dict[str, Any]]:
    """What this box told support of itself, in its order."""
    rows = batch.connection.execute(
        sa.select(RECORDS.c.epoch, RECORDS.c.seq, RECORDS.c.envelope, DEVICES.c.signing_key)
        .select_from(RECORDS.join(DEVICES, DEVICES.c.device == RECORDS.c.device))
        .where(RECORDS.c.device == device, RECORDS.c.type == DIAGNOSTICS)
        .order_by(RECORDS.c.received_at, RECORDS.c.seq)
    ).all()
    found: list[dict[str, Any]] = []
    for row in rows:
        ring = ring_of(batch.connection, device, bytes(row.signing_key))
        try:
            sealed = envelopes.verify(bytes(row.envelope), verify_key_for=ring.verifier)
            body = envelopes.open_(sealed, private_key=keys.sealing_for(sealed.header.recipient)).body
            told = msgspec.json.decode(body["bundle"])
        except (EnvelopeError, Erased, KeyError, TypeError, msgspec.MsgspecError):
            told = None
            body = {}
        found.append({"epoch": row.epoch, "seq": row.seq, "request": body.get("request"), "told": told})
    return found
