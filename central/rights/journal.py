"""The access journal: append-only and chained, so that a look cannot be hidden afterwards."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from central.database import lock_names
from central.rights.tables import JOURNAL

FIRST: Final = "0" * 64
MAX_TEXT: Final = 500


class PurposeMissing(Exception):
    """Nobody looks at people's records without saying who and why."""


def note(
    connection: Connection,
    *,
    by: str,
    action: str,
    purpose: str,
    subject: str = "",
    outcome: Mapping[str, Any],
    now: dt.datetime | None = None,
) -> int:
    """Write down a look or a change, in the transaction that it is part of; returns its number.

    Raises:
        PurposeMissing: no name or no purpose was given.
    """
    if not by.strip() or not purpose.strip() or len(by) > 64 or len(purpose) > MAX_TEXT:
        raise PurposeMissing(f"Say who (--by, at most 64 letters) and why (--purpose, at most {MAX_TEXT}).")
    lock_names(connection, {"access journal"})
    last = connection.execute(
        sa.select(JOURNAL.c.id, JOURNAL.c.digest).order_by(JOURNAL.c.id.desc()).limit(1)
    ).first()
    moment = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).isoformat(timespec="milliseconds")
    row: dict[str, Any] = {
        "id": 1 if last is None else last.id + 1,
        "at": moment,
        "by": by,
        "action": action,
        "purpose": purpose,
        "subject": subject,
        "outcome": json.dumps(outcome, sort_keys=True),
        "prev": FIRST if last is None else last.digest,
    }
    connection.execute(sa.insert(JOURNAL).values(**row, digest=_digest(row)))
    return int(row["id"])


def problems_of(connection: Connection) -> tuple[str, ...]:
    """What is wrong with the journal's chain; empty when it is whole."""
    problems = []
    prev, expected = FIRST, 1
    for found in connection.execute(sa.select(JOURNAL).order_by(JOURNAL.c.id)):
        row = dict(found._mapping)
        digest = row.pop("digest")
        if row["id"] != expected:
            problems.append(f"entry {expected}: missing")
        if row["prev"] != prev:
            problems.append(f"entry {row['id']}: it does not follow the entry before it")
        if digest != _digest(row):
            problems.append(f"entry {row['id']}: it was changed")
        prev, expected = digest, row["id"] + 1
    return tuple(problems)


def entries(connection: Connection) -> tuple[Mapping[str, Any], ...]:
    """The whole journal, the newest first."""
    rows = connection.execute(sa.select(JOURNAL).order_by(JOURNAL.c.id.desc()))
    return tuple({**row._mapping, "outcome": json.loads(row.outcome)} for row in rows)


def _digest(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(row), sort_keys=True).encode()).hexdigest()
