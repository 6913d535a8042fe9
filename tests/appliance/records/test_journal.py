import datetime as dt
import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from records_common import (
    CENTRAL,
    CENTRAL_SEALING,
    NOW,
    STAMP,
    acknowledgement,
    chain_of,
    opened,
    order_of,
    word_for,
)

from appliance.records import envelope, journal
from appliance.records.book import SET_ASIDE, TAIL_LOST
from appliance.records.commands import Rate
from appliance.records.errors import (
    JournalBusy,
    StorageBroken,
    StorageFull,
    WatermarkError,
)
from appliance.records.journal import Journal
from appliance.records.keys import load_box_keys


def record(journal: Journal, count: int = 1, size: int = 10) -> None:
    for _ in range(count):
        crossing = f"crossing-{journal.status().epoch}-{journal.status().last_seq + 1}"
        journal.commit(crossing, "test", {"x": bytes(size)}, STAMP)


# The open crossing


def test_ok__the_open_crossing_outlives_a_restart(open_journal) -> None:
    first = open_journal()
    assert first.open_crossing() is None
    assert first.append_event("c", "began", b"\0a\0") < first.append_event("c", "read", b"b")
    crossing = open_journal().open_crossing()
    assert crossing is not None
    assert (crossing.crossing, crossing.events) == ("c", (b"\0a\0", b"b"))


def test_ok__committing_ends_the_crossing(open_journal) -> None:
    journal = open_journal()
    journal.append_event("c", "began", b"a")
    assert journal.commit("c", "movement", {"who": "x"}, STAMP) == 1
    assert journal.open_crossing() is None
    assert open_journal().open_crossing() is None


def test_ok__committing_twice_is_committing_once(open_journal) -> None:
    journal = open_journal()
    assert journal.commit("c", "movement", {"who": "x"}, STAMP) == 1
    journal.append_event("c", "late", b"a")
    assert journal.commit("c", "movement", {"who": "y"}, STAMP) == 1
    assert journal.status().last_seq == 1
    assert journal.open_crossing() is None
    [kept] = journal.page(0, 10)
    sealed = envelope.verify(kept.envelope, verify_key_for=lambda _: journal._keys.signing.verify_key)
    assert envelope.open_(sealed, private_key=CENTRAL_SEALING).body == {"who": "x"}


def test_ok__nothing_of_a_traveller_in_the_file(open_journal, tmp_path: Path) -> None:
    journal = open_journal()
    journal.append_event("c", "read", b"L898902C3<ERIKSSON")
    journal.commit("c", "movement", {"name": "ERIKSSON"}, STAMP)
    journal.append_event("d", "read", b"L898902C3<ERIKSSON")
    for file in tmp_path.glob("journal.db*"):
        assert b"ERIKSSON" not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


# The chain


def test_ok__pages_in_order_and_bounded(open_journal, monkeypatch) -> None:
    book = open_journal()
    record(book, 10, size=1000)
    assert [one.seq for one in book.page(0, 100)] == list(range(1, 11))
    assert [one.seq for one in book.page(7, 2)] == [8, 9]
    assert book.page(10, 5) == ()
    assert book.page(0, -1) == ()
    monkeypatch.setattr(journal, "MAX_PAGE_BYTES", 4000)
    assert len(book.page(0, 100)) == 2
    monkeypatch.setattr(journal, "MAX_PAGE_BYTES", 1)
    assert len(book.page(0, 100)) == 1  # never nothing, or the outbox would stand still


def test_ok__the_chain_verifies(open_journal) -> None:
    record(open_journal(), 3)
    book = open_journal()
    record(book, 2)
    report = book.verify()
    assert (report.records, report.problems) == (5, ())
    assert report.epoch == book.status().epoch


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM records WHERE seq = 3", "record 3: missing"),
        ("DELETE FROM records WHERE seq = 5", "record 5: missing at the end"),
        ("DELETE FROM records WHERE seq = 1", "record 1: missing"),
        ("UPDATE records SET envelope = x'00' WHERE seq = 2", "record 2: The message is no COSE_Sign1."),
        (
            "UPDATE records SET envelope = (SELECT envelope FROM records WHERE seq = 4) WHERE seq = 2",
            "record 2: it says that it is another one",
        ),
    ],
)
def test_fail__a_chain_tampered_with(open_journal, tmp_path: Path, damage: str, said: str) -> None:
    record(open_journal(), 5)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute(damage)
    assert said in open_journal().verify().problems


