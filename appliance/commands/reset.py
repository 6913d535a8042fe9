"""`borne reset`: a factory reset that keeps who the box is, and loses no record unsaid."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.output import CouldNot, add_json_flag, print_json, sentence

if TYPE_CHECKING:
    from appliance.carry.stick import Stick
    from appliance.records.reset import BoxData, Loss

CONFIG = Path("/etc/borne/borne.toml")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    reset = subparsers.add_parser("reset", help="remove all that the box holds of travellers; keep who it is")
    reset.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    reset.add_argument("--data", type=Path, help="where its data lies, when its disk is in a laptop")
    reset.add_argument("--outbox", type=Path, help="the same of its journal")
    reset.add_argument(
        "--export", type=Path, metavar="FOLDER", help="unsent records go onto this stick first"
    )
    reset.add_argument("--lose", type=int, metavar="N", help="exactly so many unsent records are given up")
    reset.add_argument("--yes", action="store_true", help="do not ask for the box's name")
    reset.set_defaults(run=reset_box)
    add_json_flag(reset)


def reset_box(arguments: argparse.Namespace) -> int:
    """0: the box is as new, with its name; 1: something would be lost, and nothing was done; 2: could not."""
    from appliance.carry.errors import CarryError
    from appliance.config import ConfigError, load_config
    from appliance.records.errors import StorageError
    from appliance.records.reset import BoxData

    try:
        config = load_config(arguments.config)
        data = arguments.data or config.paths.data
        outbox = arguments.outbox or arguments.data or config.paths.outbox or data
        with BoxData(data, outbox) as box:
            loss = box.loss()
            exported = _export(arguments, box, loss)
            if not _agreed(arguments, loss, config.box.device, exported):
                return 1
            box.erase(config.box.device)
    except (ConfigError, CarryError, StorageError, OSError) as error:
        raise CouldNot(sentence(error)) from error
    if arguments.json:
        print_json(
            {"reset": True, "device": config.box.device, "exported": exported, "lost": loss.unsent - exported}
        )
    else:
        print(
            f"{config.box.device} holds nothing of travellers any more. Its keys, certificate and name stay."
        )
    return 0


def _export(arguments: argparse.Namespace, box: "BoxData", loss: "Loss") -> int:
    """How many of the unsent records lie on the stick, read back and whole."""
    from appliance.carry.stick import Stick

    if arguments.export is None:
        return 0
    arguments.export.mkdir(exist_ok=True)
    stick = Stick(arguments.export)
    return sum(_export_journal(box, held.path, stick, loss) for held in loss.journals)


def _export_journal(box: "BoxData", path: Path, stick: "Stick", loss: "Loss") -> int:
    """In batches of records that follow each other, as `borne records carry out` writes them."""
    from appliance.carry.courier import BATCH_BYTES
    from appliance.contracts import wire

    (held,) = (one for one in loss.journals if one.path == path)
    batch: list[bytes] = []
    written = size = first = 0

    def put() -> int:
        if batch:
            stick.write_batch(held.device, held.epoch, first, first + len(batch) - 1, wire.pack(batch))
        return len(batch)

    for record in box.unsent(held):
        size += len(record.envelope)
        follows = record.seq == first + len(batch)
        if batch and (not follows or size > BATCH_BYTES or len(batch) == wire.MAX_BATCH_RECORDS):
            written += put()
            batch, size = [], len(record.envelope)
        if not batch:
            first = record.seq
        batch.append(record.envelope)
    return written + put()


def _agreed(arguments: argparse.Namespace, loss: "Loss", device: str, exported: int) -> bool:
    """What would be lost is said, and somebody wants it so."""
    left = loss.unsent - exported
    unreadable = sum(one.unreadable for one in loss.journals)
    problems = [
        *([f"{left} records that central has not signed for"] if left else []),
        *([f"{unreadable} records that cannot be read, and were not delivered"] if unreadable else []),
        *(["the crossing that is under way"] if loss.steps else []),
    ]
    if problems and arguments.lose is None:
        _tell(arguments, problems, left)
        return False
    if problems and arguments.lose != left:
        raise CouldNot(
            f"--lose says {arguments.lose}, and {left} unsent records are here. Nothing was removed."
        )
    if arguments.yes:
        return True
    print(
        f"All that {device} holds of travellers goes. Type its name to go on: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip() == device


def _tell(arguments: argparse.Namespace, problems: list[str], left: int) -> None:
    if arguments.json:
        print_json({"reset": False, "unsent": left, "would_be_lost": problems})
        return
    print(f"Nothing was removed. A reset would lose {', '.join(problems)}.")
    print(
        "Connect the box until central has all of it; or --export FOLDER writes it onto a stick for central"
    )
    print(f"(borne-central carry in FOLDER); or --lose {left} gives it up.")
