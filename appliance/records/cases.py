"""The second line's cases: referred crossings, and releases to be reviewed, until an officer closes them.

A file beside the journal, encrypted row by row under the storage key (XSalsa20-Poly1305); what a method has
returned is on disk. An open case never goes by itself, however old it is. A case of another box of the post
lies here too, as that box has told it. What the box has to tell the others waits here until `uplink` has it.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from nacl.secret import SecretBox

from appliance.contracts.cases import CaseKind, Closing, Work
from appliance.contracts.movement import Movement
from appliance.records.errors import StorageError
from appliance.records.post_book import POST_SCHEMA, PostBook, SaidClosed, now_text
from appliance.records.small_database import open_row, open_small, seal_row, writing

OPEN, CLOSING, CLOSED = "open", "closing", "closed"
MAX_FOREIGN: Final = 2_000
"""Open cases of the other boxes: more than all second lines of a post can have before them."""
_SCHEMA: Final = f"""{POST_SCHEMA}
CREATE TABLE IF NOT EXISTS cases (
    crossing TEXT PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    moment TEXT NOT NULL, closed TEXT NOT NULL DEFAULT '', told INTEGER NOT NULL DEFAULT 0,
    sealed BLOB NOT NULL,
    work BLOB NOT NULL DEFAULT x'', closing BLOB NOT NULL DEFAULT x'', also BLOB NOT NULL DEFAULT x'',
    item BLOB NOT NULL DEFAULT x''
);
CREATE INDEX IF NOT EXISTS cases_by_item ON cases (item) WHERE item != x'';
CREATE TABLE IF NOT EXISTS pictures (
    crossing TEXT NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL, item BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (crossing, name)
);
"""


_COLUMNS: Final = "crossing, device, kind, state, sealed, work, closing, also, item"


class NotOpen(Exception):
    """There is no such open case."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case as it is kept."""

    crossing: str
    device: str
    kind: CaseKind
    state: str
    """open; closing, while its record is being written; closed."""
    movement: Movement
    pictures: tuple[str, ...]
    """Those that are here."""
    work: Work
    closing: Closing | None
    also: Closing | None
    closed_at_device: str
    item: bytes
    """What it is called on the post's network; empty: it has not been told yet, or the box stands alone."""


