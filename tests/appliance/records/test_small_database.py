"""The small databases beside the journal: damage is set aside whole, rows cannot be exchanged."""

from pathlib import Path

import nacl.utils
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.secret import SecretBox

from appliance.records.errors import StorageBroken
from appliance.records.small_database import open_row, open_small, seal_row

SCHEMA = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY, sealed BLOB NOT NULL);"
KEY = SecretBox(nacl.utils.random(32))


def test_ok__what_was_written_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "things.db"
    connection = open_small(path, SCHEMA, what="things")
    connection.execute("INSERT INTO things VALUES ('a', x'01')")
    connection.close()
    assert open_small(path, SCHEMA, what="things").execute("SELECT * FROM things").fetchall() == [
        ("a", b"\x01")
    ]
    assert path.stat().st_mode & 0o077 == 0


def test_ok__a_damaged_one_goes_aside_and_its_write_ahead_log_stays_with_none(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    path.write_bytes(b"SQLite format 3\0" + b"rot" * 2000)
    Path(f"{path}-wal").write_bytes(b"of the damaged one")
    assert open_small(path, SCHEMA, what="things").execute("SELECT * FROM things").fetchall() == []
    assert list(tmp_path.glob("things.db.corrupt-*"))
    wal = Path(f"{path}-wal")
    assert not wal.exists() or b"of the damaged one" not in wal.read_bytes()


def test_fail__no_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageBroken, match="The things cannot be opened"):
        open_small(tmp_path / "file" / "things.db", SCHEMA, what="things")


@given(st.text(max_size=20).filter(lambda name: "\0" not in name), st.binary(max_size=60))
def test_ok__rows(owner: str, payload: bytes) -> None:
    sealed = seal_row(KEY, owner, payload)
    assert open_row(KEY, owner, sealed) == payload
    assert open_row(KEY, f"{owner}x", sealed) is None
    assert open_row(SecretBox(bytes(32)), owner, sealed) is None
    assert open_row(KEY, owner, payload) is None
