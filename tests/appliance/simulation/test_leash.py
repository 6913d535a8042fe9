"""kill -9 of who started them ends mosquitto and the receiver too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.simulation.broker import Broker, BrokerUnavailable

WORLD = """
import sys, threading, time
from pathlib import Path
from appliance.simulation.broker import Broker
broker = Broker(Path(sys.argv[1]), devices=[])
starter = threading.Thread(target=broker.start)  # and this thread ends long before the process does
starter.start()
starter.join()
print(broker.pid, flush=True)
time.sleep(600)
"""
SLEEPER = """
import subprocess, sys, time
from appliance.simulation import leash
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
leash.hold(child)
print(child.pid, flush=True)
sys.exit(3) if sys.argv[1] == "raises" else time.sleep(600)
"""


def gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def started(code: str, argument: str) -> tuple["subprocess.Popen[str]", int]:
    parent = subprocess.Popen([sys.executable, "-c", code, argument], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_ok_kill_9_of_the_starter_ends_the_broker(tmp_path: Path) -> None:
    try:
        with Broker(tmp_path / "probe", devices=[]):
            pass
    except BrokerUnavailable as error:
        pytest.skip(str(error))
    parent, broker = started(WORLD, str(tmp_path / "broker"))
    time.sleep(0.3)
    assert not gone(broker, 0.2), "the broker must outlive the thread that started it"
    parent.kill()
    parent.wait()
    ended = gone(broker)
    if not ended:
        os.kill(broker, signal.SIGKILL)
    assert ended


def test_ok_a_starter_that_ends_by_itself_leaves_nothing_either() -> None:
    parent, child = started(SLEEPER, "raises")
    assert parent.wait(20) == 3
    assert gone(child)


def test_ok_a_watcher_that_was_killed_hinders_nobody() -> None:
    from appliance.simulation import leash

    children = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
    try:
        leash.hold(children[0])
        first = leash._LEASH.watcher
        assert first is not None
        first.kill()
        first.wait()
        leash.hold(children[1])
        assert leash._LEASH.watcher.pid != first.pid
        assert children[1].poll() is None
    finally:
        for child in children:
            child.kill()
            child.wait()
