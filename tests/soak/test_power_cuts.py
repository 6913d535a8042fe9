"""Power cuts: what a process wrote, played again up to any moment, as a disk may keep it.

`powercut.c` logs every write, sync, truncation and deletion of a journal at work. A cut keeps what was
synced; of what was written after the last sync of a file each sector of 512 bytes may be there or not, in any
order (dropped, reordered, torn). Then the journal is opened as at a start, and must hold what was promised.
CUTS and SEED in the environment change how often; REPORT names a file for the figures. Deletions count as
durable at once, and the folders' own syncs are not modelled.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "appliance" / "records"))

from records_common import CENTRAL

from appliance.records.errors import StorageError
from appliance.records.journal import Journal
from appliance.records.keys import BoxKeys, load_box_keys

CUTS = int(os.environ.get("CUTS", "1000"))
CONTROL_CUTS = int(os.environ.get("CONTROL_CUTS", "150"))
SEED = int(os.environ.get("SEED", "1"))
WORKLOADS = 10
SECTOR = 512
HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no compiler")


@dataclass(frozen=True)
class Entry:
    """One thing that the process did to a file."""

    what: str
    name: str
    offset: int
    data: bytes


@dataclass
class Disk:
    """What is surely there, and what was written since each file's last sync."""

    lies: bool = False
    """It says that it has synced, and has not."""
    durable: dict[str, bytearray] = field(default_factory=dict)
    loose: dict[str, list[Entry]] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        if entry.what in "WT":
            self.loose.setdefault(entry.name, []).append(entry)
        elif entry.what == "S" and not self.lies:
            for one in self.loose.pop(entry.name, []):
                _apply(self.durable.setdefault(entry.name, bytearray()), one)
        elif entry.what == "D":
            self.durable.pop(entry.name, None)
            self.loose.pop(entry.name, None)

    def cut(self, chance: random.Random) -> dict[str, bytes]:
        """What is found after the power comes back."""
        files = {name: bytearray(content) for name, content in self.durable.items()}
        for name, entries in self.loose.items():
            file = files.setdefault(name, bytearray())
            kept = chance.random()  # from nothing of it to nearly all
            pieces = [piece for entry in entries for piece in _sectors(entry) if chance.random() < kept]
            if chance.random() < 0.5:
                chance.shuffle(pieces)
            for piece in pieces:
                _apply(file, piece)
        return {name: bytes(content) for name, content in files.items()}


def _sectors(entry: Entry) -> list[Entry]:
    if entry.what == "T":
        return [entry]
    found, at, end = [], entry.offset, entry.offset + len(entry.data)
    while at < end:
        next_at = min(end, (at // SECTOR + 1) * SECTOR)
        found.append(Entry("W", entry.name, at, entry.data[at - entry.offset : next_at - entry.offset]))
        at = next_at
    return found


def _apply(file: bytearray, entry: Entry) -> None:
    if entry.what == "T":
        del file[entry.offset :]
        file.extend(bytes(entry.offset - len(file)))
        return
    if len(file) < entry.offset:
        file.extend(bytes(entry.offset - len(file)))
    file[entry.offset : entry.offset + len(entry.data)] = entry.data


def _entries(log: bytes) -> list[Entry]:
    found, at = [], 0
    while at < len(log):
        what, offset = chr(log[at]), int.from_bytes(log[at + 1 : at + 9], "little")
        name_size, size = (int.from_bytes(log[at + n : at + n + 4], "little") for n in (9, 13))
        at += 17
        name = log[at : at + name_size].decode().removesuffix(" (deleted)")
        at += name_size
        found.append(Entry(what, Path(name).name, offset, log[at : at + size]))
        at += size
    return found


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("shim") / "powercut.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", str(target), str(HERE / "powercut.c"), "-ldl"], check=True
    )
    return target


def work(folder: Path, shim: Path, seed: int, synchronous: str = "FULL") -> tuple[list[Entry], BoxKeys]:
    """What a journal at work did, from its first file on."""
    keys = folder.with_name(f"{folder.name}-keys")
    box_keys = load_box_keys(keys)
    folder.mkdir()
    log = folder.with_name(f"{folder.name}.log")
    environment = {
        "LD_PRELOAD": str(shim), "POWERCUT_LOG": str(log), "POWERCUT_DIR": f"{folder}/",
        "POWERCUT_SYNCHRONOUS": synchronous,
    }  # fmt: skip
    subprocess.run(
        [sys.executable, str(HERE / "powercut_child.py"), str(folder), str(seed), str(keys)],
        env=os.environ | environment,
        check=True,
    )
    return _entries(log.read_bytes()), box_keys


