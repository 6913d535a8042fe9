"""Visas on arrival: applications, what was decided of them, and every blank label that was used.

A file beside the journal, sealed row by row under the storage key (XSalsa20-Poly1305); passports, receipts
and labels are found by keyed hashes (BLAKE2b, RFC 7693). A label's number is used once, also when it was made
void or its traveller is erased. The record of each act on a label waits here until the journal has it.
"""

import datetime as dt
import hashlib
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import msgspec
from nacl.secret import SecretBox

from appliance.contracts.movement import DocumentFacts, Movement, Stamp
from appliance.contracts.visas import (
    KnownVisa,
    Label,
    LabelAct,
    LabelState,
    VisaApplication,
    VisaDecision,
    VisaOutcome,
)
from appliance.records.database import translated
from appliance.records.errors import StorageError
from appliance.records.small_database import open_row, open_small, seal_row, writing

APPLIED, DECIDED, GRANTED = "applied", "decided", "granted"
ERASED: Final = "erased"
MAX_SHOWN: Final = 200
"""Granted visas in the list, the latest first."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS applications (
    crossing TEXT PRIMARY KEY, document BLOB NOT NULL, receipt BLOB NOT NULL, at TEXT NOT NULL,
    state TEXT NOT NULL, until TEXT NOT NULL DEFAULT '', sealed BLOB NOT NULL,
    item BLOB NOT NULL DEFAULT x''
);
CREATE INDEX IF NOT EXISTS applications_by_document ON applications (document);
CREATE INDEX IF NOT EXISTS applications_by_receipt ON applications (receipt) WHERE receipt != x'';
CREATE TABLE IF NOT EXISTS labels (
    id INTEGER PRIMARY KEY, number BLOB NOT NULL UNIQUE, crossing TEXT NOT NULL, state TEXT NOT NULL,
    sealed BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_label_a_visa ON labels (crossing) WHERE state = 'issued';
CREATE INDEX IF NOT EXISTS labels_by_crossing ON labels (crossing);
CREATE TABLE IF NOT EXISTS acts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, sealed BLOB NOT NULL);
"""
Kept = TypeVar("Kept", bound=msgspec.Struct)


class Unfit(Exception):
    """What is asked does not fit what has happened: `problem` is of `VISA_PROBLEMS`."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class VisaRow(msgspec.Struct, frozen=True, kw_only=True):
    """One application, and what became of it."""

    crossing: str
    device: str
    """Of the crossing."""
    post: str
    at: str
    """ISO 8601 in UTC: when the crossing was decided at the booth."""
    document: DocumentFacts
    application: VisaApplication
    decision: VisaDecision | None = None
    decided_at: str = ""
    officer: str = ""
    decided_device: str = ""


class WaitingAct(msgspec.Struct, frozen=True, kw_only=True):
    """An act on a label, to be recorded: `name` is the record's."""

    name: str
    act: LabelAct
    stamp: Stamp


