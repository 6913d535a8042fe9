"""The post's index keys: under them an exit at one lane finds the entry at another, and nobody else anything.

The authority makes them and seals them to each box (libsodium `crypto_box_seal`). When a box is put out there
is a new one: entries are told under it from then on, and those told before are found under the keys before,
which stay for as long as an entry lives.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from appliance.key_files import HashingKey, KeyFileError, key_text, read_keys
from appliance.post.papers import PostPaperError
from appliance.whole_files import write_whole

FILE: Final = "post-index.key"
MAX_INDEX_KEYS: Final = 8
"""The present one and those before it: more boxes than seven are not stolen from one post in a year."""


class IndexKeys:
    """The file in a lane's folder of keys, the present key first; looked at again when it has changed."""

    def __init__(self, file: Path) -> None:
        """Raises:
        KeyFileError: there is none, or others can read it.
        """
        self._file = file
        self._keys = read_keys(file, HashingKey)
        self._seen = self._mark()

    @property
    def present(self) -> HashingKey:
        """Entries are told under it."""
        return self.all()[0]

    def all(self) -> tuple[HashingKey, ...]:
        """Entries are looked for under these, the present one first. What cannot be read changes nothing."""
        mark = self._mark()
        if mark is not None and mark != self._seen:
            with suppress(KeyFileError):
                self._keys, self._seen = read_keys(self._file, HashingKey), mark
        return self._keys

    def _mark(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def seal_index(keys: tuple[HashingKey, ...], recipient: PublicKey) -> str:
    """The keys for one box, as hexadecimal digits."""
    return bytes(SealedBox(recipient).encrypt(b"".join(keys))).hex()


def open_index(sealed: str, private_key: PrivateKey) -> tuple[HashingKey, ...]:
    """The keys, the present one first.

    Raises:
        PostPaperError: they are not sealed to this box's key, or are none.
    """
    try:
        plain = SealedBox(private_key).decrypt(bytes.fromhex(sealed))
    except (CryptoError, ValueError, TypeError) as error:
        raise PostPaperError(
            "The post's index key is not sealed to this box: its sealing key has changed since it asked."
        ) from error
    size = HashingKey.SIZE
    if not plain or len(plain) % size or len(plain) > MAX_INDEX_KEYS * size:
        raise PostPaperError("The paper holds no index key of the post.")
    return tuple(HashingKey(plain[at : at + size]) for at in range(0, len(plain), size))


def write_index(folder: Path, keys: tuple[HashingKey, ...]) -> None:
    """Into a lane's folder of keys: whole or not at all, and the folder's owner's, whoever installs it.

    Raises:
        OSError: they are not on disk.
    """
    with _as_owner_of(folder):
        write_whole(folder / FILE, "".join(key_text(key) for key in keys).encode(), mode=0o600)


@contextmanager
def _as_owner_of(folder: Path) -> Iterator[None]:
    """Root writes there with the owner's rights alone: nothing that lies in wait there leads further."""
    user, group = os.geteuid(), os.getegid()
    owner = folder.stat()
    if user != 0 or owner.st_uid == 0:
        yield
        return
    os.setegid(owner.st_gid)
    try:
        os.seteuid(owner.st_uid)
        try:
            yield
        finally:
            os.seteuid(user)
    finally:
        os.setegid(group)
