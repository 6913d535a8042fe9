"""Advance lists as carriers send them, and how a test takes one in."""

import asyncio
import datetime as dt

from appliance.contracts.advance import ADVANCE_COLUMNS, LookAtStick
from appliance.simulation.watchlists import STOLEN_DOCUMENT

SOON = dt.datetime.now().astimezone() + dt.timedelta(hours=1)
HEAD = ",".join(ADVANCE_COLUMNS)


def row(number: str, name: str = "LISTED", **changes: str) -> str:
    fields = {
        "list": "bus 17",
        "kind": "bus",
        "direction": "entry",
        "expected_date": SOON.date().isoformat(),
        "expected_time": SOON.strftime("%H:%M"),
        "issuing_state": "UTO",
        "document_number": number,
        "primary_identifier": name,
    } | changes
    return ",".join(fields.get(column, "") for column in ADVANCE_COLUMNS)


def csv_of(*rows: str) -> bytes:
    return "\n".join((HEAD, *rows)).encode()


GOOD = csv_of(
    row("ZZ1"), row("ZZ2"), row(STOLEN_DOCUMENT.number, issuing_state=STOLEN_DOCUMENT.issuing_state)
)


def asked(name: str = "bus.csv", **more) -> LookAtStick:
    return LookAtStick(name=name, **more)


def look(desk, data: bytes, **more):
    return asyncio.run(desk.look(data, asked(**more)))


async def through(desk, token: str) -> None:
    desk.take(token)
    await desk._work
