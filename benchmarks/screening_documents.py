"""Documents: the index of numbers at scale, beside SQLite and LMDB on the same numbers.

    python benchmarks/screening_documents.py [FOLDER] --json [--count N] [--peers] [--peer-count N]

Numbers are generated, two letters and seven digits. Up to a few million they are hashed as the product
does; beyond,
the hashes themselves are drawn (BLAKE2b's are uniform, and hashing alone is timed apart), so that the
size, the
building, the pages and the searching are those of the real list. Cold reads are told in pages and bytes.
"""

import argparse
import datetime as dt
import json
import os
import random
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from appliance.screening.documents.build import CLASSES, changes_of
from appliance.screening.documents.changes import encode_changes
from appliance.screening.documents.elias_fano import Numbers
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.documents.hashing import NumberHasher
from appliance.screening.documents.kinds import Kinds
from appliance.screening.documents.pages import PAGE_BYTES
from appliance.screening.documents.search import NumberList, open_numbers
from appliance.screening.documents.spellings import spellings
from appliance.screening.documents.write import BATCH, Sorter, hash_bits_for, sorting_folder, write_index
from appliance.screening.lists import ListInfo, ListKind

KEY, EPOCH, STATE = bytes(range(32)), "2027", "UTO"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ISSUED = dt.datetime(2027, 3, 1, tzinfo=dt.UTC)
QUERIES = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", help="where the files are made; some 6 GB at 200 million"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=200_000_000)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--peer-count", type=int, default=10_000_000)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="borne-", dir=arguments.folder))
    try:
        answer: dict[str, Any] = {"count": arguments.count, "hashing_us": hashing()}
        answer |= ours(folder / "index", arguments.count)
        if arguments.peers:
            answer["peers"] = peers(folder, arguments.peer_count)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=1))
    return 0


def info(version: int = 1) -> ListInfo:
    return ListInfo(
        name="sltd",
        kind=ListKind.DOCUMENTS,
        version=version,
        issued_at=ISSUED,
        owner="o",
        legal_basis="l",
        contact="c",
        action="a",
        stale_after_hours=48.0,
    )


def number_of(play: random.Random) -> str:
    return f"{play.choice(LETTERS)}{play.choice(LETTERS)}{play.randrange(10**7):07d}"


def hashing(count: int = 200_000) -> float:
    """CPU microseconds to hash one number."""
    hasher = NumberHasher(KEY, epoch=EPOCH, kind="documents")
    numbers = [f"AB{number:07d}" for number in range(count)]
    began = time.process_time()
    for number in numbers:
        hasher.hash64(STATE, number)
    return round(1e6 * (time.process_time() - began) / count, 2)


def ours(path: Path, count: int) -> dict[str, Any]:
    began = time.process_time()
    build(path, count, np.random.default_rng(1))
    built = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = path.stat().st_size
    one = open_numbers(path, KEY)
    answer: dict[str, Any] = {
        "bytes": size,
        "bytes_a_record": round(size / one.info.entries, 3),
        "records": one.info.entries,
        "hash_bits": one.index.layout.hash_bits,
        "build_cpu_seconds": round(built, 1),
        "build_max_rss_mb": round(memory),
        "opened_directory_mb": round(one.index.header.pages * 12 / 1e6, 2),
    }
    answer |= searching(one)
    answer["daily_change_bytes"] = daily_change(one)
    one.close()
    answer["cold"] = cold(path)
    return answer


def build(path: Path, count: int, dice: np.random.Generator) -> None:
    hasher = NumberHasher(KEY, epoch=EPOCH, kind="documents")
    kinds = Kinds.at(CLASSES, ISSUED)
    with sorting_folder(path) as name:
        sorter = Sorter(Path(name))
        done = 0
        while done < count:
            some = min(BATCH * 8, count - done)
            hashes = dice.integers(0, 2**64, size=some, dtype=np.uint64)
            months = dice.integers(1, 180, size=some)
            payloads = (dice.integers(0, len(CLASSES), size=some) << kinds.month_bits) | months
            sorter.add(hashes, payloads.astype(np.uint32))
            done += some
        bits = hash_bits_for(count)
        write_index(
            path,
            sorter.sorted(bits),
            info=info(),
            kinds=kinds,
            epoch=EPOCH,
            key_id=hasher.key_id,
            hash_bits=bits,
            expected=count,
        )
        sorter.close()


