"""The fleet table: of each box its version, health, clock, backlog, and when it was last heard."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts import wire
from appliance.contracts.telemetry import Plain, flat
from central.fleet.report_signatures import problems as report_problems
from central.fleet.report_signatures import states
from central.tables import CLOCKS, DEVICES, EPOCHS, RECORDS

SILENT_SECONDS: Final = 300.0
"""Ten reports of health missed."""
CLOCK_SECONDS: Final = 60.0
"""A box that is further off is wrong about what has expired today."""
DISK_SHARE: Final = 0.2
"""Less free: the alarm of the disk quota (80 % full)."""
Flat = Mapping[str, Plain]


class FleetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One box. What it does not tell is None."""

    device: str
    status: str
    version: str | None
    profile: str | None
    key_tier: str | None
    last_seen: str | None
    clock_quality: str | None
    clock_offset_seconds: float | None
    """The box's clock less central's, at its last report."""
    backlog: int | None
    """Records that the box has not heard acknowledged."""
    stored: int
    """Records of its present epoch here."""
    epoch: str | None
    problems: tuple[str, ...]
    report_signed: str | None = None
    """Who signed the health report: signed (the box), unsigned, unknown_key; None: none has come."""


def board(connection: Connection, *, now: dt.datetime) -> tuple[FleetRow, ...]:
    """All registered boxes, by name."""
    clocks = {row.device: row.offset_seconds for row in connection.execute(sa.select(CLOCKS))}
    return tuple(
        _row(connection, row, clocks.get(row.device), now)
        for row in connection.execute(sa.select(DEVICES).order_by(DEVICES.c.device)).all()
    )


def _row(connection: Connection, device: Any, offset: float | None, now: dt.datetime) -> FleetRow:
    told = _telemetry(device.telemetry)
    epochs = connection.execute(
        sa.select(EPOCHS.c.epoch, EPOCHS.c.forked_at)
        .where(EPOCHS.c.device == device.device)
        .order_by(EPOCHS.c.first_seen_at.desc(), EPOCHS.c.epoch.desc())
    ).all()
    epoch = _text(told.get("records_epoch")) or (epochs[0].epoch if epochs else None)
    stored = connection.execute(
        sa.select(sa.func.count()).where(RECORDS.c.device == device.device, RECORDS.c.epoch == epoch)
    ).scalar_one()
    problems = _problems(device, told, offset, now)
    reports = states(connection, device.device)
    problems += report_problems(reports, now=now)
    if any(row.forked_at is not None for row in epochs):
        problems.append("two records of one number: a copied journal or a copied key")
    return FleetRow(
        device=device.device,
        status=device.status or "unknown",
        version=_text(told.get("version")),
        profile=_text(told.get("profile")),
        key_tier=_text(told.get("key_tier")),
        last_seen=device.heard_at,
        clock_quality=_text(told.get("records_time_quality")),
        clock_offset_seconds=offset,
        backlog=_number(told.get("records_unsent")),
        stored=int(stored),
        epoch=epoch,
        problems=tuple(problems),
        report_signed=next((one.taken for one in reports if one.what == wire.TELEMETRY), None),
    )


def _problems(device: Any, told: Flat, offset: float | None, now: dt.datetime) -> list[str]:
    problems = []
    heard = _moment(device.heard_at)
    if heard is None:
        problems.append("never heard")
    elif (now - heard).total_seconds() > SILENT_SECONDS:
        problems.append(f"silent since {device.heard_at[:16]}")
    if device.status == "offline":
        problems.append("offline")
    if offset is not None and abs(offset) > CLOCK_SECONDS:
        problems.append(f"clock {offset:+.0f} s")
    if told.get("records_time_quality") == "unsure":
        problems.append("clock unsure")
    total, free = _number(told.get("box_disk_total_bytes")), _number(told.get("box_disk_free_bytes"))
    if total and free is not None and free < DISK_SHARE * total:
        problems.append(f"disk {100 * (1 - free / total):.0f} % full")
    for name, value in sorted(told.items()):
        if name.startswith("records_notices_"):
            problems.append(str(value).replace("_", " "))
        elif name.startswith("devices_") and name.endswith("_state") and value in ("FAULT", "ABSENT"):
            kind = told.get(name.removesuffix("state") + "kind")
            problems.append(f"{kind or 'device'} {str(value).lower()}".replace("_", " "))
        elif name in ("devices_problem", "records_problem"):
            problems.append(f"{name.removesuffix('_problem')}: {value}")
    return problems


def _telemetry(text: str | None) -> dict[str, Any]:
    try:
        return flat(json.loads(text)) if text else {}
    except (ValueError, RecursionError):
        return {}


def _text(value: object) -> str | None:
    return (
        "".join(one if one.isprintable() else "?" for one in value[:64]) if isinstance(value, str) else None
    )


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**63:
        return None
    return int(value)


def _moment(text: object) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
