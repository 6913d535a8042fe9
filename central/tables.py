"""Central's tables, and what of a movement becomes columns; the record itself stays sealed beside them."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from appliance.contracts.movement import Movement

METADATA = sa.MetaData()
MAX_REFUSED_BYTES: Final = 256 * 1024
"""Of what was refused, so much is kept to look at."""

DEVICES = sa.Table(
    "devices",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("signing_key", sa.LargeBinary, nullable=False),
    sa.Column("sealing_key", sa.LargeBinary),
    sa.Column("status", sa.String(16), nullable=False, default="unknown"),
    sa.Column("telemetry", sa.Text),
    sa.Column("heard_at", sa.String(40)),
)
SETTINGS = sa.Table(
    "settings",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
CLOCKS = sa.Table(
    "clocks",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("offset_seconds", sa.Float, nullable=False),
    sa.Column("measured_at", sa.String(40), nullable=False),
)
"""How far a box's clock was from central's when it last said the time."""
RECORDS = sa.Table(
    "records",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("chain_hash", sa.LargeBinary, nullable=False),
    sa.Column("prev", sa.LargeBinary, nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("readable", sa.Boolean, nullable=False),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("copies", sa.Integer, nullable=False, default=1),
    sa.Column("received_at", sa.String(40), nullable=False),
)
RECORD_CROSSINGS = sa.Table(
    "record_crossings",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("crossing", sa.String(64), nullable=False, index=True),
)
"""Which crossing a record is about: movements, pictures, late hits. A person's records are found by it."""
CROSSINGS = sa.Table(
    "crossings",
    METADATA,
    sa.Column("crossing", sa.String(64), primary_key=True),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("epoch", sa.String(64), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("post", sa.String(200), nullable=False),
    sa.Column("profile", sa.String(32), nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("decided_at", sa.String(40), nullable=False, index=True),
    sa.Column("time_quality", sa.String(16), nullable=False),
    sa.Column("recommendation", sa.String(16), nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("issuing_state", sa.String(8)),
    sa.Column("nationality", sa.String(8)),
    sa.Column("document_number", sa.String(64)),
    sa.Column("primary_identifier", sa.String(200)),
    sa.Column("secondary_identifier", sa.String(200)),
    sa.Column("birth_date", sa.String(16)),
    sa.Column("sex", sa.String(4)),
)
_DOCUMENT_COLUMNS: Final = (
    "issuing_state",
    "nationality",
    "document_number",
    "primary_identifier",
    "secondary_identifier",
    "birth_date",
    "sex",
)
EPOCHS = sa.Table(
    "epochs",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.String(64), primary_key=True),
    sa.Column("first_seen_at", sa.String(40), nullable=False),
    sa.Column("forked_at", sa.BigInteger),
)
"""One a journal of a box; a second one says that the box began anew. `forked_at` was signed twice."""
REFUSED = sa.Table(
    "refused",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("device", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("times", sa.Integer, nullable=False, default=1),
    sa.Column("received_at", sa.String(40), nullable=False),
)
_LENGTHS: Final = {
    column.name: column.type.length
    for column in CROSSINGS.columns
    if isinstance(column.type, sa.String) and column.type.length is not None
}


def fits(movement: Movement) -> bool:
    """Whether the facts go into their columns; asked before, because a database that refuses one fact
    would refuse the whole batch, again and again."""
    return all(
        not isinstance(value, str) or ("\0" not in value and len(value) <= _LENGTHS[name])
        for name, value in facts_of(movement).items()
    )


def facts_of(movement: Movement) -> Mapping[str, Any]:
    """A movement as columns for lists and statistics."""
    document = movement.document
    return {
        "crossing": movement.crossing,
        "post": movement.post,
        "profile": movement.profile,
        "simulated": bool(movement.simulated),
        "direction": movement.direction.value,
        "decided_at": movement.decided.wall,
        "time_quality": movement.decided.quality,
        "recommendation": movement.recommendation.value,
        "outcome": movement.outcome.value,
        **{name: getattr(document, name, None) for name in _DOCUMENT_COLUMNS},
    }
