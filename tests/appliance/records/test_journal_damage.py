"""What the journal does with a file that is damaged or foreign, and with a disk that is really full."""

import random
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from records_common import CENTRAL_SEALING, STAMP, commit, open_in

from appliance.records import envelope
from appliance.records.book import SET_ASIDE
from appliance.records.errors import StorageError


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The file of a journal with three records and an open crossing."""
    box = open_in(tmp_path)
    for number in range(3):
        commit(box, f"c{number}", picture=bytes(9000))
    box.append_event("open", "begun", b"1")
    box.close()
    return tmp_path / "journal.db"


def set_aside(file: Path) -> list[Path]:
    return sorted(file.parent.glob("journal.db.corrupt-*"))


def begins_anew(file: Path) -> None:
    """Opening keeps the damaged bytes aside, says so, and works on under a new epoch."""
    damaged = file.read_bytes()
    box = open_in(file.parent)
    try:
        assert box.notices == (SET_ASIDE,)
        assert damaged in [kept.read_bytes() for kept in set_aside(file)], "nothing is deleted"
        assert box.status().last_seq == 0
        crossing = box.open_crossing()
        assert crossing is not None, "the traveller before the officer lies in another file"
        assert crossing.events == (b"1",)
        assert commit(box, "again") == 1
        epoch = box.status().epoch
    finally:
        box.close()
    box = open_in(file.parent)
    assert box.notices == (SET_ASIDE,), "the notice stands as long as the file does"
    assert box.status().epoch == epoch
    assert len([kept for kept in set_aside(file) if not kept.name.endswith(("-wal", "-shm"))]) == 1
    box.close()


def test_ok__an_undamaged_one_goes_on(written: Path) -> None:
    box = open_in(written.parent)
    assert (box.notices, box.status().last_seq) == ((), 3)
    assert box.open_crossing().events == (b"1",)
    box.close()


def test_fail__no_database(written: Path) -> None:
    written.write_bytes(b"this is no database " * 500)
    begins_anew(written)


def test_fail__zeroes(written: Path) -> None:
    # What many a card returns after a power cut: the right length, and nothing in it.
    written.write_bytes(bytes(written.stat().st_size))
    begins_anew(written)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_fail__truncated(written: Path, part: float) -> None:
    written.write_bytes(written.read_bytes()[: int(written.stat().st_size * part)])
    begins_anew(written)


def test_fail__the_schema_page(written: Path) -> None:
    data = bytearray(written.read_bytes())
    data[100:4096] = random.Random(1).randbytes(3996)
    written.write_bytes(data)
    begins_anew(written)


@pytest.mark.parametrize("seed", range(12))
def test_fail__a_page_of_noise_is_found_at_once_or_by_the_walk(written: Path, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(written.read_bytes())
    at = 4096 * chance.randrange(1, len(data) // 4096)
    data[at : at + 4096] = chance.randbytes(4096)
    written.write_bytes(data)
    box = open_in(written.parent)
    try:
        if box.notices:
            assert bytes(data) in [kept.read_bytes() for kept in set_aside(written)]
        else:
            spare = sqlite3.connect(written).execute("PRAGMA freelist_count").fetchone()[0]
            assert box.verify().problems or spare, "a page of a record's middle: its signature tells"
    finally:
        box.close()


@pytest.mark.parametrize(
    ("word", "damaged"),
    [
        (b"records", b"rec\x80rds"),
        (b"envelope BLOB", b"envelop\x80 BLOB"),
        (b"envelope BLOB", b"envelopf BLOB"),
        (b"chain_hash", b"chain_hush"),
        (b"last_seq", b"last_\xffeq"),
        (b"last_seq", b"last_saq"),
        (b"acknowledged_at", b"acknowledged_it"),
        (b"last_hash", b"last_hush"),
        (b"box-1", b"\x80ox-1"),
    ],
)
def test_fail__a_flipped_bit_that_sqlites_own_check_passes_over(
    written: Path, word: bytes, damaged: bytes
) -> None:
    data = written.read_bytes()
    assert word in data
    written.write_bytes(data.replace(word, damaged))
    begins_anew(written)


def test_fail__another_programs_database(written: Path) -> None:
    written.unlink()
    with sqlite3.connect(written) as connection:
        connection.execute("CREATE TABLE meta (name, value)")
        connection.execute("CREATE TABLE events (id, crossing, sealed)")
    connection.close()
    begins_anew(written)


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 3",
        "PRAGMA application_id = 1",
        "DROP TABLE meta",
        "DROP TABLE marks",
        "DELETE FROM meta WHERE name = 'last_seq'",
        "DELETE FROM meta WHERE name = 'base_seq'",
        "UPDATE meta SET value = '1 2 3' WHERE name = 'gaps'",
    ],
)
def test_fail__a_journal_of_another_shape(written: Path, statement: str) -> None:
    connection = sqlite3.connect(written, isolation_level=None)
    connection.execute(statement)
    connection.close()
    begins_anew(written)


@pytest.mark.parametrize("left", ["nothing", "empty"])
def test_fail__the_log_without_its_database(written: Path, tmp_path: Path, left: str) -> None:
    # SQLite deletes a log whose database is empty: what it holds would be gone without a word.
    box = open_in(tmp_path)
    commit(box, "in the log")
    log = Path(f"{written}-wal").read_bytes()
    box._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    box.close()
    Path(f"{written}-wal").write_bytes(log)
    written.unlink()
    if left == "empty":
        written.touch()
    box = open_in(tmp_path)
    assert box.notices == (SET_ASIDE,)
    box.close()
    assert log in [kept.read_bytes() for kept in set_aside(written)]


# Written by someone who can write the file


def test_fail__an_end_cut_off_and_hidden(written: Path) -> None:
    with sqlite3.connect(written) as connection:
        connection.execute("DELETE FROM records WHERE seq = 3")
        connection.execute("UPDATE meta SET value = 2 WHERE name = 'last_seq'")
    connection.close()
    box = open_in(written.parent)
    assert box.verify().problems == ("record 2: it is not the one that was recorded last",)
    box.close()


def test_fail__a_record_of_another_branch(written: Path, box_keys) -> None:
    # Rightly signed by this box, but not in this place: as when a card was copied and went on twice.
    box = open_in(written.parent)
    data, chain_hash = envelope.seal(
        record_type="movement",
        body={},
        device="box-1",
        epoch=box.status().epoch,
        seq=3,
        prev=bytes(range(32)),
        stamp=STAMP,
        signing_key=box_keys.signing,
        recipient=CENTRAL_SEALING.public_key,
    )
    box._connection.execute(
        "UPDATE records SET envelope = ?, chain_hash = ? WHERE seq = 3", (data, chain_hash)
    )
    assert box.verify().problems == ("record 3: it does not follow the record before it",)
    box.close()


# How it is written


def test_ok__how_sqlite_is_told_to_write(written: Path) -> None:
    box = open_in(written.parent)
    assert box._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert box._connection.execute("PRAGMA synchronous").fetchone() == (2,), "NORMAL loses rows"
    assert box._connection.execute("PRAGMA secure_delete").fetchone() == (1,)
    steps = box._steps._connection
    assert steps.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert steps.execute("PRAGMA synchronous").fetchone() == (2,)
    assert steps.execute("PRAGMA secure_delete").fetchone() == (1,)
    box.close()
    assert {file.stat().st_mode & 0o077 for file in written.parent.glob("*.db*")} == {0}


def test_ok__numbers_that_no_database_counts_to(written: Path) -> None:
    # A number in a request from another process has no bound of its own.
    box = open_in(written.parent)
    assert box.page(10**30, 5) == ()
    assert [record.seq for record in box.page(-(10**30), 10**30)] == [1, 2, 3]
    box.close()


# A full disk


def test_fail__a_file_that_may_not_grow(written: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    box = open_in(written.parent)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError):
            commit(box, "open", picture=bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert box.open_crossing().events == (b"1",)
    assert commit(box, "open", picture=bytes(200_000)) == 4
    assert box.verify().problems == ()
    box.close()


FULL_DISK = """
import pathlib, sys
sys.path.insert(0, sys.argv[2])
import records_common as j
from appliance.records.errors import StorageFull
folder = pathlib.Path(sys.argv[1])
box = j.open_in(folder)
ballast = folder / "ballast"
ballast.write_bytes(bytes(1_500_000))  # with secure_delete, ending a crossing writes its pages once more
kept = 0
try:
    while True:
        box.append_event("c1", "step", bytes(10_000))
        kept += 1
except StorageFull:
    pass
assert kept and len(box.open_crossing().events) == kept
ballast.unlink()
box.append_event("c1", "step", b"the same again")
assert j.commit(box, "c1", picture=bytes(20_000)) == 1
box.close()
box = j.open_in(folder)
assert box.notices == () and box.verify().problems == () and box.status().last_seq == 1
print("as it should")
"""


def test_fail__a_disk_that_is_really_full(tmp_path: Path) -> None:
    inside = 'mount -t tmpfs -o size=2400k none "$1" && exec "$2" -c "$3" "$1" "$4"'
    arguments = ["sh", str(tmp_path), sys.executable, FULL_DISK, str(Path(__file__).parent)]
    probe = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*probe, "mount", "-t", "tmpfs", "none", str(tmp_path)], check=False).returncode:
        pytest.skip("no file system of one's own can be mounted here")
    done = subprocess.run(
        [*probe, "sh", "-c", inside, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout == "as it should\n", done.stderr
