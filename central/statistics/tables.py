"""What is counted of each crossing, as columns: `appliance.records.statistics.facts`, and nothing else."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.movement import Movement
from appliance.records.statistics.facts import Facts, Hit, Missed, document_link, facts_of
from central.database import insert_once
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
MAX_TEXT = 64
MAX_NS = 2**63 - 1


def add_facts(connection: Connection, movement: Movement, *, link_key: bytes) -> Facts:
    """Keep what is counted of a movement that is stored for the first time."""
    facts = _bounded(facts_of(movement, link_key=link_key))
    values = msgspec.structs.asdict(facts)
    missed, hits = (values.pop(name) for name in _PARTS)
    link = document_link(movement.document, key=link_key)
    decided = movement.decided
    values |= {
        "document_link": link,
        "restricted": False,
        "boot_id": decided.boot_id[:MAX_TEXT].replace("\0", "?"),
        "monotonic_ns": max(0, min(decided.monotonic_ns, MAX_NS)),
    }
    if not insert_once(connection, FACTS, **values):
        return facts
    for one in missed:
        insert_once(
            connection,
            MISSED,
            crossing=facts.crossing,
            check_id=one.check[:MAX_TEXT],
            verdict=one.verdict,
            reason=one.reason[:MAX_TEXT],
        )
    for one in hits:
        insert_once(
            connection,
            HITS,
            crossing=facts.crossing,
            check_id=one.check[:MAX_TEXT],
            reason=one.reason[:MAX_TEXT],
        )
    for check in movement.checks:
        if check.id == "face.comparison":
            insert_once(
                connection,
                FACES,
                crossing=facts.crossing,
                verdict=check.verdict.value,
                reason=check.reason[:MAX_TEXT],
            )
    add_member(connection, movement)
    return facts


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


def _bounded(facts: Facts) -> Facts:
    """Texts that a box wrote, as long as their columns and without what PostgreSQL does not take."""
    changed = {}
    for name in Facts.__struct_fields__:
        value = getattr(facts, name)
        if not isinstance(value, str) or name == "crossing":
            continue
        kind = FACTS.c[name].type
        assert isinstance(kind, sa.String)
        short = value.replace("\0", "?")[: kind.length]
        if short != value:
            changed[name] = short
    days = facts.intended_stay_days
    if days is not None and not 0 <= days < 2**31:
        return msgspec.structs.replace(facts, **changed, intended_stay_days=None)
    return msgspec.structs.replace(facts, **changed)
