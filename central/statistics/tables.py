"""What is counted of each crossing, as columns: `appliance.records.statistics.facts`, and nothing else."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.movement import Movement
from appliance.records.statistics.facts import Facts, Hit, Missed, document_link, facts_of
from central.database import insert_many
from central.statistics.groups import add_member
from central.tables import METADATA

FACTS = sa.Table(
    "facts",
    METADATA,
    sa.Column("crossing", sa.String(64), primary_key=True),
    sa.Column("person", sa.String(32), nullable=False, index=True),
    sa.Column("document_link", sa.String(32), index=True),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("post", sa.String(200), nullable=False),
    sa.Column("lane", sa.String(200), nullable=False),
    sa.Column("profile", sa.String(32), nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("moment", sa.String(40), nullable=False, index=True),
    sa.Column("time_quality", sa.String(16), nullable=False),
    sa.Column("nationality", sa.String(64), nullable=False),
    sa.Column("birth_country", sa.String(64), nullable=False),
    sa.Column("previous_residence", sa.String(64), nullable=False),
    sa.Column("next_residence", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(64), nullable=False),
    sa.Column("intended_stay_days", sa.Integer),
    sa.Column("sex", sa.String(16), nullable=False),
    sa.Column("age", sa.Integer, nullable=False),
    sa.Column("document", sa.String(32), nullable=False),
    sa.Column("issuing_state", sa.String(64), nullable=False),
    sa.Column("recommendation", sa.String(16), nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("handling_seconds", sa.Float),
    sa.Column("false_hits", sa.Integer, nullable=False),
    sa.Column("restricted", sa.Boolean, nullable=False, default=False),
    sa.Column("boot_id", sa.String(64), nullable=False),
    sa.Column("monotonic_ns", sa.BigInteger, nullable=False),
)
"""`person` and `document_link` are pseudonyms under this database's own key. `moment` is the box's, or the
true one when the box has corrected its clock since: `central.merge.clocks`."""
MISSED = sa.Table(
    "checks_missed",
    METADATA,
    sa.Column("crossing", sa.String(64), primary_key=True),
    sa.Column("check_id", sa.String(64), primary_key=True),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(64), nullable=False),
)
HITS = sa.Table(
    "hits",
    METADATA,
    sa.Column("crossing", sa.String(64), primary_key=True),
    sa.Column("check_id", sa.String(64), primary_key=True),
    sa.Column("reason", sa.String(64), nullable=False),
)
FACES = sa.Table(
    "faces",
    METADATA,
    sa.Column("crossing", sa.String(64), primary_key=True),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(64), nullable=False),
)
"""What the comparison of the live picture with the chip's said: for `central.intelligence`."""
RELEASES = sa.Table(
    "releases",
    METADATA,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("made_at", sa.String(40), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
"""Digest: SHA-256 of a release's manifest, which has that of each of its files."""
_PARTS = ("missed", "hits")
_COLUMNS = {table: tuple(column.name for column in table.columns) for table in (FACTS, MISSED, HITS, FACES)}
_LENGTHS = {
    name: length
    for name in _COLUMNS[FACTS]
    if name != "crossing" and (length := getattr(FACTS.c[name].type, "length", None)) is not None
}
_BOUNDED = tuple(name for name in _LENGTHS if name in Facts.__struct_fields__)
"""The texts among what is counted, and how long their columns are."""
MAX_TEXT = 64
MAX_NS = 2**63 - 1


def add_facts(connection: Connection, movements: Sequence[Movement], *, link_key: bytes) -> list[Facts]:
    """Keep what is counted of movements that are stored for the first time."""
    counted: list[Facts] = []
    rows: dict[sa.Table, list[tuple[object, ...]]] = {FACTS: [], MISSED: [], HITS: [], FACES: []}
    for movement in movements:
        facts = _bounded(facts_of(movement, link_key=link_key))
        counted.append(facts)
        crossing, decided = facts.crossing, movement.decided
        more = {
            "document_link": document_link(movement.document, key=link_key),
            "restricted": False,
            "boot_id": _text(decided.boot_id),
            "monotonic_ns": max(0, min(decided.monotonic_ns, MAX_NS)),
        }
        rows[FACTS].append(
            tuple(more[name] if name in more else getattr(facts, name) for name in _COLUMNS[FACTS])
        )
        rows[MISSED] += [(crossing, _text(one.check), one.verdict, _text(one.reason)) for one in facts.missed]
        rows[HITS] += [(crossing, _text(one.check), _text(one.reason)) for one in facts.hits]
        rows[FACES] += [
            (crossing, check.verdict.value, _text(check.reason))
            for check in movement.checks
            if check.id == "face.comparison"
        ]
    for table, found in rows.items():
        insert_many(connection, table, _COLUMNS[table], found)
    for movement in movements:
        add_member(connection, movement)
    return counted


def read_facts(
    connection: Connection, *, since: str = "", until: str = "9999", restricted: bool = False
) -> tuple[Facts, ...]:
    """The facts of crossings between two moments (ISO 8601 in UTC, the second not included).

    Restricted ones are left out unless asked for.
    """
    chosen = sa.and_(FACTS.c.moment >= since, FACTS.c.moment < until)
    if not restricted:
        chosen = sa.and_(chosen, FACTS.c.restricted.is_(False))
    inside = sa.select(FACTS.c.crossing).where(chosen)
    missed: dict[str, list[Missed]] = {}
    for row in connection.execute(sa.select(MISSED).where(MISSED.c.crossing.in_(inside))):
        part = Missed(check=row.check_id, verdict=row.verdict, reason=row.reason)
        missed.setdefault(row.crossing, []).append(part)
    hits: dict[str, list[Hit]] = {}
    for row in connection.execute(sa.select(HITS).where(HITS.c.crossing.in_(inside))):
        hits.setdefault(row.crossing, []).append(Hit(check=row.check_id, reason=row.reason))
    names = [name for name in Facts.__struct_fields__ if name not in _PARTS]
    query = (
        sa.select(*(FACTS.c[name] for name in names)).where(chosen).order_by(FACTS.c.moment, FACTS.c.crossing)
    )
    return tuple(
        Facts(
            **row._asdict(),
            missed=tuple(missed.get(row.crossing, ())),
            hits=tuple(hits.get(row.crossing, ())),
        )
        for row in connection.execute(query)
    )


def _text(value: str) -> str:
    return value[:MAX_TEXT].replace("\0", "?")


def _bounded(facts: Facts) -> Facts:
    """Texts that a box wrote, as long as their columns and without what PostgreSQL does not take."""
    changed: dict[str, object] = {}
    for name in _BOUNDED:
        value = getattr(facts, name)
        if "\0" in value or len(value) > _LENGTHS[name]:
            changed[name] = value.replace("\0", "?")[: _LENGTHS[name]]
    days = facts.intended_stay_days
    if days is not None and not 0 <= days < 2**31:
        changed["intended_stay_days"] = None
    return msgspec.structs.replace(facts, **changed) if changed else facts