def judge(image: Path, keys: BoxKeys, promised: tuple[int, int, int], crossing: str) -> str:
    """What is wrong with what a cut has left: nothing, damaged, or lost."""
    records, steps, acknowledged = promised
    try:
        book = Journal.open(image / "journal.db", keys=keys, central=CENTRAL, device="box-1")
    except StorageError:
        return "damaged"
    try:
        if book.notices or book.verify().problems:
            return "damaged"
        status = book.status()
        if status.last_seq < records or status.acknowledged_seq < acknowledged:
            return "lost"
        opened = book.open_crossing()
        found = 0 if opened is None or opened.crossing != crossing else len(opened.events)
        recorded = status.last_seq > records  # it was under way, and came through
    except StorageError:
        return "damaged"
    finally:
        book.close()
    return "" if found >= steps or recorded else "lost"


def cuts(
    tmp_path: Path, shim: Path, *, count: int, lies: bool = False, synchronous: str = "FULL"
) -> Counter[str]:
    """So many cuts at random moments of some workloads; what became of them."""
    chance = random.Random(SEED)
    tally: Counter[str] = Counter()
    workloads = max(1, min(WORKLOADS, count // 20))
    for number in range(workloads):
        entries, keys = work(tmp_path / f"work{number}", shim, SEED + number, synchronous)
        moments = sorted(chance.randrange(len(entries)) for _ in range(count // workloads))
        disk, at = Disk(lies=lies), 0
        promised, crossing = None, 1
        for moment in moments:
            while at <= moment:
                if entries[at].what == "M":
                    promised = tuple(int(word) for word in entries[at].data.split())
                    crossing += promised[1] == 1
                disk.take(entries[at])
                at += 1
            if promised is None:
                tally["before the first promise"] += 1
                continue
            image = tmp_path / "image"
            shutil.rmtree(image, ignore_errors=True)
            image.mkdir()
            for name, content in disk.cut(chance).items():
                if name != "marks" and not name.endswith("-shm"):
                    (image / name).write_bytes(content)
            tally[judge(image, keys, promised, f"c{crossing - 1}") or "whole"] += 1
    return tally


def report(name: str, tally: Counter[str]) -> None:
    print(json.dumps({name: tally}))
    if file := os.environ.get("REPORT"):
        with Path(file).open("a") as out:
            out.write(json.dumps({name: tally}) + "\n")


@pytest.mark.soak
def test_ok_a_thousand_power_cuts_lose_nothing(tmp_path: Path, shim: Path) -> None:
    tally = cuts(tmp_path, shim, count=CUTS)
    report("full", tally)
    assert tally["lost"] == tally["damaged"] == 0
    assert tally["whole"] > 0.9 * CUTS


def test_ok_some_power_cuts_lose_nothing(tmp_path: Path, shim: Path) -> None:
    tally = cuts(tmp_path, shim, count=24)
    assert (tally["lost"], tally["damaged"]) == (0, 0)


def test_fail_a_disk_that_lies_about_its_syncs_is_told_apart(tmp_path: Path, shim: Path) -> None:
    # Or the test above would pass whatever the journal did.
    tally = cuts(tmp_path, shim, count=16, lies=True)
    assert tally["lost"] + tally["damaged"] > 3


@pytest.mark.soak
@pytest.mark.parametrize(("synchronous", "lies"), [("NORMAL", False), ("OFF", False), ("FULL", True)])
def test_fail_what_a_careless_build_or_disk_would_lose(
    tmp_path: Path, shim: Path, synchronous: str, lies: bool
) -> None:
    tally = cuts(tmp_path, shim, count=CONTROL_CUTS, lies=lies, synchronous=synchronous)
    report(f"{synchronous.lower()}{', disk lies' if lies else ''}", tally)
    assert tally["lost"] + tally["damaged"] > 0
