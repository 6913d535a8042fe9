"""The agent service: health of devices, records and box, sent as telemetry; and it starts retention."""

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

import appliance
from appliance.config import Box
from appliance.contracts.agent import AgentStatus, NoteResults, SelfTestState, WatchSelfTest
from appliance.contracts.capture import Capture, Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Diagnostics, Lane
from appliance.contracts.telemetry import flat
from appliance.contracts.transport import Operation
from appliance.contracts.uplink import Telemetry, Uplink
from appliance.services.agent.health import box_health
from appliance.services.agent.installing import Installing
from appliance.services.agent.post_place import PostPlace
from appliance.services.agent.power_fail import PowerWatch
from appliance.services.agent.selftest import WAITING, SelfTest
from appliance.services.agent.selftest_runs import SelfTestRuns
from appliance.services.agent.updates import Confirmation, Slots, UpdaterUnavailable

RETENTION_SECONDS = 3600.0
"""Lane removes a bounded number of records at a time, so that after weeks it takes some hours."""
SELF_TEST_SECONDS = 24 * 3600.0
"""And once at the start; unattended, so that what needs eyes is not done."""
SUPPORT_SECONDS = 1800.0
GOING_ON = ("installing", "installed", "restarting")
"""Of an update: it ends in a start of its own."""
REPORT_SECONDS = 30.0
"""How often health is sent; the broker keeps the last report for whoever asks later."""

log = logging.getLogger(__name__)


class Updater(Protocol):
    """What has the two slots."""

    def slots(self) -> Slots: ...
    def mark_good(self) -> None: ...