def searching(one: NumberList) -> dict[str, Any]:
    """Travellers who are on no list: warm, cold, false positives; with all spellings of a number that
    fits."""
    play = random.Random(7)
    travellers = [number_of(play) for _ in range(QUERIES)]
    asked = 0
    false = 0
    took: list[float] = []
    pages = one.index.pages_read
    for number in travellers:
        asked += 1 + len(spellings(number, check_digit_fits=True))
        began = time.thread_time()
        false += bool(one.search(number, issuing_state=STATE, check_digit_fits=True))
        took.append(1e6 * (time.thread_time() - began))
    took.sort()
    read = one.index.pages_read - pages
    failing = [number_of(play) for _ in range(2000)]
    wide: list[float] = []
    for number in failing:
        began = time.thread_time()
        one.search(number, issuing_state=STATE, check_digit_fits=False)
        wide.append(1e6 * (time.thread_time() - began))
    wide.sort()
    single: list[float] = []
    for number in travellers[:5000]:
        began = time.thread_time()
        one.find(STATE, number)
        single.append(1e6 * (time.thread_time() - began))
    single.sort()
    density = one.info.entries / 2**one.index.layout.hash_bits
    mean = asked / QUERIES
    return {
        "spellings_mean": round(mean, 2),
        "pages_a_spelling": round(read / asked, 4),
        "cold_bytes_a_traveller": round(read / QUERIES * PAGE_BYTES),
        "lookup_us": {"p50": round(single[2500], 1), "p99": round(single[4950], 1)},
        "traveller_us": {"p50": round(took[QUERIES // 2], 1), "p99": round(took[int(QUERIES * 0.99)], 1)},
        "traveller_digit_wrong_us": {"p50": round(wide[1000], 1), "p99": round(wide[1980], 1)},
        "false_positives_measured": {"hits": false, "travellers": QUERIES},
        "false_positive_a_traveller_theory": density * mean,
    }


def cold(path: Path) -> dict[str, Any]:
    """After the kernel has dropped its caches, when it lets us: bytes read from the disk for one number
    each."""
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
        one = open_numbers(path, KEY)  # anew: pages that somebody has mapped are not dropped
        before = _read_bytes()
    except OSError:
        return {"dropped": False}
    play = random.Random(11)
    took = []
    for _ in range(500):
        began = time.perf_counter()
        one.find(STATE, number_of(play))
        took.append(1e3 * (time.perf_counter() - began))
    took.sort()
    return {
        "dropped": True,
        "bytes_a_lookup": round((_read_bytes() - before) / 500),
        "wall_ms": {"p50": round(took[250], 2), "p99": round(took[495], 2)},
    }


def _read_bytes() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


def daily_change(one: NumberList, added: int = 50_000, removed: int = 10_000) -> dict[str, int]:
    """A day's changes as they travel, before they are sealed and signed."""
    play = random.Random(3)
    # Reports of a day: mostly stolen or lost passports and cards, of this month.
    new = [
        DocumentEntry(
            number=f"{number_of(play)}{play.randrange(10)}",
            issuing_state=STATE,
            status=play.choices(
                (DocumentStatus.STOLEN, DocumentStatus.LOST, DocumentStatus.REVOKED), (30, 60, 10)
            )[0],
            document_type=play.choices(("P", "I", "V"), (60, 38, 2))[0],
            reported=play.choices(("2027-03", "2027-02", "2026-11"), (80, 15, 5))[0],
        )
        for _ in range(added)
    ]
    changes = changes_of(one, info=info(2), master_key=KEY, added=new)
    gone = np.sort(np.random.default_rng(5).choice(one.info.entries, size=removed, replace=False)).astype(
        np.uint64
    )
    import msgspec

    whole = encode_changes(msgspec.structs.replace(changes, removed=gone))
    return {"added": len(changes.hashes), "removed": len(gone), "bytes": len(whole)}


# Peers, on the same 64-bit hashes


def peers(folder: Path, count: int) -> dict[str, Any]:
    hashes = np.unique(np.random.default_rng(2).integers(0, 2**63, size=count, dtype=np.uint64))
    strangers = [
        int(one) for one in np.random.default_rng(3).integers(0, 2**63, size=QUERIES, dtype=np.uint64)
    ]
    answer: dict[str, Any] = {"count": len(hashes)}
    path = folder / "same"
    build(path, count, np.random.default_rng(2))
    one = open_numbers(path, KEY)
    shift = 64 - one.index.layout.hash_bits
    answer["ours"] = {
        "bytes_a_record": round(path.stat().st_size / one.info.entries, 2),
        "lookup_us": timed(lambda value: one.index.find(value << 1 >> shift), strangers),
    }
    answer["sqlite"] = sqlite_peer(folder / "sqlite", hashes, strangers)
    try:
        answer["lmdb"] = lmdb_peer(folder / "lmdb", hashes, strangers)
    except ImportError:
        answer["lmdb"] = "not installed"
    return answer


def sqlite_peer(path: Path, hashes: Numbers, strangers: list[int]) -> dict[str, Any]:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("CREATE TABLE numbers (hash INTEGER PRIMARY KEY, payload INTEGER)")

    def rows() -> Iterator[tuple[int, int]]:
        for value in hashes:
            yield int(value), int(value) & 0xFFF

    began = time.process_time()
    connection.executemany("INSERT INTO numbers VALUES (?, ?)", rows())
    connection.commit()
    built = time.process_time() - began
    query = "SELECT payload FROM numbers WHERE hash = ?"
    return {
        "bytes_a_record": round(path.stat().st_size / len(hashes), 2),
        "build_cpu_seconds": round(built, 1),
        "lookup_us": timed(lambda value: connection.execute(query, (value,)).fetchone(), strangers),
    }


def lmdb_peer(path: Path, hashes: Numbers, strangers: list[int]) -> dict[str, Any]:
    import lmdb

    environment = lmdb.open(str(path), map_size=8 * 1024**3, subdir=False, sync=False)
    began = time.process_time()
    with environment.begin(write=True) as transaction:
        cursor = transaction.cursor()
        for value in hashes:
            plain = int(value)
            cursor.put(plain.to_bytes(8, "big"), (plain & 0xFFF).to_bytes(2, "big"), append=True)
    built = time.process_time() - began
    stat = environment.stat()
    size = stat["psize"] * (stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"])
    with environment.begin(buffers=True) as reading:
        took = timed(lambda value: reading.get(value.to_bytes(8, "big")), strangers)
    return {
        "bytes_a_record": round(size / len(hashes), 2),
        "build_cpu_seconds": round(built, 1),
        "lookup_us": took,
    }


def timed(find: Any, values: list[int]) -> dict[str, float]:
    took = []
    for value in values:
        began = time.thread_time()
        find(value)
        took.append(1e6 * (time.thread_time() - began))
    took.sort()
    return {"p50": round(took[len(took) // 2], 2), "p99": round(took[int(len(took) * 0.99)], 2)}


if __name__ == "__main__":
    sys.exit(main())
