"""The `borne-central` command: keys, registration, the receiver, publishing, counting.

Exit codes as `borne`'s: 0 yes, 1 no, 2 could not, with one line on standard error.
"""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nacl.public import PublicKey
from nacl.signing import VerifyKey

from appliance.carry.errors import CarryError
from appliance.contracts.wire import WireError, check_name
from appliance.key_files import HashingKey, KeyFileError, read_key
from appliance.records.errors import EnvelopeError
from appliance.reference_data.repository import Repository, RepositoryError
from appliance.screening import ScreeningError
from central import appoint, backup, carry_command, derive, enrol, key_list, trust, waiting
from central.backup import CannotBackUp
from central.broker import Access, BrokerError, publish_reference
from central.fleet import cli as fleet
from central.fleet import support_command
from central.fleet.alerts import NoSuchAlert
from central.gateway import Desk, Gateway
from central.intelligence import cli as intelligence
from central.keys import OPERATOR, create_keys, load_gateway_keys, load_keys, load_operator_key
from central.live_table import LiveTable
from central.merge import cli as merge
from central.merge.settle import NoSuchReview
from central.receiver import Receiver
from central.register import FileRegister
from central.rights import cli as rights
from central.rights.change import CannotCorrect
from central.rights.find import CannotSearch
from central.rights.journal import PurposeMissing
from central.statistics import cli as statistics
from central.statistics.coverage import CannotTell
from central.statistics.releases import CannotRelease
from central.store import Store, StoreError
from central.workers import MAX_WORKERS, Workers, end_with_parent


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    chosen = _parser().parse_args(words)
    chosen.words = words
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        return int(chosen.run(chosen))
    except (
        *(BrokerError, CarryError, KeyFileError, RepositoryError, ScreeningError, StoreError, WireError),
        *(CannotBackUp, CannotCorrect, CannotRelease, CannotSearch, CannotTell, PurposeMissing),
        *(EnvelopeError, NoSuchAlert, NoSuchReview),
        *(ValueError, OSError),
    ) as error:
        print(f"borne-central: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="borne-central", description="Borne's reference receiver.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    keys = actions.add_parser("keys", help="make central's keys; existing ones are never overwritten")
    keys.add_argument("--folder", type=Path, required=True)
    keys.add_argument("--missing", action="store_true", help="only those that are not there yet")
    keys.set_defaults(run=_keys)

    register = actions.add_parser("register", help="know a box by its public keys")
    _add_database(register)
    register.add_argument("device")
    register.add_argument("signing_key", type=Path, help="the box's signing.pub")
    register.add_argument("--sealing", type=Path, help="the box's sealing.pub, for signed lists")
    register.set_defaults(run=_register)

    run = actions.add_parser("run", help="receive, store, acknowledge, until stopped")
    _add_database(run)
    run.add_argument("--keys", type=Path, required=True)
    _add_broker(run)
    run.add_argument(
        "--workers", type=int, default=1, metavar="N", help="so many processes share the boxes' batches"
    )
    run.add_argument("--worker", type=int, default=0, metavar="K", help="be the K-th, and start no others")
    run.add_argument("--quiet", action="store_true", help="no table")
    run.add_argument("--json", action="store_true", help="an object a line instead of the table")
    run.set_defaults(run=_run)

    gateway = actions.add_parser("gateway", help="answer the boxes' live queries, until stopped")
    _add_database(gateway)
    gateway.add_argument("--keys", type=Path, required=True)
    gateway.add_argument(
        "--register",
        action="append",
        required=True,
        metavar="NAME=LIST[,KEY]",
        help="a list file of `borne list build`, and of a list of numbers its key file",
    )
    _add_broker(gateway)
    gateway.set_defaults(run=_gateway)

    publish = actions.add_parser("publish", help="give signed lists to all boxes")
    publish.add_argument("name", nargs="+", help="of the list; the topic's last level")
    publish.add_argument(
        "package", type=Path, metavar="REPOSITORY", help="the repository, or a message of it in a file"
    )
    publish.add_argument("--only-changes", action="store_true", help="the list itself comes on a stick")
    _add_broker(publish)
    publish.set_defaults(run=_publish)

    trust.add_to(actions)
    for part in (
        appoint,
        backup,
        carry_command,
        derive,
        enrol,
        key_list,
        fleet,
        support_command,
        merge,
        rights,
        intelligence,
        statistics,
    ):
        part.add_to(actions)

    count = actions.add_parser("count", help="what the database holds")
    _add_database(count)
    count.add_argument("--json", action="store_true")
    count.set_defaults(run=_count)
    return parser


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", required=True, help="a file (SQLite) or postgresql+psycopg://...")


def _add_broker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=8883)
    for name in ("ca", "certificate", "key"):
        parser.add_argument(f"--{name}", type=Path, required=True)


