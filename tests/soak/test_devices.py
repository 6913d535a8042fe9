"""Endurance of the device layer: plugs pulled and put back, and faults, by the thousand: `make soak`.

The shipped drivers, on the conformance suite's emulators, kept by the shipped device manager; the events of
the buses come by hand, so that ten thousand of them take minutes. CYCLES and FAULTS in the environment change
how many; REPORT names a file for the figures.
"""

import gc
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "hal"))

from conformance import barcodes, cameras, on_a_pty, pcsc, simulated, wedges

from hal import slot as slot_module
from hal.device import DeviceGone, HalError, State
from hal.discovery import Found
from hal.families import Configured, Family
from hal.manager import DeviceManager

CYCLES = int(os.environ.get("CYCLES", "10000"))
FAULTS = int(os.environ.get("FAULTS", "1000"))
SEED = int(os.environ.get("SEED", "1"))
SETTLED = 0.1
"""Of all: after so much nothing may grow any more; before it caches and pools fill."""
MOST_GROWTH = 4_000_000
"""Bytes of resident memory from there on; a leak of 500 bytes a cycle would be more."""

BENCHES = (
    on_a_pty.RteNative, on_a_pty.Desko, barcodes.SerialBarcode, wedges.WedgeLines, cameras.V4l2,
    pcsc.ScriptedDaemon, simulated.SimulatedCamera, simulated.SimulatedSensor,
)  # fmt: skip

pytestmark = pytest.mark.soak


class Measured:
    """Threads, descriptors and memory, at the start and after everything has settled."""

    def __init__(self):
        self.threads, self.files = threading.active_count(), self.open_files()
        self.settled = 0
        self.began = time.monotonic()

    def open_files(self):
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    def resident(self):
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def settle(self):
        self.settled = self.resident()

    def report(self, **figures):
        until(lambda: threading.active_count() <= self.threads)
        figures |= {
            "threads_left": threading.active_count() - self.threads,
            "descriptors_left": self.open_files() - self.files,
            "resident_bytes_grown": self.resident() - self.settled,
            "resident_bytes": self.resident(),
            "seconds": round(time.monotonic() - self.began),
        }
        print(json.dumps(figures))
        if report := os.environ.get("REPORT"):
            with Path(report).open("a") as file:
                file.write(json.dumps(figures) + "\n")
        assert figures["threads_left"] <= 0
        assert figures["descriptors_left"] <= 0
        assert figures["resident_bytes_grown"] < MOST_GROWTH


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


class Bus:
    """The buses' events, by hand."""

    def make(self, manager, on_add, on_remove):
        self.add, self.remove = on_add, on_remove
        return self

    def start(self): ...
    def stop(self): ...


def found(device):
    mine = device.identity
    family = Family(mine.kind, mine.driver, "soak", Configured(), "a test")
    options = {"reader_name": mine.model} if mine.driver == "pcsc" else {}
    node = mine.port if mine.port and mine.port.startswith("/") else None
    return Found(family, f"usb:1:2:{mine.serial or mine.driver}", node, options)


def benches(tmp_path):
    made = []
    for number, kind in enumerate(BENCHES):
        folder = tmp_path / str(number)
        folder.mkdir()
        made.append(kind(folder))
    return made


def test_ok_plugged_and_unplugged_without_end(tmp_path, monkeypatch, pseudo_terminals):
    """Idle, while somebody waits, and right after use; each time it must come back READY."""
    monkeypatch.setattr(slot_module, "SETTLE_SECONDS", 0.0)
    dice, measured, bus = random.Random(SEED), Measured(), Bus()
    hands = benches(tmp_path)
    manager = DeviceManager([bench.device for bench in hands], monitors=[bus.make])
    manager.start()
    pulled, ends = {"idle": 0, "waiting": 0, "used": 0}, {}
    for cycle in range(CYCLES):
        if cycle == int(CYCLES * SETTLED):
            measured.settle()
        bench = dice.choice(hands)
        device, waiter = bench.device, None
        until(lambda device=device: device.state is State.READY)
        how = dice.choice(["idle", "waiting", "used"])
        if how == "waiting" and "unplugged_waiting" not in bench.not_applicable:
            bench.take_away()
            waiter = threading.Thread(target=wait_in_vain, args=(bench, ends))
            waiter.start()
            until(lambda device=device: device.state is not State.READY)
        elif how == "used":
            with bench.providing():
                bench.operate(20.0)
        life = manager.generation(device)
        bench.unplug()
        bus.remove(found(device))
        until(lambda device=device, life=life: manager.generation(device) > life)
        if waiter is not None:
            waiter.join()
        pulled[how] += 1
        bench.replug()
        bus.add(found(device))
    for bench in hands:
        until(lambda bench=bench: bench.device.state is State.READY)
    departures = sum(manager.generation(bench.device) for bench in hands)
    manager.stop()
    for bench in hands:
        bench.tear_down()
    measured.report(cycles=CYCLES, pulled=pulled, departures=departures, waits_ended=ends)
    assert set(ends) <= {DeviceGone.__name__}, "a wait ended as it should not"
    assert departures == CYCLES


def wait_in_vain(bench, ends):
    """Somebody waits; how it ended is counted."""
    try:
        bench.operate(60.0)
        end = "answered"
    except HalError as error:
        end = type(error).__name__
    ends[end] = ends.get(end, 0) + 1


def test_ok_faults_without_end(tmp_path, pseudo_terminals):
    """After each fault the device works, with the right data."""
    dice, measured = random.Random(SEED), Measured()
    hands = benches(tmp_path)
    faults = {"malformed": 0, "unplugged": 0, "time_out": 0, "closed": 0}
    errors: dict[str, int] = {}
    for fault in range(FAULTS):
        if fault == int(FAULTS * SETTLED):
            measured.settle()
        bench = dice.choice(hands)
        can = ["malformed", "unplugged"]
        if "time_out" not in bench.not_applicable:
            can += ["time_out", "closed"]
        kind = dice.choice(can)
        bench.device.open()
        error = FAULT[kind](bench, dice)
        faults[kind] += 1
        errors[error] = errors.get(error, 0) + 1
        number = dice.randrange(2)
        if bench.lies:
            bench.provide(number)
        with bench.providing(number):
            result = bench.operate(20.0)
        if "nothing_stale" not in bench.not_applicable:
            assert bench.number_of(result) == number
        bench.take_away()
    for bench in hands:
        bench.tear_down()
    measured.report(faults=faults, errors=errors)


def malformed(bench, dice):
    timer = threading.Timer(0.02, bench.malform)
    timer.start()
    with pytest.raises(HalError) as caught:
        operate_for_ever(bench)
    timer.join()
    bench.mend()
    return type(caught.value).__name__


def operate_for_ever(bench):
    while True:
        bench.operate(20.0)


def unplugged(bench, dice):
    pulling = bench.arm_unplug(dice.randrange(bench.exchanges))
    with pytest.raises(HalError) as caught:
        bench.operate(20.0)
    pulling.join()
    bench.replug()
    bench.mend()
    return type(caught.value).__name__


def time_out(bench, dice):
    with pytest.raises(HalError) as caught:
        bench.operate(0.05)
    return type(caught.value).__name__


def closed(bench, dice):
    def close():
        until(lambda: bench.device.state is State.BUSY)
        bench.device.close()

    thread = threading.Thread(target=close)
    thread.start()
    with pytest.raises(HalError) as caught:
        bench.operate(20.0)
    thread.join()
    return type(caught.value).__name__


FAULT = {"malformed": malformed, "unplugged": unplugged, "time_out": time_out, "closed": closed}
