"""`borne post gather | take | tell`: how a box without a shell joins its post (borne-post-gather,
borne-post-take, borne-post-tell)."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from appliance.commands.output import CouldNot, sentence

if TYPE_CHECKING:
    import msgspec
    from nacl.public import PrivateKey

    from appliance.config import PostNetwork, Protection
    from appliance.contracts.post_joining import PostReport, PostWanted

    Read = TypeVar("Read", bound=msgspec.Struct)

IDENTITY = Path("/etc/borne")
CARD = Path("/boot/borne")
STICK = Path("/run/borne/stick")
HOME = IDENTITY / "post"
GATHERED = Path("/run/borne-post-gather")
REPORTED = Path("/run/borne-post")
GROUP_READS: Final = 0o027
"""The umask of what is uplink's group's to read: a unit's own lets nobody but the owner."""


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the actions to `borne post`."""
    gather = actions.add_parser("gather", help="errand: the papers on a stick and on the card")
    gather.add_argument("--stick", type=Path, default=STICK, help=f"default {STICK}")
    gather.set_defaults(run=_gather)
    take = actions.add_parser("take", help="errand: take what was gathered, and ask for what is lacking")
    take.set_defaults(run=_take)
    tell = actions.add_parser("tell", help="errand: the request and the state onto the card")
    tell.set_defaults(run=_tell)
    for action in (gather, tell):
        action.add_argument("--card", type=Path, default=CARD, help=f"the partition; default {CARD}")
    for action in (gather, take):
        action.add_argument("--identity", type=Path, default=IDENTITY, help=f"default {IDENTITY}")
        action.add_argument("--gathered", type=Path, default=GATHERED, help=f"default {GATHERED}")
        action.add_argument("--home", type=Path, default=HOME, help=f"default {HOME}")
    for action in (take, tell):
        action.add_argument("--reported", type=Path, default=REPORTED, help=f"default {REPORTED}")


def _gather(arguments: argparse.Namespace) -> int:
    """0: gathered, or there is no post; 1: a file is not taken; 2: could not."""
    import msgspec

    from appliance.contracts.post_joining import WANTED_FILE
    from appliance.post.gathering import gather
    from appliance.whole_files import write_whole

    with _plain_errors():
        wanted = _wanted_of(arguments)
        target = arguments.gathered / WANTED_FILE
        if wanted is None:
            target.unlink(missing_ok=True)
            return 0
        if not wanted.by_hand:
            papers, wrong = gather(
                arguments.gathered,
                device=wanted.device,
                authority=wanted.authority,
                card=arguments.card,
                stick=arguments.stick,
            )
            wanted = msgspec.structs.replace(wanted, papers=papers, not_gathered=wrong)
        write_whole(target, msgspec.json.encode(wanted, enc_hook=os.fspath), mode=0o644)
    if wanted.not_gathered is not None:
        print(f"borne: post_{wanted.not_gathered.code}: {wanted.not_gathered.sentence}")
        return 1
    return 0


def _take(arguments: argparse.Namespace) -> int:
    """0: nothing is wrong with a paper; 1: one is not taken; 2: could not."""
    import datetime as dt

    import msgspec
    from nacl.public import PublicKey
    from nacl.signing import VerifyKey

    from appliance.config import KeyTier, Protection
    from appliance.contracts.post_joining import REPORT_FILE, WANTED_FILE, PostReport, PostWanted
    from appliance.key_files import read_key
    from appliance.opening import vault_of
    from appliance.post.joining import Joining
    from appliance.whole_files import write_whole

    with _plain_errors():
        wanted = _read(arguments.gathered / WANTED_FILE, PostWanted)
        if wanted is None:
            raise CouldNot("Nothing was gathered: `borne post gather` comes first.")
        target = arguments.reported / REPORT_FILE
        before = _read(target, PostReport)
        if wanted.by_hand:
            report = PostReport(device=wanted.device, state="by_hand")
        else:
            protection = Protection(keys=KeyTier(wanted.tier), tpm=wanted.tpm, board_key=wanted.board_key)
            joining = Joining(
                wanted,
                folder=arguments.home,
                signing=read_key(wanted.keys / "signing.pub", VerifyKey),
                sealing_public=read_key(wanted.keys / "sealing.pub", PublicKey),
                sealing=lambda: _sealing_key(wanted.keys, protection),
                keeper=lambda: vault_of(protection),
            )
            with _group_reads():
                report = joining.run(arguments.gathered, now=dt.datetime.now(dt.UTC))
            if report.new_certificate_at is None and before is not None:
                report = msgspec.structs.replace(report, new_certificate_at=before.new_certificate_at)
        write_whole(target, msgspec.json.encode(report), mode=0o644)
    for code, said in _lines(report):
        print(f"borne: {code}: {said}")
    return 1 if report.event in ("refused", "no_authority") else 0


def _tell(arguments: argparse.Namespace) -> int:
    """0: told, or nothing to tell; 2: could not."""
    from appliance.contracts.post_joining import REPORT_FILE, PostReport
    from appliance.post.gathering import card_papers
    from appliance.post.papers import REQUEST_SUFFIX
    from appliance.services.agent.card_status import replace_file, say_on_card

    with _plain_errors():
        report = _read(arguments.reported / REPORT_FILE, PostReport)
        if report is None:
            return 0
        request = arguments.card / f"{report.device}{REQUEST_SUFFIX}"
        asked = f"{report.request}\n".encode()
        if not report.request:
            request.unlink(missing_ok=True)
        elif not request.is_file() or request.stat().st_size != len(asked) or request.read_bytes() != asked:
            replace_file(request, asked)
        for name in set(card_papers(report.device)) & set(report.spent):
            (arguments.card / name).unlink(missing_ok=True)
        say_on_card(arguments.card, _lines(report), of_post=True)
    return 0


def _lines(report: "PostReport") -> list[tuple[str, str]]:
    """For status.txt and the journal: where it stands, and what became of the papers."""
    from appliance.post.papers import REQUEST_SUFFIX

    asks = (
        f"{report.device}{REQUEST_SUFFIX} is for the post's authority. Its letters are {report.letters}: "
        "read them there."
    )
    said = {
        "asked": f"This box has no certificate of its post. {asks}",
        "member": f"This box belongs to its post; its certificate counts until {report.until}.",
        "renewal": f"This box belongs to its post until {report.until}, and asks anew. {asks}",
        "ended": f"This box's certificate of its post ended on {report.until}. {asks}",
        "by_hand": "[post] names files of its own: papers are installed by hand (`borne post install`).",
    }
    lines = [(f"post_{report.state}", said[report.state])]
    if report.event:
        lines.append((f"post_{report.event}", report.sentence))
    return lines


def _wanted_of(arguments: argparse.Namespace) -> "PostWanted | None":
    """What the configuration says; before there is one, what the card says. None: this box has no post, or
    the file has a mistake, which provisioning says."""
    from appliance.config import ConfigError, load_config
    from appliance.services.agent.device_file import CONFIGURATION, read_device_file

    file = arguments.identity / CONFIGURATION
    try:
        if file.exists():
            config = load_config(file)
            return _wanted(
                config.box.device, config.post, config.protection, config.paths.keys, arguments.home
            )
        card = read_device_file(arguments.card, arguments.identity)
        return _wanted(
            card.box.device, card.post, card.protection, arguments.identity / "keys", arguments.home
        )
    except ConfigError:
        return None


def _wanted(
    device: str, post: "PostNetwork | None", protection: "Protection", keys: Path, home: Path
) -> "PostWanted | None":
    from appliance.contracts.post_joining import PostWanted
    from appliance.post.home import AUTHORITY, MEMBERS, PAIR

    if post is None:
        return None
    kept = (home / AUTHORITY, home / PAIR, home / PAIR, home / MEMBERS)
    return PostWanted(
        device=device,
        authority=post.authority,
        keys=keys,
        tier=protection.keys.value,
        tpm=protection.tpm,
        board_key=protection.board_key,
        by_hand=(post.ca, post.certificate, post.key, post.members) != kept,
    )


def _sealing_key(keys: Path, protection: "Protection") -> "PrivateKey":
    """Raises:
    KeyFileError: it was protected elsewhere, or cannot be read.
    """
    from appliance.opening import vault_of
    from appliance.records.keys import load_box_keys

    return load_box_keys(keys, vault_of(protection)).sealing


def _read(path: Path, kind: "type[Read]") -> "Read | None":
    """One of the errands' own files; None where there is none."""
    import msgspec

    from appliance.contracts.post_joining import MAX_JOINING_BYTES
    from appliance.plain_files import read_plain

    data = read_plain(path, MAX_JOINING_BYTES)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=kind, dec_hook=lambda wanted, text: wanted(text))
    except msgspec.MsgspecError as error:
        raise CouldNot(f"{path} is not understood: {error}.") from error


@contextmanager
def _group_reads() -> Iterator[None]:
    before = os.umask(GROUP_READS)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _plain_errors() -> Iterator[None]:
    from appliance.config import ConfigError
    from appliance.key_files import KeyFileError

    try:
        yield
    except (ConfigError, KeyFileError, OSError) as error:
        raise CouldNot(sentence(error)) from error
