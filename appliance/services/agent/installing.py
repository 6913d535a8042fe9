"""New software: from a stick or from central's offer into the slot that does not run, and the trial start.

The updater verifies what is installed; agent decides when. A stick brings only what is newer than what
runs, because whoever holds an old stick must not bring an old hole back; central may offer an older version,
signed. A bundle whose trial starts have failed is left alone.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Lane
from appliance.contracts.update import UpdateOffer
from appliance.contracts.uplink import Uplink
from appliance.services.agent.updates import Bundle, Slots, UpdaterUnavailable
from appliance.whole_files import write_whole

STICK: Final = Path("/run/borne/stick")
"""Where systemd mounts a stick with the label BORNE, read-only."""
MEMORY: Final = Path("/etc/borne/agent/trials.json")
RESTART: Final = Path("/run/borne-agent/restart")
"""borne-restart.path waits for it: agent itself may not start the box again."""
RELEASE: Final = Path("/etc/borne-release")
MOST_TRIALS: Final = 3
"""A power cut can end a trial that was well; three times is no accident."""
QUIET_SECONDS: Final = 120.0
"""Nobody has been at the box for so long before it is started again for central's sake."""
WAITING: Final = "waiting"
"""Lane's step while nobody is at the box (lane.workflow.Step)."""
MAX_FILE_BYTES: Final = 16 * 1024
MOST_FILES: Final = 16

log = logging.getLogger(__name__)


