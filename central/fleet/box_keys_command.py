"""`borne-central box-keys`: which signing key of a box counts for which of its records."""

import argparse
import json

from appliance.contracts.wire import check_name
from central.fleet.box_keys import BoxKey, admit, rings
from central.rights.journal import note
from central.store import Store


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    words = "boxes' signing keys, and for which records each counts; --admit an earlier journal"
    parser = actions.add_parser("box-keys", help=words)
    parser.add_argument("device", nargs="?", help="only of this box")
    parser.add_argument("--database", required=True, help="a file (SQLite) or postgresql+psycopg://...")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--admit", metavar="EPOCH", help="let in records of a laid-aside journal, signed with an earlier key"
    )
    parser.add_argument("--by", default="", help="who admits it")
    parser.add_argument("--purpose", default="", help="why")
    parser.set_defaults(run=_box_keys)


def _box_keys(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    if arguments.admit:
        _admit(store, arguments)
    with store.reading() as batch:
        found = rings(batch.connection)
    store.close()
    if arguments.device:
        found = {name: ring for name, ring in found.items() if name == arguments.device}
        if not found:
            raise ValueError(f"{arguments.device} is not registered.")
    if arguments.json:
        plain = [_plain(name, key) for name, ring in found.items() for key in ring.keys]
        print(json.dumps({"keys": plain}))
        return 0
    print(f"{'box':<16} {'key':<32} {'counts for':<44} until")
    for name, ring in found.items():
        for key in ring.keys:
            print(f"{name:<16} {key.kid.hex():<32} {_counts(key):<44} {(key.until_at or '')[:16]}")
    return 0


def _admit(store: Store, arguments: argparse.Namespace) -> None:
    if not (arguments.device and arguments.by and arguments.purpose):
        raise ValueError("--admit takes a box, --by and --purpose.")
    device, epoch = check_name(arguments.device), check_name(arguments.admit)
    with store.batch() as batch:
        if batch.device(device) is None:
            raise ValueError(f"{device} is not registered.")
        admit(batch.connection, device, epoch, by=arguments.by)
        outcome = {"device": device, "epoch": epoch}
        note(
            batch.connection,
            by=arguments.by,
            action="admit_epoch",
            purpose=arguments.purpose,
            outcome=outcome,
        )


def _plain(device: str, key: BoxKey) -> dict[str, object]:
    return {
        "device": device,
        "key": key.kid.hex(),
        "public": key.public.hex(),
        "since_at": key.since_at or None,
        "since": key.since,
        "until_at": key.until_at,
        "until": key.until,
    }


def _counts(key: BoxKey) -> str:
    """In words: behind the record that named it, up to the one that named the next."""
    begins = "" if key.since is None else f"after record {key.since[1]}"
    if key.until_at is None:
        return f"{begins or 'all'}, now"
    ends = "none: a person registered another" if key.until is None else f"to record {key.until[1]}"
    return ", ".join(part for part in (begins, ends) if part)
