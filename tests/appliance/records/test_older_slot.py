"""An update on trial may be given back: until it is kept, the older version must read what the newer wrote.

So a migration adds and never renames, and leaves user_version as it is; it may raise that only in a version
whose predecessor already reads the new format. This version is the older one here; the newer's is played.
"""

import contextlib
import sqlite3
from pathlib import Path

from records_common import commit, word_for

ADDITIVE = """
ALTER TABLE records ADD COLUMN colour TEXT NOT NULL DEFAULT '';
CREATE TABLE reasons (seq INTEGER PRIMARY KEY, reason TEXT NOT NULL);
CREATE INDEX colours ON records (colour);
INSERT INTO meta VALUES ('reasons_since', 1);
"""
"""All that a newer version may do before it is kept."""


def migrate(path: Path, statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(statements)


def test_ok__the_older_slot_goes_on_in_what_the_newer_one_wrote(open_journal, tmp_path: Path) -> None:
    book = open_journal()
    commit(book, "c1")
    epoch = book.status().epoch
    book.close()
    migrate(tmp_path / "journal.db", ADDITIVE)

    newer = open_journal()  # both write into the migrated file
    commit(newer, "c2")
    newer.close()
    migrate(
        tmp_path / "journal.db", "INSERT INTO reasons VALUES (2, 'told'); UPDATE records SET colour = 'x'"
    )

    older = open_journal()
    assert older.notices == ()
    commit(older, "c3")
    assert older.acknowledge(word_for(older, 3)).acknowledged_seq == 3
    report = older.verify()
    assert (report.epoch, report.records, report.problems) == (epoch, 3, ())
    assert older.status().unsent == 0
    assert list(tmp_path.glob("journal.db.*corrupt*")) == []


def test_fail__a_raised_format_would_cost_the_older_slot_its_journal(open_journal, tmp_path: Path) -> None:
    """Why no version may do that before it is kept: the older one sets the journal aside."""
    book = open_journal()
    commit(book, "c1")
    epoch = book.status().epoch
    book.close()
    migrate(tmp_path / "journal.db", "PRAGMA user_version = 99")
    older = open_journal()
    assert older.notices != ()
    assert older.status().epoch != epoch
