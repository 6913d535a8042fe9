"""What reaches the gate, however it came: a folder on a stick, or one message from the broker.

Both are a repository of The Update Framework or a part of one: `metadata/` and `targets/`. Names are
looked up, never walked; a link or a special file is none; every read is bounded.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import cbor2

from appliance import cbor
from appliance.reference_data.errors import Reason, Refused

MAGIC: Final = b"BORNE\x00D1"
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
MAX_FILES: Final = 512
MAX_NAME: Final = 200
_BLOCK: Final = 1 << 20


class Delivery(Protocol):
    """Files by name."""

    def read(self, name: str) -> Iterator[bytes] | None:
        """A file's content in blocks, None when it is not there.

        Raises:
            OSError: it cannot be read: the stick was pulled out.
        """
        ...


class FolderDelivery:
    """A repository on a stick."""

    def __init__(self, folder: Path) -> None:
        """Raises:
        Refused: there is no such folder.
        """
        if not (folder / "metadata").is_dir():
            raise Refused(Reason.NOT_SIGNED, f"There is no signed reference data in {folder}.")
        self._folder = folder

    def read(self, name: str) -> Iterator[bytes] | None:
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts) or len(name) > MAX_NAME:
            return None
        try:
            handle = os.open(
                self._folder.joinpath(*parts), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            )
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            return None
        return _blocks(handle)


def _blocks(handle: int) -> Iterator[bytes]:
    with os.fdopen(handle, "rb") as file:
        while block := file.read(_BLOCK):
            yield block


class MessageDelivery:
    """A part of a repository in one message: a CBOR map of names to contents."""

    def __init__(self, data: bytes) -> None:
        """Raises:
        Refused: too large, or no such message.
        """
        if len(data) > MAX_MESSAGE_BYTES:
            raise Refused(
                Reason.TOO_LARGE, f"The message has {len(data)} bytes; at most {MAX_MESSAGE_BYTES} are taken."
            )
        if not data.startswith(MAGIC):
            raise Refused(Reason.NOT_SIGNED, "The message is no signed reference data.")
        try:
            files = cbor.loads(data[len(MAGIC) :])
        except (cbor.CborError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
            raise Refused(Reason.MALFORMED, "The message is malformed.") from error
        if not isinstance(files, dict) or len(files) > MAX_FILES:
            raise Refused(Reason.MALFORMED, "The message is malformed.")
        if not all(
            isinstance(name, str) and len(name) <= MAX_NAME and isinstance(content, bytes)
            for name, content in files.items()
        ):
            raise Refused(Reason.MALFORMED, "The message is malformed.")
        self._files: dict[str, bytes] = files

    def read(self, name: str) -> Iterator[bytes] | None:
        content = self._files.get(name)
        return None if content is None else iter((content,))


def pack_message(files: dict[str, bytes]) -> bytes:
    """Files of a repository as one message.

    Raises:
        ValueError: more than a box takes.
    """
    data = MAGIC + cbor2.dumps(files, canonical=True)
    if len(data) > MAX_MESSAGE_BYTES or len(files) > MAX_FILES:
        raise ValueError(
            f"A message holds at most {MAX_MESSAGE_BYTES} bytes; bring larger lists on a stick, "
            "and their changes by message."
        )
    return data
