"""15 posts of 3 lanes, nine days offline at 300 travellers a day; then the network, with two misfortunes.

All come back in one moment. When central has a third, a copy of it is made, and then each box has one more
traveller while it sends: the copy surely lacks some. At two thirds central is put back from it, and once more
when the boxes have its word for everything. One box never comes back: its disk is salvaged with a laptop's
certificate and none of its keys. At the end central's counts must be the truth's: entries, exits, and stays
put together from an entry at one post and an exit at another. POSTS, LANES, DAYS, A_DAY, SEED change the run;
REPORT=file keeps its figures.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import exercise
from kill_world import FORK, mosquitto_is_here

from appliance.records.keys import load_box_keys
from appliance.services.uplink.link import Credentials
from appliance.simulation.broker import CENTRAL, Broker
from central.keys import create_keys
from central.store import Store

POSTS = int(os.environ.get("POSTS", "15"))
LANES = int(os.environ.get("LANES", "3"))
DAYS = int(os.environ.get("DAYS", "9"))
A_DAY = int(os.environ.get("A_DAY", "300"))
SEED = int(os.environ.get("SEED", "1"))
LAST_SECONDS = 3600.0
LAPTOP = "laptop"
COPIES = "SELECT coalesce(sum(copies - 1), 0) FROM records"

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not mosquitto_is_here(), reason="mosquitto is missing"),
]


class Country:
    """The boxes, their broker and their central."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "central.db"
        self.keys = folder / "central-keys"
        create_keys(self.keys)
        devices = [exercise.device_of(post, lane) for post in range(POSTS) for lane in range(1, LANES + 1)]
        self.broker = Broker(folder / "broker", devices=[*devices, LAPTOP])
        acl = folder / "broker" / "acl"
        acl.write_text(acl.read_text() + f"\nuser {LAPTOP}\ntopic readwrite borne/v1/#\n")
        self.boxes: dict[str, exercise.Box] = {}
        store = Store(str(self.database))
        for post in range(POSTS):
            for lane in range(1, LANES + 1):
                device = exercise.device_of(post, lane)
                keys = load_box_keys(folder / device / "keys")
                with store.batch() as batch:
                    batch.register(device, bytes(keys.signing.verify_key), bytes(keys.sealing.public_key))
                access = self.broker.access(device)
                credentials = Credentials(access.host, access.port, access.ca, access.certificate, access.key)
                self.boxes[device] = exercise.Box(post, lane, folder / device, self.keys, credentials)
        store.close()
        self._receiver: subprocess.Popen[bytes] | None = None
        self._copies = 0

    def access(self, name: str) -> list[str]:
        access = self.broker.access(name)
        return ["--ca", str(access.ca), "--certificate", str(access.certificate), "--key", str(access.key)]

    def start_central(self) -> None:
        where = ["--host", self.broker.host, "--port", str(self.broker.port), *self.access(CENTRAL)]
        command = ["run", "--quiet", "--database", str(self.database), "--keys", str(self.keys), *where]
        with (self.folder / "central.log").open("ab") as log:
            self._receiver = subprocess.Popen(
                [sys.executable, "-m", "central.cli", *command], stdout=log, stderr=log
            )

    def stop_central(self) -> None:
        if self._receiver is not None:
            self._receiver.kill()
            self._receiver.wait()

    @contextlib.contextmanager
    def central_held(self) -> Iterator[None]:
        """Nothing more is committed for a moment."""
        assert self._receiver is not None
        self._receiver.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._receiver.send_signal(signal.SIGCONT)

    def restore_from(self, copy: Path) -> None:
        """As after a broken disk: what central had since the copy is gone."""
        self._copies += self.count(COPIES) - self.count(COPIES, copy)
        self.stop_central()
        for tail in ("", "-wal", "-shm"):
            Path(f"{self.database}{tail}").unlink(missing_ok=True)
        central("restore", "--database", str(self.database), str(copy))
        self.start_central()

    def count(self, query: str, database: Path | None = None) -> int:
        path = f"file:{database or self.database}?mode=ro"
        with sqlite3.connect(path, uri=True, timeout=60) as connection:
            return int(connection.execute(query).fetchone()[0])

    def copies(self) -> int:
        """Records that came once more, to this database and to those before it."""
        return self._copies + self.count(COPIES)

    def unsent(self, box: exercise.Box) -> int:
        """As the box's journal has it."""
        path = f"file:{box.folder / 'journal.db'}?mode=ro"
        with sqlite3.connect(path, uri=True, timeout=60) as connection:
            query = "SELECT name, value FROM meta WHERE name IN ('last_seq', 'acknowledged_seq')"
            meta = dict(connection.execute(query).fetchall())
        return int(meta["last_seq"]) - int(meta["acknowledged_seq"])

    def crossings(self) -> list[tuple[str, str]]:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=60) as connection:
            return connection.execute("SELECT device, crossing FROM crossings").fetchall()


def central(*words: str) -> str:
    return _run("central.cli", *words)