def test_fail__a_record_put_in_by_another_key(open_journal, tmp_path: Path) -> None:
    book = open_journal()
    record(book, 2)
    epoch = book.status().epoch
    forged, _ = envelope.seal(
        record_type="test", body={}, device="box-1", epoch=epoch, seq=2, prev=bytes(32), stamp=STAMP,
        signing_key=SigningKey.generate(), recipient=CENTRAL.sealing,
    )  # fmt: skip
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("UPDATE records SET envelope = ? WHERE seq = 2", (forged,))
    assert any("signature" in problem.lower() for problem in open_journal().verify().problems)


def test_ok__several_threads(open_journal) -> None:
    book = open_journal()

    def work(name: str) -> None:
        for number in range(10):
            book.append_event(f"{name}-{number}", "began", b"x")
            book.commit(f"{name}-{number}", "test", {}, STAMP)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.status().last_seq == 40
    assert book.verify().problems == ()


# Central's word


def test_ok__acknowledged(open_journal) -> None:
    book = open_journal()
    record(book, 3)
    assert book.acknowledged_at() is None
    assert book.status().unsent == 3
    assert book.acknowledge(word_for(book, 2)).acknowledged_seq == 2
    assert open_journal().status().unsent == 1
    floor = open_journal().time_floor()
    assert floor is not None
    assert floor.isoformat() == "2026-11-02T09:00:00+00:00"


def test_ok__an_older_word_changes_nothing(open_journal) -> None:
    book = open_journal()
    record(book, 3)
    book.acknowledge(word_for(book, 3))
    assert book.acknowledge(word_for(book, 1)).acknowledged_seq == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"device": "box-2"}, "another box"),
        ({"epoch": "other"}, "an earlier journal"),
        ({"key": SigningKey(bytes(32))}, "signature"),
    ],
)
def test_fail__a_word_not_for_us(open_journal, changes: dict[str, object], said: str) -> None:
    book = open_journal()
    record(book, 3)
    values = {"epoch": book.status().epoch, "seq": 3, "chain": chain_of(book, 3)} | changes
    with pytest.raises(WatermarkError, match=said):
        book.acknowledge(acknowledgement(**values))
    assert book.status().acknowledged_seq == 0


def test_ok__a_floor_that_is_no_moment_is_no_floor(open_journal) -> None:
    book = open_journal()
    record(book, 2)
    for seq, said in ((1, "yesterday"), (2, "2026-11-02T09:00:00")):
        book.acknowledge(word_for(book, seq, at=said))
        assert book.acknowledged_at() is None
        assert book.time_floor() == dt.datetime.fromisoformat(STAMP.wall), "the last record's"


# Bad disks


def test_fail__two_processes(open_journal, tmp_path: Path, box_keys) -> None:
    book = open_journal()
    with pytest.raises(JournalBusy, match="Another Borne process"):
        Journal.open(tmp_path / "journal.db", keys=box_keys, central=CENTRAL, device="box-1")
    record(book)
    book.close()
    book.close()
    assert open_journal().status().last_seq == 1


def test_fail__another_box(open_journal) -> None:
    record(open_journal())
    with pytest.raises(StorageBroken, match="belongs to the box box-1, and this box is box-2"):
        open_journal(device="box-2")
    assert open_journal().status().last_seq == 1


