"""The scripted officer of QEMU's boards: when it asks for the self-test again."""

import asyncio
import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import create_autospec

import pytest

from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import LaneClient, ListView, TrustView

SCRIPT = Path(__file__).parents[2] / "image-build/rehearsal/rehearsal"
WELL = [["disk.flush", "PASS", "flushed", None], ["panel.lights", "NOT_DONE", "nobody_looks", None]]
SLOW = [["disk.flush", "PASS", "flushed", None], ["camera.picture", "CANNOT", "unreachable", None]]
BROKEN = [["devices.camera.2", "FAIL", "absent", None]]


@pytest.fixture
def rehearsal() -> ModuleType:
    loader = SourceFileLoader("rehearsal", str(SCRIPT))
    spec = importlib.util.spec_from_loader("rehearsal", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([WELL], WELL),
        ([SLOW, SLOW, WELL], WELL),
        ([BROKEN], BROKEN),  # what a service did answer is not asked again
        (["it did not start"], "it did not start"),
        ([SLOW] * 5, SLOW),
    ],
)
def test_ok_what_no_service_answered_in_time_is_asked_again(
    rehearsal, monkeypatch, answers, expected
) -> None:
    left = list(answers)
    monkeypatch.setattr(rehearsal, "one_selftest", lambda: left.pop(0))
    assert rehearsal.selftest() == expected
    assert not left


def test_ok_it_begins_when_the_lists_have_come(rehearsal, monkeypatch) -> None:
    def status(names, authorities):
        lists = tuple(ListView(name=name, entries=1, age_hours=0.0, stale=False) for name in names)
        trust = TrustView(authorities=authorities, version=1, age_hours=0.0)
        return SimpleNamespace(lists=lists, trust=trust, time_quality="rtc")

    lane = create_autospec(LaneClient, instance=True)
    monkeypatch.setattr(rehearsal, "LaneClient", lambda _path: lane)
    lane.status.side_effect = [ServiceError("unreachable", "x", retry=True), status([], 0), status(["a"], 2)]
    found = [asyncio.run(rehearsal.lists_in_force()) for _ in range(3)]
    assert found == [set(), {"time:rtc"}, {"a", "trust_anchors", "time:rtc"}]


def test_ok_the_mains_go_when_the_reader_is_pulled(rehearsal, monkeypatch, tmp_path) -> None:
    reader, mains = tmp_path / "ttyUSB0", tmp_path / "online"
    reader.touch()
    mains.write_text("1\n")
    monkeypatch.setattr(rehearsal, "MAINS", mains)
    monkeypatch.setitem(rehearsal.WORDS, "borne.rehearsal_after", str(reader))
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(mains.read_text())
        reader.unlink()

    monkeypatch.setattr(rehearsal.time, "sleep", sleep)
    rehearsal.mains_go()
    assert (waits, mains.read_text()) == (["1\n"], "0\n")
