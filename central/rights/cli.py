"""`borne-central rights ...`: one person's records found, exported, corrected, restricted, erased.

Each is one transaction with its entry in the access journal: no entry, no look. What a box still holds is
told it by a signed command, which the receiver publishes.
"""

import argparse
import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from appliance.records.commands import Action, Rights
from central import waiting
from central.deriving import catch_up
from central.fleet.commands import give
from central.keys import load_keys, load_operator_key
from central.rights.change import correct, restrict
from central.rights.erase import erase
from central.rights.export import export
from central.rights.find import ERASED, Found, Subject, find, pseudonym
from central.rights.groups import groups_of
from central.rights.journal import entries, note, problems_of
from central.store import Batch, Store


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    rights = actions.add_parser("rights", help="one person's records").add_subparsers(
        metavar="WHAT", required=True
    )
    for name, words in (
        ("find", "which records there are"),
        ("export", "everything, opened, into a folder"),
        ("correct", "write down what is right"),
        ("restrict", "keep them out of searches, patterns and statistics"),
        ("erase", "destroy their keys"),
    ):
        action = rights.add_parser(name, help=words)
        action.add_argument("--database", required=True)
        action.add_argument("--json", action="store_true")
        action.add_argument("--document-number", default="")
        action.add_argument("--issuing-state", default="")
        action.add_argument("--surname", default="", dest="primary_identifier", help="as the MRZ has it")
        action.add_argument("--given-names", default="", dest="secondary_identifier")
        action.add_argument("--birth-date", default="", help="YYYY-MM-DD, ?? for what is unknown")
        action.add_argument("--by", required=True, help="who asks")
        action.add_argument("--purpose", required=True, help="why, for the journal")
        if name != "find":
            action.add_argument("--keys", type=Path, required=True, help="central's keys")
        if name == "export":
            action.add_argument("--folder", type=Path, required=True)
        if name == "correct":
            action.add_argument("--set", action="append", required=True, metavar="FIELD=VALUE")
        if name == "restrict":
            action.add_argument("--lift", action="store_true", help="let them in again")
        action.set_defaults(run=_rights, what=name)
    journal = rights.add_parser(
        "journal", help="who looked at whose records, and why; exit 1 if it was changed"
    )
    journal.add_argument("--database", required=True)
    journal.add_argument("--json", action="store_true")
    journal.set_defaults(run=_journal)


def _rights(arguments: argparse.Namespace) -> int:
    names = Subject.__struct_fields__
    subject = Subject(**{name: getattr(arguments, name) for name in names})
    store = Store(arguments.database)
    if arguments.what != "find":
        catch_up(store, load_keys(arguments.keys))  # or what came just now would be passed over
    with store.batch() as batch:
        behind = waiting.count(batch.connection)
        found = find(batch.connection, subject)
        if arguments.what == "erase":
            found += groups_of(batch.connection, found, keys=load_keys(arguments.keys))
        request = note(
            batch.connection,
            by=arguments.by,
            action=arguments.what,
            purpose=arguments.purpose,
            subject=pseudonym(subject, key=batch.link_key()),
            outcome={"records": [one.record for one in found]},
        )
        if found:
            _do(batch, arguments, found, request)
    if arguments.what == "erase":
        store.wipe()
    store.close()
    if arguments.json:
        print(json.dumps({"request": request, "records": msgspec.to_builtins(found), "waiting": behind}))
    else:
        for one in found:
            state = "  restricted" if one.restricted else ""
            erased = "  erased" if one.type == ERASED else ""
            print(f"{one.decided_at[:16]}  {one.post:<20} {one.direction:<6} {one.record}{state}{erased}")
        print(f"{len(found)} records; request {request}")
        if behind:
            print(f"{behind} records that came just now are not looked at yet: ask again in a while.")
    return 0 if found else 1


def _do(batch: Batch, arguments: argparse.Namespace, found: Sequence[Found], request: int) -> None:
    crossings = sorted({one.crossing for one in found})
    connection = batch.connection
    if arguments.what == "export":
        export(connection, found, arguments.folder, keys=load_keys(arguments.keys))
    elif arguments.what == "correct":
        changes = dict(_pair(text) for text in arguments.set)
        correct(connection, crossings, changes, request=request, link_key=batch.link_key())
    elif arguments.what == "restrict":
        restrict(connection, crossings, restricted=not arguments.lift)
    elif arguments.what == "erase":
        for (device, epoch), seqs in _by_journal(found).items():
            erase(connection, device, epoch, seqs)
    if arguments.what != "find" and not (arguments.what == "restrict" and arguments.lift):
        _tell_boxes(batch, arguments, found, request)


def _tell_boxes(batch: Batch, arguments: argparse.Namespace, found: Sequence[Found], request: int) -> None:
    """The boxes keep what was acknowledged for two weeks, and remember something of the last crossings."""
    key = load_operator_key(arguments.keys)
    for (device, epoch), seqs in _by_journal(found).items():
        order = Rights(
            request=str(request),
            purpose=arguments.purpose[:200],
            action=Action(arguments.what),
            epoch=epoch,
            seqs=tuple(seqs),
        )
        give(
            batch.connection,
            device,
            order,
            by=arguments.by,
            purpose=arguments.purpose,
            signing_key=key,
            now=dt.datetime.now(dt.UTC),
        )


def _by_journal(found: Sequence[Found]) -> dict[tuple[str, str], list[int]]:
    numbers: dict[tuple[str, str], list[int]] = {}
    for one in found:
        numbers.setdefault((one.device, one.epoch), []).append(one.seq)
    return numbers


def _pair(text: str) -> tuple[str, str]:
    field, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"--set takes FIELD=VALUE, not {text}.")
    return field, value.strip().upper()


def _journal(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    with store.reading() as batch:
        rows = entries(batch.connection)
        problems = problems_of(batch.connection)
    store.close()
    if arguments.json:
        print(json.dumps({"entries": [dict(row) for row in rows], "problems": list(problems)}))
    else:
        for row in rows:
            records = len(row["outcome"].get("records", ()))
            what = f"{row['id']:>6}  {row['at'][:16]}  {row['action']:<12} {records:>5}"
            print(f"{what}  {row['by']}: {row['purpose']}")
        for problem in problems:
            print(problem)
    return 1 if problems else 0