class Installer(Protocol):
    """What installs."""

    def describe(self, bundle: Path) -> Bundle: ...
    def install(self, bundle: Path) -> None: ...


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What runs, as it was built."""

    compatible: str
    version: str


def read_release(path: Path = RELEASE) -> Release:
    """`/etc/borne-release`, which the image's build writes.

    Raises:
        UpdaterUnavailable: it is not there, or says nothing of the board.
    """
    try:
        lines = path.read_text("ascii").splitlines()
        values = dict(line.partition("=")[::2] for line in lines)
        return Release(compatible=values["COMPATIBLE"], version=values["VERSION"])
    except (OSError, ValueError, KeyError) as error:
        raise UpdaterUnavailable(f"{path} does not say what runs here.") from error


def newer(one: str, other: str) -> bool:
    """Whether a version comes after another: numbers as numbers, a pre-release before its release."""
    return _order(one) > _order(other)


def _order(version: str) -> tuple[tuple[int, int, str], ...]:
    parts = re.findall(r"\d+|[a-z]+", version.lower())
    # A word (rc, beta) sorts below the end, and the end below a further number.
    return (*((2, int(one), "") if one.isdigit() else (0, 0, one) for one in parts), (1, 0, ""))


class Installing:
    """One look a round; what takes long goes on beside it. `state` is for the telemetry."""

    def __init__(
        self,
        installer: Installer,
        *,
        lane: Lane,
        uplink: Uplink,
        release: Callable[[], Release] = read_release,
        stick: Path = STICK,
        memory: Path = MEMORY,
        restart: Path = RESTART,
        quiet_seconds: float = QUIET_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._installer = installer
        self._lane = lane
        self._uplink = uplink
        self._release = release
        self._stick = stick
        self._memory = memory
        self._restart = restart
        self._quiet_seconds = quiet_seconds
        self._clock = clock
        self._busy_at = clock()
        self._task: asyncio.Task[None] | None = None
        self._by_hand = False
        self._described: dict[tuple[str, int, int], Bundle | None] = {}
        self._refused: set[tuple[str, int, int]] = set()
        self.state: dict[str, Any] = {}

    async def look(self, slots: Slots) -> None:
        """Go on with what is to be installed, or look whether anything is.

        Raises:
            UpdaterUnavailable: nothing says what runs here.
        """
        offers, idle = await self._ask_lane()
        if not idle:
            self._busy_at = self._clock()
        if slots.on_trial or (self._task is not None and not self._task.done()):
            return
        if self.state.get("state") in ("installed", "restarting"):  # it is on its way down
            quiet = 0.0 if self._by_hand else self._quiet_seconds
            if idle and self._clock() - self._busy_at >= quiet:
                self._ask_for_restart()
            return
        release = self._release()
        runs = slots.version or release.version
        trials = self._trials()
        for path, bundle in await asyncio.to_thread(self._on_stick):
            if bundle.compatible == release.compatible and newer(bundle.version, runs):
                if trials.get(bundle.version, 0) < MOST_TRIALS:
                    self._begin(path, bundle.version, by_hand=True)
                    return
                self.state = {"state": "given_up", "version": bundle.version}
        for offer in offers:
            if offer.compatible == release.compatible and offer.version != runs:
                await self._take(offer, trials)

    async def close(self) -> None:
        """An installation that has begun goes on in the updater; nobody waits for it any more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _ask_lane(self) -> tuple[tuple[UpdateOffer, ...], bool]:
        """What central offers, and whether nobody is at the box."""
        try:
            status = await self._lane.status(Nothing())
        except ServiceError:
            return (), False
        return status.updates, status.step == WAITING

    async def _take(self, offer: UpdateOffer, trials: dict[str, int]) -> None:
        if trials.get(offer.version, 0) >= MOST_TRIALS:
            self.state = {"state": "given_up", "version": offer.version}
            return
        try:
            fetched = await self._uplink.fetch_update(offer)
        except ServiceError as error:
            self.state = {"state": "not_fetched", "version": offer.version, "problem": str(error)}
            return
        if fetched.path is None:
            self.state = {
                "state": "fetching",
                "version": offer.version,
                "have": fetched.have,
                "size": offer.size,
            }
            if fetched.problem:
                self.state["problem"] = fetched.problem
        elif _mark(Path(fetched.path)) not in self._refused:
            self._begin(Path(fetched.path), offer.version, by_hand=False)

    def _on_stick(self) -> list[tuple[Path, Bundle]]:
        """The bundles on the stick that are signed by whom this box believes, the newest first."""
        try:
            paths = sorted(self._stick.glob("*.raucb"))[:MOST_FILES]
        except OSError:
            return []
        found = []
        for path in paths:
            mark = _mark(path)
            if mark is None or mark in self._refused:
                continue
            if mark not in self._described:
                self._described[mark] = self._describe(path)
            if (bundle := self._described[mark]) is not None:
                found.append((path, bundle))
        return sorted(found, key=lambda one: _order(one[1].version), reverse=True)

    def _describe(self, path: Path) -> Bundle | None:
        try:
            return self._installer.describe(path)
        except UpdaterUnavailable as error:
            self.state = {"state": "refused", "file": path.name[:64], "problem": str(error)}
            log.warning("%s is not taken: %s", path, error)
            return None

    def _begin(self, path: Path, version: str, *, by_hand: bool) -> None:
        self.state = {"state": "installing", "version": version}
        self._by_hand = by_hand
        self._task = asyncio.create_task(self._install(path, version))

    async def _install(self, path: Path, version: str) -> None:
        log.warning("%s is being installed.", version)
        mark = _mark(path)
        try:
            await asyncio.to_thread(self._installer.install, path)
        except UpdaterUnavailable as error:
            if mark is not None:
                self._refused.add(mark)
            self.state = {"state": "refused", "version": version, "problem": str(error)}
            log.warning("%s is not installed: %s", version, error)
            return
        trials = self._trials()
        write_whole(
            self._memory, msgspec.json.encode({version: trials.get(version, 0) + 1}), mode=0o644
        )  # of one version: another begins anew
        self.state = {"state": "installed", "version": version}
        log.warning("%s is installed; the next start tries it.", version)

    def _trials(self) -> dict[str, int]:
        """How often each version was armed for a trial start."""
        try:
            with self._memory.open("rb") as file:
                return msgspec.json.decode(file.read(MAX_FILE_BYTES), type=dict[str, int])
        except (OSError, msgspec.MsgspecError):
            return {}

    def _ask_for_restart(self) -> None:
        self.state["state"] = "restarting"
        self._restart.touch()


def _mark(path: Path) -> tuple[str, int, int] | None:
    """Which file this is, as far as a glance says."""
    try:
        found = path.stat()
    except OSError:
        return None
    return path.name, found.st_size, found.st_mtime_ns