def _access(arguments: argparse.Namespace) -> Access:
    return Access(arguments.host, arguments.port, arguments.ca, arguments.certificate, arguments.key)


def _keys(arguments: argparse.Namespace) -> int:
    create_keys(arguments.folder, only_missing=arguments.missing)
    return 0


def _register(arguments: argparse.Namespace) -> int:
    signing = bytes(read_key(arguments.signing_key, VerifyKey))
    sealing = bytes(read_key(arguments.sealing, PublicKey)) if arguments.sealing else None
    store = Store(arguments.database)
    with store.batch() as batch:
        batch.register(check_name(arguments.device), signing, sealing)
    store.close()
    return 0


def _run(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.workers <= MAX_WORKERS:
        raise ValueError(f"--workers is 1 to {MAX_WORKERS}.")
    if arguments.worker:
        end_with_parent()
    store = Store(arguments.database)
    table = LiveTable(sys.stdout, as_json=arguments.json)
    settings: dict[str, Any] = {} if arguments.quiet else {"show": table.show}
    if (arguments.keys / f"{OPERATOR}.key").exists():  # else a person orders what central itself would
        settings["operator"] = load_operator_key(arguments.keys)
    receiver = Receiver(
        store=store,
        keys=load_keys(arguments.keys),
        access=_access(arguments),
        worker=arguments.worker or 1,
        workers=arguments.workers,
        **settings,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: receiver.stop())
    with Workers(arguments.words, count=1 if arguments.worker else arguments.workers):
        receiver.run()
    store.close()
    return 0


def _gateway(arguments: argparse.Namespace) -> int:
    registers = [_register_of(text) for text in arguments.register]
    store = Store(arguments.database)
    keys = load_gateway_keys(arguments.keys)
    desk = Desk(
        gateway=Gateway(store=store, keys=keys, registers=registers),
        access=_access(arguments),
        listening=lambda: print(f"listening, with {len(registers)} registers", flush=True),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: desk.stop())
    desk.run()
    store.close()
    return 0


def _register_of(text: str) -> FileRegister:
    name, _, files = text.partition("=")
    path, _, key = files.partition(",")
    if not name or not path:
        raise ValueError(f"--register takes NAME=LIST or NAME=LIST,KEY, not {text}.")
    return FileRegister(name, Path(path), index_key=bytes(read_key(Path(key), HashingKey)) if key else b"")


def _publish(arguments: argparse.Namespace) -> int:
    package: Path = arguments.package
    if len(arguments.name) > 1 and not package.is_dir():
        raise ValueError("A message in a file is of one list: give one name, or a repository.")
    for name in arguments.name:
        message = (
            Repository(package).message(name, only_changes=arguments.only_changes)
            if package.is_dir()
            else package.read_bytes()
        )
        publish_reference(_access(arguments), name, message)
    return 0


def _count(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    counts = store.counts()
    with store.reading() as batch:
        counts["waiting"] = waiting.count(batch.connection)
    store.close()
    if arguments.json:
        print(json.dumps(counts))
    else:
        for name, number in counts.items():
            print(f"{name:<12} {number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
