"""`borne seal`: visible digital seals on pictures of visas and emergency papers, read and verified."""

import argparse
import datetime as dt
from pathlib import Path
from typing import Any

from appliance.commands import trust
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
    seal = subparsers.add_parser("seal", help="visible digital seals on a picture, or their bytes in a file")
    seal.add_argument("file", type=Path, nargs="+", metavar="IMAGE", help="a picture, or a seal's raw bytes")
    trust.add_store(seal)
    add_json_flag(seal)
    seal.set_defaults(run=verify_seals)


def verify_seals(arguments: argparse.Namespace) -> int:
    """0: every seal is genuine, 1: one is not, 2: there is none, or its signer is not known."""
    store = trust.open_store(arguments.store)
    worst = 0
    for path in arguments.file:
        for content in _seals(path):
            answer, checks = _judge(path, content, store)
            if arguments.json:
                print_json(answer)
            else:
                print_fields({name: value for name, value in answer.items() if name != "checks"})
                print_checks(checks)
            if any_failed(checks):
                worst = 1
            elif worst == 0 and any(check["verdict"] == "CANNOT" for check in checks):
                worst = 2
    return worst


def _judge(path: Path, content: bytes, store: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from appliance.travel_document.authentication.finding import Moment
    from appliance.travel_document.lds.errors import EmrtdError
    from appliance.travel_document.seal.seal import read_seal
    from appliance.travel_document.seal.verify import judge_seal

    findings = judge_seal(content, store, Moment(dt.datetime.now(dt.UTC)))
    checks = [finding.to_json() for finding in findings]
    answer: dict[str, Any] = {"file": str(path), "bytes": len(content)}
    try:
        seal = read_seal(content)
        answer |= {
            "version": seal.version,
            "issuing_state": seal.country,
            "signer": seal.signer,
            "certificate_reference": seal.certificate_reference,
            "issued": seal.issued,
            "signed": seal.signed,
            "definition": f"{seal.definition:02X}",
            "features": {f"{tag:02X}": value.hex() for tag, value in seal.features.items()},
            "lines": list(seal.mrz),
        }
    except EmrtdError as error:
        answer["problem"] = str(error)
    return {**answer, "checks": checks}, checks


def _seals(path: Path) -> tuple[bytes, ...]:
    from appliance.services.capture.pictures import PictureError
    from appliance.services.capture.seals import read_barcodes_of_file
    from appliance.travel_document.seal.seal import MAX_SEAL_BYTES, looks_like_seal

    try:
        data = path.read_bytes()
    except OSError as error:
        raise CouldNot(f"{path} cannot be read ({error.strerror}).") from error
    if looks_like_seal(data) and len(data) <= MAX_SEAL_BYTES:
        return (data,)
    try:
        found = tuple(one for one in read_barcodes_of_file(data) if looks_like_seal(one))
    except PictureError as error:
        raise CouldNot(f"{path}: {error}") from error
    if not found:
        raise CouldNot(f"{path} shows no visible digital seal.")
    return found
