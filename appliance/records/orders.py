"""What the journal does when central's operator orders something; each order carried out is recorded."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from typing import Any

from appliance.contracts.movement import RECORD_TYPE_COMMAND, Stamp
from appliance.records.chain import Sealer, append, set_meta
from appliance.records.commands import Action, ChangeKey, Command, Rate, Resync, Rights, Support
from appliance.records.database import read_meta
from appliance.records.errors import CommandError
from appliance.records.retention import destroy_keys, unmark_from
from appliance.records.support import begin_support

Local = Callable[[Rights, tuple[str, ...]], dict[str, Any]]
"""What the box itself can read of these crossings is found, exported or forgotten; what to record of that."""


def carry_out(
    connection: sqlite3.Connection,
    sealer: Sealer,
    command: Command,
    *,
    stamp: Stamp,
    now: dt.datetime,
    local: Local,
) -> bool:
    """Do it and record it, in the caller's transaction; False when it was done before.

    `now` is the latest moment that is certainly past: on an unsure clock the floor, so that an order is
    refused as too late only when it is.

    Raises:
        CommandError: it is for another box, too late, or asks for what this journal does not have.
    """
    meta = read_meta(connection)
    if command.device != sealer.device:
        raise CommandError("The command is for another box.")
    if command.counter <= meta["command_counter"]:
        return False
    if command.expires_at < now:
        raise CommandError("The command came too late: it has expired.")
    done = _do(connection, meta, command, local, now)
    set_meta(connection, command_counter=command.counter)
    append(
        connection,
        sealer,
        crossing=f"command/{command.counter}",
        record_type=RECORD_TYPE_COMMAND,
        body={
            "counter": command.counter,
            "issued_at": command.issued_at.isoformat(timespec="milliseconds"),
            **done,
        },
        stamp=stamp,
    )
    return True


def _do(
    connection: sqlite3.Connection, meta: dict[str, Any], command: Command, local: Local, now: dt.datetime
) -> dict[str, Any]:
    """What was done, for the record."""
    order = command.order
    if isinstance(order, Rate):
        rate = order.records_per_second
        set_meta(connection, records_per_second="" if rate is None else rate)
        return {"kind": "rate", "records_per_second": rate}
    if isinstance(order, ChangeKey):  # the record of the change follows, in the same transaction
        return {"kind": "change_key", "reason": order.reason}
    if isinstance(order, Support):
        lasting, said = begin_support(meta, order, now)
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", lasting.items())
        return said
    if order.epoch != meta["epoch"]:
        raise CommandError("The command is for an earlier journal of this box.")
    if isinstance(order, Resync):
        return _resync(connection, meta, order, command.issued_at)
    return _rights(connection, meta, order, local)


def _resync(
    connection: sqlite3.Connection, meta: dict[str, Any], order: Resync, issued_at: dt.datetime
) -> dict[str, Any]:
    """Central holds nothing from here on: what it said before of these numbers is void."""
    if order.from_seq > meta["last_seq"] + 1:
        raise CommandError("The command asks for records that this box has not made.")
    first = max(order.from_seq, meta["base_seq"] + 1)
    reached = min(first - 1, meta["acknowledged_seq"])
    set_meta(connection, acknowledged_seq=reached, resynced_at=issued_at.isoformat(), gaps="")
    unmark_from(connection, reached + 1)
    return {"kind": "resync", "from_seq": order.from_seq, "sent_from": reached + 1}


def _rights(
    connection: sqlite3.Connection, meta: dict[str, Any], order: Rights, local: Local
) -> dict[str, Any]:
    numbers = sorted(set(order.seqs))
    if numbers[-1] > meta["last_seq"]:
        raise CommandError("The command names records that this box has not made.")
    if order.action is Action.ERASE and numbers[-1] > meta["acknowledged_seq"]:
        raise CommandError("The command would erase a record that central has not committed.")
    rows = [
        (seq, str(row[0]))
        for seq in numbers
        if (row := connection.execute("SELECT crossing FROM records WHERE seq = ?", (seq,)).fetchone())
    ]
    done: dict[str, Any] = {
        "kind": "rights",
        "request": order.request,
        "purpose": order.purpose,
        "action": order.action.value,
        "seqs": numbers,
        "held": [seq for seq, _ in rows],
        "local": local(order, tuple(crossing for _, crossing in rows)),
    }
    if order.action is Action.ERASE:
        done["erased"] = destroy_keys(connection, [seq for seq, _ in rows])
    return done
