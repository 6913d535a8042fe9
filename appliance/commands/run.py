"""`borne run SERVICE`: one of the four services, as systemd starts it."""

import argparse
import asyncio
from pathlib import Path

from appliance.commands.output import CouldNot

CONFIG = Path("/etc/borne/borne.toml")
SERVICES = ("capture", "lane", "uplink", "agent")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    run = subparsers.add_parser("run", help="run one service (systemd calls this)")
    run.add_argument("service", choices=SERVICES)
    run.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    run.set_defaults(run=run_service)


def run_service(arguments: argparse.Namespace) -> int:
    """Runs until it is stopped; 2 when it cannot start."""
    from appliance.config import ConfigError, load_config
    from appliance.opening import CannotStart
    from appliance.wiring import run_alone

    try:
        asyncio.run(run_alone(arguments.service, load_config(arguments.config)))
    except CannotStart as error:
        raise CouldNot(error.in_file(arguments.config)) from error
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    return 0