class Cases(PostBook):
    """The open file. Safe to use from several threads."""

    @classmethod
    def open(cls, path: Path, *, storage: SecretBox) -> Self:
        """Open it, or begin one; a damaged one is set aside. The crossings themselves stand in the journal.

        Raises:
            StorageError: the disk does not let us.
        """
        return cls(open_small(path, _SCHEMA, what="second line's cases"), storage)

    # Cases

    def keep(
        self,
        movement: Movement,
        kind: CaseKind,
        pictures: Mapping[str, bytes],
        *,
        item: bytes = b"",
    ) -> bool:
        """A new case with its pictures; False when it is here already, as after a power cut.

        Of another box when it has an `item`'s id.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock):
            if item and self._count("state != 'closed' AND item != x''") >= MAX_FOREIGN:
                return False
            done = self._do(
                "INSERT OR IGNORE INTO cases (crossing, device, kind, state, moment, sealed, item)"
                " VALUES (?, ?, ?, 'open', ?, ?, ?)",
                *(movement.crossing, movement.device, kind.value, movement.decided.wall),
                *(self._sealed(movement.crossing, movement), item),
            )
            if done.rowcount == 0:
                return False
            for name, jpeg in pictures.items():
                self._keep_picture(movement.crossing, name, jpeg, item=b"")
        return True

    def keep_picture(self, crossing: str, name: str, jpeg: bytes, *, item: bytes) -> None:
        """A picture that came from another box; of a case that it knows nothing of, it waits.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock):
            self._keep_picture(crossing, name, jpeg, item=item)

    def _keep_picture(self, crossing: str, name: str, jpeg: bytes, *, item: bytes) -> None:
        sealed = seal_row(self._storage, f"{crossing}/{name}", jpeg)
        self._do("INSERT OR IGNORE INTO pictures VALUES (?, ?, ?, ?)", crossing, name, sealed, item)

    def open_cases(self, kind: CaseKind | None = None) -> tuple[Case, ...]:
        """All that nobody has closed, or those of one kind, the oldest first; what cannot be decrypted is
        left out.

        Raises:
            StorageError: the file cannot be read.
        """
        if kind is None:
            return self._cases("state != 'closed' ORDER BY moment, crossing")
        return self._cases("state != 'closed' AND kind = ? ORDER BY moment, crossing", kind.value)

    def counts(self) -> dict[CaseKind, int]:
        """How many are open, by kind.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            rows = self._do(
                "SELECT kind, count(*) FROM cases WHERE state != 'closed' GROUP BY kind"
            ).fetchall()
        return {CaseKind(kind): count for kind, count in rows}

    def case(self, crossing: str) -> Case | None:
        """One case, open or closed; None when there is none.

        Raises:
            StorageError: the file cannot be read.
        """
        found = self._cases("crossing = ?", crossing)
        return found[0] if found else None

    def picture(self, crossing: str, name: str) -> bytes | None:
        """Raises:
        StorageError: the file cannot be read.
        """
        with self._lock:
            query = "SELECT sealed FROM pictures WHERE crossing = ? AND name = ?"
            row = self._do(query, crossing, name).fetchone()
        return None if row is None else open_row(self._storage, f"{crossing}/{name}", row[0])

    def save_work(self, crossing: str, work: Work) -> None:
        """What the officer has looked at so far.

        Raises:
            NotOpen: it is closed, or there is none.
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock):
            query = "UPDATE cases SET work = ? WHERE crossing = ? AND state = 'open'"
            if not self._do(query, self._sealed(crossing, work), crossing).rowcount:
                raise NotOpen

    def begin_closing(self, closing: Closing, *, device: str) -> None:
        """The decision, before its record is written: from here on it is the only one on this box.

        Raises:
            NotOpen: it is closed, or there is none.
            StorageError: it is not on disk.
        """
        sealed = self._sealed(closing.crossing, SaidClosed(device, closing))
        with writing(self._connection, self._lock):
            query = "UPDATE cases SET state = 'closing', closing = ? WHERE crossing = ? AND state = 'open'"
            if not self._do(query, sealed, closing.crossing).rowcount:
                raise NotOpen

    def finish_closing(self, crossing: str) -> None:
        """Its record is written.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock):
            query = "UPDATE cases SET state = 'closed', closed = ? WHERE crossing = ? AND state = 'closing'"
            self._do(query, now_text(), crossing)

    def half_closed(self) -> tuple[Closing, ...]:
        """Decisions whose record may not be written: the power went in between.

        Raises:
            StorageError: the file cannot be read.
        """
        return tuple(one.closing for one in self._cases("state = 'closing'") if one.closing is not None)

    def forget(
        self, crossings: Iterable[str], *, tell: Iterable[bytes] = (), entries: Iterable[bytes] = ()
    ) -> None:
        """By a person's request: cases, whatever their state, and entries by their ids; `tell` are the items
        that say so to the other boxes.

        Raises:
            StorageError: they are not forgotten yet.
        """
        with writing(self._connection, self._lock):
            for crossing in crossings:
                self._forget(crossing)
            for id_ in entries:
                self._do("DELETE FROM entries WHERE id = ?", id_)
            for data in tell:
                self._do("INSERT INTO outgoing (data) VALUES (?)", data)

    def _forget(self, crossing: str) -> None:
        self._do("DELETE FROM cases WHERE crossing = ?", crossing)
        self._do("DELETE FROM pictures WHERE crossing = ?", crossing)

    def erased(self, item: bytes, *, device: str) -> bool:
        """This box has taken its item back: a case, a picture or an entry; True when a case is gone.

        Raises:
            StorageError: a decision about it is being written down, or it is not forgotten yet.
        """
        with writing(self._connection, self._lock):
            query = "SELECT crossing, state FROM cases WHERE item = ? AND device = ?"
            found = self._do(query, item, device).fetchone()
            if found is not None:
                if found[1] == CLOSING:
                    raise StorageError("A decision about what is to be erased is being written down.")
                self._forget(found[0])
            self._do("DELETE FROM entries WHERE id = ? AND device = ?", item, device)
            self._do(
                "DELETE FROM pictures WHERE item = ?"
                " AND crossing NOT IN (SELECT crossing FROM cases WHERE device != ?)",
                *(item, device),
            )
        return found is not None

    def forget_closed(self, *, now: dt.datetime, days: float) -> int:
        """What was closed more than so many days ago goes, never what is open; how many.

        Raises:
            StorageError: not all is forgotten yet.
        """
        before = (now - dt.timedelta(days=days)).astimezone(dt.UTC).isoformat(timespec="seconds")
        with writing(self._connection, self._lock):
            gone = self._do("DELETE FROM cases WHERE state = 'closed' AND closed < ?", before).rowcount
            self._do("DELETE FROM pictures WHERE crossing NOT IN (SELECT crossing FROM cases)")
        return gone

    # What the post's boxes tell each other

    def untold(self) -> tuple[Case, ...]:
        """Own cases that no item has been made of, and closings, told or not, that the others do not know.

        Raises:
            StorageError: the file cannot be read.
        """
        return self._cases("told = 0 AND (item = x'' OR state = 'closed') ORDER BY moment")

    def tell(
        self,
        datas: Iterable[bytes],
        *,
        crossing: str = "",
        item: bytes = b"",
        parts: Mapping[str, bytes] | None = None,
        closed: bool = False,
    ) -> None:
        """Items to go out; with a crossing: those that tell of it, under these ids, or that it is closed.

        Raises:
            StorageError: nothing of it is on disk.
        """
        with writing(self._connection, self._lock):
            if crossing and not self._do("SELECT 1 FROM cases WHERE crossing = ?", crossing).fetchone():
                return  # erased while its items were being made
            for data in datas:
                self._do("INSERT INTO outgoing (data) VALUES (?)", data)
            if item:
                self._do("UPDATE cases SET item = ? WHERE crossing = ?", item, crossing)
            for name, part in (parts or {}).items():
                self._do("UPDATE pictures SET item = ? WHERE crossing = ? AND name = ?", part, crossing, name)
            if closed:
                self._do("UPDATE cases SET told = 1 WHERE crossing = ?", crossing)

    def items_of(self, crossing: str) -> tuple[bytes, ...]:
        """What the case and its pictures are called on the post's network.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            rows = self._do(
                "SELECT item FROM cases WHERE crossing = ? UNION"
                " SELECT item FROM pictures WHERE crossing = ?",
                *(crossing, crossing),
            ).fetchall()
        return tuple(bytes(item) for (item,) in rows if item)

    def has_item(self, item: bytes) -> bool:
        """Whether a case here has this name on the post's network.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            return self._do("SELECT 1 FROM cases WHERE item = ?", item).fetchone() is not None

    def closed_elsewhere(self, about: bytes, closing: Closing, *, device: str) -> Case | None:
        """Another box has closed this item; the case that it was, None when it is not here, or was known.

        One that this box has closed too keeps both: central and the screen say so.

        Raises:
            StorageError: it is not on disk.
        """
        found = self._cases("item = ?", about)
        if not found:
            return None
        case, sealed = found[0], self._sealed(found[0].crossing, SaidClosed(device, closing))
        with writing(self._connection, self._lock):
            if case.state == OPEN:
                self._do(
                    "UPDATE cases SET state = 'closed', told = 1, closed = ?, closing = ? WHERE crossing = ?",
                    *(now_text(), sealed, case.crossing),
                )
                return case
            if case.closed_at_device != device:
                self._do("UPDATE cases SET also = ? WHERE crossing = ?", sealed, case.crossing)
        return None

    # Rows

    def _cases(self, where: str, *parameters: object) -> tuple[Case, ...]:
        with self._lock:
            rows = self._do(
                f"SELECT {_COLUMNS} FROM cases WHERE {where}",  # noqa: S608 - both are written here
                *parameters,
            ).fetchall()
            found = (self._case(row) for row in rows)
            return tuple(one for one in found if one is not None)

    def _case(self, row: tuple[Any, ...]) -> Case | None:
        crossing, device, kind, state, sealed, work, closing, also, item = row
        movement = self._opened(crossing, sealed, Movement)
        if movement is None:
            return None
        closed = self._opened(crossing, closing, SaidClosed)
        too = self._opened(crossing, also, SaidClosed)
        names = self._do("SELECT name FROM pictures WHERE crossing = ? ORDER BY rowid", crossing).fetchall()
        return Case(
            crossing=crossing,
            device=device,
            kind=CaseKind(kind),
            state=state,
            movement=movement,
            pictures=tuple(name for (name,) in names),
            work=self._opened(crossing, work, Work) or Work(),
            closing=closed.closing if closed else None,
            also=too.closing if too else None,
            closed_at_device=closed.device if closed else "",
            item=bytes(item),
        )

    def _sealed(self, crossing: str, value: msgspec.Struct) -> bytes:
        return seal_row(self._storage, crossing, msgspec.msgpack.encode(value))

    def _opened(self, crossing: str, sealed: bytes, kind: Any) -> Any:
        """None for what is not there, was moved here, is damaged, or was written by another version."""
        payload = open_row(self._storage, crossing, sealed) if sealed else None
        if payload is None:
            return None
        try:
            return msgspec.msgpack.decode(payload, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _count(self, where: str) -> int:
        return int(self._do(f"SELECT count(*) FROM cases WHERE {where}").fetchone()[0])  # noqa: S608
