"""`borne trust`: whom the box believes about chips; imported from master lists and the like, under an
anchor."""

import argparse
import datetime as dt
from pathlib import Path
from typing import Any

from appliance.commands.output import (
    CouldNot,
    add_json_flag,
    print_checks,
    print_fields,
    print_json,
    read_bounded,
)

STORE = Path("/var/lib/borne/trust")
MAX_SHOWN = 20
"""Refusals that are shown to people; --json has all of them."""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    actions = subparsers.add_parser("trust", help="authorities that sign documents").add_subparsers(
        metavar="ACTION", required=True
    )
    take = actions.add_parser(
        "import", help="a master list, LDIF file, revocation or deviation list, or certificate"
    )
    take.add_argument("file", type=Path, metavar="FILE")
    take.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="CERT|SHA256",
        help="the certificate that the file's signer must lead to: its file, or its SHA-256; may be repeated",
    )
    add_store(take)
    add_json_flag(take)
    take.set_defaults(run=import_file)
    show = actions.add_parser("list", help="what is trusted, for which states, and how old it is")
    add_store(show)
    add_json_flag(show)
    show.set_defaults(run=list_store)


def add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help=f"default {STORE}")


def open_store(folder: Path) -> Any:
    """The trust store in a folder, for commands."""
    from appliance.reference_data.trust_folder import TrustUnavailable, open_trust_store

    try:
        return open_trust_store(folder)
    except TrustUnavailable as error:
        raise CouldNot(str(error)) from error


def import_file(arguments: argparse.Namespace) -> int:
    """0: installed, 1: nothing was installed, 2: the file is none that can be."""
    from appliance.reference_data.trust_folder import TrustUnavailable, install_trust_store
    from appliance.travel_document.lds.errors import EmrtdError
    from appliance.travel_document.pki.trust_import import import_trust

    data = _read(arguments.file)
    anchors = [_anchor(text) for text in arguments.anchor]
    store = open_store(arguments.store)
    try:
        report = import_trust(store, data, anchors, now=dt.datetime.now(dt.UTC))
    except EmrtdError as error:
        raise CouldNot(f"{arguments.file}: {error}") from error
    if report.installed:
        try:
            install_trust_store(arguments.store, report.store.to_bytes())
        except TrustUnavailable as error:
            raise CouldNot(str(error)) from error
    answer = {
        "file": str(arguments.file),
        "kind": report.kind,
        "certificates": report.certificates,
        "accepted": report.accepted,
        "refused": [
            {
                "reason": one.reason,
                "country": one.country,
                "subject": one.subject,
                "fingerprint": one.fingerprint,
                "sentence": one.sentence,
            }
            for one in report.refused
        ],
        "countries": len(report.countries),
        "states": sorted(report.countries),
        "duplicates": report.duplicates,
        "expired": report.expired,
        "roles": dict(report.roles),
        "revocation_lists": report.crls,
        "deviations": report.deviations,
        "signed_at": report.signed_at.isoformat() if report.signed_at else None,
        "installed": report.installed,
        "checks": report.checks,
    }
    if arguments.json:
        print_json(answer)
    else:
        hidden = ("refused", "states", "checks", "roles")
        print_fields({name: value for name, value in answer.items() if name not in hidden})
        for refusal in report.refused[:MAX_SHOWN]:
            print(f"  refused: {refusal.reason}: {refusal.subject} {refusal.sentence}")
        if len(report.refused) > MAX_SHOWN:
            print(f"  ... and {len(report.refused) - MAX_SHOWN} more; --json has them all")
        print_checks(report.checks)
        if not report.installed:
            print(
                "Nothing was installed" + ("." if anchors else ": name the pinned certificate with --anchor.")
            )
    return 0 if report.installed else 1


def list_store(arguments: argparse.Namespace) -> int:
    """0: something is trusted, 1: nothing is."""
    store = open_store(arguments.store)
    now = dt.datetime.now(dt.UTC)
    content = store.content

    def age(moment: dt.datetime) -> float:
        return round((now - moment).total_seconds() / 3600, 1)

    answer: dict[str, Any] = {
        "authorities": len(content.authorities),
        "signers": len(content.signers),
        "countries": len(store.countries),
        "deviations": len(content.deviations),
        "states": [
            {
                "country": country,
                "authorities": len(store.authorities(country)),
                "valid_now": sum(one.valid_at(now) for one in store.authorities(country)),
                "crl_age_hours": min((age(one.this_update) for one in store.crls(country)), default=None),
            }
            for country in store.countries
        ],
        "sources": [
            {
                "kind": source.kind,
                "signer": source.signer,
                "signed_at": source.signed_at.isoformat() if source.signed_at else None,
                "imported_at": source.imported_at.isoformat(timespec="seconds"),
                "age_hours": age(source.said_at),
                "certificates": source.certificates,
                "anchor": source.anchor,
            }
            for source in content.sources
        ],
    }
    if arguments.json:
        print_json(answer)
    else:
        print_fields({name: value for name, value in answer.items() if not isinstance(value, list)})
        for source in answer["sources"]:
            print(f"  {source['kind']:<16} {source['signer']:<3} {source['age_hours'] / 24:8.1f} days old")
        print("  " + " ".join(store.countries))
    return 0 if content.authorities else 1


def _read(path: Path) -> bytes:
    from appliance.travel_document.pki.trust_import import MAX_IMPORT_BYTES

    return read_bounded(path, MAX_IMPORT_BYTES)


def _anchor(text: str) -> Any:
    from appliance.travel_document.lds.errors import EmrtdError
    from appliance.travel_document.pki.trust_report import Anchor

    path = Path(text)
    try:
        if len(text) < 256 and path.is_file():
            return Anchor.from_bytes(_read(path))
        return Anchor.from_text(text)
    except EmrtdError as error:
        raise CouldNot(f"--anchor {text}: {error}") from error
