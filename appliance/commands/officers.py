"""`borne officers`: who works at this box and as what; PINs are asked for, never given as arguments."""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from appliance.commands.output import CouldNot, add_json_flag, print_json

CONFIG = Path("/etc/borne/borne.toml")
ROLES = ("officer", "second_line", "supervisor", "technician", "trainer")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    actions = subparsers.add_parser("officers", help="who works at this box").add_subparsers(
        metavar="ACTION", required=True
    )
    add = actions.add_parser("add", help="a new officer, or a new PIN for one; asks for the PIN twice")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, action="append", required=True, help="may be repeated")
    add.set_defaults(run=_add)
    remove = actions.add_parser("remove", help="this officer works here no more")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)
    show = actions.add_parser("list", help="names and roles")
    add_json_flag(show)
    show.set_defaults(run=_list)
    for action in (add, remove, show):
        action.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")


def _add(arguments: argparse.Namespace) -> int:
    from appliance.contracts.officers import Role
    from appliance.records.errors import StorageError
    from appliance.records.officers import OfficerError

    book = _book(arguments.config)
    pin = _asked("PIN: ")
    if _asked("Once more: ") != pin:
        raise CouldNot("The two PINs differ; nothing was changed.")
    try:
        book.add(arguments.name, pin, frozenset(Role(role) for role in arguments.role))
    except (OfficerError, StorageError) as error:
        raise CouldNot(str(error)) from error
    print(f"{arguments.name} works here as {', '.join(arguments.role)}.")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from appliance.records.errors import StorageError
    from appliance.records.officers import OfficerError

    try:
        _book(arguments.config).remove(arguments.name)
    except (OfficerError, StorageError) as error:
        raise CouldNot(str(error)) from error
    print(f"{arguments.name} works here no more.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    """0: there are officers, 1: there are none."""
    from appliance.records.errors import StorageError

    try:
        found = _book(arguments.config).all()
    except StorageError as error:
        raise CouldNot(str(error)) from error
    if arguments.json:
        print_json({"officers": [{"name": one.name, "roles": list(one.roles)} for one in found]})
    else:
        for one in found:
            print(f"{one.name}: {', '.join(one.roles)}")
        if not found:
            print("Nobody is named here; `borne officers add` names somebody.", file=sys.stderr)
    return 0 if found else 1


def _asked(prompt: str) -> str:
    """From the terminal without an echo, or a line of standard input where there is none."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.readline().rstrip("\n")


def _book(path: Path) -> Any:
    from appliance.config import ConfigError, load_config
    from appliance.opening import CannotStart, officers_book

    try:
        return officers_book(load_config(path))
    except (ConfigError, CannotStart) as error:
        raise CouldNot(str(error)) from error
