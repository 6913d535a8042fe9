"""`borne mrz parse`: an MRZ typed or pasted, with every check of it."""

import argparse
import datetime as dt

from appliance.commands.output import (
    CouldNot,
    add_json_flag,
    any_failed,
    print_checks,
    print_fields,
    print_json,
)


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    mrz = subparsers.add_parser("mrz", help="machine readable zones").add_subparsers(
        metavar="ACTION", required=True
    )
    parse = mrz.add_parser("parse", help="parse the lines of one MRZ")
    parse.add_argument("lines", metavar="LINE", nargs="+", help="2 or 3 lines, as printed")
    add_json_flag(parse)
    parse.set_defaults(run=parse_lines)


def parse_lines(arguments: argparse.Namespace) -> int:
    """0: every check digit holds, 1: one does not, 2: these lines are no MRZ."""
    from appliance.travel_document import MrzError, parse_mrz, to_json

    today = dt.datetime.now(dt.UTC).date()
    try:
        answer = to_json(parse_mrz(tuple(arguments.lines), today=today))
    except MrzError as error:
        if arguments.json:
            print_json(
                {"file": None, "format": None, "lines": [], "fields": {}, "checks": [], "confidence": 0.0}
            )
        raise CouldNot(f"{error} Give each line in quotes, as printed, from the top.") from error
    answer = {"file": None, **answer, "confidence": 1.0}
    if arguments.json:
        print_json(answer)
    else:
        print(answer["format"])
        print_fields(answer["fields"])
        print_checks(answer["checks"])
    return 1 if any_failed(answer["checks"]) else 0
