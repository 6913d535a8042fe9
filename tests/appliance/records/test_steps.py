"""The file of the open crossing: encrypted, on disk when it says so, kept aside when it is damaged."""

import sqlite3
from pathlib import Path

import nacl.utils
import pytest
from nacl.secret import SecretBox
from records_common import commit, open_in

from appliance.records import database
from appliance.records.book import SET_ASIDE
from appliance.records.errors import StorageBroken
from appliance.records.steps import Steps

STORAGE = SecretBox(nacl.utils.random(32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with two steps of a crossing."""
    steps = Steps.open(tmp_path / "steps.db", storage=STORAGE)
    steps.append("c", "began", b"\0a\0")
    steps.append("c", "read", b"ERIKSSON")
    steps.close()
    return tmp_path / "steps.db"


def reopened(file: Path) -> Steps:
    return Steps.open(file, storage=STORAGE)


def test_ok__kept_until_the_end(file: Path) -> None:
    steps = reopened(file)
    crossing = steps.open_crossing()
    assert crossing is not None
    assert (crossing.crossing, crossing.events, steps.damaged) == ("c", (b"\0a\0", b"ERIKSSON"), False)
    steps.end("c")
    steps.close()
    assert reopened(file).open_crossing() is None


def test_ok__nothing_of_a_traveller_in_the_file(file: Path) -> None:
    reopened(file)
    for part in file.parent.iterdir():
        assert b"ERIKSSON" not in part.read_bytes()
        assert part.stat().st_mode & 0o077 == 0


def test_ok__steps_of_the_first_format_are_taken_over_once(file: Path) -> None:
    steps = reopened(file)
    rows = steps._connection.execute("SELECT crossing, sealed FROM events ORDER BY id").fetchall()
    steps.end("c")
    for _ in range(2):  # the second time after a power cut
        steps.take_over(rows)
        crossing = steps.open_crossing()
        assert crossing is not None
        assert crossing.events == (b"\0a\0", b"ERIKSSON")


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE events",
        "UPDATE events SET sealed = x'00'",
        "UPDATE events SET sealed = 'text'",
        "UPDATE events SET crossing = 'of another'",
        "PRAGMA application_id = 1",
    ],
)
def test_fail__damaged_is_kept_aside(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(statement)
    connection.close()
    steps = reopened(file)
    assert steps.damaged
    assert steps.open_crossing() is None
    steps.append("d", "began", b"x")
    steps.close()
    assert len(list(file.parent.glob("steps.db.corrupt-*"))) >= 1
    assert reopened(file).damaged, "said until somebody has looked after it"


@pytest.mark.parametrize("kind", ["noise", "zeroes", "empty with a log"])
def test_fail__no_database(file: Path, kind: str) -> None:
    size = file.stat().st_size
    if kind == "empty with a log":
        file.unlink()
        Path(f"{file}-wal").write_bytes(b"x" * 100)
    else:
        file.write_bytes(bytes(size) if kind == "zeroes" else b"no database " * 1000)
    steps = reopened(file)
    assert steps.damaged
    assert steps.open_crossing() is None


def test_fail__a_damaged_page(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = bytes(range(256)) * ((len(data) - 4096) // 256)
    file.write_bytes(data)
    assert reopened(file).damaged


def test_fail__another_key(file: Path) -> None:
    assert Steps.open(file, storage=SecretBox(nacl.utils.random(32))).damaged


def test_fail__a_step_moved_into_another_crossing(file: Path) -> None:
    steps = reopened(file)
    steps.append("other", "begun", b"2")
    steps._connection.execute("UPDATE events SET crossing = 'other'")
    with pytest.raises(StorageBroken, match="of another crossing"):
        steps.open_crossing()


def test_fail__a_sick_disk_is_not_a_damaged_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sick(sqlite3.Connection):
        def execute(self, *_: object) -> sqlite3.Cursor:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

    connect = sqlite3.connect
    with monkeypatch.context() as patched:
        patched.setattr(database.sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Sick))
        with pytest.raises(StorageBroken, match="disk I/O error"):
            reopened(file)
    assert not reopened(file).damaged


def test_fail__no_room_for_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageBroken):
        Steps.open(tmp_path / "file" / "steps.db", storage=STORAGE)


def test_fail__closed(file: Path) -> None:
    steps = reopened(file)
    steps.close()
    with pytest.raises(StorageBroken):
        steps.append("c", "n", b"")
    with pytest.raises(StorageBroken):
        steps.take_over([])


def test_ok__the_journal_says_that_steps_were_damaged_and_goes_on(tmp_path: Path) -> None:
    box = open_in(tmp_path)
    commit(box, "c1")
    box.append_event("c2", "begun", b"1")
    box.close()
    (tmp_path / "steps.db").write_bytes(b"no database " * 1000)
    box = open_in(tmp_path)
    assert (box.notices, box.status().last_seq, box.open_crossing()) == ((SET_ASIDE,), 1, None)
    box.close()