def spoil(file: Path, kind: str) -> None:
    content = bytearray(file.read_bytes())
    if kind == "not a database":
        content[:16] = b"this is no sql.."
    elif kind == "cut short":
        del content[len(content) // 2 :]
    elif kind == "pages of zeros":
        content[4096:] = bytes(len(content) - 4096)
    elif kind == "another program's":
        file.unlink()
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE fruit (name)")
        return
    elif kind == "a table is gone":
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TABLE meta")
        return
    file.write_bytes(content)


@pytest.mark.parametrize(
    "kind", ["not a database", "cut short", "pages of zeros", "another program's", "a table is gone"]
)
def test_fail__a_damaged_journal_is_kept_aside(open_journal, tmp_path: Path, kind: str) -> None:
    book = open_journal()
    assert book.notices == ()
    record(book, 30, size=3000)
    epoch = book.status().epoch
    book.close()
    spoil(tmp_path / "journal.db", kind)
    before = (tmp_path / "journal.db").read_bytes()
    fresh = open_journal()
    assert fresh.notices == (SET_ASIDE,)
    assert fresh.status().last_seq == 0
    assert fresh.status().epoch != epoch
    [aside] = [
        path for path in tmp_path.glob("journal.db.corrupt-*") if not path.name.endswith(("-wal", "-shm"))
    ]
    assert aside.read_bytes() == before
    record(fresh)
    assert open_journal().notices == (SET_ASIDE,)  # said until somebody has looked after it


def test_fail__a_lost_storage_key(open_journal, tmp_path: Path) -> None:
    open_journal().append_event("c", "began", b"x")
    other = load_box_keys(tmp_path / "other-keys")
    book = open_journal(keys=other)
    assert book.notices == (SET_ASIDE,)
    assert book.open_crossing() is None


def test_fail__a_sick_disk_is_not_a_damaged_journal(open_journal, tmp_path: Path, monkeypatch) -> None:
    # Setting it aside would begin a new epoch although the old one is whole.
    record(open_journal(), 2)

    def refuse(*_: object, **__: object) -> sqlite3.Connection:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    class Sick(sqlite3.Connection):
        def execute(self, *arguments: object) -> sqlite3.Cursor:
            return refuse()

    connect = sqlite3.connect
    with monkeypatch.context() as patched:
        patched.setattr(journal.sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Sick))
        with pytest.raises(StorageBroken, match="disk I/O error"):
            open_journal()
    assert list(tmp_path.glob("*.corrupt-*")) == []
    assert open_journal().status().last_seq == 2


def test_fail__no_room_for_the_folder(tmp_path: Path, box_keys) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageBroken, match="Not a directory|File exists"):
        Journal.open(tmp_path / "file" / "journal.db", keys=box_keys, central=CENTRAL, device="box-1")


def test_fail__damage_found_in_flight(open_journal, tmp_path: Path) -> None:
    book = open_journal()
    record(book, 60, size=3000)
    book._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    book._connection.execute("PRAGMA cache_size = 1")
    book._connection.execute("PRAGMA shrink_memory")
    size = (tmp_path / "journal.db").stat().st_size
    with (tmp_path / "journal.db").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(StorageBroken):
        book.verify()
    with pytest.raises(StorageBroken):
        record(book)


def test_fail__full_disk_loses_nothing(open_journal) -> None:
    book = open_journal()
    record(book)
    for connection in (book._connection, book._steps._connection):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 3}")
    book.append_event("c", "began", b"first")
    with pytest.raises(StorageFull, match="disk is full"):
        book.append_event("c", "picture", bytes(100_000))
    with pytest.raises(StorageFull, match="disk is full"):
        book.commit("c", "test", {"x": bytes(100_000)}, STAMP)
    crossing = book.open_crossing()
    assert crossing is not None
    assert crossing.events == (b"first",)
    assert book.status().last_seq == 1
    for connection in (book._connection, book._steps._connection):
        connection.execute("PRAGMA max_page_count = 1000000")
    assert book.append_event("c", "picture", bytes(100_000)) == 2
    assert book.commit("c", "test", {"x": bytes(100_000)}, STAMP) == 2
    assert book.verify().problems == ()


def test_fail__closed(open_journal) -> None:
    book = open_journal()
    book.close()
    with pytest.raises(StorageBroken):
        book.status()
    with pytest.raises(StorageBroken):
        book.append_event("c", "began", b"")


# Power cuts


