"""`borne selftest`: the technician's check of a running box; printable, or as JSON."""

import argparse
import asyncio
import datetime as dt
import sys
from pathlib import Path

from appliance.commands.output import CouldNot, add_json_flag, any_failed, print_checks, print_json

CONFIG = Path("/etc/borne/borne.toml")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    selftest = subparsers.add_parser("selftest", help="technician's check of a running box")
    selftest.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    selftest.add_argument("--disk", type=Path, help="a folder on the disk whose flush is to be measured")
    selftest.add_argument("--unattended", action="store_true", help="ask nobody: lights are then not judged")
    add_json_flag(selftest)
    selftest.set_defaults(run=run_selftest)


def run_selftest(arguments: argparse.Namespace) -> int:
    """0: nothing failed and all could be asked; 1: something failed, or could not be asked."""
    import appliance
    from appliance.config import ConfigError, load_config
    from appliance.contracts.capture import CaptureClient
    from appliance.contracts.lane import LaneClient
    from appliance.contracts.uplink import UplinkClient
    from appliance.services.agent.selftest import SelfTest

    try:
        config = load_config(arguments.config)
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    run = config.paths.run
    attended = not arguments.unattended and not arguments.json and sys.stdin.isatty()
    test = SelfTest(
        capture=CaptureClient(run / "capture.sock"),
        lane=LaneClient(run / "lane.sock"),
        uplink=UplinkClient(run / "uplink.sock"),
        data=config.paths.data,
        disk=arguments.disk,
        ask=_yes if attended else None,
    )
    results = asyncio.run(test.run())
    failed = any_failed(results) or any(one["verdict"] == "CANNOT" for one in results)
    if arguments.json:
        print_json({"device": config.box.device, "version": appliance.__version__, "checks": results})
    else:
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
        print(f"Borne {appliance.__version__}: self-test of {config.box.device}, {config.box.post}, {now}")
        print_checks(results)
        print("Not as it should be; see the lines with ✗ and ?." if failed else "Nothing failed.")
    return 1 if failed else 0


def _yes(question: str) -> bool:
    return input(f"{question} [y/n] ").strip().lower() in {"y", "yes"}
