"""`borne post`: the post's own authority, and each box's certificate for the post's network."""

import argparse
import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands import post_box
from appliance.commands.output import CouldNot, add_json_flag, print_json, sentence

if TYPE_CHECKING:
    from appliance.post.authority import PostAuthority

CONFIG = Path("/etc/borne/borne.toml")
HOME = Path("/etc/borne/post")
SOON_DAYS = 90
"""A certificate that ends sooner is to be renewed at this visit."""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    actions = subparsers.add_parser("post", help="the post's own authority and certificates").add_subparsers(
        metavar="ACTION", required=True
    )
    init = actions.add_parser("init", help="make the authority of this post, in a new folder")
    init.add_argument("--post", required=True, help="the post's name")
    init.add_argument("--hub", required=True, metavar="DEVICE", help="which of its boxes the others call")
    init.set_defaults(run=_init)

    request = actions.add_parser("request", help="on each box: make a key, and ask for its certificate")
    request.add_argument("stick", type=Path, help="where the request is written")
    request.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    request.set_defaults(run=_request)

    enrol = actions.add_parser("enrol", help="answer a box's request, the first time or to renew")
    enrol.add_argument("request", type=Path)
    enrol.add_argument("stick", type=Path, help="where the answer and the list of members are written")
    enrol.add_argument("--letters", help="as the box shows them; asked for when missing")
    enrol.add_argument("--days", type=int, default=None, help="how long the certificate counts")
    enrol.add_argument(
        "--changed-key", action="store_true", help="its own keys were changed, and that is right"
    )
    enrol.set_defaults(run=_enrol)

    put_out = actions.add_parser("put-out", help="a box that was stolen or sold belongs to the post no more")
    put_out.add_argument("device")
    put_out.add_argument("stick", type=Path, help="where the list of members is written")
    put_out.set_defaults(run=_put_out)

    install = actions.add_parser("install", help="on each box: take a certificate or a list of members")
    install.add_argument("paper", type=Path)
    install.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    install.add_argument(
        "--authority", metavar="LETTERS", help="as `borne post init` showed them; the first time"
    )
    install.set_defaults(run=_install)

    status = actions.add_parser("status", help="who belongs to the post, and until when certificates count")
    status.add_argument("--days", type=int, default=SOON_DAYS, help="1 when one ends sooner than this")
    status.set_defaults(run=_status)
    post_box.add_to(actions)
    for action in (init, enrol, put_out, status):
        action.add_argument("--authority-folder", type=Path, metavar="FOLDER", required=action is not status)
    for action in (request, install, status):
        action.add_argument("--home", type=Path, default=HOME, help=f"default {HOME}")
    for action in (init, request, enrol, put_out, install, status):
        add_json_flag(action)


def _init(arguments: argparse.Namespace) -> int:
    """0: made, 2: could not."""
    from appliance.post.authority import PostAuthority

    with _plain_errors():
        authority = PostAuthority.create(
            arguments.authority_folder, post=arguments.post, hub=arguments.hub, now=dt.datetime.now(dt.UTC)
        )
    end = authority.certificate.not_valid_after_utc
    if arguments.json:
        print_json({"letters": authority.letters, "until": f"{end:%Y-%m-%d}", "hub": authority.hub})
        return 0
    print(
        f"The authority of {authority.post} counts until {end:%Y-%m-%d}. Its letters, for each box's install:"
    )
    print(authority.letters)
    return 0


def _request(arguments: argparse.Namespace) -> int:
    """0: written, 2: could not."""
    import msgspec
    from nacl.public import PublicKey
    from nacl.signing import VerifyKey

    from appliance.config import load_config
    from appliance.key_files import read_key
    from appliance.post.home import PostHome
    from appliance.post.papers import REQUEST_SUFFIX, request_letters
    from appliance.whole_files import write_whole

    with _plain_errors():
        config = load_config(arguments.config)
        signing = read_key(config.paths.keys / "signing.pub", VerifyKey)
        sealing = read_key(config.paths.keys / "sealing.pub", PublicKey)
        request = PostHome(arguments.home).request(config.box.device, signing, sealing)
        file = arguments.stick / f"{request.device}{REQUEST_SUFFIX}"
        write_whole(file, msgspec.json.encode(request) + b"\n", mode=0o644)
    letters = request_letters(request)
    if arguments.json:
        print_json({"file": str(file), "letters": letters})
    else:
        print(f"{file} is for the post's authority. Its letters are {letters}: read them there.")
    return 0


