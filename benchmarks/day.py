"""A working day replayed: a realistic mix of travellers before an officer who does what the box says.

    python benchmarks/day.py [--travellers 500] [--realistic 60] [--ordinary 20] [--families 1]

First the whole day with devices at no delay: throughput, memory at its beginning and its end, what was
recommended for whom. Then part of another day with devices as slow as real ones, with all the time that the
shipped policy gives (7 s of notice, 20 s for a chip that must be there), before an officer who thinks for 2 s
before each answer and each decision: what a traveller waits; then ordinary travellers alone. Last a family of
six at the same delays, from the first press to the last decision. The mix is in
`appliance/simulation/training/day.py`; everybody is invented.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from appliance.arenas import few_arenas
from appliance.contracts.checks import Outcome
from appliance.simulation.training.day import (
    DISHONEST,
    FAMILY,
    TO_REFER,
    family,
    ordinary_people,
    working_day,
)
from appliance.simulation.training.debrief import Attempt, matrix
from appliance.simulation.training.right_officer import as_the_box_says
from appliance.simulation.training.script import Book
from appliance.simulation.training.session import SessionSettings, TrainingSession

SETTLED = 25
"""After so many travellers all models and caches are loaded."""
THINKS = 2.0
"""Seconds before each answer and decision of the officer at real delays: an assumption."""


def run(book: Book, *, realistic: bool) -> dict[str, Any]:
    travellers = len(book.traveller)
    memory: list[tuple[int, float]] = []
    through: list[Attempt] = []
    ends: list[float] = []

    def done(attempt: Attempt) -> None:
        through.append(attempt)
        ends.append(time.monotonic())
        memory.append((len(through), resident_mb()))
        if len(through) % 25 == 0:
            print(
                f"{len(through)} of {travellers} are through, {memory[-1][1]:.0f} MB",
                file=sys.stderr,
                flush=True,
            )

    with tempfile.TemporaryDirectory() as results:
        settings = SessionSettings(
            book=book,
            seat="day",
            results=Path(results),
            headless=True,
            realistic=realistic,
            unhurried=realistic,
            admits=as_the_box_says,
            thinks=THINKS if realistic else 0.0,
            say=lambda words: print(words, file=sys.stderr),
            done=done,
        )
        TrainingSession(settings).run()
    answer = figures(through, ends[-1] - (ends[0] - through[0].seconds)) | {
        "memory_mb": {str(at): mb for at, mb in sampled(memory)}
    }
    return answer | {"load": [round(one, 1) for one in os.getloadavg()]}


def one_family(seed: int) -> dict[str, Any]:
    """Six people, as they come: each one's seconds, and those from the first press to the last decision."""
    book = family(seed)
    answer = run(book, realistic=True)
    assert answer["travellers"] == len(FAMILY)
    kept = ("first_press_to_last_decision", "to_recommendation", "to_decision", "box", "kinds", "load")
    return {key: answer[key] for key in kept}


def figures(through: list[Attempt], took: float) -> dict[str, Any]:
    """`took`: seconds from the first press to the last decision."""
    honest = [one for one in through if one.honest]
    to_admit = [one for one in honest if one.title.replace(" ", "_") not in TO_REFER]
    referred = [one for one in to_admit if one.act is not Outcome.ADMITTED]
    waited = [one.looked_seconds for one in through if one.looked_seconds is not None]
    plain = [one for one in through if one.title == "ordinary" and one.looked_seconds is not None]
    return {
        "travellers": len(through),
        "travellers_per_hour": round(3600 * len(through) / took),
        "first_press_to_last_decision": round(took, 1),
        "to_recommendation": spread(waited),
        "to_decision": spread([one.seconds for one in through]),
        "ordinary": {
            "travellers": len(plain),
            "to_recommendation": spread([one.looked_seconds or 0.0 for one in plain]),
            "to_decision": spread([one.seconds for one in plain]),
        },
        "box": matrix(through),
        "dishonest_green": [
            one.traveller
            for one in through
            if not one.honest and one.box is not None and one.box.value == "GREEN"
        ],
        "honest_to_admit": len(to_admit),
        "honest_referred": len(referred),
        "honest_referred_share": round(len(referred) / max(1, len(to_admit)), 4),
        "why_referred": {one.traveller: list(one.reasons) for one in referred},
        "kinds": kinds(through),
    }


def kinds(through: list[Attempt]) -> dict[str, dict[str, int]]:
    """Kind of traveller -> colour -> how many."""
    table: dict[str, dict[str, int]] = {}
    for one in through:
        row = table.setdefault(
            one.title + (" (lies)" if one.title.replace(" ", "_") in DISHONEST else ""), {}
        )
        colour = one.box.value if one.box else "unseen"
        row[colour] = row.get(colour, 0) + 1
    return dict(sorted(table.items()))


def spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 2),
        "max": round(ordered[-1], 2),
    }


def sampled(memory: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Where all is loaded, every fifth part of the day, and the end."""
    wanted = {SETTLED, len(memory), *(len(memory) * part // 5 for part in range(1, 5))}
    return [(at, round(mb, 1)) for at, mb in memory if at in wanted]


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def main() -> int:
    few_arenas()  # as `borne run` does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="not used: everything is simulated")
    parser.add_argument("--travellers", type=int, default=500)
    parser.add_argument("--realistic", type=int, default=60, help="travellers of the second part; 0: none")
    parser.add_argument("--ordinary", type=int, default=20, help="ordinary ones at real delays; 0: none")
    parser.add_argument("--families", type=int, default=1, help="families of six of the last part; 0: none")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    answer: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} at the start",
    }
    if arguments.travellers:
        answer["zero_delay"] = run(working_day(arguments.travellers, seed=9303), realistic=False)
    if arguments.realistic:
        answer["realistic"] = run(working_day(arguments.realistic, seed=9304), realistic=True)
    if arguments.ordinary:
        answer["ordinary"] = run(ordinary_people(arguments.ordinary, seed=9305), realistic=True)
    if arguments.families:
        answer["families"] = [one_family(seed) for seed in range(9306, 9306 + arguments.families)]
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
