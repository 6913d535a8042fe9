"""A dead box's outbox, read from its disk without any key of the box, and without changing the disk.

The records are sealed to central and signed by the box, so whoever holds the disk can deliver them and read
none of them. A damaged journal, or one that was set aside, gives what can still be read of it.
"""

import bisect
import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from appliance import cbor, cose
from appliance.contracts.lane import SealedRecord
from appliance.records.errors import StorageBroken

MAX_FOUND: Final = 64
"""Journals on one disk: one, and those that were set aside in its life."""
MAX_HEADER_BYTES: Final = 1024
_ROOTS: Final = ("journal.db", "journal.db.corrupt-*", "journal.db.behind-*")


class Salvage:
    """One journal's records, from a copy in a working folder; use it as a context manager."""

    def __init__(self, source: Path, connection: sqlite3.Connection) -> None:
        self.source = source
        self._connection = connection
        self.seqs = tuple(self._readable())
        """Numbers that can be read, in order."""
        self.device, self.epoch = self._owner()
        self.acknowledged_seq = self._number("acknowledged_seq")
        self.last_seq = max(self._number("last_seq"), self.seqs[-1] if self.seqs else 0)

    @classmethod
    def open(cls, source: Path, work: Path) -> Self:
        """Copy the journal, its write-ahead log too, and open the copy.

        Raises:
            StorageBroken: it cannot be copied, or nothing can be read of it.
        """
        copy = work / "journal.db"
        try:
            for tail in ("", "-wal"):
                part = Path(f"{source}{tail}")
                Path(f"{copy}{tail}").unlink(missing_ok=True)
                if part.exists():
                    shutil.copyfile(part, f"{copy}{tail}")
            Path(f"{copy}-shm").unlink(missing_ok=True)
            connection = sqlite3.connect(copy, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise StorageBroken(f"{source} cannot be copied: {error}.") from error
        try:
            return cls(source, connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers that were not acknowledged, and cannot be read any more."""
        readable = set(self.seqs)
        return tuple(n for n in range(self.acknowledged_seq + 1, self.last_seq + 1) if n not in readable)

    def records(self, after: int) -> Iterator[SealedRecord]:
        """What can be read after this number, in order."""
        for place in range(bisect.bisect_right(self.seqs, after), len(self.seqs)):
            seq = self.seqs[place]
            if (envelope := self._envelope(seq)) is not None:
                yield SealedRecord(seq=seq, envelope=envelope)

    def _readable(self) -> list[int]:
        """Numbers of the records that can be read: from both ends, in case a page in the middle is gone."""
        found: set[int] = set()
        for query in ("SELECT seq FROM records ORDER BY seq", "SELECT seq FROM records ORDER BY seq DESC"):
            with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
                for (seq,) in self._connection.execute(query):
                    if type(seq) is int and seq > 0:
                        found.add(seq)
        return sorted(seq for seq in found if self._envelope(seq) is not None)

    def _envelope(self, seq: int) -> bytes | None:
        try:
            row = self._connection.execute("SELECT envelope FROM records WHERE seq = ?", (seq,)).fetchone()
        except (sqlite3.Error, UnicodeDecodeError):
            return None
        return row[0] if row and isinstance(row[0], bytes) and _says(row[0], "seq") == seq else None

    def _owner(self) -> tuple[str, str]:
        """Whose journal it is, by its records: what stands in `meta` may be damaged."""
        for seq in self.seqs:
            envelope = self._envelope(seq)
            device, epoch = (_says(envelope or b"", name) for name in ("dev", "epoch"))
            if isinstance(device, str) and isinstance(epoch, str):
                return device, epoch
        try:
            meta = dict(self._connection.execute("SELECT name, value FROM meta"))
            return str(meta["device"]), str(meta["epoch"])
        except (sqlite3.Error, UnicodeDecodeError, KeyError) as error:
            raise StorageBroken(f"Nothing can be read of {self.source}.") from error

    def _number(self, name: str) -> int:
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
            if row and type(row[0]) is int and row[0] >= 0:
                return int(row[0])
        return 0


def journals_on(disk: Path) -> tuple[Path, ...]:
    """The journals on a mounted disk, or in any folder of it; a file is taken as it is.

    Raises:
        StorageBroken: there is none.
    """
    if disk.is_file():
        return (disk,)
    found = [
        path
        for root in _ROOTS
        for path in sorted(disk.rglob(root))
        if path.is_file() and not path.name.endswith(("-wal", "-shm", ".lock"))
    ]
    if not found:
        raise StorageBroken(f"There is no journal on {disk}.")
    return tuple(found[:MAX_FOUND])


def _says(envelope: bytes, name: str) -> object:
    """What the envelope's own header says; nobody vouches for it until central has verified the signature."""
    try:
        protected = cose.protected_bytes(envelope)
        header = cbor.loads(protected) if len(protected) <= MAX_HEADER_BYTES else None
    except (cose.CoseError, cbor.CborError):
        return None
    return header.get(name) if isinstance(header, dict) else None
