"""A dead box's records read from its disk, whole or damaged, with no key of the box."""

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records_common import commit, open_in, word_for

from appliance.records.errors import StorageBroken
from appliance.records.salvage import Salvage, journals_on


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Five records, two of them acknowledged, and the steps of a crossing; part of it still in the log."""
    box = open_in(tmp_path / "disk")
    for number in range(1, 6):
        commit(box, f"c{number}", picture=bytes(9000))
    box.acknowledge(word_for(box, 2))
    box.append_event("c6", "begun", b"1")
    dead = tmp_path / "dead"
    shutil.copytree(tmp_path / "disk", dead)  # as it lies there while the box runs: the power is cut now
    box.close()
    shutil.rmtree(dead / "keys")
    return dead


def work_in(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir(exist_ok=True)
    return tmp_path / "work"


def test_ok__what_was_not_sent_and_the_disk_as_it_was(disk: Path, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in disk.iterdir()}
    (source,) = journals_on(disk)
    with Salvage.open(source, work_in(tmp_path)) as salvage:
        assert (salvage.device, salvage.acknowledged_seq, salvage.last_seq) == ("box-1", 2, 5)
        assert [record.seq for record in salvage.records(2)] == [3, 4, 5]
        assert salvage.missing == ()
        assert all(record.envelope.startswith(b"\xd2\x84") for record in salvage.records(0))
    assert {file.name: file.read_bytes() for file in disk.iterdir()} == before


def test_ok__the_log_counts_and_one_that_lies_there_from_before_does_not(disk: Path, tmp_path: Path) -> None:
    assert (disk / "journal.db-wal").stat().st_size > 0
    work = work_in(tmp_path)
    for tail in ("", "-wal", "-shm"):
        (work / f"journal.db{tail}").write_bytes(b"of the disk before")
    with Salvage.open(disk / "journal.db", work) as salvage:
        assert salvage.last_seq == 5


def test_ok__a_journal_that_was_set_aside(disk: Path, tmp_path: Path) -> None:
    for tail in ("", "-wal"):
        (disk / f"journal.db{tail}").rename(disk / f"journal.db.corrupt-20261102T080000Z-aa{tail}")
    (source,) = journals_on(tmp_path / "dead")
    with Salvage.open(source, work_in(tmp_path)) as salvage:
        assert [record.seq for record in salvage.records(0)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("seed", range(8))
def test_ok__a_page_of_noise_costs_no_more_than_its_records(disk: Path, tmp_path: Path, seed: int) -> None:
    with Salvage.open(disk / "journal.db", work_in(tmp_path)) as salvage:
        salvage._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = bytearray((tmp_path / "work" / "journal.db").read_bytes())
    chance = random.Random(seed)
    at = 4096 * chance.randrange(1, len(whole) // 4096)
    whole[at : at + 4096] = chance.randbytes(4096)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(whole)
    try:
        with Salvage.open(damaged, work_in(tmp_path)) as salvage:
            read = [record.seq for record in salvage.records(0)]
            assert salvage.device == "box-1"
            assert set(salvage.missing).isdisjoint(read)
            assert len(read) >= 4 or len(read) + len(salvage.missing) >= 3
    except StorageBroken:
        pass  # the page that everything hangs on


def test_ok__whose_it_was_when_the_records_do_not_say(tmp_path: Path) -> None:
    open_in(tmp_path / "disk").close()
    with Salvage.open(tmp_path / "disk" / "journal.db", work_in(tmp_path)) as salvage:
        assert (salvage.device, salvage.last_seq, list(salvage.records(0))) == ("box-1", 0, [])


def test_ok__meta_that_is_damaged_sends_everything(disk: Path, tmp_path: Path) -> None:
    with Salvage.open(disk / "journal.db", work_in(tmp_path)) as salvage:
        salvage._connection.execute("UPDATE meta SET value = 'x' WHERE name = 'acknowledged_seq'")
        salvage._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other = tmp_path / "other.db"
    shutil.copy(tmp_path / "work" / "journal.db", other)
    with Salvage.open(other, work_in(tmp_path)) as salvage:
        assert (salvage.acknowledged_seq, salvage.last_seq) == (0, 5)


def test_fail__a_row_that_says_it_is_another(disk: Path, tmp_path: Path) -> None:
    with Salvage.open(disk / "journal.db", work_in(tmp_path)) as salvage:
        salvage._connection.execute("UPDATE records SET envelope = x'd284' WHERE seq = 4")
        assert [record.seq for record in salvage.records(2)] == [3, 5]


def test_fail__nothing_there(tmp_path: Path) -> None:
    with pytest.raises(StorageBroken, match="no journal"):
        journals_on(tmp_path)
    with pytest.raises(StorageBroken, match="cannot be copied"):
        Salvage.open(tmp_path, work_in(tmp_path))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_fail__any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "journal.db").write_bytes(data)
    with pytest.raises(StorageBroken):
        Salvage.open(folder / "journal.db", work_in(folder))
