"""Button press to recommendation with everything simulated, split by step; idle and peak memory of the demo.

    python benchmarks/press_to_recommendation.py [--travellers N] [--json]

Two runs: devices at zero delay (what the box itself costs), and at realistic delays (what a traveller
waits: the MRZ reader 1 s, a camera frame 0.07 s, a chip at 424 kbit/s). The chip is read by the shipped pcsc
driver through pcscd where that can run. Figures are of this machine, whose name is in the answer.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from appliance.simulation.booth import Booth
from appliance.simulation.box import Box, beside
from appliance.simulation.chip import contactless, no_delay
from appliance.simulation.chip.pcscd import PcscdUnavailable, virtual_reader
from appliance.simulation.demo import REALISTIC_KBIT, Demo, DemoSettings
from appliance.simulation.officer import ScriptedOfficer, look_until
from appliance.simulation.world import World

IDLE_SECONDS = 5.0


async def run(world: World, slot: Any, *, realistic: bool, travellers: int) -> dict[str, Any]:
    demo = Demo(DemoSettings(headless=True, realistic=realistic))
    configuration = world.write_configuration(
        demo.devices(slot), kiosk_port=0, language="en", unattended=True
    )
    box = Box(configuration, transport="pcscd" if slot else "direct")
    seconds: list[float] = []
    steps: dict[str, list[float]] = {}
    async with beside(box.run()):
        await look_until(box.lane, lambda view: len(view.lists) >= 2)
        booth = Booth(
            screen=box.lane,
            devices=box.capture.all_devices,
            slot=slot,
            chip_delay=contactless(REALISTIC_KBIT) if realistic else no_delay,
        )
        async with beside(booth.run()):
            officer = ScriptedOfficer(box.lane, booth)
            first = box.lane.view().crossings + 1
            await officer.cross(first)  # the first one loads what the others find loaded
            for number in range(first + 1, first + 1 + travellers):
                crossing = await officer.cross(number)
                seconds.append(crossing.seconds)
                for name, took in box.lane.engine.step_seconds.items():
                    if name not in ("waiting", "deciding"):
                        steps.setdefault(name, []).append(took)
        await asyncio.sleep(IDLE_SECONDS)
        idle = memory_of_tree()
    box.lane.close()
    return {
        "travellers": travellers,
        "transport": box.transport,
        "seconds": spread(seconds),
        "steps": {name: spread(values) for name, values in steps.items()},
        "idle_memory_mb": idle,
    }


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 4),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4),
    }


def memory_of_tree() -> dict[str, float]:
    """Resident memory now and at its peak (VmRSS, VmHWM), in MB: this process, then all that it started."""
    found: dict[str, float] = {"now": 0.0, "peak": 0.0}
    for pid, name in [(os.getpid(), "box"), *descendants(os.getpid())]:
        values = status_of(pid)
        found[f"{name}_now"] = found.get(f"{name}_now", 0.0) + values.get("VmRSS", 0.0)
        found["now"] += values.get("VmRSS", 0.0)
        found["peak"] += values.get("VmHWM", 0.0)
    return {name: round(value, 1) for name, value in found.items()}


def descendants(parent: int) -> list[tuple[int, str]]:
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (folder / "stat").read_text().rsplit(")", 1)
            if int(fields[1].split()[1]) == parent:
                name = "central" if "python" in fields[0] else fields[0].split("(", 1)[1]
                found += [(int(folder.name), name), *descendants(int(folder.name))]
    return found


def status_of(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
    return {name: int(value.split()[0]) / 1024 for name, value in pairs}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="not used: everything is simulated")
    parser.add_argument("--travellers", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    answer: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    }
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(World(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        slot = None
        with contextlib.suppress(PcscdUnavailable):
            slot = stack.enter_context(virtual_reader())
        for name, realistic in (("zero_delay", False), ("realistic", True)):
            print(f"{name}: {arguments.travellers} travellers ...", file=sys.stderr)
            answer[name] = asyncio.run(run(world, slot, realistic=realistic, travellers=arguments.travellers))
    if arguments.json:
        print(json.dumps(answer))
    else:
        print(json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
