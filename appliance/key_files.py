"""Key files: one line of text a key, which says what it is; a secret one only its owner can read."""

import os
from pathlib import Path
from typing import Final, TypeVar

from nacl.public import PrivateKey, PublicKey
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

MAX_FILE_BYTES: Final = 1024


class HashingKey(bytes):
    """A key that numbers are hashed under (BLAKE2b, RFC 7693)."""

    SIZE: Final = 32

    def __new__(cls, value: bytes) -> "HashingKey":
        """Raises:
        ValueError: not `SIZE` bytes.
        """
        if len(value) != cls.SIZE:
            raise ValueError(f"a hashing key has {cls.SIZE} bytes")
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return "HashingKey(...)"


AnyKey = SigningKey | VerifyKey | PrivateKey | PublicKey | SecretBox | HashingKey
Key = TypeVar("Key", SigningKey, VerifyKey, PrivateKey, PublicKey, SecretBox, HashingKey)
_KINDS: Final[dict[type, str]] = {
    SigningKey: "borne-ed25519-secret",
    VerifyKey: "borne-ed25519-public",
    PrivateKey: "borne-x25519-secret",
    PublicKey: "borne-x25519-public",
    SecretBox: "borne-xsalsa20-secret",
    HashingKey: "borne-blake2b-secret",
}
_SECRET: Final = (SigningKey, PrivateKey, SecretBox, HashingKey)


class KeyFileError(Exception):
    """The file holds no such key, or others than its owner can read a secret one."""


def key_text(key: AnyKey) -> str:
    """What stands in the file of this key."""
    return f"{_KINDS[type(key)]} {bytes(key).hex()}\n"


def write_key(path: Path, key: AnyKey) -> None:
    """A new key file; an existing one is never overwritten.

    Raises:
        KeyFileError: it is there already, or cannot be written.
    """
    mode = 0o600 if isinstance(key, _SECRET) else 0o644
    try:
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii"
        ) as file:
            file.write(key_text(key))
    except FileExistsError as error:
        raise KeyFileError(f"{path} is there already; a key is never overwritten.") from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written ({error.strerror}).") from error


def read_key(path: Path, kind: type[Key]) -> Key:
    """The key of that kind from its file.

    Raises:
        KeyFileError: it cannot be read, is another kind's, or is a secret that others can read.
    """
    keys = read_keys(path, kind)
    if len(keys) != 1:
        raise KeyFileError(f"{path} holds no key.")
    return keys[0]


def read_keys(path: Path, kind: type[Key]) -> tuple[Key, ...]:
    """The keys of that kind from their file, one a line, in the file's order.

    Raises:
        KeyFileError: as `read_key`; or it holds none.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            words = file.read(MAX_FILE_BYTES).split()
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read ({error.strerror}).") from error
    if kind in _SECRET and mode & 0o077:
        raise KeyFileError(f"{path} holds a secret, but others can read it; chmod 600 it, and think who has.")
    if not words or len(words) % 2:
        raise KeyFileError(f"{path} holds no key.")
    return tuple(_key(path, kind, *pair) for pair in zip(words[::2], words[1::2], strict=True))


def _key(path: Path, kind: type[Key], name: bytes, text: bytes) -> Key:
    try:
        if name.decode("ascii") != _KINDS[kind]:
            raise KeyFileError(f"{path} holds something other than a {_KINDS[kind]}.")
        return kind(bytes.fromhex(text.decode("ascii")))
    except (ValueError, TypeError) as error:  # nacl says TypeError or ValueError for a wrong length
        raise KeyFileError(f"{path} holds no key.") from error
