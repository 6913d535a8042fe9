"""The box's own history: found under a keyed hash, encrypted, bounded; every search written down."""

import datetime as dt
import sqlite3
from pathlib import Path

import nacl.utils
import pytest
from nacl.secret import SecretBox

from appliance.records import history as histories
from appliance.records.errors import StorageBroken, StorageError
from appliance.records.history import History, Passage

NOW = dt.datetime(2027, 3, 1, tzinfo=dt.UTC)
STORAGE = SecretBox(nacl.utils.random(32))
DOCUMENT = {"issuing_state": "UTO", "document_number": "L898902C3"}


def opened(path: Path, storage: SecretBox = STORAGE) -> History:
    return History.open(path / "history.db", storage=storage)


def passage(crossing: str, days: float = 0, direction: str = "entry") -> Passage:
    at = (NOW + dt.timedelta(days=days)).isoformat(timespec="milliseconds")
    return Passage(crossing=crossing, direction=direction, at=at, outcome="admitted")


def found(one: History, **changes: str) -> list[str]:
    return [p.crossing for p in one.search(**(DOCUMENT | changes), purpose="test", now=NOW)]


def test_ok__found_by_its_document_alone_the_latest_first(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.add(passage("c1", -5), **DOCUMENT)
    one.add(passage("c2", -1), **DOCUMENT)
    one.add(passage("c3"), issuing_state="D<<", document_number="L898902C3")
    assert found(one) == ["c2", "c1"]
    one.close()
    one = opened(tmp_path)
    assert found(one, issuing_state="D<<") == ["c3"]
    assert found(one, document_number="X") == []


def test_ok__every_search_is_written_down_with_its_purpose(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.add(passage("c1"), **DOCUMENT)
    one.search(**DOCUMENT, purpose="stay_and_duplicate", now=NOW)
    one.of_crossings(("c1", "c9"), purpose="subject_access", now=NOW)
    log = one.searches()
    assert [(s.purpose, s.found) for s in log] == [("subject_access", 1), ("stay_and_duplicate", 1)]
    one._connection.execute("DROP TABLE searches")
    with pytest.raises(StorageError):
        one.search(**DOCUMENT, purpose="in the dark", now=NOW)
    with pytest.raises(StorageError):
        one.of_crossings(("c1",), purpose="in the dark", now=NOW)


def test_ok__nothing_in_the_clear_and_nothing_moved(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.add(passage("c1"), **DOCUMENT)
    one.add(passage("c2"), issuing_state="UTO", document_number="OTHER")
    for file in tmp_path.iterdir():
        assert b"L898902C3" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
    one._connection.execute(
        "UPDATE entries SET sealed = (SELECT sealed FROM entries WHERE crossing = 'c2') WHERE crossing = 'c1'"
    )
    assert found(one) == []
    one.close()
    assert found(opened(tmp_path, SecretBox(nacl.utils.random(32)))) == [], "another key finds nothing"


def test_ok__forgotten_in_time_and_by_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = opened(tmp_path)
    for day in range(10):
        one.add(passage(f"c{day}", -day), **DOCUMENT)
    assert one.forget_old(now=NOW, days=6.5) == 3
    assert found(one) == [f"c{day}" for day in range(7)]
    one.forget(("c1", "c3", "c99"))
    assert found(one) == ["c0", "c2", "c4", "c5", "c6"]
    monkeypatch.setattr(histories, "MAX_ENTRIES", 2)
    assert one.forget_old(now=NOW, days=400) == 3
    assert found(one) == ["c0", "c2"]
    one.forget_old(now=NOW + dt.timedelta(days=91), days=400)
    assert one.searches() == ()


def test_ok__a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"rubbish" * 1000)
    one = opened(tmp_path)
    one.add(passage("c1"), **DOCUMENT)
    assert found(one) == ["c1"]
    assert list(tmp_path.glob("history.db.corrupt-*"))


def test_fail__the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageBroken):
        opened(tmp_path / "file")
    one = opened(tmp_path)
    one.close()
    with pytest.raises((StorageError, sqlite3.Error)):
        one.add(passage("c1"), **DOCUMENT)
