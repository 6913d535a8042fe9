"""The journal's open file: held by one process, guarded against a lost end, one transaction at a time."""

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

from appliance.clock import Clock
from appliance.contracts.movement import RECORD_TYPE_TAMPER
from appliance.records.central_keys import CentralRing
from appliance.records.chain import Sealer, append, last_counter, set_meta, status_of
from appliance.records.counter import Counter
from appliance.records.database import hold, open_database, read_meta, set_aside, translated
from appliance.records.errors import CounterError, StorageBroken, StorageFull
from appliance.records.keys import BoxKeys, CentralKeys
from appliance.records.quota import Disk, Level, measure
from appliance.records.report_counter import ReportCounter
from appliance.records.rotation import settle
from appliance.records.steps import Steps

STEPS: Final = "steps.db"
TAIL_LOST: Final = "records_cut"
"""Notice: a journal that had lost its newest records lies beside this one."""
COUNTER_LOST: Final = "counter_lost"
"""Notice: the hardware counter does not answer, or is another one than before."""
SET_ASIDE: Final = "database_set_aside"
"""Notice: a damaged journal lies beside this one, kept for those who can read it."""

log = logging.getLogger(__name__)
_META: Final = {
    "device",
    "last_hash",
    "base_hash",
    "acknowledged_at",
    "command_counter",
    "resynced_at",
    "crossings",
    "last_stamp",
}


