import asyncio
import json
import os
import threading
import time
import tty
from pathlib import Path
from types import SimpleNamespace

import pytest

import appliance.commands.devices as command
from appliance.commands import devices_watch
from appliance.commands.devices_source import device_source
from appliance.contracts.capture import RunSelfTest
from appliance.contracts.errors import ServiceError
from appliance.contracts.transport import application, listen_unix, serve
from appliance.services.capture.service import CaptureService
from appliance.simulation.portraits import draw_portrait
from hal.device import Capability, DeviceFault, Finding
from hal.panel import simulated as simulated_panel
from hal.panel.simulated import SimulatedPanel

BASE = (
    '[box]\ndevice = "d"\npost = "p"\nprofile = "demo"\n[central]\nsealing_key = "/s"\nwatermark_key = "/w"\n'
)


def table(kind: str, driver: str, **options: str) -> str:
    inside = ", ".join(f'{name} = "{value}"' for name, value in options.items())
    return f'[[device]]\nkind = "{kind}"\ndriver = "{driver}"\noptions = {{ {inside} }}\n'


@pytest.fixture
def config(tmp_path: Path):
    def make(*tables: str) -> Path:
        file = tmp_path / "borne.toml"
        file.write_text(BASE + "".join(tables))
        return file

    return make


def test_ok__nothing_configured(borne, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "CONFIG", tmp_path / "none.toml")
    answer = borne("devices", "--json")
    assert (answer.code, answer.json["configured"]) == (0, [])
    assert set(answer.json) == {"found", "not_looked", "configured"}
    assert borne("devices").out.startswith("Plugged in:\n")


def test_ok__configured_and_ready(borne, config, tmp_path: Path) -> None:
    (tmp_path / "face.jpg").write_bytes(draw_portrait(1))
    tables = (
        table("camera", "file", path=str(tmp_path / "face.jpg")),
        table("document_reader", "simulated"),
    )
    answer = borne("devices", "--config", config(*tables), "--json")
    assert answer.code == 0
    camera, reader = answer.json["configured"]
    assert (camera["state"], reader["state"]) == ("READY", "READY")
    assert reader["simulated"] is True
    assert camera["capabilities"]
    assert "(simulated)" in borne("devices", "--config", config(*tables)).out


def test_fail__one_is_not_there(borne, config) -> None:
    file = config(table("document_reader", "mrz_line", port="/dev/none"), table("panel", "simulated"))
    answer = borne("devices", "--config", file, "--json")
    assert answer.code == 1
    reader, panel = answer.json["configured"]
    assert reader["state"] != "READY"
    assert "/dev/none" in reader["problem"]
    assert panel["state"] == "READY"
    assert "/dev/none" in borne("devices", "--config", file).out


def test_fail__configuration(could_not, config) -> None:
    assert "/nowhere.toml" in could_not("devices", "--config", "/nowhere.toml")
    file = config(table("panel", "simulated"), table("panel", "telepathy"))
    assert f"{file}: line 14: There is no driver `telepathy`" in could_not("devices", "--config", file)
    file = config(table("panel", "simulated"), table("camera", "file", pth="x"))
    said = could_not("devices", "--config", file)
    assert f"{file}: line 15: There is no option `pth`" in said
    assert "Did you mean `path`?" in said


def test_ok__watched_while_one_comes(borne, config, tmp_path: Path, pseudo_terminals) -> None:
    port = tmp_path / "document-reader"
    fds = os.openpty()
    tty.setraw(fds[1])
    timer = threading.Timer(1.0, port.symlink_to, [os.ttyname(fds[1])])
    timer.start()
    file = config(table("document_reader", "mrz_line", port=str(port)), table("panel", "simulated"))
    answer = borne("devices", "--config", file, "--watch", "--seconds", "4", "--json")
    timer.join()
    for fd in fds:
        os.close(fd)
    first, *events = [json.loads(line) for line in answer.out.splitlines()]
    assert [one["state"] for one in first["configured"]] == ["ABSENT", "READY"]
    assert str(port) in first["configured"][0]["problem"]
    states = [event for event in events if event["event"] == "state"]
    assert [(one["key"], one["state"]) for one in states] == [(first["configured"][0]["key"], "READY")]
    assert answer.code == 0  # as they are at the end


