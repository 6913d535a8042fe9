"""`borne flash`: an image onto a card: verified before, read back after, `device.toml` put on it."""

import argparse
import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from appliance.commands.output import CouldNot, add_json_flag, print_json, sentence

if TYPE_CHECKING:
    from appliance.contracts.release import Manifest

BLOCK = 4 * 1024 * 1024
"""An erase block of most cards, or a multiple of it."""
MOUNTS = Path("/proc/self/mounts")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    flash = subparsers.add_parser("flash", help="write a signed image onto a card, with its device.toml")
    flash.add_argument("image", type=Path, help="the image; IMAGE.manifest lies beside it")
    flash.add_argument("card", type=Path, help="the card's device, such as /dev/sdX: all on it is lost")
    flash.add_argument("--key", type=Path, required=True, help="release.pub: who may sign for images")
    flash.add_argument("--device", type=Path, help="device.toml of the post")
    flash.add_argument("--yes", action="store_true", help="do not ask before all on the card is lost")
    add_json_flag(flash)
    flash.set_defaults(run=flash_card)


def flash_card(arguments: argparse.Namespace) -> int:
    """0: written and read back; 1: what was read back is not what was written; 2: could not."""
    from appliance.commands.progress import Bar

    image, card = arguments.image, arguments.card
    manifest = verified_manifest(image, arguments.key)
    if arguments.device is not None:
        check_device_file(arguments.device)
    check_card(card, manifest.size)
    try:
        with image.open("rb") as source, Bar("verifying") as bar:
            found = _hash(source, manifest.size, bar)
        if found != manifest.sha256 or image.stat().st_size != manifest.size:
            raise CouldNot(f"{image.name} is damaged: its hash is not the manifest's. Fetch it again.")
        if not arguments.yes and input(f"All on {card} will be lost. Type its name to go on: ") != str(card):
            raise CouldNot("Nothing was written.")
        written = write_card(image, card, manifest)
        if written and arguments.device is not None:
            put_device_file(card, manifest, arguments.device)
    except OSError as error:
        raise CouldNot(sentence(error)) from error
    if arguments.json:
        print_json({"written": written, "board": manifest.board, "version": manifest.version})
    elif written:
        print(f"{card}: {manifest.board}, version {manifest.version}, written and read back.")
    else:
        print(f"{card} gives back something else than was written: this card must not be used.")
    return 0 if written else 1


def verified_manifest(image: Path, key: Path) -> "Manifest":
    """The image's manifest, whose signature was verified.

    Raises:
        CouldNot: it is missing, or not signed by this key.
    """
    import msgspec
    from nacl.signing import VerifyKey

    from appliance.contracts.release import MANIFEST_TYPE, MAX_MANIFEST_BYTES, SUFFIX, Manifest
    from appliance.cose import CONTENT_TYPE, CoseError, key_id, verify1
    from appliance.key_files import KeyFileError, read_key

    path = image.with_name(image.name + SUFFIX)
    try:
        pinned = read_key(key, VerifyKey)
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
        header, payload = verify1(
            data, verify_key_for={key_id(pinned): pinned}.get, max_bytes=MAX_MANIFEST_BYTES
        )
        manifest = msgspec.json.decode(payload, type=Manifest)
    except KeyFileError as error:
        raise CouldNot(str(error)) from error
    except OSError as error:
        raise CouldNot(sentence(error)) from error
    except CoseError as error:
        raise CouldNot(f"{path.name} is not signed by {key.name}: {error}") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CouldNot(f"{path.name} is signed, but is no manifest of an image: {error}.") from error
    if header.get(CONTENT_TYPE) != MANIFEST_TYPE:
        raise CouldNot(f"{path.name} is signed, but is no manifest of an image.")
    return manifest


def check_device_file(path: Path) -> None:
    """Raises:
    CouldNot: the box would refuse it; better said here than in a hut.
    """
    from appliance.config import ConfigError, load_toml
    from appliance.services.agent.device_file import DeviceFile

    try:
        load_toml(path, DeviceFile)
    except ConfigError as error:
        raise CouldNot(str(error)) from error


def check_card(card: Path, size: int, *, mounts: Path = MOUNTS) -> None:
    """Raises:
    CouldNot: it is not a card, it is in use, or it is too small.
    """
    try:
        mode = card.stat().st_mode
    except OSError as error:
        raise CouldNot(sentence(error)) from error
    if stat.S_ISREG(mode):
        return  # a file in a card's place: it grows
    if not stat.S_ISBLK(mode):
        raise CouldNot(f"{card} is neither a block device nor a file.")
    used = [line.split()[0] for line in mounts.read_text("utf-8").splitlines()]
    if taken := [name for name in used if name.startswith(str(card.resolve()))]:
        raise CouldNot(f"{card} is in use ({', '.join(taken)}): unmount it, and be sure that it is the card.")
    with card.open("rb") as device:
        room = device.seek(0, os.SEEK_END)
    if room < size:
        raise CouldNot(f"{card} has {room} bytes; the image needs {size}.")


def write_card(image: Path, card: Path, manifest: "Manifest") -> bool:
    """Write, then read back from the card itself; whether both are the same."""
    from appliance.commands.progress import Bar

    descriptor = os.open(card, os.O_WRONLY)
    with image.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        with Bar("writing") as bar:
            left = manifest.size
            while left:
                block = source.read(min(BLOCK, left))
                if not block:
                    raise CouldNot(
                        f"{image.name} became shorter while it was written; the card is not usable."
                    )
                target.write(block)
                left -= len(block)
                bar(manifest.size - left, manifest.size)
        target.flush()
        os.fsync(target.fileno())
        # What is read back must come from the card, not from this machine's memory.
        os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with card.open("rb") as written, Bar("reading back") as bar:
        return _hash(written, manifest.size, bar) == manifest.sha256


def put_device_file(card: Path, manifest: "Manifest", device: Path) -> None:
    """`device.toml` onto the configuration partition, by mtools: no mount.

    Raises:
        CouldNot: mtools is missing, or the partition does not take it.
    """
    program = shutil.which("mcopy")
    if program is None:
        raise CouldNot("The image is written; to put device.toml on it, install mtools (mcopy).")
    target = f"{card}@@{manifest.config_offset}"
    command = [program, "-o", "-i", target, str(device), "::device.toml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CouldNot(f"device.toml does not go onto the card: {done.stderr.strip()}")


def _hash(file: BinaryIO, size: int, told: Callable[[int, int], None]) -> str:
    digest, left = hashlib.sha256(), size
    while left and (block := file.read(min(BLOCK, left))):
        digest.update(block)
        left -= len(block)
        told(size - left, size)
    return digest.hexdigest()
