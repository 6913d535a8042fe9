"""How long sealed records stay on the box, and how they go: whole rows, bodies of media, or keys alone.

A record that central has acknowledged stays for two weeks, in case central must be put back from a copy.
The moments are central's own, from its signed acknowledgements, so that a box whose clock jumps removes
nothing too early. What is not acknowledged is never touched here.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterable
from typing import Final

from appliance.records import envelope as envelopes
from appliance.records.chain import MEDIA, chain_hash_of, set_meta
from appliance.records.database import read_meta

KEPT: Final = dt.timedelta(days=14)
"""Acknowledged records: a backup of central's that is older than this is no backup."""
MAX_REMOVED: Final = 2000
"""In one transaction; the rest goes the next time."""

WHOLE: Final = 0
ERASED: Final = 1
"""Its key was destroyed on a person's request."""
DROPPED: Final = 2
"""Its body was given up for room; what is signed stays, and so does the chain."""


def mark(connection: sqlite3.Connection, seq: int, at: dt.datetime) -> None:
    """Central acknowledged up to here at this moment; one mark an hour, the latest of it."""
    moment = at.astimezone(dt.UTC).isoformat(timespec="seconds")
    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", (moment[:13], seq, moment))


def unmark_from(connection: sqlite3.Connection, seq: int) -> None:
    """What was said of this number and those after it is void."""
    connection.execute("DELETE FROM marks WHERE seq >= ?", (seq,))


def remove_old(connection: sqlite3.Connection, *, now: dt.datetime, days: float) -> tuple[int, int]:
    """Remove what was acknowledged so long before `now`, from the chain's beginning; count and bytes."""
    meta = read_meta(connection)
    limit, old = _acknowledged_before(connection, now, days)
    last = min(old, meta["acknowledged_seq"], meta["base_seq"] + MAX_REMOVED)
    if last <= meta["base_seq"]:
        return 0, 0
    base_hash = chain_hash_of(connection, last)
    count, size = connection.execute(
        "SELECT count(*), sum(length(envelope)) FROM records WHERE seq <= ?", (last,)
    ).fetchone()
    connection.execute("DELETE FROM records WHERE seq <= ?", (last,))
    connection.execute("DELETE FROM marks WHERE at <= ? AND seq <= ?", (limit, last))
    set_meta(connection, base_seq=last, base_hash=base_hash)
    return int(count), int(size or 0)


def drop_old_media(connection: sqlite3.Connection, *, now: dt.datetime, days: float) -> tuple[int, int]:
    """Media that were acknowledged so long before `now` give up their bodies; count and bytes."""
    _, old = _acknowledged_before(connection, now, days)
    return _drop(connection, min(old, read_meta(connection)["acknowledged_seq"]))


def _acknowledged_before(connection: sqlite3.Connection, now: dt.datetime, days: float) -> tuple[str, int]:
    """That moment, and the last record that was acknowledged by then."""
    limit = (now - dt.timedelta(days=days)).astimezone(dt.UTC).isoformat(timespec="seconds")
    old = connection.execute("SELECT max(seq) FROM marks WHERE at <= ?", (limit,)).fetchone()[0]
    return limit, old or 0


def drop_media(connection: sqlite3.Connection, wanted: int) -> tuple[int, int]:
    """Bodies of acknowledged media go, the oldest first, until so many bytes are free; count and bytes."""
    return _drop(connection, read_meta(connection)["acknowledged_seq"], wanted)


def _drop(connection: sqlite3.Connection, last: int, wanted: int | None = None) -> tuple[int, int]:
    rows = connection.execute(
        "SELECT seq, envelope FROM records WHERE class = ? AND state = ? AND seq <= ? ORDER BY seq LIMIT ?",
        (MEDIA, WHOLE, last, MAX_REMOVED),
    )
    freed, changed = 0, []
    for seq, envelope in rows:
        if wanted is not None and freed >= wanted:
            break
        bare = envelopes.without_body(envelope)
        freed += len(envelope) - len(bare)
        changed.append((bare, DROPPED, seq))
    connection.executemany("UPDATE records SET envelope = ?, state = ? WHERE seq = ?", changed)
    return len(changed), freed


def destroy_keys(connection: sqlite3.Connection, seqs: Iterable[int]) -> list[int]:
    """Keys and bodies of these records go from this box; which of them can be read by nobody now.

    One of version 1 has no key of its own: it goes with retention, two weeks after its acknowledgement.
    """
    erased = []
    for seq in seqs:
        row = connection.execute("SELECT envelope, state FROM records WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            continue
        bare = envelopes.without_body(row[0])
        if bare == row[0] and row[1] == WHOLE:
            continue
        connection.execute("UPDATE records SET envelope = ?, state = ? WHERE seq = ?", (bare, ERASED, seq))
        erased.append(seq)
    return erased
