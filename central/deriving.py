"""What gives rise to what: crossings, facts, stays, corrections, derived from committed records, in batches.

Off the way of the acknowledgement: a record waits in the queue of `central.waiting` until its turn. The order
between boxes does not matter (`central.merge.rules`); of one box it is the order of arrival.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.cases import RECORD_TYPE_CASE_CLOSED, RECORD_TYPE_RELEASE_REVIEW
from appliance.contracts.movement import (
    RECORD_TYPE_CLOCK,
    RECORD_TYPE_COMMAND,
    RECORD_TYPE_CORRECTION,
    RECORD_TYPE_GROUP,
    RECORD_TYPE_MOVEMENT,
    Movement,
    from_plain,
)
from appliance.records import envelope as envelopes
from appliance.records.commands import Action
from appliance.records.errors import Erased
from central import waiting
from central.database import insert_many
from central.fleet.alerts import raise_alert
from central.keys import Keys
from central.merge.cases import note_closing
from central.merge.clocks import follow, note_correction
from central.merge.rules import Task
from central.merge.settle import add_task, settle
from central.merge.tables import CLOCK_CORRECTIONS
from central.rights.change import apply_known
from central.rights.change import note_correction as note_box_correction
from central.rights.erase import erase
from central.rights.find import ERASED
from central.rights.tables import CORRECTIONS
from central.statistics.groups import note_group
from central.statistics.tables import add_facts
from central.store import Batch, Store
from central.tables import CROSSINGS, RECORDS, facts_of, fits

AT_ONCE: Final = 128
"""Records in one transaction: whoever commits meanwhile waits for it, some hundredths of a second."""
REMEMBERED_RECORDS: Final = 4096
REMEMBERED_BYTES: Final = 16 * 1024 * 1024
_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError)
"""The database is away, or busy."""
TOLD_AFTER: Final = 3
"""So many vain tries, and a person is told."""
_CLOSINGS: Final = frozenset((RECORD_TYPE_CASE_CLOSED, RECORD_TYPE_RELEASE_REVIEW))
DERIVED_FROM: Final = frozenset((RECORD_TYPE_CORRECTION, RECORD_TYPE_CLOCK, RECORD_TYPE_GROUP)) | _CLOSINGS

Name = tuple[str, str, int]
"""Device, epoch and number."""

log = logging.getLogger(__name__)


class CannotDerive(Exception):
    """Some records are stored, and nothing can be derived from one of them."""

    def __init__(self, rows: Sequence[waiting.Waiting], why: str) -> None:
        first = rows[0]
        super().__init__(
            f"Of {len(rows)} records from {first.device}/{first.epoch}/{first.seq} on one cannot be derived "
            f"from ({why})."
        )
        self.rows = rows


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An opened record, and the movement if it is one that is known here."""

    opened: envelopes.Opened
    movement: Movement | None

    @property
    def name(self) -> Name:
        header = self.opened.sealed.header
        return header.device, header.epoch, header.seq


class Derived(msgspec.Struct, kw_only=True):
    """What became of some of those that wait."""

    records: int = 0
    erased: int = 0
    """Records whose keys were destroyed because their box was ordered to."""


def derives(source: Source) -> bool:
    """Whether anything is derived from such a record, so that it has to wait for that."""
    opened = source.opened
    if opened.type == RECORD_TYPE_MOVEMENT:
        return source.movement is not None
    return opened.type in DERIVED_FROM or _is_erasure(opened)


def movement_of(opened: envelopes.Opened) -> Movement | None:
    """The movement; None for another type or version, or facts that no column holds: kept all the same."""
    if opened.type != RECORD_TYPE_MOVEMENT:
        return None
    try:
        movement = from_plain(opened.body)
    except (msgspec.ValidationError, RecursionError):
        return None
    return movement if movement.device == opened.sealed.header.device and fits(movement) else None


