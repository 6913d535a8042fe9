"""The small databases beside the journal: encrypted row by row, begun anew when damaged.

No record hangs on them: losing one loses convenience.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from appliance.records.database import as_text, durable, set_aside, translated
from appliance.records.errors import StorageBroken


def open_small(path: Path, schema: str, *, what: str) -> sqlite3.Connection:
    """Open it, or begin one; a damaged one is set aside, its write-ahead log too. `what` is for the sentence.

    The connection begins no transaction by itself and may be used from several threads, one at a time.

    Raises:
        StorageBroken: the disk does not let us.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return _connected(path, schema)
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            set_aside(path)
            return _connected(path, schema)
    except (sqlite3.Error, OSError) as error:
        raise StorageBroken(f"The {what} cannot be opened.") from error


@contextlib.contextmanager
def writing(
    connection: sqlite3.Connection, lock: contextlib.AbstractContextManager[Any]
) -> Iterator[sqlite3.Connection]:
    """All that is written within, or nothing.

    Raises:
        StorageError: nothing is on disk.
    """
    with lock:
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise translated(error) from error
        finally:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back by itself
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


def seal_row(storage: SecretBox, owner: str, payload: bytes) -> bytes:
    """The payload with whose it is inside, so that rows cannot be exchanged."""
    return bytes(storage.encrypt(owner.encode() + b"\0" + payload))


def open_row(storage: SecretBox, owner: str, sealed: bytes) -> bytes | None:
    """The payload; None for what was moved here, is damaged, or another key's."""
    try:
        found, _, payload = bytes(storage.decrypt(sealed)).partition(b"\0")
    except (CryptoError, ValueError, TypeError):
        return None
    return payload if found == owner.encode() else None


def _connected(path: Path, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.text_factory = as_text
    try:
        path.chmod(0o600)
        durable(connection)
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection
