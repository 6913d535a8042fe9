"""`borne chip`: the chip in a reader's field, or its files on disk, read and judged."""

import argparse
import contextlib
import datetime as dt
import os
import sys
from collections.abc import Mapping
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

WAIT_SECONDS = 30.0
MAX_FILE_BYTES = 70_000
"""A file of a chip has at most 65,535; larger ones in a folder are something else."""
MAX_FILES = 1_000


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    chip = subparsers.add_parser("chip", help="chips of electronic documents").add_subparsers(
        metavar="ACTION", required=True
    )
    read = chip.add_parser("read", help="read the chip in the field, and judge it")
    opens = read.add_mutually_exclusive_group(required=True)
    opens.add_argument("--mrz", nargs="+", metavar="LINE", help="the document's MRZ lines")
    opens.add_argument("--can", metavar="DIGITS", help="the card access number printed on it")
    read.add_argument("--reader", metavar="NAME", help="how PC/SC names the reader, or how that name begins")
    read.add_argument("--wait", type=float, default=WAIT_SECONDS, metavar="SECONDS", help="for a chip")
    read.add_argument("--out", type=Path, metavar="FOLDER", help="keep the files as read")
    trust.add_store(read)
    add_json_flag(read)
    read.set_defaults(run=read_chip_in_field)
    verify = chip.add_parser("verify", help="passive authentication of files on disk")
    verify.add_argument(
        "folder", type=Path, metavar="FOLDER", help="files known by their outer tag, not their name"
    )
    trust.add_store(verify)
    add_json_flag(verify)
    verify.set_defaults(run=verify_folder)


def read_chip_in_field(arguments: argparse.Namespace) -> int:
    """0: read and all holds, 1: a check failed, 2: no chip, no reader, or it did not open."""
    from appliance.chip import read_chip
    from appliance.travel_document import MrzError, chip_access_fields, parse_mrz
    from appliance.travel_document.authentication.active import CHALLENGE_BYTES
    from appliance.travel_document.authentication.finding import Moment
    from appliance.travel_document.authentication.report import judge_chip
    from appliance.travel_document.lds.errors import EmrtdError
    from hal.device import HalError
    from hal.document_reader import pcsc

    now = dt.datetime.now(dt.UTC)
    store = trust.open_store(arguments.store)
    try:
        mrz = None if arguments.mrz is None else parse_mrz(tuple(arguments.mrz), today=now.date())
        name = arguments.reader or _only_reader(pcsc.reader_names())
        with (
            contextlib.closing(pcsc.PcscReader(reader_name=name)) as reader,
            contextlib.closing(reader.wait_for_chip(arguments.wait)) as connection,
        ):
            files = read_chip(
                connection.transmit,
                mrz_information=None if mrz is None else chip_access_fields(mrz),
                can=arguments.can,
                challenge=os.urandom(CHALLENGE_BYTES),
                issuer=mrz.issuing_state if mrz is not None else "",
                reader_bytes=connection.max_apdu_bytes,
                atr=connection.atr,
            )
    except (MrzError, HalError, EmrtdError) as error:
        raise CouldNot(str(error)) from error
    if arguments.out:
        _keep(arguments.out, files.files)
    judgement = judge_chip(files.facts(), store, Moment(now), page=mrz)
    checks = [finding.to_json() for finding in judgement.findings]
    answer = {
        "reader": name,
        "access": files.access.used,
        "access_offered": "PACE" if files.pace_offered else "BAC",
        "attempts": checks[0]["evidence"].get("attempts", []),
        "issuing_state": _issuing_state(files.files, now) or judgement.issuing_state,
        "files": {name: len(content) for name, content in files.files.items()},
        "not_read": files.not_read,
        "unknown_tags": [f"{tag:02X}" for tag in files.unknown_tags],
        "contents": _contents(files.files),
        "atr": files.atr.hex().upper(),
        "block_bytes": files.block_bytes,
        "apdus": files.apdus,
        "bytes_sent": files.bytes_sent,
        "bytes_received": files.bytes_received,
        "seconds": {step: round(seconds, 4) for step, seconds in files.seconds.items()},
        "card_seconds": round(files.card_seconds, 4),
        "checks": checks,
    }
    _print(answer, arguments.json)
    return 1 if any_failed(checks) else 0


