"""Which officer has which card: public keys by name, in a file beside the book of officers.

Encrypted under the storage key and replaced whole, as the book; apart from it, so that a version of this
program that knows no cards still reads the book.
"""

import threading
from pathlib import Path
from typing import Final

import msgspec
import nacl.exceptions
from nacl.secret import SecretBox

from appliance.records.errors import StorageBroken
from appliance.whole_files import write_whole

FILE: Final = "officer-cards.sealed"
MAX_FILE_BYTES: Final = 256 * 1024


class CardTaken(Exception):
    """The card is another officer's, in one plain sentence."""


class _Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: dict[str, bytes]


class OfficerCards:
    """The file, read anew when another process has replaced it. Safe to use from several threads."""

    def __init__(self, folder: Path, storage: SecretBox) -> None:
        self._path = folder / FILE
        self._storage = storage
        self._lock = threading.Lock()

    def all(self) -> dict[str, bytes]:
        """Keys by officer.

        Raises:
            StorageBroken: the file cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                sealed = file.read(MAX_FILE_BYTES)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageBroken("The officers' cards cannot be read.") from error
        try:
            return msgspec.msgpack.decode(bytes(self._storage.decrypt(sealed)), type=_Book).keys
        except (nacl.exceptions.CryptoError, ValueError, TypeError, msgspec.MsgspecError) as error:
            raise StorageBroken("The officers' cards are damaged, or another box's.") from error

    def give(self, name: str, key: bytes) -> None:
        """This officer's card from now on, in place of an earlier one.

        Raises:
            CardTaken: it is somebody else's.
            StorageBroken: it is not on disk.
        """
        with self._lock:
            keys = self.all()
            other = next((one for one, known in keys.items() if known == key and one != name), None)
            if other is not None:
                raise CardTaken(f"This card is {other}'s.")
            self._write(keys | {name: key})

    def take_away(self, name: str) -> bool:
        """The officer has no card any more; False: had none.

        Raises:
            StorageBroken: it is not on disk.
        """
        with self._lock:
            keys = self.all()
            if keys.pop(name, None) is None:
                return False
            self._write(keys)
            return True

    def _write(self, keys: dict[str, bytes]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._path, bytes(self._storage.encrypt(msgspec.msgpack.encode(_Book(keys)))))
        except OSError as error:
            raise StorageBroken("The officers' cards cannot be written.") from error
