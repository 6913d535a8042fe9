"""The `borne` command: finds the subcommand, and turns its errors into one line and an exit code.

Exit codes: 0 yes, 1 no (a check failed), 2 could not (bad input, missing device).
"""

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

import appliance
from appliance.arenas import few_arenas
from appliance.commands.output import COULD_NOT, CouldNot, could_not

COMMANDS = (
    *("demo", "training", "run", "mrz", "chip", "seal", "face", "finger", "trust", "lists", "records"),
    *("officers", "devices", "selftest", "flash", "provision", "post", "advance", "reset", "time"),
)
"""The modules of appliance.commands. Each has `add_to(subparsers)`; what a command needs is imported when it
runs, so that help is quick."""
UNITS_CALL = ("run", "provision", "post", "selftest")
"""Imported alone when they are asked for: services, provisioning, the post's errands: at every start."""


def _modules(arguments: Sequence[str]) -> list[ModuleType]:
    names = arguments[:1] if arguments and arguments[0] in UNITS_CALL else COMMANDS
    return [importlib.import_module(f"appliance.commands.{name}") for name in names]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line; the subcommands' parsers are of this class too."""

    def error(self, message: str) -> NoReturn:
        self.exit(COULD_NOT, f"{self.prog}: {message}; see `{self.prog} --help`.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script."""
    parser = _Parser(prog="borne", description="Borne: one box at a small land crossing.")
    parser.add_argument("--version", action="version", version=f"borne {appliance.__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log to the terminal what is being done")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    arguments = sys.argv[1:] if arguments is None else arguments
    for command in _modules(arguments):
        command.add_to(subparsers)
    chosen = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if chosen.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    few_arenas()
    try:
        return int(chosen.run(chosen))
    except CouldNot as error:
        return could_not(str(error))
    except BrokenPipeError:
        return COULD_NOT
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
