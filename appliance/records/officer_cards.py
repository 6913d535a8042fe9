"""Which officer has which card: public keys by name, in a file beside the book of officers.

Encrypted under the storage key and replaced whole, as the book; apart from it, so that a version of this
program that knows no cards still reads the book.
"""

import threading
from pathlib import Path
from typing import Final

import msgspec
from nacl.secret import SecretBox

from appliance.records.sealed_book import SealedBook

FILE: Final = "officer-cards.sealed"


class CardTaken(Exception):
    """The card is another officer's, in one plain sentence."""


class _Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: dict[str, bytes]


class OfficerCards:
    """The file, read anew when another process has replaced it. Safe to use from several threads."""

    def __init__(self, folder: Path, storage: SecretBox) -> None:
        self._file = SealedBook(folder / FILE, storage, _Book, what="The book of officers' cards")
        self._lock = threading.Lock()

    def all(self) -> dict[str, bytes]:
        """Keys by officer.

        Raises:
            StorageBroken: the file cannot be read.
        """
        book = self._file.read()
        return {} if book is None else book.keys

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
        self._file.write(_Book(keys))
