"""What a driver brings to the conformance suite: a `Case`, and a `Bench` of hands around the device."""

import enum
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hal.device import Device, State


class Proof(enum.StrEnum):
    """How the shipped driver was run. What has no case at all is untested."""

    HARDWARE = "hardware"
    """The real device, plugged in: tests marked `hardware`."""
    REPLAY = "replay"
    """Traffic recorded from a real device, played back byte for byte."""
    EMULATED = "emulated"
    """An emulator written from the protocol's description, or a fake of the library below the driver."""
    ITSELF = "as it is"
    """Nothing stands in for anything: files, simulated devices."""


class Bench:
    """The hands around one device. The suite makes a new one for every check.

    `device` is the shipped class, its transport injected. A subclass says what it can do by which methods it
    overrides, and names in `not_applicable` every check that has no meaning for it, with the reason.
    """

    protocol: ClassVar[type]
    """The Protocol of its kind: MrzLineReader, Camera, ..."""
    simulated: ClassVar[bool] = False
    """Whether the device must say so."""
    not_applicable: ClassVar[Mapping[str, str]] = {}
    """Check -> why it cannot be asked of this device ("soldered", "always has something to give")."""
    exchanges: ClassVar[int] = 1
    """How many points there are within one operation at which the plug can be pulled."""
    stale_after: ClassVar[float | None] = None
    """Seconds after which what came while nobody asked must be forgotten; None: nothing can come then."""
    counted: ClassVar[int] = 1
    """How many operations the device counts for one `operate`."""
    lies: ClassVar[bool] = False
    """What is provided lies there, and is seen again, until something else is provided."""
    every: ClassVar[float] = 0.03
    """Seconds between two times that `providing` provides."""
    device: Device

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    def operate(self, timeout: float) -> Any:
        """The device's one operation: read lines, take a picture, wait for the button."""
        raise NotImplementedError

    def provide(self, number: int = 0) -> None:
        """A person is there: the next operation succeeds. `number` tells one document from another."""

    def take_away(self) -> None:
        """What lies there is taken away."""

    def make_well(self) -> None:
        """What a self-test would rightly find fault with (no paper) is set right."""

    def number_of(self, result: Any) -> Any:
        """What tells this result from that of another `number`."""
        return result

    def malform(self) -> None:
        """Something comes that is not what the device should send."""
        raise NotImplementedError

    def mend(self) -> None:
        """What was malformed is so no more."""

    def unplug(self) -> None:
        """Pull the plug."""
        self.device.unplug()  # type: ignore[attr-defined]

    def replug(self) -> None:
        """Put it back."""
        self.device.plug()  # type: ignore[attr-defined]

    def unplug_at(self, exchange: int) -> None:
        """While an operation waits: give it all up to this exchange (0: nothing), then pull the plug."""
        assert exchange == 0
        self.unplug()

    def arm_unplug(self, exchange: int) -> threading.Thread:
        """Have the plug pulled at this exchange of the next operation; called just before it."""

        def pull() -> None:
            while self.device.state is not State.BUSY:
                time.sleep(0.005)
            time.sleep(0.05)
            self.unplug_at(exchange)

        thread = threading.Thread(target=pull)
        thread.start()
        return thread

    def tear_down(self) -> None:
        self.device.close()

    @contextmanager
    def providing(self, number: int = 0):
        """While this lasts, a person is there: again and again, as some devices forget what nobody awaits."""
        stop = threading.Event()

        def go_on() -> None:
            while not stop.wait(self.every):
                self.provide(number)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the suite's table, and of the support table in docs/devices.md."""

    kind: str
    driver: str
    variant: str
    """Which way of it: a framing, a transport; empty where there is one only."""
    devices: str
    """Which devices this stands for, in a technician's words."""
    bench: type[Bench]
    proof: Proof
    means: str
    """What stands at the other end: a pty, mock pins, the recording's name."""
    plug_in: str
    """How it is connected and what goes into the configuration."""
    needs: tuple[str, ...] = ()
    """Programs without which it cannot run here (`pcscd`, `umockdev-run`): then it is skipped, and said."""
    wrapper: Callable[[], list[str]] | None = None
    """For devices that only a preloaded library can pretend: the command (umockdev-run ... --) that the suite
    runs itself under, in a process of its own; only this case runs there."""
    fixtures: tuple[str, ...] = ()
    """pytest fixtures that must hold first (`pseudo_terminals`)."""

    @property
    def name(self) -> str:
        return "-".join(part for part in (self.kind, self.driver, self.variant) if part)
