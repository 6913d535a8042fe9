"""The journal of who looked at or changed whose records and why, and corrections."""

import sqlalchemy as sa

from central.tables import METADATA

JOURNAL = sa.Table(
    "access_journal",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("subject", sa.String(32), nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("prev", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
"""Each row holds the digest of the one before: a row that is changed or taken out is seen. `subject` is a
keyed pseudonym of what was searched for; nobody's name is here."""
CORRECTIONS = sa.Table(
    "corrections",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("crossing", sa.String(64), nullable=False, index=True),
    sa.Column("field", sa.String(32), nullable=False),
    sa.Column("value", sa.String(200), nullable=False),
    sa.Column("request", sa.Integer),
    sa.Column("device", sa.String(64)),
    sa.Column("made_at", sa.String(40), nullable=False),
)
"""The sealed record stays as the box signed it; what is wrong in it is said here, and the columns follow.
By a person's request, or by a box, which corrects its own crossings alone."""
