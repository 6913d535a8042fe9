"""`borne-central fleet|alerts|resync|rate|change-key|commands`: what boxes say, and what they are told.

Commands need no broker here: they are signed into the database, and the receiver publishes them.
"""

import argparse
import datetime as dt
import json
from pathlib import Path

import msgspec

from appliance.contracts.wire import check_name
from appliance.records.commands import ChangeKey, Order, Rate, Resync
from central.fleet import box_keys_command
from central.fleet.alerts import close_alert, open_alerts
from central.fleet.board import board
from central.fleet.commands import give, given
from central.keys import load_operator_key
from central.rights.journal import note
from central.store import Batch, Store


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to `borne-central`."""
    fleet = _action(actions, "fleet", "each box: version, health, clock, backlog, last seen")
    fleet.set_defaults(run=_fleet)

    alerts = _action(actions, "alerts", "what somebody must see; --close when it was seen to")
    alerts.add_argument("--close", metavar="ID")
    alerts.add_argument("--by", default="")
    alerts.add_argument("--reason", default="")
    alerts.set_defaults(run=_alerts)

    commands = _action(actions, "commands", "what boxes were told, and whether they have done it")
    commands.set_defaults(run=_commands)

    resync = _action(actions, "resync", "a box sends its records again from a number on")
    resync.add_argument("device")
    resync.add_argument("--from", type=int, dest="first", required=True, metavar="N")
    resync.add_argument("--epoch", help="default: the box's present one")
    _who(resync)
    resync.set_defaults(run=_resync)

    rate = _action(actions, "rate", "how fast a box may send")
    rate.add_argument("device")
    rate.add_argument("records_per_second", help="a number, or none for as fast as it can")
    _who(rate)
    rate.set_defaults(run=_rate)

    change_key = _action(actions, "change-key", "a box signs with a new key")
    change_key.add_argument("device")
    _who(change_key)
    change_key.set_defaults(run=_change_key)

    box_keys_command.add_to(actions)


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, words: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=words)
    parser.add_argument("--database", required=True, help="a file (SQLite) or postgresql+psycopg://...")
    parser.add_argument("--json", action="store_true")
    return parser


def _who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keys", type=Path, required=True, help="the folder with operator.key")
    parser.add_argument("--by", required=True, help="who orders it")
    parser.add_argument("--purpose", required=True, help="why")


def _fleet(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    with store.reading() as batch:
        rows = board(batch.connection, now=dt.datetime.now(dt.UTC))
    store.close()
    if arguments.json:
        print(json.dumps({"boxes": msgspec.to_builtins(rows)}))
        return 0
    print(
        f"{'box':<16} {'status':<8} {'version':<10} {'clock':<9} {'backlog':>8} {'last seen':<17} "
        f"{'report':<11} problems"
    )
    for row in rows:
        backlog = "?" if row.backlog is None else str(row.backlog)
        print(
            f"{row.device:<16} {row.status:<8} {row.version or '?':<10} {row.clock_quality or '?':<9} "
            f"{backlog:>8} {(row.last_seen or 'never')[:16]:<17} {row.report_signed or '?':<11} "
            f"{', '.join(row.problems)}"
        )
    return 0


def _alerts(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    with store.batch() as batch:
        if arguments.close:
            close_alert(batch.connection, arguments.close, by=arguments.by, reason=arguments.reason)
            outcome = {"alert": arguments.close}
            purpose = arguments.reason
            note(batch.connection, by=arguments.by, action="close_alert", purpose=purpose, outcome=outcome)
        found = open_alerts(batch.connection)
    store.close()
    if arguments.json:
        print(json.dumps({"alerts": msgspec.to_builtins(found)}))
        return 0
    for alert in found:
        print(f"{alert.id}  {alert.raised_at[:16]}  {alert.device:<16} {alert.kind:<10} {alert.sentence}")
    return 0


def _commands(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    with store.reading() as batch:
        found = given(batch.connection)
    store.close()
    if arguments.json:
        print(json.dumps({"commands": msgspec.to_builtins(found)}))
        return 0
    for one in found:
        done = f"done {one.done_at[:16]}" if one.done_at else "waits"
        print(f"{one.given_at[:16]}  {one.device:<16} {one.kind:<8} {done:<22} {one.given_by}: {one.purpose}")
    return 0


def _resync(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    with store.batch() as batch:
        epoch = arguments.epoch or batch.present_epoch(check_name(arguments.device))
        if epoch is None:
            raise ValueError(f"Nothing was ever received of {arguments.device}; give --epoch.")
        _give(batch, arguments, Resync(epoch=epoch, from_seq=arguments.first))
    store.close()
    return 0


def _rate(arguments: argparse.Namespace) -> int:
    text = arguments.records_per_second
    rate = Rate(records_per_second=None if text == "none" else float(text))
    store = Store(arguments.database)
    with store.batch() as batch:
        _give(batch, arguments, rate)
    store.close()
    return 0


def _change_key(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    with store.batch() as batch:
        _give(batch, arguments, ChangeKey(reason=arguments.purpose))
    store.close()
    return 0


def _give(batch: Batch, arguments: argparse.Namespace, order: Order) -> None:
    device = check_name(arguments.device)
    if batch.device(device) is None:
        raise ValueError(f"{device} is not registered.")
    note(
        batch.connection,
        by=arguments.by,
        action=arguments.run.__name__.strip("_"),
        purpose=arguments.purpose,
        outcome={"device": device, "order": msgspec.to_builtins(order)},
    )
    give(
        batch.connection,
        device,
        order,
        by=arguments.by,
        purpose=arguments.purpose,
        signing_key=load_operator_key(arguments.keys),
        now=dt.datetime.now(dt.UTC),
    )