def run_and_kill(folder: Path, lines: int) -> tuple[list[list[str]], list[str]]:
    """The child's words up to kill -9 after so many lines: what was done, and how it opened."""
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "records_child.py"), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    said = []
    for line in child.stdout:
        said.append(line.split())
        if len(said) > lines:
            break
    child.kill()
    said += [line.split() for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.wait()
    return said[1:], said[0][1:]


def test_ok__ten_kills(tmp_path: Path, open_journal) -> None:
    committed: dict[str, int] = {}
    steps: dict[str, int] = {}
    for number in range(10):
        done, (last_seq, under_way, events) = run_and_kill(tmp_path, random.randrange(1, 25))
        # What had been said is there; at most the one thing that nobody had heard of yet is there too.
        assert 0 <= int(last_seq) - max(committed.values(), default=0) <= 1, number
        if under_way != "-":
            assert 0 <= int(events) - steps.get(under_way, 0) <= 1
        for what, crossing, value in done:
            if what == "committed":
                assert crossing not in committed
                committed[crossing] = int(value)
            else:
                steps[crossing] = int(value)
    book = open_journal()
    report = book.verify()
    assert report.problems == ()
    assert 0 <= report.records - len(committed) <= 10
    records = dict(book._connection.execute("SELECT crossing, seq FROM records").fetchall())
    assert committed.items() <= records.items()  # nothing lost, under the number that was said
    assert len(set(records)) == report.records  # nothing twice


def test_ok__a_journal_put_back_from_a_copy_does_not_take_its_own_records_for_delivered(
    open_journal, tmp_path: Path
) -> None:
    """Central has 5; the copy had 3, and then made other records 4 and 5."""
    book = open_journal()
    record(book, 3)
    book.close()
    path = next(tmp_path.rglob("journal.db"))
    copy = path.read_bytes()
    book = open_journal()
    record(book, 2)
    word = word_for(book, 5)
    book.close()
    path.write_bytes(copy)
    for tail in ("-wal", "-shm"):
        Path(f"{path}{tail}").unlink(missing_ok=True)
    book = open_journal()
    record(book, 2)
    with_two_more = book.page(3, 9)
    book.acknowledge(word)
    assert book.notices == (TAIL_LOST,)
    told = opened(book, 1)
    assert (told.type, told.body["what"], told.body["central_has"]) == ("tamper", "tail_lost", 5)
    assert [one.alert for one in book.alerts(9)] == [True]
    (aside,) = [
        path for path in tmp_path.glob("journal.db.behind-*") if not path.name.endswith(("-wal", "-shm"))
    ]
    with sqlite3.connect(aside) as connection:
        kept = connection.execute("SELECT envelope FROM records WHERE seq > 3 ORDER BY seq").fetchall()
    assert [row[0] for row in kept] == [one.envelope for one in with_two_more]
    assert open_journal().notices == (TAIL_LOST,), "said until somebody has looked after it"


def test_ok__a_journal_that_lost_its_end_is_kept_aside_on_centrals_word(open_journal) -> None:
    book = open_journal()
    record(book, 3)
    book.append_event("c", "began", b"x")
    fastest = order_of(Rate(records_per_second=9))
    book.command(fastest, stamp=STAMP, now=NOW, local=lambda *_: {})
    epoch, word = book.status().epoch, word_for(book, 4)
    book._connection.execute("DELETE FROM records WHERE seq > 2")
    book._connection.execute("UPDATE meta SET value = 2 WHERE name = 'last_seq'")
    status = book.acknowledge(word)
    assert status.epoch != epoch
    assert (status.last_seq, status.acknowledged_seq) == (1, 0)
    assert book.notices == (TAIL_LOST,)
    assert not book.command(fastest, stamp=STAMP, now=NOW, local=lambda *_: {}), "obeyed once already"
    assert book.status().records_per_second == 9
    crossing = book.open_crossing()
    assert crossing is not None, "the traveller before the officer stays"
    with pytest.raises(WatermarkError, match="an earlier journal"):
        book.acknowledge(word)
    record(book, 2)
    assert book.verify().problems == ()
