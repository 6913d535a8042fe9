"""`borne records salvage`: a dead box's unsent records, from its disk to central, with no key of the box."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.output import CouldNot, add_json_flag, print_json, sentence
from appliance.commands.progress import Bar

if TYPE_CHECKING:
    from appliance.records.salvage import Salvage
    from appliance.services.uplink.salvage import Delivered


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action to `borne records`."""
    salvage = actions.add_parser("salvage", help="deliver a dead box's records from its disk")
    salvage.add_argument("disk", type=Path, help="where the disk is mounted, a folder of it, or a journal")
    salvage.add_argument("--broker", required=True, metavar="HOST[:PORT]")
    salvage.add_argument("--ca", type=Path, required=True, help="the broker's authority")
    salvage.add_argument("--certificate", type=Path, required=True, help="the laptop's own, not the box's")
    salvage.add_argument("--key", type=Path, required=True, help="of that certificate")
    salvage.add_argument(
        "--watermark-key", type=Path, required=True, metavar="PUB", help="central's, to believe its word"
    )
    salvage.add_argument("--work", type=Path, help="where the copy is made; the disk itself is only read")
    salvage.add_argument("--patience", type=float, default=60.0, metavar="SECONDS")
    salvage.set_defaults(run=salvage_records)
    add_json_flag(salvage)


def salvage_records(arguments: argparse.Namespace) -> int:
    """0: central has signed for everything, 1: something is missing, 2: could not."""
    from appliance.contracts.wire import WireError
    from appliance.key_files import KeyFileError
    from appliance.records.errors import StorageError
    from appliance.records.salvage import Salvage, journals_on
    from appliance.services.uplink.link import LinkError

    whole = True
    try:
        for source in journals_on(arguments.disk):
            with (
                tempfile.TemporaryDirectory(dir=arguments.work) as work,
                Salvage.open(source, Path(work)) as salvage,
            ):
                with Bar("salvage") as bar:
                    done = _deliver(arguments, salvage, bar)
                whole &= done.acknowledged_seq >= salvage.last_seq
                _tell(arguments, salvage, done)
    except (StorageError, LinkError, WireError, KeyFileError, OSError) as error:
        raise CouldNot(sentence(error)) from error
    return 0 if whole else 1


def _deliver(arguments: argparse.Namespace, salvage: "Salvage", bar: Bar) -> "Delivered":
    from nacl.signing import VerifyKey

    from appliance.key_files import read_key
    from appliance.services.uplink.link import Credentials
    from appliance.services.uplink.salvage import Deliverer

    host, _, port = arguments.broker.partition(":")
    if not host or not (port or "8883").isdecimal():
        raise CouldNot(f"--broker takes HOST or HOST:PORT, not {arguments.broker}.")
    return Deliverer(
        salvage,
        Credentials(host, int(port or 8883), arguments.ca, arguments.certificate, arguments.key),
        watermark_key=read_key(arguments.watermark_key, VerifyKey),
        patience=arguments.patience,
        progress=bar,
    ).deliver()


def _tell(arguments: argparse.Namespace, salvage: "Salvage", done: "Delivered") -> None:
    found = {
        "journal": str(salvage.source),
        "device": salvage.device,
        "epoch": salvage.epoch,
        "last_seq": salvage.last_seq,
        "acknowledged_before": salvage.acknowledged_seq,
        "acknowledged": done.acknowledged_seq,
        "sent": done.sent,
        "undelivered": done.undelivered,
        "unreadable": list(salvage.missing),
        "gaps": [list(gap) for gap in done.gaps],
    }
    if arguments.json:
        print_json(found)
        return
    print(f"{salvage.source}: box {salvage.device}, epoch {salvage.epoch}")
    print(f"{done.sent} records sent, {len(salvage.missing)} unreadable")
    print(f"central has signed for {done.acknowledged_seq} of {salvage.last_seq}")
    print(_ending(salvage, done))


def _ending(salvage: "Salvage", done: "Delivered") -> str:
    """What is to be done now, in one sentence."""
    if done.undelivered:
        return f"{done.undelivered} records are not at central: nothing went on; run it again."
    if salvage.missing:
        return "Central has everything that can still be read; what is unreadable is lost with the disk."
    return "Central has everything: the disk is not needed any more."
