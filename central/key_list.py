"""`borne-central key-list`: central's keys and their times, signed by the authority that boxes know.

Keys change by overlap: list the new one beside the old, publish, and take the old one out when no box can be
away any longer. Old secret sealing keys stay in the keys' folder as `sealing-*.key`.
"""

import argparse
import datetime as dt
from pathlib import Path

from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance.key_files import read_key
from appliance.records.manifest import Key, Manifest, Use, sign_manifest

_USES = (Use.SEALING, Use.WATERMARK, Use.OPERATOR)


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    parser = actions.add_parser("key-list", help="sign which of central's keys count, and when")
    parser.add_argument("file", type=Path, help="is written; give it to boxes with publish central-keys FILE")
    parser.add_argument("--authority-key", type=Path, required=True, help="signs nothing else; kept offline")
    parser.add_argument("--version", type=int, required=True, help="greater than that of the last list")
    parser.add_argument(
        "--key",
        action="append",
        required=True,
        metavar="USE=FILE.pub,FROM,TO",
        help=f"USE is {', '.join(_USES)}; FROM and TO are days",
    )
    parser.set_defaults(run=_sign)


def _sign(arguments: argparse.Namespace) -> int:
    keys = tuple(_key(text) for text in arguments.key)
    if not {Use.SEALING, Use.WATERMARK} <= {key.use for key in keys}:
        raise ValueError("A list names at least one sealing and one watermark key, or boxes refuse it.")
    manifest = Manifest(
        owner="central", version=arguments.version, issued_at=dt.datetime.now(dt.UTC), keys=keys
    )
    signed = sign_manifest(manifest, signing_key=read_key(arguments.authority_key, SigningKey))
    with arguments.file.open("xb") as file:
        file.write(signed)
    return 0


def _key(text: str) -> Key:
    use, _, rest = text.partition("=")
    file, _, days = rest.partition(",")
    first, _, last = days.partition(",")
    if use not in _USES or not last:
        raise ValueError(f"--key takes USE=FILE.pub,FROM,TO, not {text}.")
    path = Path(file)
    public = bytes(read_key(path, PublicKey) if use == Use.SEALING else read_key(path, VerifyKey))
    key = Key(use=Use(use), public=public, not_before=_day(first), not_after=_day(last))
    if key.not_after <= key.not_before:
        raise ValueError(f"A key that ends before it begins: {text}.")
    return key


def _day(text: str) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC)
