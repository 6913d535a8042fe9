"""The database: SQLite as it comes, PostgreSQL where it is installed."""

import sqlite3
import time

import pytest
from central_common import acknowledged, kept, rows, take

from central.database import translating
from central.store import MAX_REFUSED_BYTES, Store, StoreError


def test_ok__kept_when_opened_again(tmp_path, keys, make_box) -> None:
    box = make_box()
    for count in (2, 4):
        store = Store(str(tmp_path / "central.db"))
        box.register(store)
        take(store, keys, "box-1", *box.record(2))
        assert store.counts()["records"] == count
        assert acknowledged(store, "box-1", box.epoch) == count
        store.close()


def test_ok__only_its_owner_can_read_it(tmp_path, store) -> None:
    with store.batch() as batch:
        batch.refuse("box-1", "x", b"x")
    files = list(tmp_path.glob("central.db*"))
    assert files
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_ok__durable(store) -> None:
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_ok__registered_again_with_another_key(store, tmp_path) -> None:
    with store.batch() as batch:
        batch.register("box-1", b"a" * 32, None)
        batch.note_device("box-1", status="online", telemetry="{}")
        batch.register("box-1", b"b" * 32, b"c" * 32)
        assert batch.device("box-1").signing_key == b"b" * 32
        assert batch.device("box-2") is None
    assert rows(tmp_path / "central.db", "SELECT status, telemetry FROM devices") == [("online", "{}")]


def test_ok__what_is_refused_is_kept_once_and_bounded(store, tmp_path) -> None:
    large = bytes(MAX_REFUSED_BYTES + 1)
    for _ in range(3):
        with store.batch() as batch:
            batch.refuse("box-1", "x", large)
    query = "SELECT times, length(envelope) FROM refused"
    assert rows(tmp_path / "central.db", query) == [(3, MAX_REFUSED_BYTES)]


def test_ok__one_walk_over_many_records(store, keys, box) -> None:
    take(store, keys, "box-1", *box.record(1))
    with store.batch() as batch:
        batch.connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO records SELECT device, epoch, i, chain_hash, prev, type, readable, envelope,"
            " copies, received_at FROM records, n WHERE i != 15000"
        )
    began = time.perf_counter()
    assert acknowledged(store, "box-1", box.epoch) == 14_999
    assert acknowledged(store, "box-1", box.epoch, above=14_990) == 14_999
    assert time.perf_counter() - began < 2


def test_fail__nothing_of_a_batch_that_fails(store) -> None:
    def fails() -> None:
        with store.batch() as batch:
            batch.refuse("box-1", "x", b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert store.counts()["refused"] == 0


def test_fail__a_full_disk(store, keys, box) -> None:
    take(store, keys, "box-1", *box.record(1))
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    envelopes = box.record(1, size=100_000)
    with pytest.raises(StoreError, match="SQLITE_FULL"):
        take(store, keys, "box-1", *envelopes)
    assert acknowledged(store, "box-1", box.epoch) == 1
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    take(store, keys, "box-1", *envelopes)
    assert acknowledged(store, "box-1", box.epoch) == 2


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("/nowhere/central.db", "cannot be used"),
        ("nonsense://x", "does not take it"),
        ("oracle+cx_oracle://x", "driver is not installed"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/x", "does not take it"),
    ],
)
def test_fail__no_such_database(database, said) -> None:
    with pytest.raises(StoreError, match=said):
        Store(database)


def test_fail__not_a_database(tmp_path) -> None:
    (tmp_path / "central.db").write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="SQLITE_NOTADB"):
        Store(str(tmp_path / "central.db"))


def test_fail__no_word_of_a_traveller_in_the_error(store, keys, box) -> None:
    take(store, keys, "box-1", *box.record(1))
    with pytest.raises(StoreError) as caught, store.batch() as batch:
        batch.connection.exec_driver_sql("INSERT INTO crossings SELECT * FROM crossings")
    assert "ERIKSSON" not in str(caught.value)
    assert "crossing-1" not in str(caught.value)


def test_ok__two_processes_on_one_file(tmp_path, store, keys, box) -> None:
    other = Store(str(tmp_path / "central.db"))
    take(other, keys, "box-1", *box.record(1))
    assert store.counts()["records"] == 1
    other.close()


# PostgreSQL


def test_ok__postgresql(postgresql, keys, make_box) -> None:
    store, box = Store(postgresql), make_box()
    box.register(store)
    first, second, third = box.record(3)
    assert len(take(store, keys, "box-1", first, third, b"garbage", third).refused) == 1
    assert acknowledged(store, "box-1", box.epoch) == 1
    take(store, keys, "box-1", second)
    assert acknowledged(store, "box-1", box.epoch, above=1) == 3
    odd = box.sealed(epoch=box.epoch, seq=4, prev=box.chain_hash(third), body={"crossing": "a\0b"})
    take(store, keys, "box-1", odd)
    with store.batch() as batch:
        batch.note_device("box-1", telemetry='{"x": "\\u0000"}')
    assert kept(store, "box-1", box.epoch, 2) == second
    fork = box.sealed(epoch=box.epoch, seq=2, prev=box.chain_hash(first))
    assert len(take(store, keys, "box-1", fork).refused) == 1
    assert acknowledged(store, "box-1", box.epoch, above=4) == 1
    assert store.counts() == {"records": 4, "crossings": 3, "refused": 2, "duplicates": 1, "devices": 1}
    with pytest.raises(StoreError) as caught, store.batch() as batch:
        batch.connection.exec_driver_sql("INSERT INTO crossings SELECT * FROM crossings")
    assert "(23505)" in str(caught.value)
    store.close()


def test_ok__helpers_do_not_hide_errors() -> None:
    with pytest.raises(ZeroDivisionError), translating():
        _ = 1 / 0
    with pytest.raises(sqlite3.OperationalError), translating():
        raise sqlite3.OperationalError  # only what SQLAlchemy has translated is the database's word
