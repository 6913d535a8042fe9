"""The hardware counter, with swtpm in the place of a TPM: emulated, and so said in docs/records.md."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from records_common import CENTRAL, commit, opened, word_for

from appliance.records import counter as counters
from appliance.records.book import COUNTER_LOST, TAIL_LOST
from appliance.records.counter import EVERY, TpmCounter
from appliance.records.envelope import verify
from appliance.records.errors import CounterError, StorageFull
from appliance.records.journal import Journal
from appliance.records.keys import load_box_keys

needs_swtpm = pytest.mark.skipif(
    not (shutil.which("swtpm") and shutil.which("tpm2_nvread")), reason="swtpm or tpm2-tools is not installed"
)


class Steps:
    """A counter as the journal sees one; `broken` does not answer."""

    def __init__(self, value: int = 1) -> None:
        self.value = value
        self.broken = False

    def read(self) -> int:
        if self.broken:
            raise CounterError("silent")
        return self.value

    def step(self) -> int:
        if self.broken:
            raise CounterError("silent")
        self.value += 1
        return self.value


def open_with(folder: Path, counter: object) -> Journal:
    keys = load_box_keys(folder / "keys")
    return Journal.open(folder / "journal.db", keys=keys, central=CENTRAL, device="box-1", counter=counter)


def fill(book: Journal, count: int) -> None:
    for _ in range(count):
        commit(book, f"c{book.status().epoch}-{book.status().last_seq + 1}")


def counters_in(book: Journal) -> list[int | None]:
    key = book._keys.signing.verify_key
    return [verify(one.envelope, verify_key_for=lambda _: key).header.counter for one in book.page(0, 256)]


def cut(folder: Path, last: int) -> None:
    """The newest records are gone, and whoever did it has cleaned up behind them."""
    import sqlite3

    connection = sqlite3.connect(folder / "journal.db", isolation_level=None)
    connection.execute("DELETE FROM records WHERE seq > ?", (last,))
    connection.execute("UPDATE meta SET value = ? WHERE name = 'last_seq'", (last,))
    connection.execute(
        "UPDATE meta SET value = (SELECT chain_hash FROM records WHERE seq = ?) WHERE name = 'last_hash'",
        (last,),
    )
    connection.close()


def test_ok__it_stands_in_signed_headers_and_steps(tmp_path: Path) -> None:
    counter = Steps(7)
    book = open_with(tmp_path, counter)
    fill(book, EVERY + 2)
    assert counters_in(book) == [7] * (EVERY - 1) + [8] * 3
    assert counter.value == 8
    book.close()
    book = open_with(tmp_path, counter)
    assert book.notices == ()
    book.close()


def test_ok__the_power_went_between_the_record_and_the_step(tmp_path: Path) -> None:
    counter = Steps(7)
    book = open_with(tmp_path, counter)
    fill(book, EVERY)
    book.close()
    counter.value = 7
    book = open_with(tmp_path, counter)
    assert (counter.value, book.notices) == (8, ())
    fill(book, 1)
    assert counters_in(book)[-1] == 8
    book.close()


def test_fail__the_end_was_cut_off_and_hidden(tmp_path: Path) -> None:
    counter = Steps()
    book = open_with(tmp_path, counter)
    fill(book, 2 * EVERY)
    epoch = book.status().epoch
    book.close()
    cut(tmp_path, EVERY - 1)
    book = open_with(tmp_path, None)
    assert book.verify().problems == (), "without the counter nothing can be seen of it"
    book.close()
    book = open_with(tmp_path, counter)
    assert book.notices == (TAIL_LOST,)
    assert book.status().epoch != epoch
    told = opened(book, 1)
    assert (told.type, told.body["what"], told.body["counter"], told.body["recorded"]) == (
        "tamper", "tail_lost", 3, 1,
    )  # fmt: skip
    fill(book, 3)
    book.close()
    book = open_with(tmp_path, counter)
    assert (book.status().last_seq, book.verify().problems) == (4, ())
    book.close()


def test_fail__another_counter_than_before(tmp_path: Path) -> None:
    book = open_with(tmp_path, Steps(100))
    fill(book, 2)
    book.close()
    book = open_with(tmp_path, Steps(1))
    assert book.notices == (COUNTER_LOST,)
    assert opened(book, 3).body["what"] == "counter_lost"
    assert book.status().last_seq == 3, "the journal goes on"
    book.close()


def test_ok__a_record_that_was_not_written_steps_nothing(tmp_path: Path) -> None:
    counter = Steps(7)
    book = open_with(tmp_path, counter)
    fill(book, EVERY - 1)
    pages = book._connection.execute("PRAGMA page_count").fetchone()[0]
    book._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StorageFull):
        commit(book, "large", picture=bytes(100_000))
    book._connection.execute("PRAGMA max_page_count = 1000000")
    book.acknowledge(word_for(book, 1))  # a transaction, and no record
    assert counter.value == 7
    book.close()
    book = open_with(tmp_path, counter)
    assert book.notices == ()
    fill(book, 1)
    assert (counter.value, counters_in(book)[-1]) == (8, 8)
    book.close()


def test_fail__it_falls_silent(tmp_path: Path) -> None:
    counter = Steps(7)
    book = open_with(tmp_path, counter)
    counter.broken = True
    fill(book, EVERY + 1)
    assert book.notices == (COUNTER_LOST,)
    assert book.status().last_seq == EVERY + 1
    book.close()
    book = open_with(tmp_path, counter)
    assert book.notices == (COUNTER_LOST,)
    assert counters_in(book)[-1] == 7
    book.close()
    counter.broken = False
    book = open_with(tmp_path, counter)
    assert book.notices == ()
    book.close()


# With a TPM


@pytest.fixture(scope="module")
def tcti(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulated TPM 2.0 of its own."""
    port = _free_pair()
    state = tmp_path_factory.mktemp("tpm")
    process = subprocess.Popen(
        [
            "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}",
            "--ctrl", f"type=tcp,port={port + 1},bindaddr=127.0.0.1",
            "--server", f"type=tcp,port={port},bindaddr=127.0.0.1",
            "--flags", "not-need-init,startup-clear",
        ]
    )  # fmt: skip
    try:
        yield f"swtpm:host=127.0.0.1,port={port}"
    finally:
        process.kill()
        process.wait()


def _free_pair() -> int:
    for _ in range(50):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return int(port)
    raise AssertionError("no two ports in a row")


def _patient(counter: TpmCounter) -> int:
    for _ in range(100):
        try:
            return counter.read()
        except CounterError:
            time.sleep(0.05)
    return counter.read()


@needs_swtpm
def test_ok__a_tpm_counts_and_a_copy_of_the_disk_is_found_out(tcti: str, tmp_path: Path) -> None:
    counter = TpmCounter(tcti)
    first = _patient(counter)
    assert counter.step() == first + 1
    assert TpmCounter(tcti).read() == first + 1
    book = open_with(tmp_path / "box", counter)
    fill(book, 3)
    book.close()
    shutil.copytree(tmp_path / "box", tmp_path / "copy")
    book = open_with(tmp_path / "box", counter)
    fill(book, EVERY)
    book.close()
    book = open_with(tmp_path / "box", counter)
    assert book.notices == ()
    book.close()
    book = open_with(tmp_path / "copy", counter)
    assert book.notices == (TAIL_LOST,)
    book.close()


def test_fail__no_tpm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "SECONDS", 5.0)
    with pytest.raises(CounterError):
        TpmCounter("swtpm:host=127.0.0.1,port=1").read()
    with pytest.raises(CounterError, match="cannot be run"):
        counters.run_tpm(["no-such-tool"], "x")
