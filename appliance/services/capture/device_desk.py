"""The device desk: whose turn it is at a device, what its errors mean to a caller, and what becomes of a step
when a plug is pulled: it begins anew with the device that comes back, as long as the caller waits."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from appliance.contracts.capture import (
    MAX_WAIT_SECONDS,
    SELF_TEST_SECONDS,
    Devices,
    DeviceStatus,
    PowerReading,
    RunSelfTest,
    SelfTested,
    SelfTestFinding,
    WatchDevices,
)
from appliance.contracts.errors import ServiceError
from hal.device import (
    Capability,
    ChipRemoved,
    Device,
    DeviceError,
    DeviceGone,
    Finding,
    HalError,
    Timeout,
    Unreadable,
)
from hal.manager import DeviceManager
from hal.power import PowerState, PowerSupply
from hal.printer import Printer
from hal.slot import THERE

BACK_POLL_SECONDS = 0.25
"""Between two looks whether a device is still expected back."""
POWER_SECONDS = 5.0
"""How often mains and battery are looked at: a UPS lasts minutes."""

Result = TypeVar("Result")


class DeviceDesk:
    """The box's devices, as the capture service uses them."""

    def __init__(self, devices: Sequence[Device], *, manager: DeviceManager | None = None) -> None:
        self.devices = tuple(devices)
        self.manager = manager or DeviceManager(devices)
        self.manager.changed = self._changed_in_a_thread
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # One thread a device: those that wait for people must not use up the threads of those that compute.
        self._threads = ThreadPoolExecutor(max(1, len(self.devices)), thread_name_prefix="device")
        self._revision = 1
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._power: dict[str, PowerReading] = {}

    async def run(self, *, progressed: Callable[[], None] = lambda: None) -> None:
        """Keep the devices until cancelled; then let go of all. `progressed` is called after every look."""
        self._loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(self.manager.start)
            while True:
                await self._read_power()
                progressed()
                await asyncio.sleep(POWER_SECONDS)
        finally:
            self._loop = None
            self.manager.stop()

    async def ask(self, device: Device, work: Callable[[], Result]) -> Result:
        """Do blocking work in a thread, one caller at a time; every device's error becomes a ServiceError.

        The turn lasts until the thread is done, also for a caller who has given up: the next one
        finds the device free, not busy. What comes from a device that has been unplugged meanwhile is
        dropped, even when it comes late and looks well.
        """
        turn = self._turns[device.identity.key]
        await turn.acquire()
        generation = self.manager.generation(device)
        task = asyncio.get_running_loop().run_in_executor(self._threads, work)
        task.add_done_callback(lambda done: _end_turn(turn, done))
        try:
            result = await asyncio.shield(task)
        except HalError as error:
            raise translate(error) from error
        if self.manager.generation(device) != generation:
            raise ServiceError("device_gone", f"{device.identity.key} was unplugged meanwhile.")
        return result

    async def again(
        self, device: Device, step: Callable[[float], Awaitable[Result]], timeout: float
    ) -> Result:
        """The step's result; when the device goes meanwhile and comes back, the step begins anew.

        Raises:
            ServiceError: as the step raises; device_gone when it has not come back in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                return await step(max(0.0, deadline - time.monotonic()))
            except ServiceError as error:
                if error.code != "device_gone" or not await self._back(device, deadline):
                    raise

    async def _back(self, device: Device, deadline: float) -> bool:
        """Wait for a device that was there a moment ago."""
        while time.monotonic() < deadline and self.manager.running:
            if device.state in THERE:
                return True
            if not self.manager.returning(device):
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BACK_POLL_SECONDS):
                    await self._changed.wait()
        return False

    # What the devices are

    def status(self) -> Devices:
        return Devices(
            devices=tuple(self._status(device) for device in self.devices),
            revision=self._revision,
            problems=self.manager.problems,
        )

    async def watch(self, request: WatchDevices) -> Devices:
        """All devices, when they are not those that the caller knows, or as they are after the time."""
        deadline = time.monotonic() + min(max(request.timeout, 0.0), MAX_WAIT_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                while self._revision == request.after:
                    await self._changed.wait()
        return self.status()

    async def self_test(self, request: RunSelfTest) -> SelfTested:
        """What the device of this key finds of itself.

        Raises:
            ServiceError: no_device: there is none of this key; or as the device fails.
        """
        device = next((one for one in self.devices if one.identity.key == request.key), None)
        if device is None:
            raise ServiceError("no_device", f"This box has no device {request.key}.")
        findings: tuple[Finding, ...] = ()
        if Capability.SELF_TEST in device.capabilities:
            try:
                async with asyncio.timeout(SELF_TEST_SECONDS):
                    findings = await self.ask(device, device.self_test)
            except TimeoutError as error:
                raise ServiceError("timeout", f"{request.key} does not end its self-test.") from error
        return SelfTested(
            key=request.key,
            findings=tuple(
                SelfTestFinding(name=one.name, passed=one.passed, value=one.value) for one in findings
            ),
        )

    def _changed_in_a_thread(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._news)

    def _news(self) -> None:
        self._revision += 1
        self._changed.set()  # wakes all who wait now
        self._changed.clear()

    async def _read_power(self) -> None:
        """Mains and battery; a change is news."""
        for device in self.devices:
            if Capability.POWER_STATE not in device.capabilities:
                continue
            assert isinstance(device, PowerSupply)
            try:
                reading = _reading(await self.ask(device, device.read_power))
            except ServiceError:
                self._power.pop(device.identity.key, None)
                continue
            if self._power.get(device.identity.key) != reading:
                self._power[device.identity.key] = reading
                self._news()

    def _status(self, device: Device) -> DeviceStatus:
        health, identity = device.health, device.identity
        slot = self.manager.slot(device)
        now = time.monotonic()
        return DeviceStatus(
            kind=identity.kind,
            driver=identity.driver,
            key=identity.key,
            model=identity.model,
            state=slot.told.value,
            since_seconds=now - slot.since,
            simulated=device.simulated,
            capabilities=tuple(sorted(capability.value for capability in device.capabilities)),
            successes=health.successes,
            failures=health.failures,
            consecutive_failures=health.consecutive_failures,
            last_error=health.last_error,
            last_success_seconds=None if health.last_success is None else now - health.last_success,
            p95_seconds=health.p95_seconds,
            firmware=health.firmware,
            attached=slot.attached,
            departures=slot.generation,
            problem=slot.problem,
            power=self._power.get(identity.key),
            print_dots=device.dots if isinstance(device, Printer) else None,
        )


def translate(error: HalError) -> ServiceError:
    """What a device's error is to a caller."""
    table: tuple[tuple[type[HalError], str, bool], ...] = (
        (Timeout, "timeout", True),
        (ChipRemoved, "removed", True),
        (Unreadable, "unreadable", True),
        (DeviceGone, "device_gone", False),
        (DeviceError, "device_error", False),
    )
    for kind, code, retry in table:
        if isinstance(error, kind):
            return ServiceError(code, str(error), retry=retry)
    return ServiceError("device_error", str(error))


def _end_turn(turn: asyncio.Lock, done: "asyncio.Future[Any]") -> None:
    turn.release()
    if not done.cancelled():
        done.exception()  # seen here, for a caller who no longer waits


def _reading(state: PowerState) -> PowerReading:
    return PowerReading(
        on_mains=state.on_mains,
        charge_percent=state.charge_percent,
        charging=state.charging,
        minutes_left=state.minutes_left,
    )
