"""`borne-central appoint`: who is a supervisor at a box without a shell: a signed document, and a code told.

Whoever has the provisioning key lets boxes in; with the same key they say who first works there. The document
goes with the technician, the code does not: neither is of use without the other.
"""

import argparse
import datetime as dt
import sys
from pathlib import Path

from nacl.signing import SigningKey

from appliance.contracts.wire import check_name
from appliance.key_files import read_key
from appliance.records.appointment import AppointmentError, make_appointment, sign_appointment, spoken
from central.enrol import PROVISIONING
from central.rights.journal import note
from central.store import Store


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    appoint = actions.add_parser(
        "appoint", help="name a box's supervisor: a file for the technician's stick, a code for the telephone"
    )
    appoint.add_argument("name", help="of the officer, as the box is to show it")
    appoint.add_argument("out", type=Path, metavar="OUT", help="the file to write: appointment.cose")
    appoint.add_argument("--device", required=True, help="the box's name")
    appoint.add_argument("--hours", type=float, default=72.0, help="that the code is good for; default 72")
    appoint.add_argument("--keys", type=Path, required=True, help="the folder with provisioning.key")
    appoint.add_argument("--database", required=True, help="a file (SQLite) or postgresql+psycopg://...")
    appoint.add_argument("--by", required=True, help="who appoints")
    appoint.add_argument("--purpose", required=True, help="why")
    appoint.set_defaults(run=_appoint)


def _appoint(arguments: argparse.Namespace) -> int:
    """The box may not have enrolled yet: the file may lie on the stick that brings it its name."""
    try:
        appointment, code = make_appointment(
            device=check_name(arguments.device),
            name=arguments.name,
            now=dt.datetime.now(dt.UTC),
            lasts=dt.timedelta(hours=arguments.hours),
        )
    except (AppointmentError, OverflowError) as error:
        raise ValueError(str(error)) from error
    # Never a new one, as `enrol` makes at its first use: no box would know it.
    key = read_key(arguments.keys / f"{PROVISIONING}.key", SigningKey)
    signed = sign_appointment(appointment, signing_key=key)
    store = Store(arguments.database)
    with store.batch() as batch:
        outcome = {
            "device": appointment.device,
            "officer": appointment.name,
            "serial": appointment.serial,
            "until": appointment.expires.isoformat(),
        }
        enrolled = batch.device(appointment.device) is not None
        note(batch.connection, by=arguments.by, action="appoint", purpose=arguments.purpose, outcome=outcome)
    store.close()
    arguments.out.write_bytes(signed)
    print(spoken(code))
    until = f"{appointment.expires:%Y-%m-%d %H:%M} UTC"
    print(f"This code is for {appointment.name} alone, by telephone, until {until}.", file=sys.stderr)
    print(f"The file goes to {appointment.device}, on a stick, in the folder of that name.", file=sys.stderr)
    if not enrolled:
        print(f"No box called {appointment.device} has enrolled yet.", file=sys.stderr)
    return 0