class Deriver:
    """Derives from what waits. It remembers what was just opened, within bounds, and opens the rest anew."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._remembered: dict[Name, Source] = {}
        self._bytes = 0

    def remember(self, sources: Iterable[Source]) -> None:
        """What was opened to be stored, so that it needs not be opened again."""
        for source in sources:
            size = _size(source)
            if len(self._remembered) < REMEMBERED_RECORDS and self._bytes + size <= REMEMBERED_BYTES:
                self._forget(source.name)
                self._remembered[source.name] = source
                self._bytes += size

    def step(self, batch: Batch, *, limit: int = AT_ONCE, wait: bool = False) -> Derived:
        """The next ones, within this transaction; none when nothing waits, or only what others are at.

        Raises:
            CannotDerive: one of them cannot be derived from; the transaction must not be committed.
        """
        rows = waiting.take(batch.connection, limit=limit, wait=wait)
        if not rows:
            return Derived()
        try:
            erased = derive_from(batch, self._sources(batch.connection, rows))
        except _AWAY:
            raise  # no record's fault
        except Exception as error:
            raise CannotDerive(rows, type(error).__name__) from error
        waiting.done(batch.connection, [row.id for row in rows])
        return Derived(records=len(rows), erased=erased)

    def run(self, store: Store, *, wait: bool = False) -> Derived:
        """One step in a transaction of its own; what cannot be derived from goes last, and a person is told.

        Raises:
            StoreError: nothing is committed, and it may be tried again.
        """
        try:
            with store.batch() as batch:
                derived = self.step(batch, wait=wait)
        except CannotDerive as error:
            log.warning("%s", error)
            with store.batch() as batch:
                put_last(batch.connection, error.rows)
            return Derived(records=0 if len(error.rows) == 1 else 1)
        if derived.erased:
            store.wipe()
        if not derived.records:
            self._remembered.clear()  # what is left here was derived from by others
            self._bytes = 0
        return derived

    def _forget(self, name: Name) -> Source | None:
        source = self._remembered.pop(name, None)
        self._bytes -= 0 if source is None else _size(source)
        return source

    def _sources(self, connection: Connection, rows: Sequence[waiting.Waiting]) -> list[Source]:
        """Opened, in the order of the rows; those whose key was destroyed meanwhile are left out."""
        found: dict[Name, Source] = {}
        sealed: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            known = self._forget((row.device, row.epoch, row.seq))
            if row.type == ERASED:
                continue
            if known is not None:
                found[known.name] = known
            else:
                sealed.setdefault((row.device, row.epoch), []).append(row.seq)
        for (device, epoch), seqs in sealed.items():
            here = sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq.in_(seqs))
            for envelope in connection.execute(sa.select(RECORDS.c.envelope).where(here)).scalars():
                source = open_again(bytes(envelope), self._keys)
                if source is not None:
                    found[source.name] = source
        names = ((row.device, row.epoch, row.seq) for row in rows)
        return [found[name] for name in names if name in found]


def catch_up(store: Store, keys: Keys) -> int:
    """Derive from all that waits; from how many records.

    Raises:
        StoreError: what was done before stays done.
    """
    deriver, count = Deriver(keys), 0
    while some := deriver.run(store, wait=True).records:
        count += some
    return count


def open_again(envelope: bytes, keys: Keys) -> Source | None:
    """Of a record that was verified before it was stored; None when its key was destroyed.

    Raises:
        EnvelopeError: none of central's keys opens it any more.
    """
    sealed = envelopes.verified_before(envelope)
    try:
        opened = envelopes.open_(sealed, private_key=keys.sealing_for(sealed.header.recipient))
    except Erased:
        return None
    return Source(opened=opened, movement=movement_of(opened))


def put_last(connection: Connection, rows: Sequence[waiting.Waiting]) -> None:
    """Nobody waits for what cannot be derived from: tried alone from now on, behind all others."""
    waiting.put_last(connection, [row.id for row in rows])
    for row in rows:
        if row.tries + 1 == TOLD_AFTER:
            sentence = "A record is stored, and nothing can be derived from it; the receiver's log says why."
            raise_alert(connection, "underived", row.device, sentence, epoch=row.epoch, seq=row.seq)


def derive_from(batch: Batch, sources: Sequence[Source]) -> int:
    """What these give rise to, in their order; how many records were erased because their box was told to.

    Movements that follow each other go into the tables together.
    """
    connection = batch.connection
    persons: set[str] = set()
    erased = 0
    movements: list[Source] = []
    for source in sources:
        if source.movement is not None:
            movements.append(source)
            continue
        persons |= _add_movements(batch, movements)
        movements = []
        header, body = source.opened.sealed.header, source.opened.body
        if source.opened.type == RECORD_TYPE_CORRECTION:
            made_at, key = header.stamp.wall, batch.link_key()
            persons |= note_box_correction(connection, header.device, body, made_at=made_at, link_key=key)
        elif source.opened.type in _CLOSINGS:
            closed, tasks = note_closing(connection, source.name, body, made_at=header.stamp.wall)
            persons |= closed
            for person, task in tasks:
                add_task(connection, person, task)
        elif source.opened.type == RECORD_TYPE_GROUP:
            note_group(connection, header.device, body, made_at=header.stamp.wall)
        elif source.opened.type == RECORD_TYPE_CLOCK:
            persons |= note_correction(connection, header.device, body)
        elif _is_erasure(source.opened):
            erased += erase(connection, header.device, header.epoch, body["seqs"])
    persons |= _add_movements(batch, movements)
    settle(connection, persons)
    return erased


def _is_erasure(opened: envelopes.Opened) -> bool:
    """A box says that it has carried out an order to erase. So does central, also when it was put back from
    a copy that does not know of the request any more."""
    body, seq = opened.body, opened.sealed.header.seq
    if opened.type != RECORD_TYPE_COMMAND or body.get("kind") != "rights":
        return False
    seqs = body.get("seqs")
    named = isinstance(seqs, list) and all(type(one) is int and 0 < one < seq for one in seqs)
    return body.get("action") == Action.ERASE and named


_CROSSING_COLUMNS: Final = tuple(column.name for column in CROSSINGS.columns)


def _add_movements(batch: Batch, sources: Sequence[Source]) -> set[str]:
    """Columns, and what is counted, at true times and corrected as far as that is known; whose they are."""
    if not sources:
        return set()
    connection, key = batch.connection, batch.link_key()
    added = _add_crossings(connection, sources)
    persons = {one.person for one in add_facts(connection, added, link_key=key)}
    boots = {(one.device, one.decided.boot_id) for one in added}
    corrected = _known(connection, CLOCK_CORRECTIONS.c.boot_id, {boot for _, boot in boots})
    for one in added:
        if one.decided.boot_id in corrected:
            follow(connection, one.crossing)
    for crossing in sorted(_known(connection, CORRECTIONS.c.crossing, {one.crossing for one in added})):
        persons |= apply_known(connection, crossing, link_key=key)
    return persons


def _add_crossings(connection: Connection, sources: Sequence[Source]) -> list[Movement]:
    """The columns of movements; returns those that are in them now and were not before.

    Another record, maybe another box's, may have a name already: both are kept, and a person looks.
    """
    rows: dict[str, tuple[Source, tuple[object, ...]]] = {}
    twice: list[Source] = []
    for source in sources:
        movement = source.movement
        assert movement is not None
        if movement.crossing in rows:
            twice.append(source)
            continue
        device, epoch, seq = source.name
        values = {**facts_of(movement), "device": device, "epoch": epoch, "seq": seq}
        rows[movement.crossing] = source, tuple(values[name] for name in _CROSSING_COLUMNS)
    # In one order, so that no two workers wait for each other's names.
    insert_many(connection, CROSSINGS, _CROSSING_COLUMNS, [rows[name][1] for name in sorted(rows)])
    columns = (CROSSINGS.c.crossing, CROSSINGS.c.device, CROSSINGS.c.epoch, CROSSINGS.c.seq)
    there = connection.execute(sa.select(*columns).where(CROSSINGS.c.crossing.in_(list(rows))))
    owner = {row.crossing: (row.device, row.epoch, row.seq) for row in there}
    added = []
    for crossing, (source, _) in rows.items():
        if owner[crossing] == source.name:
            added.append(source.movement)
        else:
            twice.append(source)
    for source in twice:
        _tell_twice(connection, source)
    return [one for one in added if one is not None]


def _tell_twice(connection: Connection, source: Source) -> None:
    assert source.movement is not None
    device, epoch, seq = source.name
    task = Task(
        rule="crossing_twice",
        sentence=f"{device} recorded a crossing whose name is known already.",
        crossings=(source.movement.crossing, f"{device}/{epoch}/{seq}"),
    )
    add_task(connection, "", task)


def _known(connection: Connection, column: "sa.Column[str]", wanted: set[str]) -> set[str]:
    """Which of these are in this column."""
    query = sa.select(column).where(column.in_(sorted(wanted))).distinct()
    return set(connection.execute(query).scalars()) if wanted else set()


def _size(source: Source) -> int:
    sealed = source.opened.sealed
    return 4096 + len(sealed.body or b"")
