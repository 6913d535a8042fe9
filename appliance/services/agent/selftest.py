"""The technician's self-test: what can be asked of a running box, with a verdict, a reason and the evidence.

It never says PASS for something that was not done: what needs a person's eyes and ears is asked of them, and
is NOT_DONE where nobody is there.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import appliance
from appliance.contracts.capture import (
    Capture,
    Devices,
    DeviceStatus,
    Nothing,
    RunSelfTest,
    SelfTested,
    Show,
    TakePortrait,
)
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Lane, LaneStatus
from appliance.contracts.uplink import Uplink, UplinkStatus
from appliance.services.agent.health import box_health
from appliance.services.agent.updates import Slots, UpdaterUnavailable

Result = dict[str, Any]
"""{"id", "verdict", "reason", "evidence"}, as every check of this house."""

SIGNALS: Final = ("ready", "working", "officer", "done", "attention")
SIGNAL_SECONDS: Final = 1.5
FLUSHES: Final = 40
FLUSH_BYTES: Final = 4096
HONEST_FLUSH_SECONDS: Final = 50e-6
"""No card or eMMC has data on its medium in less: a disk that says so does not flush."""
UNSURE: Final = "unsure"
ELSEWHERE: Final = frozenset({"clock_unsure", "power_failing", "support_access"})
"""Lane's notices that are no fault of the journal: another check says so."""
CARD_WORN: Final = "card_worn"
WAITING: Final = "waiting"
"""Lane's step while nobody is at the box (lane.workflow.Step)."""
PICTURE_SECONDS: Final = 3.0
PICTURE_MEASURES: Final = ("Sharpness", "LuminanceMean", "UnderExposurePrevention", "OverExposurePrevention")
"""Of ISO/IEC 29794-5, where a face was found: whoever stands before the camera."""
WORKING: Final = ("READY", "BUSY")
"""A panel is always busy waiting for its button."""