class Visas:
    """The open file. Safe to use from several threads; what a method has returned is on disk."""

    def __init__(self, connection: sqlite3.Connection, storage: SecretBox) -> None:
        self._connection = connection
        self._storage = storage
        self._hash_key = hashlib.blake2b(b"visas", key=bytes(storage), digest_size=32).digest()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, storage: SecretBox) -> Self:
        """Open it, or begin one; a damaged one is set aside: the records stand in the journal, and with them
        the numbers that were used.

        Raises:
            StorageError: the disk does not let us.
        """
        return cls(open_small(path, _SCHEMA, what="book of visas"), storage)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # Applications

    def applied(self, movement: Movement) -> None:
        """An application, with its crossing; known already: nothing.

        Raises:
            StorageError: it is not on disk.
        """
        row = row_of(movement)
        if row is None:
            return
        document = self._hash("document", row.document.issuing_state, row.document.document_number)
        receipt = row.application.receipt
        with writing(self._connection, self._lock) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO applications (crossing, document, receipt, at, state, sealed)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(row.crossing, document if row.document.document_number else b""),
                    *(self._hash("receipt", receipt) if receipt else b"", row.at, APPLIED),
                    self._sealed(row.crossing, row),
                ),
            )

    def receipt_used(self, receipt: str, *, by_other_than: str) -> bool:
        """Whether another application named this receipt.

        Raises:
            StorageError: the file cannot be read.
        """
        query = "SELECT 1 FROM applications WHERE receipt = ? AND crossing != ? LIMIT 1"
        return bool(self._read(query, self._hash("receipt", receipt), by_other_than))

    def undecided(self) -> tuple[str, ...]:
        """Crossings whose application nobody has decided, as far as this box knows.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read("SELECT crossing FROM applications WHERE state = ?", APPLIED)
        return tuple(crossing for (crossing,) in rows)

    def decide(
        self,
        crossing: str,
        decision: VisaDecision,
        *,
        at: str,
        officer: str,
        device: str,
        item: bytes = b"",
    ) -> bool:
        """What was decided; False when it was before, and stays so. `item` is what its case is called on the
        post's network.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock) as connection:
            query = "SELECT sealed FROM applications WHERE crossing = ? AND state = ?"
            found = connection.execute(query, (crossing, APPLIED)).fetchone()
            row = self._opened(crossing, found[0], VisaRow) if found else None
            if row is None:
                return False
            row = msgspec.structs.replace(
                row, decision=decision, decided_at=at, officer=officer, decided_device=device
            )
            connection.execute(
                "UPDATE applications SET state = ?, until = ?, sealed = ?, item = ? WHERE crossing = ?",
                (
                    GRANTED if decision.outcome is VisaOutcome.GRANTED else DECIDED,
                    decision.grant.valid_until if decision.grant else at[:10],
                    *(self._sealed(crossing, row), item, crossing),
                ),
            )
        return True

    def row(self, crossing: str) -> VisaRow | None:
        """One application.

        Raises:
            StorageError: the file cannot be read.
        """
        found = self._read("SELECT sealed FROM applications WHERE crossing = ?", crossing)
        return self._opened(crossing, found[0][0], VisaRow) if found else None

    def granted(self) -> tuple[VisaRow, ...]:
        """Those that were granted, the latest first.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read(
            "SELECT crossing, sealed FROM applications WHERE state = ? ORDER BY at DESC LIMIT ?",
            *(GRANTED, MAX_SHOWN),
        )
        return self._rows(rows)

    def of_passport(self, issuing_state: str, document_number: str) -> tuple[VisaRow, ...]:
        """Applications with this passport, the latest first.

        Raises:
            StorageError: the file cannot be read.
        """
        if not document_number:
            return ()
        rows = self._read(
            "SELECT crossing, sealed FROM applications WHERE document = ? ORDER BY at DESC LIMIT ?",
            *(self._hash("document", issuing_state, document_number), MAX_SHOWN),
        )
        return self._rows(rows)

    def known(self, issuing_state: str, document_number: str) -> tuple[KnownVisa, ...]:
        """Visas of this passport that have a label of this box, the latest first.

        Raises:
            StorageError: the file cannot be read.
        """
        found = []
        for row in self.of_passport(issuing_state, document_number):
            grant = row.decision.grant if row.decision else None
            label = self.label(row.crossing)
            if grant is not None and label is not None:
                found.append(
                    KnownVisa(
                        crossing=row.crossing,
                        number=label.number,
                        lines=label.lines,
                        days=grant.days,
                        entries=grant.entries,
                        valid_from=grant.valid_from,
                        valid_until=grant.valid_until,
                    )
                )
        return tuple(found)

    # Labels

    def labels(self, crossing: str) -> tuple[Label, ...]:
        """All that were taken for this visa, the latest first.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read("SELECT number, sealed FROM labels WHERE crossing = ? ORDER BY id DESC", crossing)
        opened = (self._opened(number.hex(), sealed, Label) for number, sealed in rows)
        return tuple(one for one in opened if one is not None)

    def label(self, crossing: str) -> Label | None:
        """The one that counts.

        Raises:
            StorageError: the file cannot be read.
        """
        return next((one for one in self.labels(crossing) if one.state is LabelState.ISSUED), None)

    def was_used(self, number: str) -> bool:
        """Whether a blank of this number was taken or made void.

        Raises:
            StorageError: the file cannot be read.
        """
        return bool(self._read("SELECT 1 FROM labels WHERE number = ?", self._number(number)))

    def issue(self, crossing: str, label: Label, act: WaitingAct) -> None:
        """Take a blank for a granted visa; of two at once one wins.

        Raises:
            Unfit: unknown_visa, has_label or number_used.
            StorageError: it is not on disk.
        """
        number = self._number(label.number)
        with writing(self._connection, self._lock) as connection:
            query = "SELECT 1 FROM applications WHERE crossing = ? AND state = ?"
            if connection.execute(query, (crossing, GRANTED)).fetchone() is None:
                raise Unfit("unknown_visa")
            query = "SELECT 1 FROM labels WHERE crossing = ? AND state = ?"
            if connection.execute(query, (crossing, LabelState.ISSUED.value)).fetchone():
                raise Unfit("has_label")
            if connection.execute("SELECT 1 FROM labels WHERE number = ?", (number,)).fetchone():
                raise Unfit("number_used")
            connection.execute(
                "INSERT INTO labels (number, crossing, state, sealed) VALUES (?, ?, ?, ?)",
                (number, crossing, LabelState.ISSUED.value, self._sealed(number.hex(), label)),
            )
            self._wait(connection, act)

    def printed(self, crossing: str, label: Label, act: WaitingAct) -> None:
        """The label that counts was printed: `label` says how often by now.

        Raises:
            Unfit: no_label, it is not this one any more, or was printed meanwhile.
            StorageError: it is not on disk.
        """
        number = self._number(label.number)
        with writing(self._connection, self._lock) as connection:
            found = connection.execute(
                "SELECT sealed FROM labels WHERE number = ? AND crossing = ? AND state = ?",
                (number, crossing, LabelState.ISSUED.value),
            ).fetchone()
            before = self._opened(number.hex(), found[0], Label) if found else None
            if before is None or before.prints + 1 != label.prints:
                raise Unfit("no_label")
            self._replace(connection, number, label)
            self._wait(connection, act)

    def void(self, crossing: str, label: Label, act: WaitingAct) -> None:
        """The visa's label, or a blank that was never used, serves no more.

        Raises:
            Unfit: number_used, by another visa, or it is void already.
            StorageError: it is not on disk.
        """
        number = self._number(label.number)
        with writing(self._connection, self._lock) as connection:
            query = "SELECT crossing, state FROM labels WHERE number = ?"
            found = connection.execute(query, (number,)).fetchone()
            if found is None:
                connection.execute(
                    "INSERT INTO labels (number, crossing, state, sealed) VALUES (?, '', ?, ?)",
                    (number, LabelState.VOID.value, self._sealed(number.hex(), label)),
                )
            elif tuple(found) != (crossing, LabelState.ISSUED.value):
                raise Unfit("number_used")
            else:
                self._replace(connection, number, label)
            self._wait(connection, act)

    def _replace(self, connection: sqlite3.Connection, number: bytes, label: Label) -> None:
        connection.execute(
            "UPDATE labels SET state = ?, sealed = ? WHERE number = ?",
            (label.state.value, self._sealed(number.hex(), label), number),
        )

    # Records that are to be written

    def record_name(self, number: str, act: str) -> str:
        """What the journal calls the record of an act; nobody reads the number in it."""
        return f"label/{self._number(number).hex()}/{act}"

    def waiting_acts(self) -> tuple[tuple[int, WaitingAct], ...]:
        """Acts whose record may not be written, in their order.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read("SELECT id, name, sealed FROM acts ORDER BY id")
        opened = ((id_, self._opened(name, sealed, WaitingAct)) for id_, name, sealed in rows)
        return tuple((id_, act) for id_, act in opened if act is not None)

    def act_recorded(self, id_: int) -> None:
        """Raises:
        StorageError: it will be recorded again, under the same name, which changes nothing.
        """
        with writing(self._connection, self._lock) as connection:
            connection.execute("DELETE FROM acts WHERE id = ?", (id_,))

    def _wait(self, connection: sqlite3.Connection, act: WaitingAct) -> None:
        connection.execute(
            "INSERT INTO acts (name, sealed) VALUES (?, ?)", (act.name, self._sealed(act.name, act))
        )

    # Forgetting

    def forget(self, crossings: Iterable[str]) -> None:
        """By a person's request; that a label's number was used stays, without whose it was.

        Raises:
            StorageError: they are not forgotten yet.
        """
        with writing(self._connection, self._lock) as connection:
            if connection.execute("SELECT 1 FROM acts LIMIT 1").fetchone():
                raise StorageError("What was done with a label is being written down.")
            for crossing in crossings:
                self._forget(connection, crossing)

    def forget_item(self, item: bytes, *, device: str) -> None:
        """Another box takes its case back, and with it what was decided here.

        Raises:
            StorageError: it is not forgotten yet.
        """
        rows = self._read("SELECT crossing, sealed FROM applications WHERE item = ? AND item != x''", item)
        self.forget(row.crossing for row in self._rows(rows) if row.device == device)

    def forget_old(self, *, now: dt.datetime, days: float) -> int:
        """What ended more than so many days ago, a granted visa counted from its last day; nothing that
        nobody has decided. How many.

        Raises:
            StorageError: not all is forgotten yet.
        """
        before = (now - dt.timedelta(days=days)).astimezone(dt.UTC).date().isoformat()
        with writing(self._connection, self._lock) as connection:
            query = "SELECT crossing FROM applications WHERE state != ? AND until < ?"
            old = connection.execute(query, (APPLIED, before)).fetchall()
            for (crossing,) in old:
                self._forget(connection, crossing)
        return len(old)

    def _forget(self, connection: sqlite3.Connection, crossing: str) -> None:
        connection.execute("DELETE FROM applications WHERE crossing = ?", (crossing,))
        connection.execute(
            "UPDATE labels SET state = ?, crossing = '', sealed = x'' WHERE crossing = ?", (ERASED, crossing)
        )

    # Rows

    def _rows(self, rows: Iterable[tuple[Any, ...]]) -> tuple[VisaRow, ...]:
        opened = (self._opened(crossing, sealed, VisaRow) for crossing, sealed in rows)
        return tuple(one for one in opened if one is not None)

    def _number(self, number: str) -> bytes:
        return self._hash("label", number)

    def _hash(self, *parts: str) -> bytes:
        return hashlib.blake2b("\0".join(parts).encode(), key=self._hash_key, digest_size=32).digest()

    def _sealed(self, name: str, value: msgspec.Struct) -> bytes:
        return seal_row(self._storage, name, msgspec.msgpack.encode(value))

    def _opened(self, name: str, sealed: bytes, type_: type[Kept]) -> Kept | None:
        payload = open_row(self._storage, name, sealed) if sealed else None
        try:
            return None if payload is None else msgspec.msgpack.decode(payload, type=type_)
        except msgspec.MsgspecError:
            return None  # of another version of this program

    def _read(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except sqlite3.Error as error:
                raise translated(error) from error


def row_of(movement: Movement) -> VisaRow | None:
    """The application of a crossing; None where there is none."""
    application, document = movement.visa_application, movement.document
    if application is None or document is None:
        return None
    moment = dt.datetime.fromisoformat(movement.decided.wall).astimezone(dt.UTC)
    return VisaRow(
        crossing=movement.crossing,
        device=movement.device,
        post=movement.post,
        at=moment.isoformat(timespec="seconds"),
        document=document,
        application=application,
    )
