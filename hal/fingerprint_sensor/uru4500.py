"""Sensors of the U.are.U 4000 family over USB: DigitalPersona 4000, 4000B and 4500, and Microsoft's readers.

Optical, 500 dpi, one finger: made for verification. It is no border-grade (FAP 30 and above) live scanner,
and has no sense of whether the finger is alive. Endpoint 1 tells of fingers, endpoint 2 gives the picture.
"""

import secrets
import time
from collections.abc import Callable
from typing import Annotated

import msgspec
import numpy as np

from hal.device import (
    Capability,
    DeviceError,
    DeviceFault,
    DeviceGone,
    Finding,
    Identity,
    Timeout,
    Unreadable,
)
from hal.driver import POLL_SECONDS, Driver
from hal.fingerprint_sensor import FingerImage
from hal.fingerprint_sensor.uru_image import IMAGE_BYTES, Picture, assemble, decrypt, parse
from hal.fingerprint_sensor.uru_registers import (
    BULK_ENDPOINT,
    INTERRUPT_ENDPOINT,
    LOW_POWER,
    MODELS,
    Event,
    Mode,
    Model,
    Register,
    Registers,
)
from hal.fingerprint_sensor.usb_bus import UsbIds, find, open_link
from hal.fingerprint_sensor.usb_link import Link

DPI = 500
"""As the maker's data sheet has it; the sensor itself does not say."""

PICTURE_SECONDS = 5.0
"""A picture takes about 0.1 s over full-speed USB; a sensor that is stuck never sends it."""

PICTURES = 3
"""Damaged pictures in a row after which the finger is asked for anew."""

PARTING_SECONDS = 0.5
"""For the last command, which puts the light out, when the sensor is let go of."""

FRESH_SECONDS = 2.0
"""A caller that asks again within this time of a time-out is still waiting for the same finger."""

