"""A trial start after an update: the new slot is kept when the box works, and not before.

RAUC (rauc.readthedocs.io, "Slot status") has the two slots and says which runs and which is the primary;
what makes a slot good is decided here. Nothing here can start the box again: a trial that is not confirmed
in its time is ended by borne-trial.timer, and the firmware then takes the old slot by itself.
"""

import logging
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from appliance.contracts.capture import Capture, Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Lane
from appliance.contracts.uplink import Uplink

OFFLINE_GRACE_SECONDS: Final = 600.0
"""A new system is not given up because the line is down: after so long it is judged by the rest."""
RAUC_SECONDS: Final = 60.0
INSTALL_SECONDS: Final = 3600.0
"""For a bundle of hundreds of megabytes and a slow card."""
MAX_WORDS: Final = 300
SPOILT: Final = frozenset({"database_set_aside", "crossing_unreadable"})
"""Lane's notices of a journal that did not open as it was left."""
WORKING: Final = ("READY", "BUSY")
NEEDED: Final = ("document_reader", "camera")
"""Kinds of which one must be ready, where the box has any."""

log = logging.getLogger(__name__)


class UpdaterUnavailable(Exception):
    """RAUC does not answer, or not in its own words; in one plain sentence."""


class _Bundle(msgspec.Struct, frozen=True):
    version: str | None = None


class _SlotStatus(msgspec.Struct, frozen=True):
    bundle: _Bundle = _Bundle()


class _Slot(msgspec.Struct, frozen=True):
    bootname: str | None = None
    state: str = ""
    slot_status: _SlotStatus = _SlotStatus()


class _Status(msgspec.Struct, frozen=True):
    """Of `rauc status --detailed --output-format=json`."""

    booted: str
    boot_primary: str | None = None
    slots: tuple[dict[str, _Slot], ...] = ()


@dataclass(frozen=True, slots=True)
class Slots:
    """Which slot runs, and which the box starts with when nothing is tried: bootnames, A or B."""

    running: str
    primary: str
    version: str | None = None
    """Of the bundle that the running slot came from; None: it was flashed."""

    @property
    def on_trial(self) -> bool:
        return self.running != self.primary


class Bundle(msgspec.Struct, frozen=True):
    """What a bundle says of itself, its signature verified; its content is not, before it is installed."""

    compatible: str
    version: str


class Rauc:
    """The updater, by its own command."""

    def __init__(self, program: Sequence[str] = ("/usr/bin/rauc",)) -> None:
        self._program = tuple(program)

    def slots(self) -> Slots:
        """Raises:
        UpdaterUnavailable: it does not answer, or says something else.
        """
        try:
            status = msgspec.json.decode(
                self._ask("status", "--detailed", "--output-format=json"), type=_Status
            )
        except msgspec.MsgspecError as error:
            raise UpdaterUnavailable("RAUC's status is not what was expected.") from error
        names = {name: slot.bootname for one in status.slots for name, slot in one.items()}
        versions = {
            one.bootname: one.slot_status.bundle.version for each in status.slots for one in each.values()
        }
        primary = names.get(status.boot_primary or "")
        if primary is None:
            raise UpdaterUnavailable("RAUC names no primary slot.")
        return Slots(running=status.booted, primary=primary, version=versions.get(status.booted))

    def mark_good(self) -> None:
        """Keep the slot that runs.

        Raises:
            UpdaterUnavailable: it does not answer, or does not want to.
        """
        self._ask("status", "mark-good")

    def describe(self, bundle: Path) -> Bundle:
        """Whom it is for and which version it is.

        Raises:
            UpdaterUnavailable: it is not signed by whom the box believes, or is no bundle.
        """
        try:
            return msgspec.json.decode(self._ask("info", "--output-format=json", str(bundle)), type=Bundle)
        except msgspec.MsgspecError as error:
            raise UpdaterUnavailable("RAUC does not understand the bundle.") from error

    def install(self, bundle: Path) -> None:
        """Verify it and write it into the slot that does not run; at the end one trial start is armed.

        Raises:
            UpdaterUnavailable: it is refused, or could not be written; the running slot is as it was.
        """
        self._ask("install", str(bundle), seconds=INSTALL_SECONDS)

    def _ask(self, *words: str, seconds: float = RAUC_SECONDS) -> bytes:
        try:
            done = subprocess.run([*self._program, *words], capture_output=True, check=False, timeout=seconds)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdaterUnavailable("RAUC does not answer.") from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise UpdaterUnavailable(
                f"RAUC says no ({done.returncode}). {' '.join(said)}"[:MAX_WORDS].strip()
            )
        return done.stdout


class Confirmation:
    """Decides on one trial start; `missing` says what is not yet as it must be."""

    def __init__(
        self,
        *,
        capture: Capture,
        lane: Lane,
        uplink: Uplink,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capture = capture
        self._lane = lane
        self._uplink = uplink
        self._clock = clock
        self._began = clock()

    async def missing(self) -> tuple[str, ...]:
        """Codes of what keeps the slot from being kept; empty: it is well."""
        return (*await self._records(), *await self._devices())

    async def _records(self) -> tuple[str, ...]:
        try:
            records = await self._lane.status(Nothing())
        except ServiceError:
            return ("journal_closed",)
        if SPOILT & set(records.notices):
            return ("journal_spoilt",)
        if self._clock() - self._began >= OFFLINE_GRACE_SECONDS:
            return ()
        try:
            link = await self._uplink.status(Nothing())
        except ServiceError:
            return ("central_unheard",)
        # Central has spoken in this start, and for all that there is.
        heard = link.connected and records.unsent == 0
        return () if heard else ("central_unheard",)

    async def _devices(self) -> tuple[str, ...]:
        try:
            devices = (await self._capture.devices(Nothing())).devices
        except ServiceError:
            return ("devices_unreachable",)
        return tuple(
            f"no_{kind}"
            for kind in NEEDED
            if any(one.kind == kind for one in devices)
            and not any(one.kind == kind and one.state in WORKING for one in devices)
        )
