"""The box's own keys and central's public ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import nacl.utils
from nacl.public import PrivateKey, PublicKey
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

from appliance.key_files import KeyFileError, key_text, read_key, write_key
from appliance.records.vault import SOFTWARE, Vault
from appliance.whole_files import sync_folder, write_whole

_MAX_SEALED_BYTES: Final = 4096
_Secret = TypeVar("_Secret", SigningKey, PrivateKey, SecretBox)
_SIGNING, _SEALING, _STORAGE = "signing", "sealing", "storage"
_NEXT: Final = "signing-next"
"""The signing key that is to come: it counts as soon as the journal says so, and never before."""


@dataclass(slots=True, repr=False)
class BoxKeys:
    """What this box signs with, what is sealed to it, and what its open crossing is encrypted with."""

    signing: SigningKey
    """Another one after a change of keys (`rotation.py`): whoever signs asks here each time."""
    sealing: PrivateKey
    storage: SecretBox
    tier: str = SOFTWARE
    """What protects them, for the health report: tpm, board or software."""
    home: "KeyFolder | None" = None
    """Where the next signing key is written; None: keys that lie nowhere, which cannot be changed."""


@dataclass(frozen=True, slots=True)
class CentralKeys:
    """Records are sealed to the first; the others sign what central has committed, and what it orders."""

    sealing: PublicKey
    watermark: VerifyKey
    operator: VerifyKey | None = None
    """None: the box takes no orders."""
    authority: VerifyKey | None = None
    """Signs the lists of keys that come later than this configuration; None: it stays as it is."""
    support: VerifyKey | None = None
    """Grants support access, beside the operator who orders it; None: nobody has it."""


def load_box_keys(folder: Path, vault: Vault | None = None) -> BoxKeys:
    """The box's keys from their folder; those that are missing are made, as at the very first start.

    With a `vault` the secret halves lie there protected (`*.sealed`); plain ones from before are protected
    and removed. The public halves are written beside them (`signing.pub`, `sealing.pub`) for central to
    register. They are written last, so where they are a missing key was there once: another one in its place
    would make records that central refuses, and could not open the crossing that is under way.

    Raises:
        KeyFileError: a file is no key, is readable by others, was taken away, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise KeyFileError(f"{folder} cannot be made ({error.strerror}).") from error
    for name in (_SIGNING, _SEALING, _STORAGE):
        there = (folder / f"{name}.key").exists() or (folder / f"{name}.sealed").exists()
        if not there and (folder / f"{_SIGNING}.pub").exists():
            raise KeyFileError(
                f"{folder / f'{name}.key'} is missing, and this box had one: put it back. "
                "(A box that is to begin anew has an empty folder.)"
            )
    home = KeyFolder(folder, vault)
    keys = BoxKeys(
        signing=_key(folder, _SIGNING, SigningKey, SigningKey.generate, vault),
        sealing=_key(folder, _SEALING, PrivateKey, PrivateKey.generate, vault),
        storage=_key(
            folder, _STORAGE, SecretBox, lambda: SecretBox(nacl.utils.random(SecretBox.KEY_SIZE)), vault
        ),
        tier=SOFTWARE if vault is None else vault.tier,
        home=home,
    )
    for name, public in ((_SIGNING, keys.signing.verify_key), (_SEALING, keys.sealing.public_key)):
        if not (folder / f"{name}.pub").exists():
            write_key(folder / f"{name}.pub", public)
    return keys


class KeyFolder:
    """The folder of the box's keys, as a change of its signing key goes about in it.

    Each step leaves whole files. `signing-next` is written before the journal names it; after that it takes
    the place of `signing`, and goes. Which of the two counts is the journal's to say.
    """

    def __init__(self, folder: Path, vault: Vault | None = None) -> None:
        self._folder = folder
        self._vault = vault

    def prepare(self) -> SigningKey:
        """A new signing key, on disk as the one that is to come.

        Raises:
            KeyFileError: it is not on disk.
        """
        key = SigningKey.generate()
        self._write(_NEXT, key)
        return key

    def next(self) -> SigningKey | None:
        """The key that is to come; None when there is none.

        Raises:
            KeyFileError: it cannot be read.
        """
        path = self._path(_NEXT)
        if not path.exists():
            return None
        return _read(path, _NEXT, SigningKey, self._vault)

    def finish(self, signing: SigningKey) -> None:
        """This key signs from now on, and is `signing`; the one to come has come, or was given up.

        Raises:
            KeyFileError: the folder is not so; the next start tries again.
        """
        if _read(self._path(_SIGNING), _SIGNING, SigningKey, self._vault) != signing:
            self._write(_SIGNING, signing)
        public = self._folder / f"{_SIGNING}.pub"
        try:
            if public.read_text("ascii") != key_text(signing.verify_key):
                write_whole(public, key_text(signing.verify_key).encode(), mode=0o644)
            if self._path(_NEXT).exists():
                self._path(_NEXT).unlink()
                sync_folder(self._folder)
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(f"{public} cannot be brought up to date.") from error

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.{'key' if self._vault is None else 'sealed'}"

    def _write(self, name: str, key: SigningKey) -> None:
        try:
            if self._vault is None:
                write_whole(self._path(name), key_text(key).encode())
            else:
                write_whole(self._path(name), _protected(name, key, self._vault))
        except OSError as error:
            raise KeyFileError(f"{self._path(name)} cannot be written ({error.strerror}).") from error


def _key(
    folder: Path, name: str, kind: type[_Secret], make: Callable[[], _Secret], vault: Vault | None
) -> _Secret:
    plain, sealed = folder / f"{name}.key", folder / f"{name}.sealed"
    if vault is None:
        if sealed.exists() and not plain.exists():
            raise KeyFileError(f"{sealed} is protected, and the configuration does not say by what.")
        if not plain.exists():
            write_key(plain, make())
        return read_key(plain, kind)
    try:
        if not sealed.exists():
            write_whole(sealed, _protected(name, read_key(plain, kind) if plain.exists() else make(), vault))
        key = _read(sealed, name, kind, vault)
        plain.unlink(missing_ok=True)
    except OSError as error:
        raise KeyFileError(f"{sealed} cannot be used.") from error
    return key


def _protected(name: str, key: SigningKey | PrivateKey | SecretBox, vault: Vault) -> bytes:
    """What may lie on the disk; tried before anything relies on it."""
    protected = vault.protect(name, bytes(key))
    if vault.reveal(name, protected) != bytes(key):
        raise KeyFileError(f"The key {name} does not come back as it was protected.")
    return protected


def _read(path: Path, name: str, kind: type[_Secret], vault: Vault | None) -> _Secret:
    if vault is None:
        return read_key(path, kind)
    try:
        return kind(vault.reveal(name, path.read_bytes()[:_MAX_SEALED_BYTES]))
    except (OSError, TypeError, ValueError) as error:
        raise KeyFileError(f"{path} cannot be used.") from error


def load_central_keys(
    sealing: Path,
    watermark: Path,
    operator: Path | None = None,
    authority: Path | None = None,
    support: Path | None = None,
) -> CentralKeys:
    """Central's public keys.

    Raises:
        KeyFileError: a file is missing or holds something else.
    """
    return CentralKeys(
        sealing=read_key(sealing, PublicKey),
        watermark=read_key(watermark, VerifyKey),
        operator=None if operator is None else read_key(operator, VerifyKey),
        authority=None if authority is None else read_key(authority, VerifyKey),
        support=None if support is None else read_key(support, VerifyKey),
    )
