"""`borne devices --watch`: a line for everything that comes, goes, fails or changes, until it is ended."""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Iterable
from typing import Any

from appliance.commands.devices_source import DeviceSource
from appliance.commands.output import print_json
from appliance.contracts.capture import DeviceStatus, WatchDevices
from appliance.contracts.errors import ServiceError
from hal.discovery import Found
from hal.hotplug import Monitor
from hal.pcsc_monitor import PcscMonitor

SLICE_SECONDS = 5.0
"""One wait for news; it is only how soon an end is noticed."""
RETRY_SECONDS = 1.0
"""How soon a service that does not answer is asked again."""
FOR_EVER = 10.0 * 365 * 24 * 3600


async def watch(
    source: DeviceSource,
    known: tuple[DeviceStatus, ...],
    present: Iterable[Found],
    *,
    as_json: bool,
    seconds: float | None,
) -> tuple[DeviceStatus, ...]:
    """Say what happens from here on: `known` and `present` were said already. The devices at the end."""
    said = _Said(known, present, as_json=as_json)
    deadline = time.monotonic() + (FOR_EVER if seconds is None else seconds)
    monitors = await asyncio.to_thread(_monitors, asyncio.get_running_loop(), said)
    try:
        revision = 0
        while (left := deadline - time.monotonic()) > 0:
            try:
                answer = await source.watch(WatchDevices(after=revision, timeout=min(left, SLICE_SECONDS)))
            except ServiceError as error:
                said.problem(str(error))
                await asyncio.sleep(min(left, RETRY_SECONDS))
                continue
            revision = answer.revision
            said.devices(answer.devices)
    finally:
        for monitor in monitors:
            monitor.stop()
    return said.known


def _monitors(loop: asyncio.AbstractEventLoop, said: "_Said") -> list[Monitor | PcscMonitor]:
    """Both buses, each telling the loop."""

    def came(found: Found) -> None:
        loop.call_soon_threadsafe(said.bus, True, found)

    def went(found: Found) -> None:
        loop.call_soon_threadsafe(said.bus, False, found)

    monitors: list[Monitor | PcscMonitor] = []
    for make in (Monitor, PcscMonitor):
        with contextlib.suppress(ImportError, OSError):  # no libudev; the list before has said so
            monitor = make(on_add=came, on_remove=went)
            monitor.start()
            monitors.append(monitor)
    return monitors


class _Said:
    """What was printed last of each device, so that only news is."""

    def __init__(self, known: tuple[DeviceStatus, ...], present: Iterable[Found], *, as_json: bool) -> None:
        self.known = known
        self._present = {_place(one) for one in present}
        self._as_json = as_json
        self._last = {one.key: _state(one) for one in known}
        self._problem = ""

    def bus(self, came: bool, found: Found) -> None:
        if came == (_place(found) in self._present):
            return
        (self._present.add if came else self._present.discard)(_place(found))
        event = {"event": "came" if came else "went", "kind": found.kind, "driver": found.driver}
        self._say(
            event | {"key": found.key, "node": found.node},
            f"{'+' if came else '-'} {found.family.name}  {found.node or found.key}",
        )

    def devices(self, statuses: tuple[DeviceStatus, ...]) -> None:
        self.known = statuses
        self._problem = ""
        for one in statuses:
            before, now = self._last.get(one.key, ""), _state(one)
            if now != before:
                self._last[one.key] = now
                why = f"  {one.problem}" if one.problem and one.state not in ("READY", "BUSY") else ""
                self._say(
                    {"event": "state", "key": one.key, "state": one.state, "problem": one.problem}
                    | {"attached": one.attached, "departures": one.departures},
                    f"  {one.key}: {before} -> {now}{why}",
                )

    def problem(self, sentence: str) -> None:
        if sentence != self._problem:
            self._problem = sentence
            self._say({"event": "problem", "problem": sentence}, f"! {sentence}")

    def _say(self, event: dict[str, Any], line: str) -> None:
        now = dt.datetime.now().astimezone()
        if self._as_json:
            print_json({"time": now.isoformat(timespec="milliseconds")} | event)
        else:
            print(f"{now:%H:%M:%S}.{now.microsecond // 1000:03d} {line}", flush=True)


def _place(found: Found) -> tuple[str, str, str | None, str | None]:
    return found.key, found.kind, found.driver, found.node


def _state(status: DeviceStatus) -> str:
    """What is worth a line when it changes; work is not."""
    state = "READY" if status.state == "BUSY" else status.state
    power = status.power
    if power is None:
        return state
    charge = "" if power.charge_percent is None else f" {power.charge_percent} %"
    return f"{state}, {'on battery' if power.on_mains is False else 'on mains'}{charge}"