def verify_folder(arguments: argparse.Namespace) -> int:
    """0: verified, 1: a check failed, 2: could not (no security object, or nobody to trust)."""
    from appliance.travel_document.authentication.facts import ChipFacts
    from appliance.travel_document.authentication.finding import Moment
    from appliance.travel_document.authentication.report import judge_chip

    now = dt.datetime.now(dt.UTC)
    store = trust.open_store(arguments.store)
    files = read_folder(arguments.folder)
    if not files:
        raise CouldNot(f"{arguments.folder} holds no file of a chip.")
    judgement = judge_chip(ChipFacts(files, from_chip=False), store, Moment(now))
    without = {"chip.pace", "chip.dg1_matches_mrz", "chip.chip_authentication_mapping"}
    checks = [finding.to_json() for finding in judgement.findings if finding.id not in without]
    answer = {
        "folder": str(arguments.folder),
        "issuing_state": _issuing_state(files, now) or judgement.issuing_state,
        "files": {name: len(content) for name, content in files.items()},
        "contents": _contents(files),
        "checks": checks,
    }
    _print(answer, arguments.json)
    if any_failed(checks):
        return 1
    passive = next(check for check in checks if check["id"] == "chip.passive_authentication")
    if passive["verdict"] == "CANNOT":
        why = _REMEDY.get(passive["reason"], passive["reason"])
        print(f"borne: passive authentication could not be done: {why}", file=sys.stderr)
        return 2
    return 0


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a chip in a folder by their names, known by their outer tag; others are passed over."""
    from appliance.travel_document.lds.files import identify

    found: dict[str, bytes] = {}
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())[:MAX_FILES]
        for path in paths:
            if path.stat().st_size > MAX_FILE_BYTES:
                continue
            known = identify(path.read_bytes())
            if known is None:
                continue
            if found.setdefault(*known) != known[1]:
                raise CouldNot(f"{folder} holds two different files that are both EF.{known[0]}.")
    except OSError as error:
        raise CouldNot(f"{folder} cannot be read ({error.strerror}).") from error
    return found


def _print(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    hidden = ("checks", "attempts", "contents")
    print_fields({name: value for name, value in answer.items() if name not in hidden})
    for name, content in answer["contents"].items():
        print(f"  EF.{name}")
        print_fields(content)
    print_checks(answer["checks"])


_REMEDY = {
    "no_trust_store": "nothing is trusted yet; import a master list with `borne trust import`.",
    "no_trust_anchor": "no authority of the issuing state is in the trust store; import a list that has one.",
    "unknown_authority": "the signer names an authority that the trust store lacks; import a newer list.",
    "no_sod": "there is no EF.SOD among the files.",
    "signing_time_unknown": "the signer's certificate has expired, and nobody says when it signed.",
}


def _keep(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / f"EF.{name}").write_bytes(content)
    except OSError as error:
        raise CouldNot(f"The files cannot be kept in {folder} ({error.strerror}).") from error


def _only_reader(names: tuple[str, ...]) -> str:
    if not names:
        raise CouldNot("PC/SC knows no reader; plug one in, or look with `borne devices`.")
    return names[0]


def _issuing_state(files: Mapping[str, bytes], now: dt.datetime) -> str | None:
    """As DG1 has it: D, UTO, ..."""
    from appliance.travel_document import MrzError, mrz_from_dg1, parse_mrz

    try:
        return parse_mrz(mrz_from_dg1(files["DG1"]), today=now.date()).issuing_state
    except (KeyError, MrzError):
        return None


def _contents(files: Mapping[str, bytes]) -> dict[str, Any]:
    from appliance.travel_document.lds.contents import describe

    return describe(files)
