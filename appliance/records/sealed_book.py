"""A small book kept whole in one file: msgpack, encrypted under the storage key, read anew each time because
another process may have replaced it."""

from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec
import nacl.exceptions
from nacl.secret import SecretBox

from appliance.records.errors import StorageBroken
from appliance.whole_files import write_whole

MAX_FILE_BYTES: Final = 256 * 1024

Book = TypeVar("Book", bound=msgspec.Struct)


class SealedBook(Generic[Book]):
    """`what` it is called in the sentence of an error, as "The book of officers cannot be read."."""

    def __init__(self, path: Path, storage: SecretBox, type_: type[Book], *, what: str) -> None:
        self._path = path
        self._storage = storage
        self._type = type_
        self._what = what

    def read(self) -> Book | None:
        """None: there is no file yet.

        Raises:
            StorageBroken: it cannot be read, or is damaged or another box's.
        """
        try:
            with self._path.open("rb") as file:
                sealed = file.read(MAX_FILE_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageBroken(f"{self._what} cannot be read.") from error
        try:
            return msgspec.msgpack.decode(bytes(self._storage.decrypt(sealed)), type=self._type)
        except (nacl.exceptions.CryptoError, ValueError, TypeError, msgspec.MsgspecError) as error:
            raise StorageBroken(f"{self._what} is damaged, or another box's.") from error

    def write(self, book: Book) -> None:
        """In place of what was there, whole.

        Raises:
            StorageBroken: it is not on disk.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._path, bytes(self._storage.encrypt(msgspec.msgpack.encode(book))))
        except OSError as error:
            raise StorageBroken(f"{self._what} cannot be written.") from error
