"""`borne-central trust`: the repository of signed reference data, its roles and the rotation of their
keys."""

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from appliance.key_files import read_key
from appliance.reference_data.repository import Repository

ROLES = ("root", "targets", "snapshot", "timestamp")


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    trust = actions.add_parser("trust", help="who may sign for the boxes").add_subparsers(
        metavar="WHAT", required=True
    )
    init = trust.add_parser("init", help="a new repository; writes what boxes are provisioned with")
    init.add_argument("repository", type=Path)
    init.add_argument(
        "--root-key", type=Path, action="append", required=True, metavar="KEY", help="kept offline"
    )
    init.add_argument("--root-threshold", type=int, default=1, metavar="N")
    init.add_argument("--issuer-key", type=Path, action="append", required=True, metavar="KEY")
    init.add_argument("--issuer-threshold", type=int, default=1, metavar="N")
    init.add_argument("--publisher-key", type=Path, required=True, metavar="KEY")
    init.add_argument(
        "--root-file", type=Path, required=True, metavar="FILE", help="the boxes' reference-root.json"
    )
    init.set_defaults(run=_init)

    rotate = trust.add_parser("rotate", help="give a role other keys")
    rotate.add_argument("repository", type=Path)
    rotate.add_argument("role", choices=ROLES)
    rotate.add_argument("--new-key", type=Path, action="append", required=True, metavar="KEY")
    rotate.add_argument("--threshold", type=int, default=1, metavar="N")
    rotate.add_argument("--root-key", type=Path, action="append", required=True, metavar="KEY",
                        help="the root's, old and new, as many as the thresholds ask")  # fmt: skip
    rotate.set_defaults(run=_rotate)

    refresh = trust.add_parser("refresh", help="say anew what is the newest, before it expires")
    refresh.add_argument("repository", type=Path)
    refresh.add_argument("--publisher-key", type=Path, required=True, metavar="KEY")
    refresh.set_defaults(run=_refresh)

    show = trust.add_parser("show", help="what is signed for")
    show.add_argument("repository", type=Path)
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=_show)


def _keys(paths: list[Path]) -> list[SigningKey]:
    return [read_key(path, SigningKey) for path in paths]


def _init(arguments: argparse.Namespace) -> int:
    repository = Repository.create(
        arguments.repository,
        root_keys=_keys(arguments.root_key),
        root_threshold=arguments.root_threshold,
        issuer_keys=_keys(arguments.issuer_key),
        issuer_threshold=arguments.issuer_threshold,
        publisher_key=read_key(arguments.publisher_key, SigningKey),
        now=dt.datetime.now(dt.UTC),
    )
    arguments.root_file.write_bytes(repository.first_root)
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    Repository(arguments.repository).rotate(
        signing_keys=_keys(arguments.root_key),
        role=arguments.role,
        keys=_keys(arguments.new_key),
        threshold=arguments.threshold,
        now=dt.datetime.now(dt.UTC),
    )
    return 0


def _refresh(arguments: argparse.Namespace) -> int:
    Repository(arguments.repository).refresh(
        publisher_key=read_key(arguments.publisher_key, SigningKey), now=dt.datetime.now(dt.UTC)
    )
    return 0


def _show(arguments: argparse.Namespace) -> int:
    rows: list[dict[str, Any]] = [
        {"file": path, "type": one.type.value, "name": one.name, "version": one.version,
         "issued_at": one.issued_at.isoformat(), "expires_at": one.expires_at.isoformat()}
        for path, one in Repository(arguments.repository).targets().items()
    ]  # fmt: skip
    if arguments.json:
        print(json.dumps({"targets": rows}))
    else:
        for row in rows:
            print(
                f"{row['name']:<24} {row['type']:<14} version {row['version']:<12} until {row['expires_at']}"
            )
    return 0
