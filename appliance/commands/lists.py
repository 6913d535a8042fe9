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
from appliance.commands.progress import Bar

STORE = Path("/var/lib/borne/lists")
KEYS = Path("/etc/borne/keys")
MAX_VERSION = 2**53
"""What every reader of JSON counts to."""
MAX_HOURS = 24.0 * 3660
"""Ten years; a list that never grows stale is not offered."""
KINDS = ("persons", "documents", "vehicles", "visas")
PAIRS_HELP = (
    "score this table instead: columns name, birth_date, other_name, other_birth_date; it comes back on "
    "standard output with score (0 to 1) and verdict (FAIL: rather one person than two)"
)


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    actions = subparsers.add_parser("list", help="watchlists").add_subparsers(metavar="ACTION", required=True)
    _add_build(actions)
    _add_sign(actions)
    _add_import(actions)
    _add_status(actions)
    _add_query(actions)


def _add_build(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    build = actions.add_parser("build", help="a list file from entries, or the changes to one")
    build.add_argument("source", type=Path, nargs="?", metavar="FILE", help="entries; not with --changes-to")
    build.add_argument("target", type=Path, metavar="LIST")
    build.add_argument("--name", required=True, help="small letters, digits, - and _")
    build.add_argument("--kind", choices=KINDS, required=True)
    build.add_argument("--format", choices=("csv", "un", "ofac", "ftm"), default="csv",
                       help="csv, the UN's XML, OFAC's SDN.CSV, FollowTheMoney's JSON lines")  # fmt: skip
    build.add_argument("--alt", type=Path, help="OFAC's ALT.CSV, the other names")
    build.add_argument(
        "--list-version", type=_version, required=True, metavar="N", help="must rise each time"
    )
    build.add_argument("--owner", default="", help="who answers for the list, where an entry does not say")
    build.add_argument("--legal-basis", default="", help="of the entries that do not say theirs")
    build.add_argument("--contact", required=True, help="whom the officer asks about a hit")
    build.add_argument("--action", required=True, help="what the officer is to do on a hit")
    build.add_argument("--stale-after-hours", type=_hours, default=72.0)
    build.add_argument("--when-stale", choices=("hits_stand", "ask_owner"), default="hits_stand",
                       help="ask_owner: what may have been lifted since is never RED")  # fmt: skip
    build.add_argument("--allow-incomplete", action="store_true",
                       help="take entries for which nobody answers")  # fmt: skip
    build.add_argument("--index-key", type=Path, metavar="KEY",
                       help="of a list of numbers: the key of its hashes; made if missing")  # fmt: skip
    build.add_argument("--epoch", default="", help="of that key, such as 2026; a new one at each rotation")
    build.add_argument(
        "--changes-to", type=Path, metavar="LIST", help="only what leads from this list to the new version"
    )
    build.add_argument("--added", type=Path, metavar="CSV")
    build.add_argument("--removed", type=Path, metavar="CSV")
    build.set_defaults(run=_build)


def _add_sign(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sign = actions.add_parser(
        "sign", help="seal a list file for these boxes, and sign for it in the repository"
    )
    sign.add_argument("source", type=Path, metavar="LIST")
    sign.add_argument(
        "repository", type=Path, metavar="REPOSITORY", help="`borne-central trust init` makes one"
    )
    sign.add_argument("--key", type=Path, required=True, action="append", metavar="KEY",
                      help="an issuer's secret Ed25519 key file; as many as the threshold asks")  # fmt: skip
    sign.add_argument("--publisher-key", type=Path, required=True, metavar="KEY",
                      help="the key that says what is the newest")  # fmt: skip
    sign.add_argument("--for", dest="boxes", type=Path, nargs="+", required=True, metavar="BOX_KEY",
                      help="the boxes' public X25519 key files")  # fmt: skip
    sign.add_argument("--index-key", type=Path, metavar="KEY", help="of a list of numbers: its key file")
    sign.add_argument(
        "--valid-days", type=int, default=30, metavar="N", help="after this nobody believes it any more"
    )
    sign.add_argument(
        "--type",
        choices=("list", "trust_anchors", "policy", "rules", "update"),
        default="list",
        help="trust_anchors: the trust.store that `borne trust import` makes; policy: a policy.toml; "
        "rules: a rules.toml (docs/rules.md); update: offers of software (docs/updates.md)",
    )
    sign.add_argument(
        "--list-version", type=_version, default=None, metavar="N", help="of trust anchors, a policy or rules"
    )
    sign.set_defaults(run=_sign)


def _add_import(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    take = actions.add_parser(
        "import", help="install what is signed, from a USB stick's folder or from a file"
    )
    take.add_argument("package", type=Path, metavar="REPOSITORY")
    _add_store(take)
    take.set_defaults(run=_import)


def _add_status(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = actions.add_parser("status", help="installed lists and their ages")
    _add_store(status)
    add_json_flag(status)
    status.set_defaults(run=_status)


def _add_query(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    query = actions.add_parser("query", help="ask the lists, or score pairs of persons")
    _add_store(query)
    query.add_argument("--name", default="", help="SURNAME<<GIVEN NAMES, or SURNAME, GIVEN NAMES")
    query.add_argument("--birth-date", default="", metavar="YYYY-MM-DD")
    query.add_argument("--sex", default="", choices=("", "M", "F"))
    query.add_argument("--nationality", default="")
    query.add_argument("--document", default="", metavar="NUMBER")
    query.add_argument(
        "--issuing-state",
        default="",
        help="of the document; default: the nationality; without either every issuer is asked for",
    )
    query.add_argument("--personal-number", default=None)
    query.add_argument("--visa", default="", metavar="NUMBER")
    query.add_argument("--plate", default="", metavar="PLATE", help="of a vehicle")
    query.add_argument("--plate-state", default="", help="default: the nationality")
    query.add_argument("--pairs", type=Path, metavar="CSV", help=PAIRS_HELP)
    add_json_flag(query)
    query.set_defaults(run=_query)


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, default=STORE, help=f"default {STORE}")
    parser.add_argument("--keys", type=Path, default=KEYS, help=f"the box's keys, default {KEYS}")
    parser.add_argument("--root", type=Path, default=None, metavar="ROOT",
                        help="the root of trust, default reference-root.json among the keys")  # fmt: skip


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
    from appliance.reference_data.commands import Source, build, build_changes
    from appliance.reference_data.sealed import NAME_PATTERN
    from appliance.screening import ListInfo, ListKind, ScreeningError, WhenStale

    if not re.match(NAME_PATTERN, arguments.name):
        raise CouldNot("--name takes small letters, digits, - and _; at most 64 of them.")
    info = ListInfo(
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
    if info.kind.of_numbers and arguments.index_key is None:
        raise CouldNot("A list of numbers needs --index-key: its numbers are hashed under a key.")
    new_key = info.kind.of_numbers and not arguments.index_key.exists()
    key = _index_key(arguments.index_key, make=not arguments.changes_to) if info.kind.of_numbers else b""
    try:
        if arguments.changes_to:
            info = build_changes(arguments.changes_to, arguments.target, info, master_key=key,
                                 added=arguments.added, removed=arguments.removed)  # fmt: skip
        else:
            if arguments.source is None:
                raise CouldNot("Nothing to build from: name the file of entries.")
            source = Source(path=arguments.source, format=arguments.format, alt=arguments.alt)
            with Bar("building") as bar:
                info = build(source, arguments.target, info, master_key=key, epoch=arguments.epoch,
                             allow_incomplete=arguments.allow_incomplete, progress=bar)  # fmt: skip
    except OSError as error:
        raise CouldNot(sentence(error)) from error
    except (ScreeningError, ValueError) as error:
        raise CouldNot(f"{arguments.source or arguments.changes_to}: {error}") from error
    print(f"{arguments.target}: {info.name}, version {info.version}, {info.entries} entries")
    if new_key:
        print(f"{arguments.index_key}: a new key; keep it where the list is kept, and nowhere else")
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    from nacl.public import PublicKey
    from nacl.signing import SigningKey

    from appliance.key_files import KeyFileError, read_key
    from appliance.reference_data.commands import sign, sign_other
    from appliance.reference_data.repository import Repository, RepositoryError
    from appliance.reference_data.sealed import ContentType
    from appliance.screening import ListUnreadable

    now = dt.datetime.now(dt.UTC)
    try:
        repository = Repository(arguments.repository)
        boxes = [read_key(box, PublicKey) for box in arguments.boxes]
        issuers = [read_key(key, SigningKey) for key in arguments.key]
        publisher = read_key(arguments.publisher_key, SigningKey)
        valid_for = dt.timedelta(days=arguments.valid_days)
        if arguments.type == "list":
            index_key = _index_key(arguments.index_key, make=False) if arguments.index_key else b""
            with Bar("sealing") as bar:
                added = sign(
                    arguments.source,
                    repository,
                    recipients=boxes,
                    issuer_keys=issuers,
                    publisher_key=publisher,
                    now=now,
                    index_key=index_key,
                    valid_for=valid_for,
                    progress=bar,
                )
        else:
            if arguments.list_version is None:
                raise CouldNot("This needs --list-version; it must rise each time.")
            type_ = ContentType(arguments.type)
            _look_at(type_, arguments.source.read_bytes())
            added = sign_other(
                arguments.source,
                repository,
                type_=type_,
                version=arguments.list_version,
                recipients=boxes,
                issuer_keys=issuers,
                publisher_key=publisher,
                now=now,
                valid_for=valid_for,
            )
    except (KeyFileError, RepositoryError, ListUnreadable, ValueError, OSError) as error:
        raise CouldNot(sentence(error)) from error
    print(f"{arguments.repository}: {added.path}, {added.size} bytes, for {len(arguments.boxes)} boxes")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from appliance.clock import Clock
    from appliance.reference_data.errors import Refused

    now, quality = Clock().now()
    store = _store(arguments)
    try:
        with Bar("installing") as bar:
            report = store.bring(arguments.package, now=now, time_quality=quality, progress=bar)
        print(report.sentence)
        with Bar("merging") as bar:
            merged = store.merge(progress=bar)
    except Refused as refused:
        print(f"borne: {refused.sentence}", file=sys.stderr)
        return 1
    if merged:
        print(f"Written anew with their changes: {', '.join(merged)}.")
    return 0


def _look_at(type_: Any, content: bytes) -> None:
    """Refuse to sign what no box could go by.

    Raises:
        CouldNot: the reason, as a box would give it.
    """
    from appliance.opening import content_checks
    from appliance.reference_data.installer import ContentUnusable

    try:
        content_checks()[type_](content)
    except ContentUnusable as error:
        raise CouldNot(str(error)) from error


def _status(arguments: argparse.Namespace) -> int:
    from appliance.clock import Clock
    from appliance.reference_data.commands import status_json
    from appliance.reference_data.errors import Refused

    now, quality = Clock().now()
    try:
        status = status_json(_store(arguments), now=now, time_quality=quality)
    except Refused as refused:
        raise CouldNot(refused.sentence) from refused
    lists = status["lists"]
    if arguments.json:
        print_json(status)
    else:
        for one in lists:
            print(one["name"])
            print_fields({name: value for name, value in one.items() if name != "name"})
        for name in ("trust_anchors", "policy", "rules", "update"):
            if status[name] is not None:
                print(name)
                print_fields({key: value for key, value in status[name].items() if key != "type"})
    return 0 if lists and all(one["readable"] for one in lists) else 1


def _query(arguments: argparse.Namespace) -> int:
    """0: searched, no hit; 1: a hit; 2: nothing to ask, no list, or nothing of it could be searched."""
    from appliance.clock import Clock
    from appliance.screening.query import query

    if arguments.pairs:
        return _pairs(arguments.pairs)
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
    if len(left) == sum(bool(value) for _option, value in asked.values()):
        raise CouldNot(said)
    print(f"borne: {said}", file=sys.stderr)


def _pairs(path: Path) -> int:
    from appliance.screening.query import PairsError, score_pairs

    try:
        with path.open(encoding="utf-8-sig", newline="") as source:
            unread = score_pairs(source, sys.stdout)
    except UnicodeDecodeError as error:
        raise CouldNot(f"{path} is not UTF-8 text.") from error
    except OSError as error:
        raise CouldNot(f"{path} cannot be read ({error.strerror}).") from error
    except PairsError as error:
        raise CouldNot(f"{path}: {error}") from error
    if unread:
        print(f"borne: {unread} birth dates cannot be read and count as not known.", file=sys.stderr)
    return 0


def _subject(arguments: argparse.Namespace) -> Any:
    from appliance.screening import Subject
    from appliance.screening.dates import BirthDate, DateError
    from appliance.travel_document import is_known_code

    name: str = arguments.name
    separator = "<<" if "<<" in name else ","
    primary, _, secondary = name.partition(separator)
    asked = (name, arguments.document, arguments.personal_number, arguments.visa, arguments.plate)
    if not any(asked):
        raise CouldNot("Nothing to ask: give --name, --document, --personal-number, --visa or --plate.")
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
        sex=arguments.sex,
        nationality=arguments.nationality,
        issuing_state=arguments.issuing_state or arguments.nationality,
        document_number=arguments.document,
        personal_number=arguments.personal_number,
        visa_number=arguments.visa,
        vehicle_plate=arguments.plate,
        vehicle_state=arguments.plate_state or arguments.nationality,
    )


def _index_key(path: Path, *, make: bool) -> bytes:
    """The key that a list's numbers are hashed under; a new one is made where there is none yet."""
    import os

    from appliance.key_files import HashingKey, KeyFileError, read_key, write_key

    try:
        if make and not path.exists():
            write_key(path, HashingKey(os.urandom(HashingKey.SIZE)))
        return bytes(read_key(path, HashingKey))
    except KeyFileError as error:
        raise CouldNot(str(error)) from error


def _store(arguments: argparse.Namespace) -> Any:
    from appliance.opening import CannotStart, reference_store

    try:
        return reference_store(arguments.store, arguments.keys, arguments.root)
    except CannotStart as error:
        raise CouldNot(str(error)) from error
