"""A capture service by script, for the lane's tests: gives evidence at once, fails where told to."""

import asyncio

from appliance.contracts.capture import (
    AuthenticateChip,
    Button,
    ChipAnswer,
    ChipEvidence,
    ChipOpened,
    Devices,
    DeviceStatus,
    MrzEvidence,
    Nothing,
    PageHint,
    PortraitEvidence,
    ReadChip,
    Show,
    Wait,
    WatchPage,
)
from appliance.contracts.errors import ServiceError
from appliance.simulation.chip import build_files
from appliance.simulation.portraits import draw_portrait


class ScriptedCapture:
    """`failures` maps an operation to the codes that its next calls fail with."""

    def __init__(self, lines: tuple[str, ...], **failures: list[str]) -> None:
        self.lines = lines
        self.failures = failures
        self.signals: list[str] = []
        self.calls: list[str] = []
        self.panel: asyncio.Queue[str] = asyncio.Queue()
        self.blocked: set[str] = set()
        self.camera_states = ["READY"]
        """What its camera is in, one look after the other; the last state stays."""

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.blocked:
            await asyncio.Event().wait()
        if self.failures.get(name):
            raise ServiceError(self.failures[name].pop(0), "As the script says.", retry=True)

    async def read_mrz(self, request: Wait) -> MrzEvidence:
        await self._called("read_mrz")
        return MrzEvidence(lines=self.lines, source="mrz_line", device="d", simulated=True)

    async def open_chip(self, request: ReadChip) -> ChipOpened:
        await self._called("open_chip")
        return ChipOpened(session="1", files={}, next_command=bytes.fromhex("00B08100DF"))

    async def authenticate_chip(self, request: AuthenticateChip) -> ChipAnswer:
        raise AssertionError("The scripted chip has no key to prove.")

    async def watch_page(self, request: WatchPage) -> PageHint:
        return await asyncio.get_running_loop().create_future()

    async def read_chip(self, request: ReadChip) -> ChipEvidence:
        await self._called("read_chip")
        portrait = draw_portrait(1)
        return ChipEvidence(
            files=build_files(mrz_lines=self.lines, picture=portrait),
            not_read={},
            access="BAC",
            pace_offered=False,
            atr=b"\x3b",
            apdus=10,
            seconds=0.1,
            portrait=portrait,
            portrait_problem=None,
            device="d",
            simulated=True,
            transport="direct",
        )

    async def take_portrait(self, request: Wait) -> PortraitEvidence:
        await self._called("take_portrait")
        return PortraitEvidence(
            jpeg=draw_portrait(1, live=True), width=480, height=640, device="d", simulated=True
        )

    async def show(self, request: Show) -> Nothing:
        self.signals.append(request.signal)
        return Nothing()

    async def wait_for_button(self, request: Wait) -> Button:
        return Button(event=await self.panel.get())

    async def devices(self, request: Nothing) -> Devices:
        state = self.camera_states.pop(0) if len(self.camera_states) > 1 else self.camera_states[0]
        return Devices(
            devices=(
                DeviceStatus(
                    kind="camera",
                    driver="simulated",
                    key="camera/simulated/x",
                    model="simulated",
                    state=state,
                    since_seconds=1.0,
                    simulated=True,
                    capabilities=("image",),
                    successes=0,
                    failures=0,
                    consecutive_failures=0,
                    last_error=None,
                    last_success_seconds=None,
                    p95_seconds=None,
                ),
            )
        )