class SelfTest:
    """One run. `ask`: puts a question to whoever is there and returns yes or no; None: nobody is there."""

    def __init__(
        self,
        *,
        capture: Capture,
        lane: Lane,
        uplink: Uplink,
        data: Path,
        disk: Path | None = None,
        ask: Callable[[str], bool] | None = None,
        signal_seconds: float = SIGNAL_SECONDS,
        slots: Callable[[], Slots] | None = None,
    ) -> None:
        """`slots`: which of the two runs; None where the software has none."""
        self._capture = capture
        self._lane = lane
        self._uplink = uplink
        self._data = data
        self._disk = disk
        self._ask = ask
        self._signal_seconds = signal_seconds
        self._slots = slots

    async def run(self, told: Callable[[int, int, list[Result]], None] | None = None) -> list[Result]:
        """All of it, in the order in which a technician would look; `told` hears after each part how many of
        how many are done, and every result so far."""
        parts: tuple[Callable[[list[Result]], Awaitable[list[Result]]], ...] = (
            self._capture_s_part,
            self._lights,
            lambda _: self._each(self._lane.status, self._records, "records.lane"),
            lambda _: self._each(self._uplink.status, self._link, "central.uplink"),
            lambda _: asyncio.to_thread(self._flush),
            lambda _: asyncio.to_thread(self._software),
            lambda _: asyncio.to_thread(self._box),
        )
        results: list[Result] = []
        for done, part in enumerate(parts):
            if told is not None:
                told(done, len(parts), results)
            results += await part(results)
        return results

    async def _capture_s_part(self, _: list[Result]) -> list[Result]:
        try:
            found = await self._capture.devices(Nothing())
            results = await self._devices(found)
            return results + await self._picture(found)
        except ServiceError as error:
            return [_result("devices.capture", "CANNOT", error.code)]

    async def _each(
        self,
        ask: Callable[[Nothing], Awaitable[Any]],
        judge: Callable[[Any], list[Result]],
        id_: str,
    ) -> list[Result]:
        try:
            return judge(await ask(Nothing()))
        except ServiceError as error:
            return [_result(id_, "CANNOT", error.code)]

    async def _devices(self, answer: Devices) -> list[Result]:
        """Each device as capture has it, and what it finds of itself where its protocol has a self-test."""
        results = []
        for number, device in enumerate(answer.devices, start=1):
            evidence = {"device": device.key, "model": device.model, "simulated": device.simulated}
            if device.last_error is not None:
                evidence["last_error"] = device.last_error
            verdict, reason = ("PASS" if device.state in WORKING else "FAIL"), device.state.lower()
            if verdict == "PASS":
                tested = await self._tested(device)
                if tested.findings:
                    evidence["findings"] = {one.name: one.value for one in tested.findings}
                if failed := [one.name for one in tested.findings if not one.passed]:
                    verdict, reason = "FAIL", f"self_test_{failed[0]}"
            results.append(_result(f"devices.{device.kind}.{number}", verdict, reason, **evidence))
        return results or [_result("devices.capture", "FAIL", "no_device_configured")]

    async def _tested(self, device: DeviceStatus) -> SelfTested:
        try:
            return await self._capture.self_test(RunSelfTest(key=device.key))
        except ServiceError as error:
            return SelfTested.failed(device.key, str(error))

    async def _picture(self, answer: Devices) -> list[Result]:
        """One picture, and how sharp and how bright it is; not while a traveller is at the box."""
        if not any(one.kind == "camera" and one.state in WORKING for one in answer.devices):
            return [_result("camera.picture", "NOT_DONE", "no_camera")]
        try:
            if (await self._lane.status(Nothing())).step != WAITING:
                return [_result("camera.picture", "NOT_DONE", "traveller_at_the_box")]
            taken = await self._capture.take_portrait(TakePortrait(timeout=PICTURE_SECONDS))
        except ServiceError as error:
            return [_result("camera.picture", "CANNOT", error.code)]
        measures = {name: taken.measures[name].scalar for name in PICTURE_MEASURES if name in taken.measures}
        size = f"{taken.width}x{taken.height}"
        return [_result("camera.picture", "PASS", "taken", size=size, faces=taken.faces, **measures)]

    async def _lights(self, devices: list[Result]) -> list[Result]:
        """Lights and sound, one after the other; only a person can say that they were seen."""
        if not any(one["id"].startswith("devices.panel") and one["verdict"] == "PASS" for one in devices):
            return [_result("panel.lights", "NOT_DONE", "no_panel")]
        if self._ask is None:
            return [_result("panel.lights", "NOT_DONE", "nobody_looks")]
        try:
            for signal in SIGNALS:
                await self._capture.show(Show(signal=signal))
                await asyncio.sleep(self._signal_seconds)
            await self._capture.show(Show(signal="off"))
        except ServiceError as error:
            return [_result("panel.lights", "CANNOT", error.code)]
        seen = await asyncio.to_thread(self._ask, "Did every light come on in turn, and was there a sound?")
        return [_result("panel.lights", "PASS" if seen else "FAIL", "seen" if seen else "not_seen")]

    def _records(self, status: LaneStatus) -> list[Result]:
        notices = [one for one in status.notices if one not in ELSEWHERE]
        results = [
            _result(
                "records.journal",
                "FAIL" if notices else "PASS",
                notices[0] if notices else "open",
                recorded=status.last_seq,
                unsent=status.unsent,
            ),
            _result(
                "clock.quality",
                "FAIL" if status.time_quality == UNSURE else "PASS",
                status.time_quality,
                **({} if status.uncertainty_ms is None else {"uncertainty_ms": status.uncertainty_ms}),
            ),
            *_trust(status),
        ]
        for one in status.lists:
            reason = "stale" if one.stale else "current"
            verdict = "FAIL" if one.stale else "PASS"
            if one.age_hours is None:
                verdict, reason = "CANNOT", "clock_cannot_tell"
            results.append(
                _result(f"lists.{one.name}", verdict, reason, entries=one.entries, age_hours=one.age_hours)
            )
        if not status.lists:
            results.append(_result("lists.any", "NOT_DONE", "no_list"))
        return results

    def _link(self, status: UplinkStatus) -> list[Result]:
        """The cable, the broker, central's word: each stands only on the one before."""
        up = [one.name for one in status.links if one.up]
        network = _result(
            "central.network",
            "PASS" if up else "FAIL" if status.links else "NOT_DONE",
            "link" if up else "no_link" if status.links else "not_told",
            links={one.name: one.up for one in status.links},
        )
        verdict, reason = ("PASS", "connected") if status.connected else ("FAIL", "not_connected")
        evidence: dict[str, Any] = {"broker": status.broker, "reconnects": status.reconnects}
        if status.last_problem:
            evidence["last_problem"] = status.last_problem
        heard = status.acknowledged_seq > 0
        return [
            network,
            _result("central.broker", verdict, reason, **evidence),
            _result(
                "central.word",
                "PASS" if heard and status.connected else "NOT_DONE",
                "acknowledged" if heard and status.connected else "nothing_acknowledged",
                acknowledged=status.acknowledged_seq,
            ),
        ]

    def _flush(self) -> list[Result]:
        return [self._measured_flush()]

    def _measured_flush(self) -> Result:
        """Whether the disk waits for its medium when it is told to (fsync)."""
        if self._disk is None:
            return _result("disk.flush", "NOT_DONE", "no_folder_named")
        path = self._disk / f".selftest-{os.getpid()}"
        times = []
        try:
            with path.open("wb") as file:
                for _ in range(FLUSHES):
                    file.write(os.urandom(FLUSH_BYTES))
                    file.flush()
                    began = time.perf_counter()
                    os.fsync(file.fileno())
                    times.append(time.perf_counter() - began)
        except OSError as error:
            return _result("disk.flush", "CANNOT", "not_writable", error=error.strerror)
        finally:
            path.unlink(missing_ok=True)
        median = statistics.median(times)
        verdict, reason = ("FAIL", "too_fast") if median < HONEST_FLUSH_SECONDS else ("PASS", "waits")
        return _result("disk.flush", verdict, reason, median_ms=round(1000 * median, 3), flushes=FLUSHES)

    def _software(self) -> list[Result]:
        """Which version, from which slot, and whether that slot is kept."""
        evidence: dict[str, Any] = {"version": appliance.__version__}
        if self._slots is None:
            return [_result("box.software", "NOT_DONE", "no_slots", **evidence)]
        try:
            slots = self._slots()
        except UpdaterUnavailable as error:
            return [_result("box.software", "CANNOT", "updater", problem=str(error), **evidence)]
        evidence["slot"] = slots.running
        if slots.on_trial:
            return [_result("box.software", "NOT_DONE", "on_trial", **evidence)]
        return [_result("box.software", "PASS", "kept", **evidence)]

    def _box(self) -> list[Result]:
        """The card's wear on its own, because most cards say nothing of it; then all the rest."""
        report = box_health(self._data)
        warnings = report["warnings"]
        worn = report.get("card_worn_percent")
        card = _result("disk.card", "NOT_DONE", "not_told")
        if worn is not None:
            bad = CARD_WORN in warnings
            card = _result(
                "disk.card", "FAIL" if bad else "PASS", CARD_WORN if bad else "well", worn_percent=worn
            )
        others = [one for one in warnings if one != CARD_WORN]
        return [
            card,
            _result("box.health", "FAIL" if others else "PASS", others[0] if others else "well", **report),
        ]


def _trust(status: LaneStatus) -> list[Result]:
    """The anchors against which chips are verified; a lane of before says nothing of them."""
    trust = status.trust
    if trust is None:
        return []
    evidence = {"authorities": trust.authorities, "version": trust.version, "age_hours": trust.age_hours}
    if not trust.authorities:
        return [_result("trust.anchors", "FAIL", "no_anchors", **evidence)]
    return [_result("trust.anchors", "PASS", "installed", **evidence)]


def _result(id_: str, verdict: str, reason: str, **evidence: Any) -> Result:
    return {"id": id_, "verdict": verdict, "reason": reason, "evidence": evidence}
