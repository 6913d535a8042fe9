"""A factory reset: what the box holds of travellers goes, who it is stays; first, what would be lost is said.

No key is needed: a journal's sealed records are counted and taken along as they are, as with `salvage`.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.contracts.lane import SealedRecord
from appliance.records.database import hold, open_database, read_meta, set_aside
from appliance.records.errors import StorageBroken
from appliance.records.salvage import Salvage, journals_on

JOURNAL: Final = "journal.db"
KEPT: Final = frozenset({"central-keys.cose", "lists-floor"})
"""What keeps an old list of keys or of names from coming in again; nobody's data is in it."""
CARRIED_OVER: Final = ("command_counter", "records_per_second", "report_counter")
"""What was ordered once is not obeyed again, and what was reported once counts no second time."""


@dataclass(frozen=True, slots=True)
class Held:
    """One journal, and what central has not signed for."""

    path: Path
    device: str
    epoch: str
    unsent: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What a reset would lose."""

    journals: tuple[Held, ...]
    steps: bool
    """A traveller stands in the middle of a crossing."""

    @property
    def unsent(self) -> int:
        return sum(one.unsent for one in self.journals)


class BoxData:
    """The folders of one box's data, held so that no service writes there; use it as a context manager."""

    def __init__(self, data: Path, outbox: Path) -> None:
        """Raises:
        JournalBusy: lane runs.
        """
        self._data, self._outbox = data, outbox
        self._lock = hold(outbox / JOURNAL)

    def __enter__(self) -> "BoxData":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def loss(self) -> Loss:
        """Raises:
        StorageBroken: a journal cannot be read, so that nobody can say what it holds.
        """
        journals = []
        for path in self._journals():
            with self._opened(path) as found:
                unsent = sum(seq > found.acknowledged_seq for seq in found.seqs)
                journals.append(Held(path, found.device, found.epoch, unsent, len(found.missing)))
        return Loss(tuple(journals), steps=self._has_steps())

    def unsent(self, held: Held) -> Iterator[SealedRecord]:
        """The sealed records of one journal that central has not signed for, in order."""
        with self._opened(held.path) as found:
            yield from found.records(found.acknowledged_seq)

    def erase(self, device: str) -> None:
        """All of it goes but what is `KEPT`; a new journal is begun, which goes on counting.

        The old journal goes last but one: a power cut before leaves it, and the reset is said once more.

        Raises:
            OSError, StorageError: not all of it is gone.
        """
        journal = self._outbox / JOURNAL
        carried = self._carried(journal)
        for folder in {self._data, self._outbox}:
            for path in sorted(folder.iterdir()):
                if path.name not in KEPT and not path.name.startswith(JOURNAL):
                    _remove(path)
        if journal.exists():
            set_aside(journal, why="reset")
        connection = open_database(journal, device=device, check=lambda _: None)
        try:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", sorted(carried.items()))
        finally:
            connection.close()
        for path in sorted(self._outbox.glob(f"{JOURNAL}.*")):
            if not path.name.endswith(".lock"):
                path.unlink()

    def _journals(self) -> tuple[Path, ...]:
        try:
            return journals_on(self._outbox)
        except StorageBroken:
            return ()  # there is none

    @contextlib.contextmanager
    def _opened(self, path: Path) -> Iterator[Salvage]:
        with tempfile.TemporaryDirectory() as work, Salvage.open(path, Path(work)) as found:
            yield found

    def _has_steps(self) -> bool:
        path = self._data / "steps.db"
        if not path.exists():
            return False
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                return bool(connection.execute("SELECT count(*) FROM events").fetchone()[0])
        except sqlite3.Error:
            return True  # then something is there

    @staticmethod
    def _carried(journal: Path) -> dict[str, object]:
        if not journal.exists():
            return {}
        try:
            with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
                meta = read_meta(connection)
        except sqlite3.Error:
            return {}
        return {name: meta[name] for name in CARRIED_OVER if name in meta}


def _remove(path: Path) -> None:
    """A file or a folder with all in it; a disk of its own (the image's for lists) stays, and is empty."""
    if not path.is_dir() or path.is_symlink():
        path.unlink()
    elif path.is_mount():
        for part in sorted(path.iterdir()):
            _remove(part)
    else:
        shutil.rmtree(path)