class Book:
    """An open journal's file; what is done with it is `Journal`'s."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        lock: int,
        steps: Steps,
        keys: BoxKeys,
        central: CentralRing,
        device: str,
        path: Path,
        counter: Counter | None,
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._steps = steps
        self._keys = keys
        self._central = central
        self._device = device
        self._sealer = Sealer(device=device, keys=keys, central=central)
        self._mutex = threading.Lock()
        self._path = path
        self._counter = counter
        self._counter_notices: tuple[str, ...] = ()
        self._report_counter = ReportCounter()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        keys: BoxKeys,
        central: CentralKeys,
        device: str,
        begin: bool = True,
        steps: Path | None = None,
        counter: Counter | None = None,
    ) -> Self:
        """Open the journal, or begin one; a damaged one is kept aside and a new one begun.

        `steps` is the file of the open crossing; None: beside the journal. A journal that is behind the
        hardware `counter` has lost its end: it is kept aside too. Whoever only looks does not `begin` one:
        then what is not there, or damaged, is an error.

        Raises:
            JournalBusy: another process holds it.
            StorageError: the disk does not let us, or the journal is another box's.
        """
        if not begin:
            must_exist(path)
        with contextlib.ExitStack() as undo:
            lock = hold(path)
            undo.callback(os.close, lock)
            connection = open_database(path, device=device, check=_check, begin=begin)
            undo.callback(connection.close)
            kept_in = steps or path.with_name(STEPS)
            kept = Steps.open(kept_in, storage=keys.storage)
            undo.callback(kept.close)
            _move_steps(connection, kept)
            settle(connection, keys, write=begin)
            ring = CentralRing(central, authority=central.authority, folder=kept_in.parent)
            undo.pop_all()
        journal = cls(
            connection, lock=lock, steps=kept, keys=keys, central=ring, device=device, path=path,
            counter=counter,
        )  # fmt: skip
        if begin and counter is not None:
            try:
                journal._compare_counter(counter)
            except BaseException:
                journal.close()
                raise
        return journal

    def close(self) -> None:
        """Let go of the file; closing twice does nothing."""
        with self._mutex:
            if self._lock >= 0:
                self._connection.close()
                self._steps.close()
                os.close(self._lock)
                self._lock = -1

    @property
    def notices(self) -> tuple[str, ...]:
        """Codes for the screen: what stands until somebody has looked after it."""
        beside = self._path.parent
        damaged = self._steps.damaged or any(beside.glob(f"{self._path.name}.corrupt-*"))
        behind = any(beside.glob(f"{self._path.name}.behind-*"))
        return (
            *((SET_ASIDE,) if damaged else ()),
            *((TAIL_LOST,) if behind else ()),
            *self._counter_notices,
        )

    @property
    def key_tier(self) -> str:
        """What protects this box's keys."""
        return self._keys.tier

    def disk(self) -> Disk:
        """How full the journal's disk is.

        Raises:
            StorageError: it does not answer.
        """
        with self._reading() as connection:
            pages = connection.execute("PRAGMA freelist_count").fetchone()[0]
            size = connection.execute("PRAGMA page_size").fetchone()[0]
        try:
            return measure(self._path.parent, reusable=pages * size)
        except OSError as error:
            raise translated(error) from error

    def room_to_begin(self) -> None:
        """Whether a new crossing can be brought to its end.

        Raises:
            StorageError: it cannot, and may be tried again.
        """
        if self.disk().level is Level.FULL:
            raise StorageFull("The disk is full of records that central does not have: nobody new is begun.")

    # Its end

    def _begin_anew(self, evidence: dict[str, Any]) -> None:
        """Keep this journal aside, because its end is gone, and begin another, whose first record says so."""
        with self._mutex:
            meta = read_meta(self._connection)
            self._connection.close()
            set_aside(self._path, why="behind")
            self._connection = open_database(self._path, device=self._device, check=_check)
            # What was ordered once is not obeyed again because the journal is another.
            kept = {name: meta[name] for name in ("command_counter", "records_per_second")}
            set_meta(self._connection, **kept)
            self._report_counter.carry_over(self._connection)
        log.error("the journal had lost its newest records; it is kept aside, and a new one begun")
        self._record_tamper("tail_lost", evidence)

    def _record_tamper(self, what: str, evidence: dict[str, Any]) -> None:
        with self._transaction() as connection:
            number = int(read_meta(connection)["last_seq"]) + 1
            append(
                connection, self._sealer, crossing=f"tamper/{number}", record_type=RECORD_TYPE_TAMPER,
                body={"what": what, **evidence}, stamp=Clock().stamp(), alert=True,
            )  # fmt: skip

    def _compare_counter(self, counter: Counter) -> None:
        """What the last record says of the hardware counter, against what it says itself."""
        try:
            value = counter.read()
            recorded = last_counter(self._connection, self._keys.signing.verify_key)
            if recorded is not None and value == recorded - 1:
                value = counter.step()  # the power went between the record and the step
        except CounterError as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence says it all
            self._counter_notices = (COUNTER_LOST,)
            return
        self._sealer.counter = value
        if recorded is None or value == recorded:
            return
        with self._reading() as connection:
            status = status_of(read_meta(connection))
        evidence = {
            "counter": value,
            "recorded": recorded,
            "last_seq": status.last_seq,
            "epoch": status.epoch,
        }
        if value > recorded:
            self._begin_anew(evidence)
        else:
            self._counter_notices = (COUNTER_LOST,)
            self._record_tamper("counter_lost", evidence)

    def _step_counter(self) -> None:
        """After the commit; a counter that fails is said, and its records name the old value."""
        due, self._sealer.due = self._sealer.due, False
        if due and self._counter is not None:
            try:
                self._sealer.counter = self._counter.step()
            except CounterError as error:
                log.error("%s", error)  # noqa: TRY400 - the sentence says it all
                self._counter_notices = (COUNTER_LOST,)

    # One at a time

    @contextlib.contextmanager
    def _transaction(self, *, then: Callable[[], None] = lambda: None) -> Iterator[sqlite3.Connection]:
        """`then` is done behind the commit, before anybody else comes in."""
        with self._mutex:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                    then()
                    self._step_counter()
                except BaseException:
                    self._sealer.due = False
                    with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back by itself
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise translated(error) from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise translated(error) from error


def must_exist(path: Path) -> None:
    """For those who only look, before they make so much as a folder.

    Raises:
        StorageBroken: there is no journal here.
    """
    if not any(Path(f"{path}{tail}").exists() for tail in ("", "-wal")):
        raise StorageBroken(f"There is no journal at {path}.")


def _check(connection: sqlite3.Connection) -> None:
    """The journal stands somewhere."""
    meta = read_meta(connection)
    if missing := _META - set(meta):
        raise StorageBroken(f"The journal does not know its {', '.join(sorted(missing))}.")
    status_of(meta)


def _move_steps(connection: sqlite3.Connection, steps: Steps) -> None:
    """Format 1 kept the steps with the records; a cut between the two lines does no harm."""
    try:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
            steps.take_over(connection.execute("SELECT crossing, sealed FROM events ORDER BY id").fetchall())
            connection.execute("DROP TABLE events")
    except sqlite3.Error as error:
        raise translated(error) from error
