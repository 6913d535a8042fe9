"""`borne list`: watchlists, built and signed on the server's side, imported and asked on the box's."""

import argparse
import datetime as dt
import re
import sys
from pathlib import Path
from typing import Any

from appliance.commands.output import (
    CouldNot,
    add_json_flag,
    print_checks,
    print_fields,
    print_json,
    sentence,
)

STORE = Path("/var/lib/borne/lists")
KEYS = Path("/etc/borne/keys")
MAX_VERSION = 2**53
"""What every reader of JSON counts to."""
MAX_HOURS = 24.0 * 3660
"""Ten years; a list that never grows stale is not offered."""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    actions = subparsers.add_parser("list", help="watchlists").add_subparsers(metavar="ACTION", required=True)
    _add_build(actions)
    _add_sign(actions)
    _add_import(actions)
    _add_status(actions)
    _add_query(actions)


def _add_build(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    build = actions.add_parser("build", help="a list file from a CSV file")
    build.add_argument("source", type=Path, metavar="CSV")
    build.add_argument("target", type=Path, metavar="LIST")
    build.add_argument("--name", required=True, help="small letters, digits, - and _")
    build.add_argument("--kind", choices=("documents", "persons"), required=True)
    build.add_argument(
        "--list-version", type=_version, required=True, metavar="N", help="must rise each time"
    )
    build.add_argument("--owner", required=True, help="who answers for the list")
    build.add_argument("--legal-basis", required=True)
    build.add_argument("--contact", required=True, help="whom the officer asks about a hit")
    build.add_argument("--action", required=True, help="what the officer is to do on a hit")
    build.add_argument("--stale-after-hours", type=_hours, default=72.0)
    build.add_argument("--when-stale", choices=("hits_stand", "ask_owner"), default="hits_stand")
    build.set_defaults(run=_build)


def _add_sign(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sign = actions.add_parser("sign", help="a package of a list file, for these boxes")
    sign.add_argument("source", type=Path, metavar="LIST")
    sign.add_argument("target", type=Path, metavar="PACKAGE")
    sign.add_argument("--key", type=Path, required=True, help="the issuer's secret Ed25519 key file")
    sign.add_argument("--for", dest="boxes", type=Path, nargs="+", required=True, metavar="BOX_KEY",
                      help="the boxes' public X25519 key files")  # fmt: skip
    sign.set_defaults(run=_sign)


def _add_import(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    take = actions.add_parser("import", help="install a package, as from a USB stick")
    take.add_argument("package", type=Path)
    _add_store(take)
    take.set_defaults(run=_import)


def _add_status(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = actions.add_parser("status", help="installed lists and their ages")
    _add_store(status)
    add_json_flag(status)
    status.set_defaults(run=_status)


def _add_query(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    query = actions.add_parser("query", help="ask the lists, or score pairs of names")
    _add_store(query)
    query.add_argument("--name", default="", help="SURNAME<<GIVEN NAMES, or SURNAME, GIVEN NAMES")
    query.add_argument("--birth-date", default="", metavar="YYYY-MM-DD")
    query.add_argument("--nationality", default="")
    query.add_argument("--document", default="", metavar="NUMBER")
    query.add_argument("--issuing-state", default="", help="of the document; default: the nationality")
    query.add_argument("--personal-number", default=None)
    query.add_argument("--pairs", type=Path, metavar="CSV", help="score this table of pairs instead")
    add_json_flag(query)
    query.set_defaults(run=_query)


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, default=STORE, help=f"default {STORE}")
    parser.add_argument("--keys", type=Path, default=KEYS, help=f"the box's keys, default {KEYS}")


def _version(text: str) -> int:
    if not 0 < int(text) <= MAX_VERSION:
        raise ValueError("out of range")
    return int(text)


def _hours(text: str) -> float:
    if not 0.0 < float(text) <= MAX_HOURS:  # nan is neither
        raise ValueError("out of range")
    return float(text)


# What argparse calls these in "invalid ... value".
_version.__name__, _hours.__name__ = "version", "number of hours"


def _build(arguments: argparse.Namespace) -> int:
    from appliance.reference_data.commands import ListDescription, build_from_csv
    from appliance.reference_data.package import NAME_PATTERN
    from appliance.screening import ListKind, WhenStale

    if not re.match(NAME_PATTERN, arguments.name):
        raise CouldNot("--name takes small letters, digits, - and _; at most 64 of them.")
    description = ListDescription(
        name=arguments.name,
        kind=ListKind(arguments.kind),
        version=arguments.list_version,
        issued_at=dt.datetime.now(dt.UTC),
        owner=arguments.owner,
        legal_basis=arguments.legal_basis,
        contact=arguments.contact,
        action=arguments.action,
        stale_after_hours=arguments.stale_after_hours,
        when_stale=WhenStale(arguments.when_stale),
    )
    try:
        info = build_from_csv(arguments.source, arguments.target, description)
    except ValueError as error:
        raise CouldNot(f"{arguments.source}: {error}") from error
    except OSError as error:
        raise CouldNot(sentence(error)) from error
    print(f"{arguments.target}: {info.name}, version {info.version}, {info.entries} entries")
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    from nacl.public import PublicKey
    from nacl.signing import SigningKey

    from appliance.key_files import KeyFileError, read_key
    from appliance.reference_data.commands import sign_list
    from appliance.screening import ListUnreadable

    try:
        info = sign_list(
            arguments.source,
            arguments.target,
            signing_key=read_key(arguments.key, SigningKey),
            recipients=[read_key(box, PublicKey) for box in arguments.boxes],
        )
    except (KeyFileError, ListUnreadable, ValueError, OSError) as error:
        raise CouldNot(sentence(error)) from error
    print(f"{arguments.target}: {info.name}, version {info.version}, for {len(arguments.boxes)} boxes")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from appliance.clock import Clock
    from appliance.reference_data.commands import import_package
    from appliance.reference_data.package import Refused

    now, quality = Clock().now()
    try:
        report = import_package(arguments.package, _store(arguments), now=now, time_quality=quality)
    except Refused as refused:
        print(f"borne: {refused.sentence}", file=sys.stderr)
        return 1
    print(report.sentence)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from appliance.clock import Clock
    from appliance.reference_data.commands import status_json

    now, quality = Clock().now()
    lists = status_json(_store(arguments), now=now, time_quality=quality)
    if arguments.json:
        print_json({"lists": lists})
    else:
        for one in lists:
            print(one["name"])
            print_fields({name: value for name, value in one.items() if name != "name"})
    return 0 if lists and all(one["readable"] for one in lists) else 1


def _query(arguments: argparse.Namespace) -> int:
    """0: searched, no hit; 1: a hit; 2: nothing to ask, no list, or nothing of it could be searched."""
    from appliance.clock import Clock
    from appliance.screening.query import PairsError, query, score_pairs

    if arguments.pairs:
        try:
            with arguments.pairs.open(encoding="utf-8-sig", newline="") as source:
                score_pairs(source, sys.stdout)
        except UnicodeDecodeError as error:
            raise CouldNot(f"{arguments.pairs} is not UTF-8 text.") from error
        except OSError as error:
            raise CouldNot(f"{arguments.pairs} cannot be read ({error.strerror}).") from error
        except PairsError as error:
            raise CouldNot(f"{arguments.pairs}: {error}") from error
        return 0
    subject = _subject(arguments)
    now, quality = Clock().now()
    lists = _store(arguments).open_lists()
    if not lists.lists and not lists.broken:
        raise CouldNot(f"There is no list in {arguments.store}; `borne list import` installs one.")
    answer: dict[str, Any] = query(subject, lists, direction=None, now=now, time_quality=quality)
    if arguments.json:
        print_json(answer)
    else:
        print_checks(answer["checks"])
    if answer["hits"]:
        return 1
    _say_what_was_not_searched(arguments, answer["checks"])
    return 0


def _say_what_was_not_searched(arguments: argparse.Namespace, checks: list[dict[str, Any]]) -> None:
    """No hit is an answer only where something was searched.

    Raises:
        CouldNot: nothing of what was asked was searched.
    """
    asked = {
        "watchlist.document": ("--document", arguments.document),
        "watchlist.personal_number": ("--personal-number", arguments.personal_number),
        "watchlist.person": ("--name", arguments.name),
    }
    verdicts = {check["id"]: check for check in checks}
    left = [
        f"{option} ({verdicts[id_]['reason']})"
        for id_, (option, value) in asked.items()
        if value and verdicts[id_]["verdict"] in ("NOT_DONE", "CANNOT")
    ]
    if not left:
        return
    said = f"Not searched: {', '.join(left)}."
    if arguments.document and not (arguments.issuing_state or arguments.nationality):
        said += " A document's number is searched with its --issuing-state."
    if len(left) == sum(bool(value) for _option, value in asked.values()):
        raise CouldNot(said)
    print(f"borne: {said}", file=sys.stderr)


def _subject(arguments: argparse.Namespace) -> Any:
    from appliance.screening import Subject
    from appliance.screening.dates import BirthDate, DateError
    from appliance.travel_document import is_known_code

    name: str = arguments.name
    separator = "<<" if "<<" in name else ","
    primary, _, secondary = name.partition(separator)
    if not (name or arguments.document or arguments.personal_number):
        raise CouldNot("Nothing to ask: give --name, --document or --personal-number.")
    try:
        BirthDate.parse(arguments.birth_date)
    except DateError as error:
        raise CouldNot(f"--birth-date: {error}") from error
    for option, code in (("nationality", arguments.nationality), ("issuing-state", arguments.issuing_state)):
        if code and not is_known_code(code):
            raise CouldNot(f"--{option}: {code!r} is no code of Doc 9303-3, such as UTO or D.")
    return Subject(
        primary_identifier=primary.strip(),
        secondary_identifier=secondary.replace("<", " ").strip(),
        birth_date=arguments.birth_date,
        nationality=arguments.nationality,
        issuing_state=arguments.issuing_state or arguments.nationality,
        document_number=arguments.document,
        personal_number=arguments.personal_number,
    )


def _store(arguments: argparse.Namespace) -> Any:
    from appliance.wiring import CannotStart, reference_store

    try:
        return reference_store(arguments.store, arguments.keys)
    except CannotStart as error:
        raise CouldNot(str(error)) from error
