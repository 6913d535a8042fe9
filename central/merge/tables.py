"""Stays, which are derived and can be derived anew, and review tasks, which people close."""

import sqlalchemy as sa

from central.tables import METADATA

STAYS = sa.Table(
    "stays",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("person", sa.String(32), nullable=False, index=True),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("entry", sa.String(64)),
    sa.Column("entry_post", sa.String(200)),
    sa.Column("entry_at", sa.String(40)),
    sa.Column("exit", sa.String(64)),
    sa.Column("exit_post", sa.String(200)),
    sa.Column("exit_at", sa.String(40)),
    sa.Column("days", sa.Float),
)
"""state: complete, open, left_open, waiting; a stay's crossings are never changed by it."""
CLOCK_CORRECTIONS = sa.Table(
    "clock_corrections",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("boot_id", sa.String(64), primary_key=True),
    sa.Column("monotonic_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("shift_ms", sa.BigInteger, nullable=False),
    sa.Column("sure", sa.Boolean, nullable=False),
)
CASE_CLOSINGS = sa.Table(
    "case_closings",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("crossing", sa.String(64), nullable=False, index=True),
    sa.Column("of_device", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("ground", sa.String(32)),
    sa.Column("officer", sa.String(64), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("waited_seconds", sa.Float),
    sa.Column("late", sa.Boolean, nullable=False),
    sa.Column("closed_at", sa.String(40), nullable=False),
)
"""How the second line ended referred crossings (kind referred), and reviews of releases under RED (released);
`device` closed it, `of_device` recorded the crossing. Reasons and notes stay in the sealed record."""
VISA_DECISIONS = sa.Table(
    "visa_decisions",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.String(64), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("crossing", sa.String(64), nullable=False, index=True),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("days", sa.Integer),
    sa.Column("entries", sa.Integer),
    sa.Column("decided_at", sa.String(40), nullable=False),
)
"""How applications for a visa on arrival ended; days and entries (0: any number) of those that were granted.
Whose they are, and the label's number, stays in the sealed records."""
REVIEWS = sa.Table(
    "reviews",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("rule", sa.String(40), nullable=False),
    sa.Column("person", sa.String(32), nullable=False, index=True),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("crossings", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("opened_at", sa.String(40), nullable=False),
    sa.Column("closed_at", sa.String(40)),
    sa.Column("closed_by", sa.String(64)),
    sa.Column("reason", sa.Text),
)
"""state: open; resolved, when a later record answered it; closed, by a person with a reason."""