def _enrol(arguments: argparse.Namespace) -> int:
    """0: answered, 1: the letters are others, 2: could not."""
    from appliance.post.authority import BOX_DAYS
    from appliance.post.papers import PAPER_SUFFIX, read_request, request_letters, same_letters
    from appliance.whole_files import write_whole

    with _plain_errors():
        authority = _authority(arguments)
        request, csr = read_request(arguments.request)
        own = request_letters(request)
        if not (same_letters(arguments.letters, own) if arguments.letters else _agreed(request.device, own)):
            print("borne: the letters are others: this request is not from that box.", file=sys.stderr)
            return 1
        paper = authority.enrol(
            request,
            csr,
            now=dt.datetime.now(dt.UTC),
            days=BOX_DAYS if arguments.days is None else arguments.days,
            changed_key=arguments.changed_key,
        )
        file = arguments.stick / f"{request.device}{PAPER_SUFFIX}"
        write_whole(file, paper, mode=0o644)
        listed = _write_list(authority, arguments.stick)
    until = f"{authority.members[request.device]:%Y-%m-%d}"
    if arguments.json:
        print_json({"file": str(file), "members": str(listed), "until": until, "letters": authority.letters})
    else:
        print(f"{file} is for {request.device}, whose certificate counts until {until}.")
        print(f"{listed} is for every other box of the post.")
    return 0


def _put_out(arguments: argparse.Namespace) -> int:
    """0: put out, 2: could not."""
    with _plain_errors():
        authority = _authority(arguments)
        authority.put_out(arguments.device, now=dt.datetime.now(dt.UTC))
        listed = _write_list(authority, arguments.stick)
    if arguments.json:
        print_json({"members": str(listed)})
    else:
        print(f"{listed} is for every box that stays, on one day: until then {arguments.device} is")
        print("believed there, and an entry told under the new index key is not found there.")
    return 0


def _install(arguments: argparse.Namespace) -> int:
    """0: installed, 2: could not."""
    from appliance.config import load_config
    from appliance.opening import sealing_key, vault_of
    from appliance.post.home import AUTHORITY, MEMBERS, PAIR, PostHome

    with _plain_errors():
        config = load_config(arguments.config)
        paper = PostHome(arguments.home).install(
            arguments.paper,
            device=config.box.device,
            letters=arguments.authority,
            sealing=sealing_key(config),
            keys=config.paths.keys,
            keeper=vault_of(config.protection),
        )
    names = {"ca": AUTHORITY, "certificate": PAIR, "key": PAIR, "members": MEMBERS}
    settings = {"hub": paper.hub} | {name: str(arguments.home / file) for name, file in names.items()}
    if arguments.json:
        print_json({"number": paper.number, "members": sorted(paper.members), "post": settings})
        return 0
    print(f"{len(paper.members)} boxes belong to {paper.post}. In [post] of {arguments.config}:")
    for name, value in settings.items():
        print(f'{name} = "{value}"')
    print("A new certificate counts when uplink starts again; a new list and index key count at once.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    """0: all count long enough, 1: one ends soon, 2: could not."""
    from appliance.post.home import PostHome

    now = dt.datetime.now(dt.UTC)
    with _plain_errors():
        if arguments.authority_folder:
            authority = _authority(arguments)
            ends = {"the authority": authority.certificate.not_valid_after_utc, **authority.members}
            letters, members = authority.letters, sorted(authority.members)
        else:
            state = PostHome(arguments.home).state()
            ends = {state.device: state.until, "the authority": state.authority_until}
            letters, members = state.letters, list(state.members)
    soon = sorted(name for name, end in ends.items() if (end - now).days < arguments.days)
    if arguments.json:
        plain = {name: f"{end:%Y-%m-%d}" for name, end in ends.items()}
        print_json({"letters": letters, "until": plain, "members": members, "soon": soon})
        return 1 if soon else 0
    print(f"authority {letters}; members: {', '.join(members)}")
    for name, end in ends.items():
        left = (end - now).days
        said = "has ended" if left < 0 else f"{left} days" + (", to be renewed now" if name in soon else "")
        print(f"{name:<20} until {end:%Y-%m-%d}  {said}")
    return 1 if soon else 0


def _authority(arguments: argparse.Namespace) -> "PostAuthority":
    from appliance.post.authority import PostAuthority

    return PostAuthority.open(arguments.authority_folder)


def _write_list(authority: "PostAuthority", stick: Path) -> Path:
    from appliance.post.papers import MEMBERS_FILE
    from appliance.whole_files import write_whole

    write_whole(stick / MEMBERS_FILE, authority.list_for_all(), mode=0o644)
    return stick / MEMBERS_FILE


def _agreed(device: str, letters: str) -> bool:
    words = f"The request is of {device}, letters {letters}. Does the box show the same? yes/no: "
    print(words, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


@contextmanager
def _plain_errors() -> Iterator[None]:
    from appliance.config import ConfigError
    from appliance.contracts.wire import WireError
    from appliance.key_files import KeyFileError
    from appliance.opening import CannotStart
    from appliance.post.papers import PostPaperError

    try:
        yield
    except (PostPaperError, CannotStart, ConfigError, KeyFileError, WireError, OSError) as error:
        raise CouldNot(sentence(error)) from error
