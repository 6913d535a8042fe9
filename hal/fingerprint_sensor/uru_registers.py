"""The U.are.U 4000 family by its registers: models, start-up, finger and picture commands.

The protocol was worked out by libfprint's authors (driver uru4000); this is written from its facts alone.
"""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hal.device import DeviceFault
from hal.fingerprint_sensor.usb_link import Link

REQUEST = 4
"""The vendor request that reads and writes registers; the register is its value."""

INTERRUPT_ENDPOINT, BULK_ENDPOINT = 0x81, 0x82

POWER_TRIES = 100
POWER_PAUSE = 0.01
POWER_SECONDS = 1.0
"""The interrupt that tells of power comes within 0.3 s, or, on some days, never."""

STARTS = 3

CHALLENGE_BYTES = 16

CHALLENGE_KEY = bytes.fromhex("79ac91795ca1478e98e00f3c598f5f4b")
"""The same in every Microsoft Fingerprint Reader v2, and long public: it proves nothing to anybody."""


class Register(enum.IntEnum):
    """Addresses."""

    HWSTAT = 0x07
    KEY_INDEX = 0x33
    KEY = 0x34
    MODE = 0x4E
    INFO = 0xF0
    RESPONSE = 0x2000
    CHALLENGE = 0x2010


class Mode(enum.IntEnum):
    """What MODE may hold."""

    AWAIT_FINGER_ON = 0x10
    AWAIT_FINGER_OFF = 0x12
    CAPTURE = 0x20
    OFF = 0x70


class Event(enum.IntEnum):
    """The first two bytes of an interrupt."""

    FINGER_ON = 0x0101
    FINGER_OFF = 0x0200
    DEATH = 0x0800
    """The next picture will be empty."""
    POWER_ON = 0x56AA


LOW_POWER, CONFUSED, ALIVE = 0x80, 0x04, 0x01
"""Bits of HWSTAT."""


@dataclass(frozen=True, slots=True)
class Model:
    """What differs from model to model."""

    name: str
    challenges: bool = False
    """It wants to be answered with AES before it powers up."""
    upside_down: bool = False
    """Its picture must be turned by half a turn."""


MODELS = {
    (0x045E, 0x00BB): Model("Microsoft keyboard with fingerprint reader"),
    (0x045E, 0x00BC): Model("Microsoft Wireless IntelliMouse with fingerprint reader"),
    (0x045E, 0x00BD): Model("Microsoft Fingerprint Reader"),
    (0x045E, 0x00CA): Model("Microsoft Fingerprint Reader v2", challenges=True),
    (0x05BA, 0x0007): Model("DigitalPersona U.are.U 4000"),
    (0x05BA, 0x0008): Model("DigitalPersona U.are.U 4000 keyboard"),
    (0x05BA, 0x000A): Model("DigitalPersona U.are.U 4000B or 4500", upside_down=True),
}
"""(vendor, product) -> model."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Hardware and firmware; which is which is not public."""

    first: int
    second: int

    def __str__(self) -> str:
        return f"{self.first:04x}/{self.second:04x}"


class Registers:
    """Reading and writing, one name each."""

    def __init__(self, link: Link, model: Model, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._link = link
        self._model = model
        self._pause = pause

    def read(self, register: Register, count: int = 1) -> bytes:
        """Raises:
        DeviceError: the sensor is gone, or does not answer as it should.
        """
        return self._link.control_in(REQUEST, register, count)

    def write(self, register: Register, data: bytes) -> None:
        """Raises:
        DeviceError: the sensor is gone, or does not take it.
        """
        self._link.control_out(REQUEST, register, data)

    def mode(self, mode: Mode) -> None:
        """Raises:
        DeviceError: the sensor is gone, or does not take it.
        """
        self.write(Register.MODE, bytes([mode]))

    def next_event(self, timeout: float) -> int | None:
        """The next interrupt's first two bytes; None: none came. Interrupts without content are passed over.

        Raises:
            DeviceError: the sensor is gone.
        """
        deadline = time.monotonic() + timeout
        while True:
            heard = self._link.heard(max(0.0, deadline - time.monotonic()))
            if heard is None or len(heard) >= 2:
                return None if heard is None else int.from_bytes(heard[:2], "big")

    def wait_for(self, event: Event, timeout: float) -> bool:
        """False: it did not come. Other events are passed over.

        Raises:
            DeviceError: the sensor is gone.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = self.next_event(deadline - time.monotonic())
            if found is None or found == event:
                return found is not None

    def start(self) -> Versions:
        """From whatever state it is in to a powered, listening sensor; an interrupt-IN must be outstanding.

        Raises:
            DeviceFault: it does not power up.
            DeviceGone: it was unplugged.
        """
        for _ in range(STARTS):
            status = self._status()
            if status & (LOW_POWER | CONFUSED) == LOW_POWER | CONFUSED:
                status = self._reboot(status)
            if not status & LOW_POWER:
                self.write(Register.HWSTAT, bytes([status | LOW_POWER]))
            self.forget_events()
            self._power_up(status & 0x0F)
            if self.wait_for(Event.POWER_ON, POWER_SECONDS):
                return self.versions()
        raise DeviceFault("The fingerprint sensor does not power up: plug it in anew.")

    def versions(self) -> Versions:
        """Raises:
        DeviceError: the sensor is gone, or does not answer as it should.
        """
        info = self.read(Register.INFO, 16)
        return Versions(int.from_bytes(info[10:12], "big"), int.from_bytes(info[4:6], "big"))

    def forget_events(self) -> None:
        """What was heard until now belongs to what was before."""
        while self._link.heard(0.0) is not None:
            continue

    def key(self, number: int, seed: int) -> int:
        """The key of that number. The sensor sends it hidden by our seed.

        Raises:
            DeviceError: the sensor is gone, or does not answer as it should.
        """
        self.write(Register.KEY_INDEX, bytes([number]) + seed.to_bytes(4, "little"))
        return int.from_bytes(self.read(Register.KEY, 4), "little") ^ seed

    def _status(self) -> int:
        return self.read(Register.HWSTAT)[0]

    def _reboot(self, status: int) -> int:
        self.write(Register.HWSTAT, bytes([status & 0x0F]))
        for _ in range(POWER_TRIES):
            status = self._status()
            if status & ALIVE:
                return status
            self._pause(POWER_PAUSE)
        raise DeviceFault("The fingerprint sensor is confused and does not start anew: plug it in again.")

    def _power_up(self, status: int) -> None:
        for _ in range(POWER_TRIES):
            self.write(Register.HWSTAT, bytes([status]))
            if not self._status() & LOW_POWER:
                return
            self._pause(POWER_PAUSE)
            if self._model.challenges:
                challenge = self.read(Register.CHALLENGE, CHALLENGE_BYTES)
                self.write(Register.RESPONSE, answer(challenge))
        raise DeviceFault("The fingerprint sensor stays in its low-power state: plug it in anew.")


def answer(challenge: bytes) -> bytes:
    """AES-128 of one block: what a Microsoft Fingerprint Reader v2 wants to hear."""
    cipher = Cipher(algorithms.AES(CHALLENGE_KEY), modes.ECB()).encryptor()  # noqa: S305 - the device's choice
    return cipher.update(challenge) + cipher.finalize()