def test_ok__the_running_service_is_asked(
    borne, config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the devices, so nobody else could. Each thing happens when the one before has been said."""
    absent, lost = threading.Event(), threading.Event()
    devices, problem = devices_watch._Said.devices, devices_watch._Said.problem

    def said_devices(said, statuses) -> None:
        devices(said, statuses)
        if any(one.state == "ABSENT" for one in statuses):
            absent.set()

    def said_problem(said, sentence: str) -> None:
        problem(said, sentence)
        if "does not answer" in sentence:  # a request that was under way is cut off, which is another problem
            lost.set()

    monkeypatch.setattr(devices_watch._Said, "devices", said_devices)
    monkeypatch.setattr(devices_watch._Said, "problem", said_problem)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + (600 if lost.is_set() else 0))
    monkeypatch.setattr(devices_watch, "time", clock)  # the watch's end
    monkeypatch.setattr(devices_watch, "SLICE_SECONDS", 0.5)
    panel = SimulatedPanel()
    (tmp_path / "run").mkdir()
    file = config(f'[paths]\nrun = "{tmp_path / "run"}"\n', table("camera", "file", path="/nowhere"))
    service = CaptureService([panel])
    listener = listen_unix(tmp_path / "run" / "capture.sock")
    loop = asyncio.new_event_loop()

    async def serve_until(stop: asyncio.Event) -> None:
        running = [service.run(), serve(application(service.operations()), listener)]
        _held = [asyncio.ensure_future(one) for one in running]
        await stop.wait()
        # requests that were under way among them, and what these begin when they are cancelled
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve_until(stop),))
    thread.start()
    try:
        until = time.monotonic() + 60
        while panel.state.value != "READY" and time.monotonic() < until:
            time.sleep(0.02)

        def happen() -> None:
            panel.unplug()
            panel.close()
            assert absent.wait(60)
            loop.call_soon_threadsafe(stop.set)

        watched = devices_watch.watch

        def watch(*words, **named):
            threading.Thread(target=happen, daemon=True).start()
            return watched(*words, **named)

        monkeypatch.setattr(devices_watch, "watch", watch)
        answer = borne("devices", "--config", file, "--watch", "--seconds", "120")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
    assert "READY    panel/simulated/1 (simulated)" in answer.out
    assert "panel/simulated/1: READY -> ABSENT" in answer.out
    assert "! The service behind capture.sock does not answer." in answer.out
    assert "file" not in answer.out.partition("Configured:")[2]
    assert answer.code == 1


class SelfTesting(SimulatedPanel):
    capabilities = frozenset({Capability.BUTTON, Capability.SELF_TEST})
    broken = False

    def self_test(self):
        if self.broken:
            raise DeviceFault("The panel does not answer.")
        return (Finding("password", True), Finding("sensor", True, "0x1a"))


def test_ok__self_test(borne, config, monkeypatch) -> None:
    monkeypatch.setattr(simulated_panel, "create", SelfTesting)
    file = config(table("panel", "simulated"))
    answer = borne("devices", "--config", file, "--self-test", "--json")
    assert answer.code == 0
    (test,) = answer.json["self_tests"]
    assert [one["name"] for one in test["findings"]] == ["password", "sensor"]
    assert "✓ sensor 0x1a" in borne("devices", "--config", file, "--self-test").out
    monkeypatch.setattr(SelfTesting, "broken", True)
    answer = borne("devices", "--config", file, "--self-test")
    assert answer.code == 1
    assert "✗ answers The panel does not answer." in answer.out


def test_ok__watched_without_a_configuration(borne, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "CONFIG", tmp_path / "none.toml")
    answer = borne("devices", "--watch", "--seconds", "0.3", "--self-test")
    assert answer.code == 0
    assert "Configured" not in answer.out


def test_fail__nobodys_device_tests_itself() -> None:
    async def ask() -> str:
        async with device_source(None) as source:
            with pytest.raises(ServiceError) as caught:
                await source.self_test(RunSelfTest(key="panel/simulated/1"))
            return caught.value.code

    assert asyncio.run(ask()) == "no_device"
