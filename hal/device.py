"""The contract that every device keeps: who it is, what it can do, how it fails, how it fares."""

import enum
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

LATENCY_WINDOW = 100
"""Operations remembered for the p95: enough for a tail, small enough to forget last week."""


# Errors
#
# HalError
# ├── RetryError          a person can mend it: try again, place it better
# │   ├── Timeout         nothing came in time
# │   ├── Unreadable      something came that is not what the device should send
# │   └── ChipRemoved     the chip left the field while it was being read
# └── DeviceError         the device must be mended, plugged or configured
#     ├── DeviceGone      unplugged, powered off
#     ├── DeviceBusy      another program, or another thread, holds it
#     ├── DeviceFault     it answers, but not as its protocol says
#     └── NotSupported    this device has no such capability


class HalError(Exception):
    """What a device could not do, in one plain sentence."""


class RetryError(HalError):
    """A person can mend it: try again, place the document better."""


class Timeout(RetryError):
    """Nothing came in the time allowed."""


class Unreadable(RetryError):
    """Something came that is not what the device should send."""


class ChipRemoved(RetryError):
    """The chip left the reader's field."""


class DeviceError(HalError):
    """The device must be mended, plugged in or configured."""


class DeviceGone(DeviceError):
    """The device was unplugged or lost its power."""


class DeviceBusy(DeviceError):
    """Someone else holds the device."""


class DeviceFault(DeviceError):
    """The device answers, but not as its protocol says."""


class NotSupported(DeviceError):
    """This device has no such capability; callers ask `capabilities` first."""


class State(enum.StrEnum):
    """Where a device stands; ABSENT is an ordinary state, not an error."""

    ABSENT = "ABSENT"
    PROBING = "PROBING"
    READY = "READY"
    BUSY = "BUSY"
    FAULT = "FAULT"


class Capability(enum.StrEnum):
    """What callers may ask of a device; they branch on this, never on a model."""

    MRZ_LINES = "mrz_lines"
    CHIP = "chip"
    IMAGE = "image"
    FINGERPRINT_IMAGE = "fingerprint_image"
    FINGER_PRESENCE = "finger_presence"
    """It feels the finger come and go: `wait_for_removal` may be called."""
    BARCODE = "barcode"
    ILLUMINATION = "illumination"
    POWER_STATE = "power_state"
    BUTTON = "button"
    LIGHTS = "lights"
    BUZZER = "buzzer"
    PRINT = "print"
    SELF_TEST = "self_test"
    """Its protocol lets it say whether it is well: `self_test` may be called."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the device is, stable across unplugging."""

    kind: str
    """The folder: document_reader, barcode_reader, camera, illumination, fingerprint_sensor, panel, power,
    printer."""
    driver: str
    """The file: pcsc, mrz_line, v4l2, ... the name used in the configuration."""
    model: str
    serial: str | None = None
    port: str | None = None
    """Where it is plugged in: what tells two devices apart that have no serial number."""

    @property
    def key(self) -> str:
        """The stable name in records and health."""
        return f"{self.kind}/{self.driver}/{self.serial or self.port or self.model}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a self-test looked at."""

    name: str
    """In the words of the device's protocol, without anything of a traveller."""
    passed: bool
    value: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """How a device has fared since it was made; times are seconds of the monotonic clock."""

    state: State
    since: float
    last_success: float | None
    successes: int
    failures: int
    consecutive_failures: int
    last_error: str | None
    """The error's class name; the sentence may hold what was read, so it is not kept."""
    p95_seconds: float | None
    firmware: str | None = None
    """What the device says of its own version; None where its protocol has no such question."""


class DeviceView(Protocol):
    """What every device shows of itself: the part of the contract that all kinds share."""

    identity: Identity
    simulated: bool
    firmware: str | None

    @property
    def capabilities(self) -> frozenset[Capability]: ...
    @property
    def state(self) -> State: ...
    @property
    def health(self) -> Health: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def self_test(self) -> tuple[Finding, ...]: ...


class Device(ABC):
    """One physical (or simulated) device: opened once, used by one caller at a time."""

    simulated: bool = False
    firmware: str | None = None
    """A driver sets it when it takes hold of the device."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._lock = threading.Lock()
        self._state = State.ABSENT
        self._since = time.monotonic()
        self._latencies: deque[float] = deque(maxlen=LATENCY_WINDOW)
        self._last_success: float | None = None
        self._successes = 0
        self._failures = 0
        self._consecutive_failures = 0
        self._last_error: str | None = None
        self._began = 0.0
        self.on_state: Callable[[Device], None] | None = None
        """Called at every change of state, from the thread that made it; it must not wait, nor call back."""

    @property
    @abstractmethod
    def capabilities(self) -> frozenset[Capability]:
        """What may be asked of this device."""

    @abstractmethod
    def open(self) -> None:
        """Take hold of the device; opening an open device does nothing.

        Raises:
            DeviceError: it is not there, is held by another, or does not answer.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the device; closing a closed device does nothing. Never raises."""

    def self_test(self) -> tuple[Finding, ...]:
        """What the device itself finds of itself, where its protocol has such a command.

        Raises:
            NotSupported: it has none; callers ask for Capability.SELF_TEST first.
            DeviceError: it is gone, held by another, or does not answer.
        """
        raise NotSupported(f"{self.identity.key} has no self-test.")

    @property
    def state(self) -> State:
        return self._state

    @property
    def health(self) -> Health:
        ordered = sorted(self._latencies)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] if ordered else None
        return Health(
            state=self._state,
            since=self._since,
            last_success=self._last_success,
            successes=self._successes,
            failures=self._failures,
            consecutive_failures=self._consecutive_failures,
            last_error=self._last_error,
            p95_seconds=p95,
            firmware=self.firmware,
        )

    def _become(self, state: State) -> None:
        if state is not self._state:
            self._state, self._since = state, time.monotonic()
            if self.on_state is not None:
                self.on_state(self)

    @contextmanager
    def _operation(self) -> Iterator[None]:
        """Around every exchange: one at a time, counted, timed, and the state kept true.

        Waiting for a person is not the device's latency: drivers call `_wait_is_over` when the person
        has come, and let `Timeout` pass through, which counts neither as success nor as failure.
        """
        if not self._lock.acquire(blocking=False):
            raise DeviceBusy(f"{self.identity.key} is already doing something; wait until it has finished.")
        self._began = time.monotonic()
        try:
            if self._state in (State.ABSENT, State.FAULT):
                self.open()
            self._become(State.BUSY)
            yield
        except Timeout:
            self._become(State.READY)
            raise
        except HalError as error:
            self._failures += 1
            self._consecutive_failures += 1
            self._last_error = type(error).__name__
            self._become(_state_after(error))
            raise
        else:
            self._latencies.append(time.monotonic() - self._began)
            self._successes += 1
            self._consecutive_failures = 0
            self._last_success = time.monotonic()
            self._become(State.READY)
        finally:
            if self._state is State.BUSY:  # an exception that is not ours: the device is in doubt
                self._become(State.FAULT)
            self._lock.release()

    def _wait_is_over(self) -> None:
        """Count the operation's latency from here on."""
        self._began = time.monotonic()


def _state_after(error: HalError) -> State:
    if isinstance(error, DeviceGone):
        return State.ABSENT
    if isinstance(error, DeviceFault | DeviceBusy):  # both are opened anew before the next exchange
        return State.FAULT
    return State.READY