class AgentService:
    """Asks the other services how they are; holds no data of its own."""

    def __init__(
        self,
        *,
        box: Box,
        data: Path,
        capture: Capture,
        lane: Lane,
        uplink: Uplink,
        updater: Updater | None = None,
        installing: Installing | None = None,
        self_test: SelfTest | None = None,
        power: PowerWatch | None = None,
        post: PostPlace | None = None,
        bundle: Callable[[dict[str, Any]], bytes] | None = None,
        report_seconds: float = REPORT_SECONDS,
        retention_seconds: float = RETENTION_SECONDS,
    ) -> None:
        """`updater`: None where the software is not updated by slots, as on a developer's machine; `power`:
        None where the box cannot switch itself off; `post`: None where the box has none. `bundle` makes of
        the health report what support sees while it is let in; None: that report alone."""
        self._power = power
        self._post = post
        self._bundle = bundle
        self._support_due: tuple[str, float] = ("", 0.0)
        self._box = box
        self._data = data
        self._capture = capture
        self._lane = lane
        self._uplink = uplink
        self._report_seconds = report_seconds
        self._retention_seconds = retention_seconds
        self._updater = updater
        self._installing = installing
        self._testing = SelfTestRuns(self_test)
        self._tests = self_test is not None
        self._test_due = time.monotonic()
        self._confirmation = Confirmation(capture=capture, lane=lane, uplink=uplink)
        self._update: dict[str, Any] = {}

    # The service's socket

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("status", Nothing, self.status),
            Operation("run_self_test", Nothing, self.run_self_test),
            Operation("watch_self_test", WatchSelfTest, self.watch_self_test),
            Operation("note_results", NoteResults, self.note_results),
        )

    async def status(self, request: Nothing) -> AgentStatus:
        """How the box is now."""
        try:
            link = await self._uplink.status(request)
        except ServiceError:
            link = None
        return AgentStatus(
            version=appliance.__version__,
            device=self._box.device,
            profile=self._box.profile.value,
            box=await asyncio.to_thread(box_health, self._data),
            update=self._update | (self._installing.state if self._installing else {}),
            link=link,
            self_test=self._testing.state,
        )

    async def run_self_test(self, request: Nothing) -> SelfTestState:  # noqa: ARG002 - the Protocol's shape
        self._testing.start()
        return self._testing.state

    async def watch_self_test(self, request: WatchSelfTest) -> SelfTestState:
        return await self._testing.watch(request)

    async def note_results(self, request: NoteResults) -> SelfTestState:
        return self._testing.note(request)

    # The rounds

    async def run(self, *, progressed: Callable[[], None] = lambda: None) -> None:
        """Report until cancelled; `progressed` is called after every round, for the watchdog."""
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._power is not None:
                    tasks.create_task(self._power.run())
                tasks.create_task(self._rounds(progressed))
        finally:
            await self._testing.stop()

    async def _rounds(self, progressed: Callable[[], None]) -> None:
        retention_due = time.monotonic()  # at a start too: a box may be switched off every night
        while True:
            if time.monotonic() >= retention_due:
                await self._retain()
                retention_due = time.monotonic() + self._retention_seconds
            await self._confirm()
            await self._install()
            await self._place()
            await self._test()
            await self._support()
            with contextlib.suppress(ServiceError):  # the report is gathered anew the next time
                await self._uplink.publish_telemetry(Telemetry(report=flat(await self.report())))
            progressed()
            await asyncio.sleep(self._report_seconds)

    async def report(self) -> dict[str, Any]:
        """The whole health report; a service that does not answer is said to be unreachable."""
        records = await self._records()
        records.pop("updates", None)  # central knows what it offers
        if records.get("support") is None:
            records.pop("support", None)
        update = self._update | (self._installing.state if self._installing else {})
        return {
            "version": appliance.__version__,
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "device": self._box.device,
            "profile": self._box.profile.value,
            "key_tier": records.get("key_tier", "unknown"),
            "box": await asyncio.to_thread(box_health, self._data),
            "devices": await self._devices(),
            "records": records,
        } | {
            name: part
            for name, part in (
                ("update", update),
                ("selftest", self._testing.telemetry()),
                ("post", self._post.telemetry() if self._post is not None else {}),
            )
            if part
        }

    async def _confirm(self) -> None:
        """A trial start that is well is kept."""
        if self._updater is None or self._update.get("confirmed"):
            return
        try:
            slots = await asyncio.to_thread(self._updater.slots)
            missing = await self._confirmation.missing() if slots.on_trial else ()
            if slots.on_trial and not missing:
                await asyncio.to_thread(self._updater.mark_good)
                log.warning("Slot %s is well and is kept.", slots.running)
        except UpdaterUnavailable as error:
            self._update = {"confirmed": False, "problem": str(error)}
            return
        self._update = {"confirmed": not missing, "slot": slots.running, "missing": missing}

    async def _install(self) -> None:
        """Software that a stick brings or central offers."""
        if self._updater is None or self._installing is None:
            return
        try:
            await self._installing.look(await asyncio.to_thread(self._updater.slots))
        except (UpdaterUnavailable, OSError) as error:
            log.warning("An update cannot be looked at: %s", error)

    async def _place(self) -> None:
        """The box's place in its post, and the start that a new certificate needs."""
        if self._post is None:
            return
        installing = self._installing.state.get("state") if self._installing is not None else None
        tried = self._updater is not None and not self._update.get("confirmed")
        try:
            await self._post.look(may_restart=not tried and installing not in GOING_ON)
        except OSError as error:
            log.warning("The start for the post's certificate cannot be asked for: %s", error)

    async def _test(self) -> None:
        """The self-test, beside all else, when it is due and nobody is at the box."""
        if not self._tests or self._testing.running or time.monotonic() < self._test_due:
            return
        if (await self._records()).get("step") == WAITING:
            self._test_due = time.monotonic() + SELF_TEST_SECONDS
            self._testing.start()

    async def _support(self) -> None:
        """As long as central's two keys let support in: the box's state, at once and every half hour."""
        try:
            let_in = (await self._lane.status(Nothing())).support
            if let_in is None:
                return
            request, due = self._support_due
            if request == let_in.request and time.monotonic() < due:
                return
            report = await self.report()
            data = await asyncio.to_thread(self._bundle or _as_json, report)
            said = await self._lane.diagnostics(Diagnostics(request=let_in.request, bundle=data))
        except ServiceError:
            return  # the next round
        if said.accepted:
            self._support_due = (let_in.request, time.monotonic() + SUPPORT_SECONDS)

    async def _devices(self) -> Any:
        try:
            answer = await self._capture.devices(Nothing())
        except ServiceError as error:
            return {"problem": error.code}
        return [msgspec.to_builtins(device) for device in answer.devices]

    async def _records(self) -> dict[str, Any]:
        try:
            status: dict[str, Any] = msgspec.to_builtins(await self._lane.status(Nothing()))
        except ServiceError as error:
            return {"problem": error.code}
        return status

    async def _retain(self) -> None:
        """Have lane remove what was kept long enough; what fails is tried again the next time."""
        with contextlib.suppress(ServiceError):
            await self._lane.retain(Nothing())


def _as_json(report: dict[str, Any]) -> bytes:
    return msgspec.json.encode(report)
