"""Alerts, commands that were given, boxes' keys, and the hours in which a box was heard."""

import sqlalchemy as sa

from central.tables import METADATA

ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("device", sa.String(64), nullable=False, index=True),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("epoch", sa.String(64)),
    sa.Column("seq", sa.BigInteger),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("raised_at", sa.String(40), nullable=False),
    sa.Column("closed_at", sa.String(40)),
    sa.Column("closed_by", sa.String(64)),
    sa.Column("reason", sa.Text),
)
COMMANDS = sa.Table(
    "commands",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("counter", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("signed", sa.LargeBinary, nullable=False),
    sa.Column("given_by", sa.String(64), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("given_at", sa.String(40), nullable=False),
    sa.Column("expires_at", sa.String(40), nullable=False),
    sa.Column("done_at", sa.String(40)),
    sa.Column("published", sa.Boolean, nullable=False),
)
"""`published`: the receiver has put it at the broker.
`done_at`: when the box recorded that it was carried out."""
HEARD = sa.Table(
    "heard",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("hour", sa.String(16), primary_key=True),
)
"""Hours (UTC, 2026-11-02T08) in which a box sent telemetry: for the statistics' coverage."""
PAPER = sa.Table(
    "paper",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("post", sa.String(200), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("crossings", sa.Integer, nullable=False),
    sa.Column("told_by", sa.String(64), nullable=False),
    sa.Column("told_at", sa.String(40), nullable=False),
)
"""Crossings that a post noted on paper while its box was down, as it told them afterwards."""
REPORTS = sa.Table(
    "reports",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("what", sa.String(16), primary_key=True),
    sa.Column("counter", sa.BigInteger, nullable=False, default=0),
    sa.Column("sha256", sa.LargeBinary),
    sa.Column("taken", sa.String(16)),
    sa.Column("taken_at", sa.String(40)),
    sa.Column("refused", sa.String(16)),
    sa.Column("refused_at", sa.String(40)),
    sa.Column("refused_times", sa.Integer, nullable=False, default=0),
)
"""What a box says of itself, health and connection: who signed the last that was taken, and the last that was
refused. `counter` and `sha256` are of the last good signature; 0: it never signed."""
BOX_KEYS = sa.Table(
    "box_keys",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("kid", sa.LargeBinary, primary_key=True),
    sa.Column("public", sa.LargeBinary, nullable=False),
    sa.Column("since_at", sa.String(40), nullable=False),
    sa.Column("since_epoch", sa.String(64)),
    sa.Column("since_seq", sa.BigInteger),
    sa.Column("until_at", sa.String(40)),
    sa.Column("until_epoch", sa.String(64)),
    sa.Column("until_seq", sa.BigInteger),
)
"""Every signing key that a box has had here. It counts for records behind the one that named it, up to and
with the one that named the next; without numbers it was registered by a person, or replaced by one."""
ADMITTED = sa.Table(
    "admitted_epochs",
    METADATA,
    sa.Column("device", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.String(64), primary_key=True),
    sa.Column("admitted_at", sa.String(40), nullable=False),
    sa.Column("admitted_by", sa.String(64), nullable=False),
)
"""Earlier journals of a box whose records a person lets in although their key was changed since."""
