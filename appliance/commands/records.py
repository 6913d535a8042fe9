"""`borne records`: the chain verified, sealed records taken along, what is old removed."""

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from appliance.commands import carry, paper, salvage, statistics
from appliance.commands.output import CouldNot, add_json_flag, print_json, sentence

if TYPE_CHECKING:
    from appliance.contracts.lane import LaneClient
    from appliance.records.salvage import Salvage

_Answer = TypeVar("_Answer")
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
    export.add_argument(
        "--set-aside", action="store_true", help="those of damaged journals that were set aside instead"
    )
    export.set_defaults(run=export_records)
    carry.add_to(actions)
    retain = actions.add_parser("retain", help="have the running box remove what it has kept long enough")
    retain.set_defaults(run=retain_records)
    correct = actions.add_parser("correct", help="record that an earlier crossing was recorded wrongly")
    correct.add_argument("crossing", help="as central names it")
    correct.add_argument(
        "values", nargs="+", metavar="FIELD=VALUE", help="of the document: birth_date=1974-08-12"
    )
    correct.add_argument("--reason", required=True)
    correct.set_defaults(run=correct_record)
    change_key = actions.add_parser("change-key", help="have the running box sign with a new key")
    change_key.add_argument("--reason", required=True, help="goes into the record of the change")
    change_key.set_defaults(run=change_signing_key)
    paper.add_to(actions)
    salvage.add_to(actions)
    statistics.add_to(actions)
    for action in (verify, export, retain, correct, change_key):
        action.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
        add_json_flag(action)


def verify_chain(arguments: argparse.Namespace) -> int:
    """0: the chain is whole, 1: it is not, 2: it cannot be read."""
    from appliance.records.book import SET_ASIDE
    from appliance.records.errors import StorageError

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

    if arguments.set_aside:
        return _export_set_aside(arguments)
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
    _tell_exported(arguments, epoch, written)
    return 0


def _export_set_aside(arguments: argparse.Namespace) -> int:
    """What can still be read of each journal that was set aside; no key is needed, and none is used."""
    from appliance.config import ConfigError, load_config
    from appliance.records.errors import StorageError
    from appliance.records.salvage import Salvage

    try:
        paths = load_config(arguments.config).paths
        arguments.folder.mkdir(parents=True, exist_ok=True)
        files = [
            path
            for why in ("corrupt", "behind")
            for path in sorted((paths.outbox or paths.data).glob(f"journal.db.{why}-*"))
            if not path.name.endswith(("-wal", "-shm"))
        ]
        for file in files:
            with tempfile.TemporaryDirectory() as work:
                try:
                    with Salvage.open(file, Path(work)) as found:
                        written = _write_out(found, arguments.folder, arguments.after)
                        _tell_exported(arguments, found.epoch, written)
                except StorageError as error:
                    print(sentence(error), file=sys.stderr)
    except (ConfigError, OSError) as error:
        raise CouldNot(sentence(error)) from error
    if not files:
        raise CouldNot("No journal was set aside here.")
    return 0


def _write_out(found: "Salvage", folder: Path, after: int) -> int:
    written = 0
    for record in found.records(after):
        (folder / f"{found.epoch}-{record.seq:08}.cose").write_bytes(record.envelope)
        written += 1
    return written


def _tell_exported(arguments: argparse.Namespace, epoch: str, written: int) -> None:
    if arguments.json:
        print_json({"epoch": epoch, "records": written, "folder": str(arguments.folder)})
    else:
        print(f"{written} sealed records of epoch {epoch} in {arguments.folder}")


def retain_records(arguments: argparse.Namespace) -> int:
    """0: done, 2: the box does not run, or its disk does not let us."""
    from appliance.contracts.capture import Nothing

    done = _ask_lane(arguments, lambda lane: lane.retain(Nothing()))
    if arguments.json:
        print_json({"records_removed": done.records_removed, "media_dropped": done.media_dropped,
                    "bytes_freed": done.bytes_freed, "forgotten": done.forgotten})  # fmt: skip
    else:
        print(f"{done.records_removed} records removed, {done.media_dropped} media given up")
        print(f"{done.bytes_freed} bytes freed; {done.forgotten} crossings forgotten")
    return 0


def correct_record(arguments: argparse.Namespace) -> int:
    """0: recorded, 2: the box does not run, or does not take it."""
    from appliance.contracts.lane import Correct

    values = {}
    for text in arguments.values:
        name, equals, value = text.partition("=")
        if not equals:
            raise CouldNot(f"A correction takes FIELD=VALUE, not {text}.")
        values[name] = value
    request = Correct(crossing=arguments.crossing, reason=arguments.reason, values=values)
    done = _ask_lane(arguments, lambda lane: lane.correct(request))
    if arguments.json:
        print_json({"seq": done.seq, "corrects": done.corrects})
    else:
        named = "a record that this box no longer has" if done.corrects is None else f"record {done.corrects}"
        print(f"record {done.seq} corrects {named}")
    return 0


def change_signing_key(arguments: argparse.Namespace) -> int:
    """0: changed, 2: the box does not run, or its disk does not let us."""
    from appliance.contracts.lane import ChangeKey

    done = _ask_lane(arguments, lambda lane: lane.change_key(ChangeKey(reason=arguments.reason)))
    if arguments.json:
        print_json({"seq": done.seq, "key": done.key})
    else:
        print(f"record {done.seq} changes the key; from the next one on {done.key} signs")
    return 0


def _ask_lane(
    arguments: argparse.Namespace, question: Callable[["LaneClient"], Awaitable[_Answer]]
) -> _Answer:
    """What the running box answers on its own socket."""
    import asyncio

    from appliance.config import ConfigError, load_config
    from appliance.contracts.errors import ServiceError
    from appliance.contracts.lane import LaneClient

    async def ask(socket: Path) -> _Answer:
        lane = LaneClient(socket)
        try:
            return await question(lane)
        finally:
            await lane.close()

    try:
        return asyncio.run(ask(load_config(arguments.config).paths.run / "lane.sock"))
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    except ServiceError as error:
        raise CouldNot(error.sentence) from error


def _journal(path: Path) -> Any:
    from appliance.config import ConfigError, load_config
    from appliance.opening import CannotStart, open_journal

    try:
        return open_journal(load_config(path), begin=False)
    except (ConfigError, CannotStart) as error:
        raise CouldNot(str(error)) from error
