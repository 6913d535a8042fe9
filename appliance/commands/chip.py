"""`borne chip read`: the chip in a reader's field, opened with the MRZ."""

import argparse
import contextlib
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.commands.output import (
    CouldNot,
    add_json_flag,
    any_failed,
    print_checks,
    print_fields,
    print_json,
)

WAIT_SECONDS = 30.0
NOT_YET = ("chip.passive_authentication", "chip.active_authentication", "chip.chip_authentication")
"""Named in every answer; this version does none of them, and says so."""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    chip = subparsers.add_parser("chip", help="chips of electronic documents").add_subparsers(
        metavar="ACTION", required=True
    )
    read = chip.add_parser("read", help="read the chip in the field")
    read.add_argument("--mrz", nargs="+", metavar="LINE", required=True, help="the document's MRZ lines")
    read.add_argument("--reader", metavar="NAME", help="how PC/SC names the reader, or how that name begins")
    read.add_argument("--wait", type=float, default=WAIT_SECONDS, metavar="SECONDS", help="for a chip")
    read.add_argument("--out", type=Path, metavar="FOLDER", help="keep the files as read")
    add_json_flag(read)
    read.set_defaults(run=read_chip_in_field)


def read_chip_in_field(arguments: argparse.Namespace) -> int:
    """0: read, 1: a check failed, 2: no chip, no reader, or it did not open."""
    from appliance.chip import ChipError, read_chip
    from appliance.travel_document import MrzError, chip_access_fields, parse_mrz
    from hal.device import HalError
    from hal.document_reader import pcsc

    today = dt.datetime.now(dt.UTC).date()
    try:
        mrz = parse_mrz(tuple(arguments.mrz), today=today)
        name = arguments.reader or _only_reader(pcsc.reader_names())
        with (
            contextlib.closing(pcsc.PcscReader(reader_name=name)) as reader,
            contextlib.closing(reader.wait_for_chip(arguments.wait)) as connection,
        ):
            files = read_chip(
                connection.transmit, mrz_information=chip_access_fields(mrz), atr=connection.atr
            )
    except (MrzError, HalError, ChipError) as error:
        raise CouldNot(str(error)) from error
    if arguments.out:
        _keep(arguments.out, files.files)
    checks = _checks(files.files, mrz, today)
    answer: dict[str, Any] = {
        "issuing_state": mrz.issuing_state,
        "reader": name,
        "access": files.access.value,
        "offered": [access.value for access in files.offered],
        "atr": files.atr.hex().upper(),
        "files": {file_name: len(content) for file_name, content in files.files.items()},
        "apdus": files.apdus,
        "seconds": {step: round(seconds, 4) for step, seconds in files.seconds.items()},
        "checks": checks,
    }
    if arguments.json:
        print_json(answer)
    else:
        print_fields({name: value for name, value in answer.items() if name != "checks"})
        print_checks(checks)
    return 1 if any_failed(checks) else 0


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


def _checks(files: Any, mrz: Any, today: dt.date) -> list[dict[str, Any]]:
    from appliance.travel_document import MrzError, different_fields, mrz_from_dg1, parse_mrz

    fields: tuple[str, ...] = ()
    try:
        fields = different_fields(mrz, parse_mrz(mrz_from_dg1(files["DG1"]), today=today))
        verdict, reason = ("FAIL", "different") if fields else ("PASS", "equal")
    except KeyError:
        verdict, reason = "NOT_DONE", "chip_not_read"
    except MrzError:
        verdict, reason = "FAIL", "malformed"
    checks = [{"id": "chip.dg1_matches_mrz", "verdict": verdict, "reason": reason, "evidence": {}}]
    if fields:
        checks[0]["evidence"] = {"fields": list(fields)}
    return checks + [
        {"id": id_, "verdict": "NOT_DONE", "reason": "not_supported", "evidence": {}} for id_ in NOT_YET
    ]
