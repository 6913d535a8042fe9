"""What `agent` offers the lane's page for technicians: how the box is, and the self-test with its state."""

from typing import Any, Final, Protocol

import msgspec

from appliance.contracts.capture import Nothing
from appliance.contracts.checks import Check
from appliance.contracts.transport import RemoteService
from appliance.contracts.uplink import UplinkStatus

SELF_TEST_CHECKS: Final = (
    *("devices.capture", "camera.picture", "panel.lights", "records.journal", "records.lane"),
    *("clock.quality", "lists.any", "trust.anchors", "central.network", "central.broker"),
    *("central.word", "central.uplink", "disk.flush", "disk.card", "box.software", "box.health"),
    *("document.page", "document.chip", "finger.image"),
)
"""Parts of the self-test, beside `devices.KIND.NUMBER`, `lists.NAME` and `panel.SIGNAL`."""
SELF_TEST_REASONS: Final = (
    *("no_device_configured", "taken", "no_camera", "traveller_at_the_box", "seen", "not_seen"),
    *("no_panel", "nobody_looks", "open", "current", "stale", "clock_cannot_tell", "no_list"),
    *("no_anchors", "installed", "link", "no_link", "not_told", "connected", "not_connected"),
    *("acknowledged", "nothing_acknowledged", "waits", "too_fast", "not_writable"),
    *("no_folder_named", "kept", "on_trial", "no_slots", "updater", "well", "too_hot"),
    *("too_cold", "under_voltage", "on_battery", "battery_low", "card_worn"),
    *("memory_almost_full", "check_digit_wrong", "poor", "unreachable", "timeout", "no_device"),
    *("device_error", "device_gone", "unreadable"),
)
"""What it says of them, beside a device's state, the clock's quality, lane's notices, `self_test_NAME`, and
the reasons of a document's checks."""


class SelfTestState(msgspec.Struct, frozen=True, kw_only=True):
    """The latest run of the self-test, and what a technician has seen to since it began."""

    revision: int = 0
    """Rises with every result."""
    running: bool = False
    done: int = 0
    total: int = 0
    """Parts that were looked at, of all."""
    time: str = ""
    """ISO 8601, UTC: when the run ended; empty: none has ended since the box started."""
    results: tuple[Check, ...] = ()
    """Of the run, and of what a person confirmed: one of an id."""


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the box is now."""

    version: str
    device: str
    profile: str
    box: dict[str, Any]
    """As `box_health` has it: disk, memory, heat, power, the card's wear; what has no sensor is not there."""
    update: dict[str, Any] = {}
    """Which slot runs, and whether it is kept; empty where the software has no slots."""
    link: UplinkStatus | None = None
    """None: uplink does not answer."""
    self_test: SelfTestState = SelfTestState()


class WatchSelfTest(msgspec.Struct, frozen=True, kw_only=True):
    """The self-test's state, as soon as its revision is another than `after`."""

    after: int
    timeout: float = 5.0


class NoteResults(msgspec.Struct, frozen=True, kw_only=True):
    """What a technician tried at the page: it stands with the run's results and goes with the telemetry."""

    results: tuple[Check, ...]


class Agent(Protocol):
    """The service as lane sees it, in one process or across the socket."""

    async def status(self, request: Nothing) -> AgentStatus: ...
    async def run_self_test(self, request: Nothing) -> SelfTestState: ...
    async def watch_self_test(self, request: WatchSelfTest) -> SelfTestState: ...
    async def note_results(self, request: NoteResults) -> SelfTestState: ...


class AgentClient(RemoteService):
    """`Agent` across its unix socket."""

    async def status(self, request: Nothing) -> AgentStatus:
        return await self.call("status", request, AgentStatus)

    async def run_self_test(self, request: Nothing) -> SelfTestState:
        return await self.call("run_self_test", request, SelfTestState)

    async def watch_self_test(self, request: WatchSelfTest) -> SelfTestState:
        return await self.call("watch_self_test", request, SelfTestState, wait=request.timeout)

    async def note_results(self, request: NoteResults) -> SelfTestState:
        return await self.call("note_results", request, SelfTestState)
