"""`borne-central reviews`: what the machine could not put together, for a person to look at and close."""

import argparse
import datetime as dt
import json

import msgspec

from central.merge.settle import close_review, reviews
from central.rights.journal import note
from central.store import Store


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    parser = actions.add_parser("reviews", help="crossings that do not fit together; --close with a reason")
    parser.add_argument("--database", required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--close", metavar="ID")
    parser.add_argument("--by", default="")
    parser.add_argument("--reason", default="")
    parser.set_defaults(run=_reviews)


def _reviews(arguments: argparse.Namespace) -> int:
    now = dt.datetime.now(dt.UTC)
    store = Store(arguments.database)
    with store.batch() as batch:
        if arguments.close:
            by, reason = arguments.by, arguments.reason
            outcome = {"review": arguments.close}
            note(batch.connection, by=by, action="close_review", purpose=reason, outcome=outcome)
            close_review(batch.connection, arguments.close, by=by, reason=reason, now=now)
        found = reviews(batch.connection, now=now)
    store.close()
    if arguments.json:
        print(json.dumps({"reviews": msgspec.to_builtins(found)}))
        return 0
    for one in found:
        print(f"{one.id}  {one.opened_at[:16]}  {one.rule:<20} {one.sentence}  [{', '.join(one.crossings)}]")
    return 0
