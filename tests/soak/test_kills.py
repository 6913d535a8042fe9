"""The promise "nothing lost, nothing doubled", by kill -9 at random moments: `make soak`.

The box (all four services, its journal and its open crossing) runs scripted crossings in a process of
its own and is killed and begun again; the broker and central's receiver are killed meanwhile. At the
end this test itself counts what is committed on the box and what is in central's database.
KILLS and BROKER_KILLS in the environment change how often; REPORT names a file for the figures.
"""

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.simulation.world import DeviceTable, World

KILLS = int(os.environ.get("KILLS", "50"))
BROKER_KILLS = int(os.environ.get("BROKER_KILLS", "20"))
RECEIVER_KILLS = int(os.environ.get("RECEIVER_KILLS", "10"))
SEED = int(os.environ.get("SEED", "1"))
LAST_SECONDS = 180.0

pytestmark = pytest.mark.soak


def configuration(world: World) -> Path:
    devices = (
        DeviceTable("document_reader", "simulated", {"delay": 0.05}),
        DeviceTable("camera", "simulated", {"delay": 0.05}),
        DeviceTable("panel", "simulated", {}),
    )
    return world.write_configuration(devices, kiosk_port=0, language="en", unattended=True)


def start_box(config: Path, travellers: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "appliance.simulation.unattended", str(config), str(travellers)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def committed(journal: Path) -> dict[str, int]:
    """Crossing -> number, as the box has committed them; media and other records have names with a slash."""
    if not journal.exists():
        return {}  # killed before it had begun one
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
        query = "SELECT crossing, seq FROM records WHERE crossing NOT LIKE '%/%'"
        return dict(connection.execute(query))


def numbers(journal: Path) -> list[int]:
    """Of all its records."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM records ORDER BY seq")]


def central_crossings(database: Path) -> list[str]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return [row[0] for row in connection.execute("SELECT crossing FROM crossings")]


def test_ok_no_record_is_lost_or_doubled_by_kills_at_random_moments(tmp_path):
    dice = random.Random(SEED)
    began = time.monotonic()
    killed = {"box": 0, "broker": 0, "receiver": 0}
    mid_crossing = steps = 0
    with World(tmp_path) as world:
        config = configuration(world)
        journal = tmp_path / "box" / "data" / "journal.db"
        log = tmp_path / "box.log"
        plan = ["box"] * KILLS + ["broker"] * BROKER_KILLS + ["receiver"] * RECEIVER_KILLS
        dice.shuffle(plan)
        box = start_box(config, 10**9, log)
        for victim in plan:
            if box.poll() is not None:
                pytest.fail(f"the box ended by itself:\n{log.read_text()[-3000:]}")
            # Some kills hit a start, which takes a second or, on a busy machine, a minute; most a crossing.
            if victim == "box" and dice.random() < 0.8:
                wait_for_a_step(journal, after=steps)
            time.sleep(dice.uniform(0.0, 1.5))
            if victim == "box":
                box.kill()
                box.wait()
                mid_crossing += steps_taken(journal) > steps and open_crossing(journal)
                steps = steps_taken(journal)
                box = start_box(config, 10**9, log)
            elif victim == "broker":
                world.broker.kill()
                time.sleep(dice.uniform(0.0, 0.5))
                world.broker.start()
            else:
                world.stop_receiver(kill=True)
                world.start_receiver()
            killed[victim] += 1
        box.kill()
        box.wait()
        recorded = len(committed(journal))
        last = subprocess.run(
            [sys.executable, "-m", "appliance.simulation.unattended", str(config), str(recorded + 1)],
            timeout=LAST_SECONDS,
            capture_output=True,
            check=False,
        )
        assert last.returncode == 0, last.stderr.decode()[-3000:]
        on_box, all_numbers = committed(journal), numbers(journal)
        while (counted := world.count())["waiting"]:
            time.sleep(0.2)  # committed and acknowledged; the columns follow
        at_central = central_crossings(world.database)
    lost = set(on_box) - set(at_central)
    doubled = len(at_central) - len(set(at_central))
    figures = {
        "kills": killed,
        "killed_within_a_crossing": mid_crossing,
        "committed_on_the_box": len(on_box),
        "counted_at_central": len(at_central),
        "lost": len(lost),
        "doubled": doubled,
        "removed_duplicates": counted["duplicates"],
        "refused": counted["refused"],
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(figures))
    if report := os.environ.get("REPORT"):
        Path(report).write_text(json.dumps(figures) + "\n")
    assert all_numbers == list(range(1, len(all_numbers) + 1)), "a number is missing or doubled"
    assert mid_crossing > KILLS / 10, "these kills met nobody under way"
    assert not lost
    assert not doubled
    assert set(at_central) == set(on_box)
    assert counted["refused"] == 0


def wait_for_a_step(journal: Path, *, after: int) -> None:
    deadline = time.monotonic() + LAST_SECONDS
    while steps_taken(journal) <= after:
        assert time.monotonic() < deadline, "the box begins nothing"
        time.sleep(0.02)


def steps_taken(journal: Path) -> int:
    """All that the box has ever put on disk of its crossings."""
    return _of_the_steps(journal, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence")


def open_crossing(journal: Path) -> bool:
    """Whether the box was killed in the middle of a crossing."""
    return bool(_of_the_steps(journal, "SELECT count(*) FROM events"))


def _of_the_steps(journal: Path, query: str) -> int:
    steps = journal.with_name("steps.db")
    if not steps.exists():
        return 0
    with sqlite3.connect(f"file:{steps}?mode=ro", uri=True) as connection:
        try:
            return int(connection.execute(query).fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # killed before its tables were made
