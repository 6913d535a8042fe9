"""`borne records`: the chain verified, and sealed records taken along."""

import argparse
from pathlib import Path
from typing import Any

from appliance.commands import carry
from appliance.commands.output import CouldNot, add_json_flag, print_json, sentence

CONFIG = Path("/etc/borne/borne.toml")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    actions = subparsers.add_parser("records", help="the journal of this box").add_subparsers(
        metavar="ACTION", required=True
    )
    verify = actions.add_parser("verify", help="walk the chain: signatures, links, numbers")
    verify.set_defaults(run=verify_chain)
    export = actions.add_parser("export", help="the sealed records as files, which only central can open")
    export.add_argument("folder", type=Path)
    export.add_argument("--after", type=int, default=0, metavar="N", help="only those after this number")
    export.set_defaults(run=export_records)
    carry.add_to(actions)
    for action in (verify, export):
        action.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
        add_json_flag(action)


def verify_chain(arguments: argparse.Namespace) -> int:
    """0: the chain is whole, 1: it is not, 2: it cannot be read."""
    from appliance.records.errors import StorageError
    from appliance.records.journal import SET_ASIDE

    journal = _journal(arguments.config)
    try:
        report = journal.verify()
    except StorageError as error:
        raise CouldNot(str(error)) from error
    finally:
        journal.close()
    if arguments.json:
        print_json(
            {
                "epoch": report.epoch,
                "records": report.records,
                "problems": list(report.problems),
                "notices": list(journal.notices),
            }
        )
    else:
        if SET_ASIDE in journal.notices:
            print("A damaged journal lies beside this one; it is not looked at here.")
        for problem in report.problems:
            print(problem)
        print(f"{report.records} records in epoch {report.epoch}, {len(report.problems)} problems")
    return 1 if report.problems else 0


def export_records(arguments: argparse.Namespace) -> int:
    """0: written, 2: could not."""
    from appliance.records.errors import StorageError

    journal = _journal(arguments.config)
    written, after = 0, arguments.after
    try:
        epoch = journal.status().epoch
        arguments.folder.mkdir(parents=True, exist_ok=True)
        while page := journal.page(after, 32):
            for record in page:
                (arguments.folder / f"{epoch}-{record.seq:08}.cose").write_bytes(record.envelope)
            written, after = written + len(page), page[-1].seq
    except (StorageError, OSError) as error:
        raise CouldNot(sentence(error)) from error
    finally:
        journal.close()
    if arguments.json:
        print_json({"epoch": epoch, "records": written, "folder": str(arguments.folder)})
    else:
        print(f"{written} sealed records of epoch {epoch} in {arguments.folder}")
    return 0


def _journal(path: Path) -> Any:
    from appliance.config import ConfigError, load_config
    from appliance.wiring import CannotStart, open_journal

    try:
        return open_journal(load_config(path), begin=False)
    except (ConfigError, CannotStart) as error:
        raise CouldNot(str(error)) from error
