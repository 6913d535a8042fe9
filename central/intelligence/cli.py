"""`borne-central patterns`: what the rules find, with rule, count and records; a look is journaled."""

import argparse
import datetime as dt
import json

import msgspec

from central.intelligence.patterns import RULES, find_patterns
from central.intelligence.traces import read_traces
from central.rights.journal import note
from central.store import Store


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    parser = actions.add_parser("patterns", help="what written rules find in the last months' crossings")
    parser.add_argument("--database", required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rules", action="store_true", help="only tell the rules")
    parser.add_argument("--simulated", action="store_true", help="look at simulated crossings too")
    parser.add_argument("--by", default="", help="who looks")
    parser.add_argument("--purpose", default="", help="why, for the journal")
    parser.set_defaults(run=_patterns)


def _patterns(arguments: argparse.Namespace) -> int:
    if arguments.rules:
        for rule in RULES:
            print(f"{rule.id}: {rule.says} {rule.innocent}")
        return 0
    now = dt.datetime.now(dt.UTC)
    store = Store(arguments.database)
    with store.batch() as batch:
        findings = find_patterns(
            read_traces(batch.connection, now=now, simulated=arguments.simulated), now=now
        )
        records = sorted({one for found in findings for one in found.records})
        outcome = {"findings": len(findings), "records": records}
        note(batch.connection, by=arguments.by, action="patterns", purpose=arguments.purpose, outcome=outcome)
    store.close()
    if arguments.json:
        print(json.dumps({"findings": msgspec.to_builtins(findings)}))
        return 0
    for one in findings:
        print(f"{one.rule.id}: {one.sentence} {one.rule.innocent}")
        for record in one.records:
            print(f"    {record}")
    print(f"{len(findings)} findings")
    return 0