def _run(module: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def wait_for(wanted, what: str) -> None:
    deadline = time.monotonic() + LAST_SECONDS
    while not wanted():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def test_ok_what_central_counts_is_what_happened(tmp_path: Path) -> None:
    dice, truth = random.Random(SEED), exercise.Truth()
    found = list(exercise.trips(posts=POSTS, lanes=LANES, days=DAYS, a_day=A_DAY, dice=dice))
    by_device = exercise.movements(found, truth)
    total = truth.entries + truth.exits
    country = Country(tmp_path)
    began = time.monotonic()
    dead = max(by_device, key=lambda device: len(by_device[device]))
    late = {device: [ones.pop()] for device, ones in by_device.items() if device != dead}
    with FORK.Pool(os.cpu_count()) as pool:  # each box's own journal, with its own keys, sealed and signed
        pool.starmap(exercise.record, [(country.boxes[device], ones) for device, ones in by_device.items()])
    recording = time.monotonic() - began
    on_disk = [
        sum(file.stat().st_size for file in box.folder.glob("journal.db*")) for box in country.boxes.values()
    ]
    print(f"{total} crossings recorded in {recording:.0f} s", flush=True)

    processes, go_on = [], FORK.Event()
    with country.broker:
        country.start_central()
        began = time.monotonic()
        try:
            for post in range(POSTS):
                boxes = [box for box in country.boxes.values() if box.post == post and box.device != dead]
                processes.append(
                    FORK.Process(target=exercise.run_post, args=(boxes, late, go_on), daemon=True)
                )
                processes[-1].start()
            crossings = "SELECT count(*) FROM crossings"
            # What is committed and acknowledged: the crossings are derived from it, and follow.
            records = "SELECT count(*) FROM records"
            living = total - len(by_device[dead])
            wait_for(lambda: country.count(records) >= living / 3, "a third")
            with country.central_held():
                central("backup", "--database", str(country.database), str(tmp_path / "copy.db"))
            at_copy = country.count(records, tmp_path / "copy.db")
            go_on.set()
            wait_for(lambda: country.count(records) >= max(2 * living / 3, at_copy + 1), "two thirds")
            lost_with_the_disk = country.count(records) - at_copy
            print(f"two thirds after {time.monotonic() - began:.0f} s", flush=True)
            country.restore_from(tmp_path / "copy.db")
            wait_for(lambda: country.count(crossings) >= living, "all but the dead box's")
            # Once more, when the boxes have central's word for everything: now it has to ask them.
            alive = [box for box in country.boxes.values() if box.device != dead]
            wait_for(lambda: not any(country.unsent(box) for box in alive), "every box has heard it")
            country.restore_from(tmp_path / "copy.db")
            wait_for(lambda: country.count(crossings) >= living, "all of it again")
            salvaged = _run(
                "appliance.cli", "records", "salvage", str(country.boxes[dead].folder), "--broker",
                f"{country.broker.host}:{country.broker.port}", *country.access(LAPTOP),
                "--watermark-key", str(country.keys / "watermark.pub"), "--patience", "600", "--json",
            )  # fmt: skip
            wait_for(lambda: country.count(crossings) >= total, "all")
            seconds = time.monotonic() - began
        finally:
            for process in processes:
                process.kill()
                process.join()
            country.stop_central()
        there = country.crossings()
        copies = country.copies()
        stays = country.count("SELECT count(*) FROM stays WHERE state = 'complete'")
        other_posts = country.count(
            "SELECT count(*) FROM stays WHERE state = 'complete' AND entry_post != exit_post"
        )
        entries = country.count("SELECT count(*) FROM crossings WHERE direction = 'entry'")
        resyncs = country.count("SELECT count(*) FROM commands WHERE kind = 'resync'")
        refused = country.count("SELECT count(*) FROM refused")
    wanted = {(device, crossing) for device, names in truth.by_device.items() for crossing in names}
    figures = {
        "posts": POSTS, "lanes": LANES, "days": DAYS, "a_day": A_DAY, "seed": SEED,
        "crossings": total,
        "at_central": len(there),
        "lost": len(wanted - set(there)),
        "doubled": len(there) - len(set(there)),
        "entries": [truth.entries, entries],
        "exits": [truth.exits, len(there) - entries],
        "stays": [truth.stays, stays],
        "stays_between_posts": other_posts,
        "lost_by_the_restore_and_sent_again": lost_with_the_disk,
        "resync_commands": resyncs,
        "salvaged": json.loads(salvaged.splitlines()[-1])["sent"],
        "copies_removed": copies,
        "refused": refused,
        "recording_seconds": round(recording),
        "seconds_from_reconnection": round(seconds),
        "box_journal_megabytes": [round(min(on_disk) / 1e6, 1), round(max(on_disk) / 1e6, 1)],
        "load_average": [round(one, 1) for one in os.getloadavg()],
        "central_megabytes": round(sum(f.stat().st_size for f in tmp_path.glob("central.db*")) / 1e6, 1),
    }  # fmt: skip
    print(json.dumps(figures))
    if report := os.environ.get("REPORT"):
        Path(report).write_text(json.dumps(figures) + "\n")
    assert set(there) == wanted
    assert len(there) == total
    assert entries == truth.entries
    assert stays == other_posts == truth.stays
    assert refused == 0
    assert lost_with_the_disk > 0
    assert resyncs > 0
    for device, box in country.boxes.items():
        journal = exercise.open_journal(box)
        assert journal.verify().problems == (), device
        journal.close()
