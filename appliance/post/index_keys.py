"""The post's index keys: under them an exit at one lane finds the entry at another, and nobody else anything.

The authority makes them and seals them to each box (libsodium `crypto_box_seal`). When a box is put out there
is a new one: entries are told under it from then on, and those told before are found under the keys before,
which stay for as long as an entry lives.

On a box whose keys a TPM or the board protects they lie protected too (`post-index.sealed`): under a key of
their own, which alone is sealed there, because a TPM takes 128 bytes at once.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import cbor2
import nacl.utils
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox

from appliance import cbor
from appliance.key_files import HashingKey, KeyFileError, key_text, read_keys
from appliance.post.papers import PostPaperError
from appliance.whole_files import as_owner_of, write_whole

FILE: Final = "post-index.key"
NAME: Final = "post-index"
MAX_SEALED_BYTES: Final = 8192
MAX_INDEX_KEYS: Final = 8
"""The present one and those before it: more boxes than seven are not stolen from one post in a year."""


class Keeper(Protocol):
    """What protects the box's other keys (`appliance/records/vault.py`)."""

    def protect(self, name: str, secret: bytes) -> bytes: ...
    def reveal(self, name: str, protected: bytes) -> bytes: ...


class IndexKeys:
    """The file in a lane's folder of keys, the present key first; looked at again when it has changed."""

    def __init__(self, file: Path, keeper: Keeper | None = None) -> None:
        """With a `keeper` a plain file from before is protected and removed.

        Raises:
            KeyFileError: there is none, others can read it, or it was protected elsewhere.
        """
        self._plain = file
        self._keeper = keeper
        self._file = file if keeper is None else _sealed(file)
        self._keys = self._read()
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
                self._keys, self._seen = self._read(), mark
        return self._keys

    def _read(self) -> tuple[HashingKey, ...]:
        if self._keeper is None:
            if not self._plain.exists() and _sealed(self._plain).exists():
                raise KeyFileError(
                    f"{_sealed(self._plain)} is protected, and the configuration does not say by what."
                )
            return read_keys(self._plain, HashingKey)
        try:
            if self._plain.exists():
                write_whole(self._file, _protected(read_keys(self._plain, HashingKey), self._keeper))
                self._plain.unlink()
            with self._file.open("rb") as file:
                return _revealed(file.read(MAX_SEALED_BYTES), self._keeper)
        except OSError as error:
            raise KeyFileError(f"{self._file} cannot be used ({error.strerror}).") from error
        except (CryptoError, TypeError, ValueError) as error:  # a CborError is a ValueError
            raise KeyFileError(f"{self._file} holds no key.") from error

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
    try:
        return _split(plain)
    except ValueError as error:
        raise PostPaperError("The paper holds no index key of the post.") from error


def write_index(folder: Path, keys: tuple[HashingKey, ...], keeper: Keeper | None = None) -> None:
    """Into a lane's folder of keys: whole or not at all, and the folder's owner's, whoever installs it.

    Raises:
        KeyFileError: they cannot be protected.
        OSError: they are not on disk.
    """
    protected = None if keeper is None else _protected(keys, keeper)
    with as_owner_of(folder):
        if protected is not None:
            # A plain one would count as the newer; a power cut here is mended by installing the paper again.
            (folder / FILE).unlink(missing_ok=True)
            write_whole(_sealed(folder / FILE), protected)
            return
        write_whole(folder / FILE, "".join(key_text(key) for key in keys).encode(), mode=0o600)


def _sealed(file: Path) -> Path:
    return file.with_suffix(".sealed")


def _protected(keys: tuple[HashingKey, ...], keeper: Keeper) -> bytes:
    own = nacl.utils.random(SecretBox.KEY_SIZE)
    return cbor2.dumps([keeper.protect(NAME, own), bytes(SecretBox(own).encrypt(b"".join(keys)))])


def _revealed(data: bytes, keeper: Keeper) -> tuple[HashingKey, ...]:
    found = cbor.loads(data)
    if not isinstance(found, list) or len(found) != 2 or not all(isinstance(one, bytes) for one in found):
        raise ValueError("no pair of a protected key and what lies under it")
    return _split(SecretBox(keeper.reveal(NAME, found[0])).decrypt(found[1]))


def _split(plain: bytes) -> tuple[HashingKey, ...]:
    """Raises:
    ValueError: these are no index keys.
    """
    size = HashingKey.SIZE
    if not plain or len(plain) % size or len(plain) > MAX_INDEX_KEYS * size:
        raise ValueError("no index keys")
    return tuple(HashingKey(plain[at : at + size]) for at in range(0, len(plain), size))
