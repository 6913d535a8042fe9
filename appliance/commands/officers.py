"""`borne officers`: who works at this box and as what; PINs are asked for, never given as arguments."""

import argparse
import asyncio
import getpass
import secrets
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
    card = actions.add_parser("card", help="give an officer the card on the reader (PIV), or take it away")
    card.add_argument("name")
    card.add_argument("--remove", action="store_true", help="the officer has no card any more: it was lost")
    card.add_argument("--seconds", type=float, default=30.0, help="to wait for the card; default 30")
    card.set_defaults(run=_card)
    show = actions.add_parser("list", help="names, roles, and who has a card")
    add_json_flag(show)
    show.set_defaults(run=_list)
    for action in (add, remove, card, show):
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


def _card(arguments: argparse.Namespace) -> int:
    """0. The card is read by the running capture service, and has to prove its key."""
    from appliance.officer_card import CHALLENGE_BYTES, CardError, digest_of, key_of, name_of, proves
    from appliance.records.errors import StorageError
    from appliance.records.officers import OfficerError

    config, book = _config(arguments.config), _book(arguments.config)
    try:
        if arguments.name not in {one.name for one in book.all()}:
            raise CouldNot(f"There is no officer called {arguments.name}.")
        if arguments.remove:
            if not book.cards.take_away(arguments.name):
                raise CouldNot(f"{arguments.name} has no card.")
            print(f"{arguments.name} has no card any more: the PIN alone counts again.")
            return 0
        digest = digest_of(config.box.device, secrets.token_bytes(CHALLENGE_BYTES))
        if sys.stderr.isatty():
            print("Lay the card on the reader, and leave it there.", file=sys.stderr)
        proof = _asked_card(config, digest, arguments.seconds)
        key = key_of(proof.certificate)
        if not proves(key, proof.signature, digest):
            raise CouldNot("The card does not prove the key in its certificate: do not use it.")
        book.give_card(arguments.name, key)
    except (CardError, OfficerError, StorageError) as error:
        raise CouldNot(str(error)) from error
    print(f"{arguments.name} has card {name_of(key)}; from now on it is asked for with the PIN.")
    return 0


def _asked_card(config: Any, digest: bytes, seconds: float) -> Any:
    from appliance.contracts.capture import CaptureClient
    from appliance.contracts.card import ProveCard
    from appliance.contracts.errors import ServiceError

    async def ask() -> Any:
        capture = CaptureClient(config.paths.run / "capture.sock")
        try:
            return await capture.prove_card(ProveCard(digest=digest, timeout=seconds))
        finally:
            await capture.close()

    try:
        return asyncio.run(ask())
    except ServiceError as error:
        raise CouldNot(error.sentence) from error


def _list(arguments: argparse.Namespace) -> int:
    """0: there are officers, 1: there are none."""
    from appliance.records.errors import StorageError

    try:
        found = _book(arguments.config).all()
    except StorageError as error:
        raise CouldNot(str(error)) from error
    if arguments.json:
        print_json(
            {"officers": [{"name": one.name, "roles": list(one.roles), "card": one.card} for one in found]}
        )
    else:
        for one in found:
            print(f"{one.name}: {', '.join(one.roles)}{' – with a card' if one.card else ''}")
        if not found:
            print("Nobody is named here; `borne officers add` names somebody.", file=sys.stderr)
    return 0 if found else 1


def _asked(prompt: str) -> str:
    """From the terminal without an echo, or a line of standard input where there is none."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.readline().rstrip("\n")


def _config(path: Path) -> Any:
    from appliance.config import ConfigError, load_config

    try:
        return load_config(path)
    except ConfigError as error:
        raise CouldNot(str(error)) from error


def _book(path: Path) -> Any:
    from appliance.opening import CannotStart, officers_book

    try:
        return officers_book(_config(path))
    except CannotStart as error:
        raise CouldNot(str(error)) from error
