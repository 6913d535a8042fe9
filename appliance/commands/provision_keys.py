"""Makes the box's keys where its card says that they belong, and proves them: the process that has them reads
no stranger's file, but what `provision read` made of it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.commands.output import CouldNot

if TYPE_CHECKING:
    from appliance.contracts.provisioning import KeysMade, Wanted
    from appliance.records.keys import BoxKeys
    from appliance.records.vault import Vault

MAX_BYTES: Final = 16 * 1024
_SECRET = (".key", ".sealed", ".pub")


def make_keys(identity: Path) -> "KeysMade":
    """The box's keys, made now if need be; `public/proof.json` says for which card, or why there are none.

    Raises:
        CouldNot: no card was read, or the disk does not take them.
    """
    import msgspec

    from appliance.contracts.provisioning import KeysMade
    from appliance.key_files import KeyFileError
    from appliance.whole_files import write_whole

    wanted = _wanted(identity)
    public = identity / "public"
    try:
        try:
            made = _made(identity, wanted)
        except KeyFileError as error:
            sentence = f"The card asks for keys of the tier {wanted.tier}: {error}"
            made = KeysMade(token_hash=wanted.token_hash, tier=wanted.tier, problem=sentence)
        public.mkdir(exist_ok=True)
        write_whole(public / "proof.json", msgspec.json.encode(made), mode=0o644)
    except OSError as error:
        raise CouldNot(f"{public} cannot be written ({error.strerror}).") from error
    return made


def _wanted(identity: Path) -> "Wanted":
    import msgspec

    from appliance.contracts.provisioning import Wanted
    from appliance.services.agent.device_file import WANTED

    path = identity / WANTED
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(
                file.read(MAX_BYTES), type=Wanted, dec_hook=lambda kind, text: kind(text)
            )
    except FileNotFoundError as error:
        raise CouldNot("No card was read: `borne provision read` comes first.") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise CouldNot(f"{path} cannot be used: {error}") from error


def _made(identity: Path, wanted: "Wanted") -> "KeysMade":
    """Raises:
    KeyFileError: not at this board, or they were protected elsewhere.
    OSError: the disk does not take them.
    """
    from appliance.contracts.provisioning import KeysMade, to_be_proved
    from appliance.key_files import write_key
    from appliance.records.keys import load_box_keys

    folder = identity / "keys"
    vault = _vault(wanted)
    _set_aside_others(identity, folder, sealed=vault is not None)
    own = load_box_keys(folder, vault)
    for name, key in (("sealing", own.sealing.public_key), ("signing", own.signing.verify_key)):
        path = identity / "public" / f"{name}.pub"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        write_key(path, key)
        path.chmod(0o644)  # whatever the umask
    signing, sealing = bytes(own.signing.verify_key).hex(), bytes(own.sealing.public_key).hex()
    words = to_be_proved(wanted.device, wanted.token_hash, signing, sealing, own.tier)
    return KeysMade(
        token_hash=wanted.token_hash,
        tier=own.tier,
        signing_key=signing,
        sealing_key=sealing,
        proof=_proof(own, words),
    )


def _proof(own: "BoxKeys", words: bytes) -> str:
    return own.signing.sign(words).signature.hex()


def _vault(wanted: "Wanted") -> "Vault | None":
    from appliance.config import KeyTier, Protection
    from appliance.key_files import KeyFileError
    from appliance.opening import vault_of

    try:
        protection = Protection(keys=KeyTier(wanted.tier), tpm=wanted.tpm, board_key=wanted.board_key)
    except ValueError as error:
        raise KeyFileError(f"{error}.") from error
    return vault_of(protection)


def _set_aside_others(identity: Path, folder: Path, *, sealed: bool) -> None:
    """Keys that were made for another tier, at a box that has no name yet: nothing was ever signed or sealed
    with them, and what once lay plain on a card is not to become a protected key."""
    from appliance.services.agent.device_file import CONFIGURATION

    foreign = ".key" if sealed else ".sealed"
    if (identity / CONFIGURATION).exists() or not any(folder.glob(f"*{foreign}")):
        return
    number = sum(1 for _ in folder.glob("set-aside-*"))
    aside = folder / f"set-aside-{number}"
    aside.mkdir(mode=0o700)
    # The public halves first: where they stand, a missing secret half would count as stolen.
    for suffix in reversed(_SECRET):
        for path in sorted(folder.glob(f"*{suffix}")):
            os.replace(path, aside / path.name)
