import datetime as dt
import sqlite3
from pathlib import Path

import nacl.utils
import pytest
from nacl.secret import SecretBox

from appliance.records import memory as memories
from appliance.records.errors import StorageBroken, StorageError
from appliance.records.memory import Memory

NOW = dt.datetime(2027, 3, 1, tzinfo=dt.UTC)
STORAGE = SecretBox(nacl.utils.random(32))


def opened(path: Path, **settings) -> Memory:
    return Memory.open(path / "memory.db", storage=STORAGE, **settings)


def test_ok__crossings_since_a_moment_and_no_longer_than_agreed(tmp_path: Path) -> None:
    one = opened(tmp_path)
    for day in range(20):
        one.remember(f"c{day}", NOW + dt.timedelta(days=day), b"payload", days=14)
    kept = one.since(NOW)
    assert [recent.crossing for recent in kept][:2] == ["c19", "c18"]
    assert len(kept) == 15
    assert [recent.crossing for recent in one.since(NOW + dt.timedelta(days=19))] == ["c19"]
    found = one.recent("c19")
    assert found is not None
    assert found.payload == b"payload"
    assert one.recent("c1") is None


def test_ok__bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "MAX_RECENT", 3)
    one = opened(tmp_path)
    for hour in range(5):
        one.remember(f"c{hour}", NOW + dt.timedelta(hours=hour), b"x", days=14)
    assert [recent.crossing for recent in one.since(NOW)] == ["c4", "c3", "c2"]


def test_ok__nothing_in_the_clear_and_nothing_moved(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.remember("c1", NOW, b"MUHAMMADOV", days=14)
    one.add_late("l1", 5, b"MUHAMMADOV")
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"MUHAMMADOV" not in everything
    one._connection.execute("UPDATE recent SET crossing = 'c2'")
    assert one.since(NOW) == ()
    assert one.recent("c2") is None
    one._connection.execute("UPDATE late SET sealed = x'00'")
    assert one.late() == ()
    assert (tmp_path / "memory.db").stat().st_mode & 0o077 == 0


def test_ok__pairs_until_they_are_forgotten(tmp_path: Path) -> None:
    one = opened(tmp_path, pair_days=180)
    one.not_same(("a", "b"), NOW)
    assert one.decided("a", now=NOW) == "2027-03-01T00:00:00+00:00"
    assert one.decided("c", now=NOW) is None
    assert one.decided("a", now=NOW + dt.timedelta(days=179)) is not None
    assert one.decided("a", now=NOW + dt.timedelta(days=181)) is None
    one.not_same(("c",), NOW + dt.timedelta(days=200))
    assert one._read("SELECT pair FROM pairs") == [("c",)]


def test_ok__late_hits_until_they_are_seen(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.add_late("l1", 5, b"first")
    one.add_late("l1", 9, b"again")
    one.add_late("l2", 7, b"second")
    assert [(late.id, late.seq, late.payload) for late in one.late()] == [
        ("l2", 7, b"second"),
        ("l1", 5, b"first"),
    ]
    one.seen_late()
    assert one.late() == ()
    assert one.has_late("l1")


def test_ok__lists_and_another_start(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.note_lists({"persons": (3, "2027-03-01T00:00:00+00:00")})
    one.close()
    assert opened(tmp_path).lists() == {"persons": (3, "2027-03-01T00:00:00+00:00")}


def test_ok__a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "memory.db").write_bytes(b"rubbish" * 1000)
    one = opened(tmp_path)
    one.remember("c1", NOW, b"x", days=1)
    assert list(tmp_path.glob("memory.db.corrupt-*"))


def test_fail__the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageBroken):
        Memory.open(tmp_path / "file" / "memory.db", storage=STORAGE)
    one = opened(tmp_path)
    one._connection.execute("DROP TABLE recent")
    with pytest.raises(StorageError):
        one.remember("c", NOW, b"x", days=1)
    with pytest.raises(StorageError):
        one.since(NOW)
    one.not_same(("a",), NOW)  # the failed transaction is over
    one.close()
    with pytest.raises((StorageError, sqlite3.Error)):
        one.not_same(("a",), NOW)