FindDevice = Callable[["Options"], UsbIds]
OpenLink = Callable[[UsbIds, Callable[[], None]], Link]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver. With neither, the first sensor on the bus is taken."""

    serial_number: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    port: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    """Where it is plugged in, as /sys names it: 1-1.2."""
    model: str = "U.are.U 4000 family"


def find_device(options: Options) -> UsbIds:
    """Raises:
    DeviceGone: no such sensor is on the bus.
    DeviceFault: libusb is not installed.
    """
    found = find(
        lambda ids: (
            (ids.vendor, ids.product) in MODELS
            and options.serial_number in (None, ids.serial)
            and options.port in (None, ids.port)
        )
    )
    if found is None:
        raise DeviceGone("There is no fingerprint sensor of the U.are.U 4000 family on this bus.")
    return found


def open_device(ids: UsbIds, check: Callable[[], None]) -> Link:
    """The real thing."""
    return open_link(ids, interrupt_endpoint=INTERRUPT_ENDPOINT, bulk_endpoint=BULK_ENDPOINT, check=check)


def random_seed() -> int:
    """Hides the key on its way; only somebody on the bus would see it."""
    return secrets.randbits(31)


class Uru4500Sensor(Driver):
    """A sensor that listens as long as it is open; each picture is taken after it was asked for."""

    capabilities = frozenset({Capability.FINGERPRINT_IMAGE, Capability.FINGER_PRESENCE, Capability.SELF_TEST})

    def __init__(
        self,
        options: Options,
        *,
        find_device: FindDevice = find_device,
        open_device: OpenLink = open_device,
        seed: Callable[[], int] = random_seed,
    ) -> None:
        super().__init__(
            Identity(
                kind="fingerprint_sensor",
                driver="uru4500",
                model=options.model,
                serial=options.serial_number,
                port=options.port,
            )
        )
        self._options = options
        self._find_device, self._open_device = find_device, open_device
        self._seed = seed
        self._link: Link | None = None
        self._registers: Registers | None = None
        self._model = Model("")
        self._parting_until: float | None = None
        """While it is being let go of, exchanges end at this time instead of by `close`."""
        self._finger_on = False
        self._asked_until: float | None = None
        """When the last wait ended with nothing; None when it ended otherwise."""

    def capture(self, timeout: float) -> FingerImage:
        deadline = time.monotonic() + timeout
        with self._operation():
            assert self._registers is not None
            assert self._link is not None
            self._wait_for_finger(self._registers, deadline)
            self._wait_is_over()
            try:
                picture = self._picture(self._link, self._registers)
            finally:
                self._link.cancel_bulk()
            return FingerImage(pixels=self._upright(picture), dpi=DPI)

    def wait_for_removal(self, timeout: float) -> None:
        """The sensor tells of a finger that goes only after it was read: before that, none lies there."""
        with self._operation():
            assert self._registers is not None
            if self._finger_on and not self._registers.wait_for(Event.FINGER_OFF, timeout):
                raise Timeout("The finger still lies on the sensor.")
            self._finger_on = False

    def self_test(self) -> tuple[Finding, ...]:
        with self._operation():
            assert self._registers is not None
            status = self._registers.read(Register.HWSTAT)[0]
            return (
                Finding(name="HWSTAT", passed=not status & LOW_POWER, value=f"{status:#04x}"),
                Finding(name="versions", passed=True, value=str(self._registers.versions())),
                Finding(name="model", passed=True, value=self._model.name),
            )

    def _wait_for_finger(self, registers: Registers, deadline: float) -> None:
        asked_until, self._asked_until = self._asked_until, None
        if asked_until is None or time.monotonic() - asked_until > FRESH_SECONDS:
            registers.forget_events()
        registers.mode(Mode.AWAIT_FINGER_ON)
        if not registers.wait_for(Event.FINGER_ON, max(0.0, deadline - time.monotonic())):
            self._asked_until = time.monotonic()
            raise Timeout("No finger was put on the sensor.")

    def _picture(self, link: Link, registers: Registers) -> Picture:
        """The bulk-IN waits before the command that fills it is given."""
        link.begin_bulk(IMAGE_BYTES)
        registers.mode(Mode.CAPTURE)
        for left in reversed(range(PICTURES)):
            data = link.bulk(PICTURE_SECONDS)
            if data is None:
                raise DeviceFault("The fingerprint sensor gives no picture.")
            try:
                picture = parse(data)
                break
            except Unreadable:
                if left == 0:
                    registers.mode(Mode.AWAIT_FINGER_OFF)
                    raise
                link.begin_bulk(IMAGE_BYTES)
        if picture.is_encrypted:
            picture = decrypt(picture, lambda number: registers.key(number, self._seed()))
        self._finger_on = True
        registers.mode(Mode.AWAIT_FINGER_OFF)
        return picture

    def _upright(self, picture: Picture) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        """Ridges dark, and the way up that the family's other software has it."""
        dark = 255 - assemble(picture)
        if dark.min() == dark.max():
            raise Unreadable("The fingerprint sensor sent an empty picture.")
        return np.ascontiguousarray(dark[::-1, ::-1] if self._model.upside_down else dark)

    def _take_hold(self) -> None:
        ids = self._find_device(self._options)
        self._model = MODELS[ids.vendor, ids.product]
        self._link = self._open_device(ids, self._check_exchange)
        self._registers = Registers(self._link, self._model, pause=self._pause)
        self._finger_on, self._asked_until, self._parting_until = False, None, None
        try:
            self._link.listen()
            self.firmware = str(self._registers.start())
        except BaseException:
            self._let_go()
            raise

    def _pause(self, seconds: float) -> None:
        self._closing.wait(min(seconds, POLL_SECONDS))
        self._check_not_closed()

    def _check_exchange(self) -> None:
        if self._parting_until is None:
            self._check_not_closed()
        elif time.monotonic() > self._parting_until:
            raise DeviceGone("The fingerprint sensor did not answer when it was let go of.")

    def _let_go(self) -> None:
        link, self._link = self._link, None
        registers, self._registers = self._registers, None
        if link is None:
            return
        self._parting_until = time.monotonic() + PARTING_SECONDS
        try:
            if registers is not None:
                registers.mode(Mode.OFF)
        except DeviceError:
            pass  # it is gone, or broken: whoever used it has been told
        finally:
            link.close()


def create(options: Options) -> Uru4500Sensor:
    """The driver for `hal.discovery.make_device`."""
    return Uru4500Sensor(options)
