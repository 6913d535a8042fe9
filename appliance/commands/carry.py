"""`borne records carry`: records and central's word on a USB stick, when there is no network."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.output import CouldNot, add_json_flag, print_json

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.contracts.lane import Lane

CONFIG = Path("/etc/borne/borne.toml")
PLAIN_WORDS = {"watermark": "central's word", "command": "command", "reference": "list"}


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne records`."""
    ways = actions.add_parser(
        "carry", help="records out and central's word in, on a USB stick"
    ).add_subparsers(metavar="WAY", required=True)
    out = ways.add_parser("out", help="copy what central has not committed; pull out and go on at any time")
    out.set_defaults(run=carry_out)
    into = ways.add_parser("in", help="take central's word, commands and lists from the stick")
    into.set_defaults(run=carry_in)
    for way in (out, into):
        way.add_argument("folder", type=Path, help="on the stick")
        way.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
        add_json_flag(way)


def carry_out(arguments: argparse.Namespace) -> int:
    """0: all of it is on the stick, 1: it is full and the rest goes on another, 2: could not."""
    from appliance.carry import courier
    from appliance.carry.errors import CarryError
    from appliance.carry.stick import Stick
    from appliance.contracts.errors import ServiceError

    async def work(config: "Config") -> courier.CarriedOut:
        async with _lane(config) as lane:
            return await courier.carry_out(lane, Stick(_on_stick(arguments.folder)))

    try:
        carried = asyncio.run(work(_config(arguments.config)))
    except CarryError as error:
        raise CouldNot(f"{error} What is on it is whole: put it back and say the same again.") from error
    except ServiceError as error:
        raise CouldNot(error.sentence) from error
    if arguments.json:
        print_json({"device": carried.device, "epoch": carried.epoch, "written": carried.written,
                    "there": carried.there, "last_seq": carried.last_seq, "full": carried.full})  # fmt: skip
    else:
        print(
            f"{carried.written} sealed records copied, {carried.there} were there; only central can open them"
        )
        if carried.full:
            print("The stick is full; the rest goes on another one. The box keeps everything.")
    return 1 if carried.full else 0


def carry_in(arguments: argparse.Namespace) -> int:
    """0: lane took all that was brought, 1: something was refused, 2: could not."""
    from appliance.carry import courier
    from appliance.carry.errors import CarryError
    from appliance.carry.stick import Stick
    from appliance.contracts.errors import ServiceError

    async def work(config: "Config") -> list[courier.TakenIn]:
        async with _lane(config) as lane:
            return await courier.carry_in(lane, Stick(arguments.folder).brought_for(config.box.device))

    if not arguments.folder.is_dir():
        raise CouldNot(f"{arguments.folder} is not there; is the stick in?")
    try:
        taken = asyncio.run(work(_config(arguments.config)))
    except CarryError as error:
        raise CouldNot(str(error)) from error
    except ServiceError as error:
        raise CouldNot(error.sentence) from error
    for one in taken:
        row = {"kind": one.brought.kind, "name": one.brought.name, "accepted": one.answer.accepted,
               "sentence": one.answer.sentence}  # fmt: skip
        if arguments.json:
            print_json(row)
        else:
            print(f"{PLAIN_WORDS[one.brought.kind]} {one.brought.name}: {one.answer.sentence}")
    if not taken:
        raise CouldNot(f"There is nothing for this box in {arguments.folder}.")
    return 0 if all(one.answer.accepted for one in taken) else 1


def _on_stick(folder: Path) -> Path:
    """The folder, made if need be on a stick that is there: a mount point without its stick fills the box."""
    if not folder.exists():
        if not folder.parent.is_dir():
            raise CouldNot(f"{folder.parent} is not there; is the stick in?")
        folder.mkdir()
    return folder


def _config(path: Path) -> "Config":
    from appliance.config import ConfigError, load_config

    try:
        return load_config(path)
    except ConfigError as error:
        raise CouldNot(str(error)) from error


@asynccontextmanager
async def _lane(config: "Config") -> "AsyncIterator[Lane]":
    """Lane that runs, over its socket; where none does, one made from the configuration for the moment."""
    from appliance.contracts.capture import CaptureClient, Nothing
    from appliance.contracts.errors import ServiceError
    from appliance.contracts.lane import LaneClient
    from appliance.opening import CannotStart
    from appliance.wiring import make_lane

    client = LaneClient(config.paths.run / "lane.sock")
    try:
        try:
            await client.status(Nothing())
        except ServiceError as error:
            if error.code != "unreachable":
                raise
        else:
            yield client
            return
    finally:
        await client.close()
    try:
        lane = make_lane(config, capture=CaptureClient(config.paths.run / "capture.sock"))
    except CannotStart as error:
        raise CouldNot(str(error)) from error
    try:
        yield lane
    finally:
        lane.close()
