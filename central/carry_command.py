"""`borne-central carry`: records in, watermarks and lists out, on a USB stick."""

import argparse
import json
from pathlib import Path

from appliance.carry.errors import CarryError
from appliance.carry.stick import Stick
from appliance.reference_data.repository import Repository
from central.carry import carry_in, carry_out
from central.keys import load_keys
from central.store import Store


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    ways = actions.add_parser(
        "carry", help="records in, watermarks and lists out, on a USB stick"
    ).add_subparsers(metavar="WAY", required=True)
    into = ways.add_parser("in", help="commit what boxes have put there; leaves the watermarks")
    into.set_defaults(run=_carry_in)
    out = ways.add_parser("out", help="watermarks of all boxes, and the signed lists")
    out.add_argument("--repository", type=Path, help="of signed reference data")
    out.set_defaults(run=_carry_out)
    for way in (into, out):
        way.add_argument("folder", type=Path, help="on the stick")
        way.add_argument("--database", required=True, help="a file (SQLite) or postgresql+psycopg://...")
        way.add_argument("--keys", type=Path, required=True)
        way.add_argument("--json", action="store_true", help="one object on standard output")


def _carry_in(arguments: argparse.Namespace) -> int:
    """0: all is committed, 1: something was refused or damaged."""
    if not arguments.folder.is_dir():
        raise CarryError(f"{arguments.folder} is not there; is the stick in?")
    store = Store(arguments.database)
    try:
        result = carry_in(store, load_keys(arguments.keys), Stick(arguments.folder))
    finally:
        store.close()
    if arguments.json:
        words = [
            {"device": device, "epoch": epoch, "seq": seq}
            for (device, epoch), seq in result.acknowledged.items()
        ]
        print(json.dumps({"batches": result.batches, "records": result.records, "refused": result.refused,
                          "damaged": result.damaged, "acknowledged": words}))  # fmt: skip
    else:
        print(f"{result.records} records in {result.batches} batches, {len(result.refused)} refused")
        for name in result.damaged:
            print(f"damaged: {name}")
        for (device, epoch), seq in result.acknowledged.items():
            print(f"{device} {epoch}: committed up to {seq}")
    return 1 if result.refused or result.damaged else 0


def _carry_out(arguments: argparse.Namespace) -> int:
    if not arguments.folder.is_dir():
        raise CarryError(f"{arguments.folder} is not there; is the stick in?")
    repository = Repository(arguments.repository) if arguments.repository else None
    store = Store(arguments.database)
    try:
        written = carry_out(store, load_keys(arguments.keys), Stick(arguments.folder), repository=repository)
    finally:
        store.close()
    if arguments.json:
        print(json.dumps(written))
    else:
        print(", ".join(f"{count} {what}" for what, count in written.items()))
    return 0
