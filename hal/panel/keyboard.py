"""A terminal as the panel: space is the button, `h` is the button held, one line shows the lights."""

import errno
import os
import select
import termios
import threading
import time
import tty
from typing import Any

import msgspec

from hal.device import Capability, DeviceError, DeviceFault, DeviceGone, Identity, Timeout
from hal.driver import POLL_SECONDS, Driver
from hal.panel import ButtonEvent, Signal
from hal.panel.button import FRESH_SECONDS
from hal.panel.signals import LOOKS

REPEAT_SECONDS = 0.7
"""A key held down repeats, first after up to 0.66 s (the X server's default): all that is one press."""

KEYS = {b" ": ButtonEvent.PRESS, b"h": ButtonEvent.HOLD, b"H": ButtonEvent.HOLD}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    terminal: str = "/dev/tty"
    lights: bool = True
    """Write a line with the lights, and ring the bell; off when the terminal is used for other text."""


class KeyboardPanel(Driver):
    """Reads keys without waiting for Enter; the terminal is as it was after `close`."""

    def __init__(self, options: Options) -> None:
        super().__init__(Identity(kind="panel", driver="keyboard", model="terminal", port=options.terminal))
        self._options = options
        self._lights = options.lights
        self._fd: int | None = None
        self._before: list[Any] = []
        self._writing = threading.Lock()
        self._asked_until: float | None = None
        self._last_key: tuple[bytes, float] = (b"", 0.0)

    @property
    def capabilities(self) -> frozenset[Capability]:
        shows = {Capability.LIGHTS, Capability.BUZZER} if self._lights else set()
        return frozenset({Capability.BUTTON} | shows)

    def show(self, signal: Signal) -> None:
        self.open()
        if not self._lights:
            return
        look = LOOKS[signal]
        lamps = " ".join("*" if lit else "." for lit in look.lights)
        text = f"\r\x1b[K[{lamps}] {signal.value}" + ("\a" if look.sound else "")
        with self._writing:
            if self._fd is None:
                return
            try:
                os.write(self._fd, text.encode())
            except BlockingIOError:
                return  # a stopped terminal (Ctrl-S): a light that cannot be shown must not stop the flow
            except OSError as error:
                raise self._gone() from error

    def wait_for_button(self, timeout: float) -> ButtonEvent:
        deadline = time.monotonic() + timeout
        with self._operation():
            assert self._fd is not None
            try:
                self._forget_old_keys(self._fd)
                event = self._next_event(self._fd, deadline)
            except Timeout:
                self._asked_until = time.monotonic()
                raise
            except (OSError, termios.error) as error:
                raise self._gone() from error
            self._asked_until = time.monotonic()
            self._wait_is_over()
            return event

    def _forget_old_keys(self, fd: int) -> None:
        """What was typed while nobody asked must not accept the next traveller."""
        if self._asked_until is None or time.monotonic() - self._asked_until > FRESH_SECONDS:
            termios.tcflush(fd, termios.TCIFLUSH)

    def _next_event(self, fd: int, deadline: float) -> ButtonEvent:
        while True:
            self._check_not_closed()
            left = deadline - time.monotonic()
            readable, _, _ = select.select([fd], [], [], min(POLL_SECONDS, max(0.0, left)))
            if readable:
                key = os.read(fd, 1)
                if not key:
                    raise self._gone()
                event = KEYS.get(key)
                if event is not None and not self._repeats(key):
                    return event
            elif left <= 0:
                raise Timeout("Nobody pressed the button.")

    def _repeats(self, key: bytes) -> bool:
        """Whether this is the key before, still held down."""
        now = time.monotonic()
        last, when = self._last_key
        self._last_key = (key, now)
        return key == last and now - when < REPEAT_SECONDS

    def _take_hold(self) -> None:
        terminal = self._options.terminal
        try:
            fd = os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise _why_not_open(error, terminal) from error
        try:
            self._before = termios.tcgetattr(fd)
            tty.setcbreak(fd, termios.TCSANOW)
        except termios.error as error:
            os.close(fd)
            raise DeviceFault(f"{terminal} is not a terminal.") from error
        self._fd = fd
        self._asked_until = None

    def _let_go(self) -> None:
        with self._writing:
            fd, self._fd = self._fd, None
        if fd is None:
            return
        try:
            termios.tcsetattr(fd, termios.TCSANOW, self._before)
        except termios.error:
            pass  # hung up: there is no terminal left to restore
        finally:
            os.close(fd)

    def _gone(self) -> DeviceGone:
        return DeviceGone(f"The terminal {self._options.terminal} was closed.")


def create(options: Options) -> KeyboardPanel:
    """The driver for `hal.discovery.make_device`."""
    return KeyboardPanel(options)


def _why_not_open(error: OSError, terminal: str) -> DeviceError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceFault(f"{terminal} may not be opened by this service.")
    return DeviceGone(f"There is no terminal {terminal}.")
