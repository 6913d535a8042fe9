"""The box's own keys and central's public ones. This is the software tier: files that only lane reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nacl.utils
from nacl.public import PrivateKey, PublicKey
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

from appliance.key_files import KeyFileError, read_key, write_key

KEY_TIER: Final = "software"
"""Reported in health; a TPM or a board key will be other tiers."""
_SIGNING, _SEALING, _STORAGE = "signing", "sealing", "storage"


@dataclass(frozen=True, slots=True, repr=False)
class BoxKeys:
    """What this box signs with, what is sealed to it, and what its open crossing is encrypted with."""

    signing: SigningKey
    sealing: PrivateKey
    storage: SecretBox


@dataclass(frozen=True, slots=True)
class CentralKeys:
    """Records are sealed to the first; the others sign what central has committed, and what it orders."""

    sealing: PublicKey
    watermark: VerifyKey
    operator: VerifyKey | None = None
    """None: the box takes no orders."""


def load_box_keys(folder: Path) -> BoxKeys:
    """The box's keys from their folder; those that are missing are made, as at the very first start.

    The public halves are written beside them (`signing.pub`, `sealing.pub`) for central to register. They
    are written last, so where they are a missing key was there once: another one in its place would make
    records that central refuses, and could not open the crossing that is under way.

    Raises:
        KeyFileError: a file is no key, is readable by others, was taken away, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise KeyFileError(f"{folder} cannot be made ({error.strerror}).") from error
    for name in (_SIGNING, _SEALING, _STORAGE):
        if not (folder / f"{name}.key").exists() and (folder / f"{_SIGNING}.pub").exists():
            raise KeyFileError(
                f"{folder / f'{name}.key'} is missing, and this box had one: put it back. "
                "(A box that is to begin anew has an empty folder.)"
            )
    if not (folder / f"{_SIGNING}.key").exists():
        write_key(folder / f"{_SIGNING}.key", SigningKey.generate())
    if not (folder / f"{_SEALING}.key").exists():
        write_key(folder / f"{_SEALING}.key", PrivateKey.generate())
    if not (folder / f"{_STORAGE}.key").exists():
        write_key(folder / f"{_STORAGE}.key", SecretBox(nacl.utils.random(SecretBox.KEY_SIZE)))
    keys = BoxKeys(
        signing=read_key(folder / f"{_SIGNING}.key", SigningKey),
        sealing=read_key(folder / f"{_SEALING}.key", PrivateKey),
        storage=read_key(folder / f"{_STORAGE}.key", SecretBox),
    )
    for name, public in ((_SIGNING, keys.signing.verify_key), (_SEALING, keys.sealing.public_key)):
        if not (folder / f"{name}.pub").exists():
            write_key(folder / f"{name}.pub", public)
    return keys


def load_central_keys(sealing: Path, watermark: Path, operator: Path | None = None) -> CentralKeys:
    """Central's public keys.

    Raises:
        KeyFileError: a file is missing or holds something else.
    """
    return CentralKeys(
        sealing=read_key(sealing, PublicKey),
        watermark=read_key(watermark, VerifyKey),
        operator=None if operator is None else read_key(operator, VerifyKey),
    )
