"""1,000 kills of the sending process, 200 of the broker, 100 of central, in one run beside two other builds.

Borne's build must lose nothing and double nothing. The others are run beside it, so that it is seen that
these kills do lose records for who deletes at PUBACK or trusts a bridge; a run in which they lose nothing has
tested little, and fails. KILLS, BROKER_KILLS, RECEIVER_KILLS and SEED change the run; REPORT=file keeps its
figures.
"""

import json
import os
import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kill_world import BUILDS, KillWorld, mosquitto_is_here

KILLS = int(os.environ.get("KILLS", "1000"))
BROKER_KILLS = int(os.environ.get("BROKER_KILLS", "200"))
RECEIVER_KILLS = int(os.environ.get("RECEIVER_KILLS", "100"))
SEED = int(os.environ.get("SEED", "1"))
PER_SECOND = float(os.environ.get("PER_SECOND", "20"))
SETTLE_SECONDS = 900.0

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not mosquitto_is_here(), reason="mosquitto is missing"),
]


def test_ok_nothing_is_lost_where_deleting_at_puback_and_a_bridge_lose(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    began = time.monotonic()
    plan = ["process"] * KILLS + ["broker"] * BROKER_KILLS + ["receiver"] * RECEIVER_KILLS
    dice.shuffle(plan)
    with KillWorld(tmp_path, per_second=PER_SECOND) as world:
        for number, victim in enumerate(plan, start=1):
            time.sleep(dice.uniform(0.05, 0.6))
            world.kill(victim, dice)
            if number % 50 == 0:
                print(f"{number} of {len(plan)} kills, {time.monotonic() - began:.0f} s", flush=True)
        world.settle(SETTLE_SECONDS)
        figures = {
            "kills": {"process": KILLS, "broker": BROKER_KILLS, "receiver": RECEIVER_KILLS},
            "seed": SEED,
            "seconds": 0,
            "refused": world.refused(),
        }
        for build in BUILDS:
            on_box, there = world.committed(build), world.at_central(build)
            figures[build] = {
                "committed": len(on_box),
                "at_central": len(there),
                "lost": len(set(on_box) - set(there)),
                "doubled": len(there) - len(set(there)),
                "invented": len(set(there) - set(on_box)),
                "copies_removed": world.copies(build),
                "chain_problems": len(world.problems(build)),
                "numbers_without_a_gap": sorted(on_box.values()) == list(range(1, len(on_box) + 1)),
            }
        figures["seconds"] = round(time.monotonic() - began)
    print(json.dumps(figures))
    if report := os.environ.get("REPORT"):
        Path(report).write_text(json.dumps(figures) + "\n")
    ours = figures["uplink"]
    assert ours["committed"] > 0
    wanted = {"lost": 0, "doubled": 0, "invented": 0, "chain_problems": 0, "numbers_without_a_gap": True}
    assert {name: ours[name] for name in wanted} == wanted
    assert figures["refused"] == 0
    if KILLS >= 100:
        assert figures["puback"]["lost"] > 0, "these kills tell no difference"
