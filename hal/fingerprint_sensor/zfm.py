"""Fingerprint modules of the ZFM-20 family on a serial line: ZFM-20, R305, R307, R503 and their like.

For training and enrolment checks, not border grade: sixteen greys, no certificate (FAP, PIV), and nothing
says whether the finger is alive. The module's own matching is not used: only its picture is taken.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import serial

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
from hal.fingerprint_sensor.zfm_line import Refused, ZfmLine
from hal.fingerprint_sensor.zfm_module import QUICK_SECONDS, SystemParameters, ZfmModule
from hal.framed_reader import LINE_ERRORS
from hal.serial_port import why_not_open

BAUDS = (57600, 115200, 9600, 38400, 19200)
"""What modules are set to, the makers' own setting first."""

WRITE_SECONDS = 1.0

SHAPES = {256 * 288 // 2: (288, 256), 192 * 192 // 2: (192, 192)}
"""Bytes of an image -> (height, width): ZFM-20 and R30x; R503."""

DPI = {(288, 256): 500, (192, 192): 508}
"""As the makers' data sheets have it."""

BLUE, BREATHING, OFF = 2, 1, 4
"""Of AuraLedConfig."""

BREATH = 0x60
"""About one breath a second."""

FAILURES = 3
"""So many failed pictures in one wait: a finger lies there, and it cannot be read."""

Uint32 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
Side = Annotated[int, msgspec.Meta(ge=1, le=512)]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    port: str
    """/dev/serial/by-id/... is stable across reboots; on a board's own pins it is /dev/serial0."""
    baud: Literal["auto", 9600, 19200, 28800, 38400, 57600, 115200] = "auto"
    password: Uint32 = 0
    address: Uint32 = 0xFFFFFFFF
    width: Side | None = None
    """With `height`, for a module whose image is neither 256 x 288 nor 192 x 192 pixels."""
    height: Side | None = None
    dpi: Annotated[int, msgspec.Meta(ge=100, le=2000)] | None = None
    """None: what the data sheet of an image of this size says."""
    aura: bool = False
    """The ring of light of an R503 breathes while a finger is awaited."""
    model: str = "fingerprint module (training and enrolment checks, not border grade)"
    serial_number: str | None = None

    def __post_init__(self) -> None:
        if (self.width is None) != (self.height is None):
            raise ValueError("`width` and `height` go together")


OpenPort = Callable[[str, int], serial.Serial]


def open_port(port: str, baud: int) -> serial.Serial:
    """The real thing."""
    return serial.Serial(
        port, baudrate=baud, timeout=POLL_SECONDS, write_timeout=WRITE_SECONDS, exclusive=True
    )


class ZfmSensor(Driver):
    """A module. The picture's bytes need 6.4 s at 57,600 baud: `timeout` is for the finger alone."""

    capabilities = frozenset({Capability.FINGERPRINT_IMAGE, Capability.FINGER_PRESENCE, Capability.SELF_TEST})

    def __init__(self, options: Options) -> None:
        super().__init__(
            Identity(
                kind="fingerprint_sensor",
                driver="zfm",
                model=options.model,
                serial=options.serial_number,
                port=options.port,
            )
        )
        self._options = options
        self._port: serial.Serial | None = None
        self._module: ZfmModule | None = None
        self._parameters: SystemParameters | None = None
        self._shape: tuple[int, int] | None = None
        """(height, width) as configured, or as the module says; None: known by the number of bytes."""
        self._odd_bytes: int | None = None
        """How many bytes the last image had that was no whole one."""

    def capture(self, timeout: float) -> FingerImage:
        deadline = time.monotonic() + timeout
        with self._operation(), self._port_errors():
            assert self._module is not None
            assert self._parameters is not None
            self._light(BREATHING)
            try:
                self._wait_for_finger(self._module, deadline)
                self._wait_is_over()
                data = self._module.upload_image(packet_bytes=self._parameters.packet_bytes)
            finally:
                self._light_off()
            return self._image(data)

    def wait_for_removal(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        with self._operation(), self._port_errors():
            assert self._module is not None
            while self._finger_on(self._module):
                if time.monotonic() >= deadline:
                    raise Timeout("The finger still lies on the sensor.")
                self._pause()

    def self_test(self) -> tuple[Finding, ...]:
        with self._operation(), self._port_errors():
            assert self._module is not None
            assert self._port is not None
            self._module.verify_password(self._options.password)
            found = self._module.system_parameters()
            return (
                Finding(name="VfyPwd", passed=True),
                Finding(name="ReadSysPara", passed=True, value=f"system {found.system_id:#06x}"),
                Finding(name="baud rate", passed=found.baud == self._port.baudrate, value=str(found.baud)),
                Finding(name="packet size", passed=True, value=str(found.packet_bytes)),
            )

    def _wait_for_finger(self, module: ZfmModule, deadline: float) -> None:
        failures = 0
        while True:
            try:
                if module.take_image():
                    return
            except Unreadable:
                failures += 1
                if failures == FAILURES:
                    raise
            if time.monotonic() >= deadline:
                raise Timeout("No finger was put on the sensor.")
            self._pause()

    def _finger_on(self, module: ZfmModule) -> bool:
        try:
            return module.take_image()
        except Unreadable:  # a finger that is being lifted
            return True

    def _pause(self) -> None:
        self._closing.wait(POLL_SECONDS)
        self._check_not_closed()

    def _image(self, data: bytes) -> FingerImage:
        shape = self._shape or SHAPES.get(len(data))
        if shape is None or shape[0] * shape[1] != 2 * len(data):
            odd, self._odd_bytes = self._odd_bytes, len(data)
            if len(data) != odd:  # once: a packet was lost; the same again: that is how large its images are
                raise Unreadable("A part of the fingerprint was lost on the line.")
            raise DeviceFault(
                f"The fingerprint module sent an image of {2 * len(data)} pixels: "
                "`width` and `height` of its configuration must say how they lie."
            )
        packed = np.frombuffer(data, np.uint8)
        greys: npt.NDArray[np.uint8] = np.stack([packed >> 4, packed & 0x0F], axis=1).reshape(
            shape
        ) * np.uint8(17)
        if greys.min() == greys.max():
            raise Unreadable("The fingerprint module sent an empty image.")
        return FingerImage(pixels=greys, dpi=self._options.dpi or DPI.get(shape, 500), bits=4)

    def _light(self, mode: int) -> None:
        if self._options.aura and self._module is not None:
            self._module.aura(mode=mode, speed=BREATH, colour=BLUE, times=0)

    def _light_off(self) -> None:
        """After an exchange that may have failed: what fails here is said by the exchange itself."""
        if not self._closing.is_set():
            try:
                self._light(OFF)
            except (DeviceError, *LINE_ERRORS):
                return

    def _take_hold(self) -> None:
        options = self._options
        # twice the first: a module that was sending when it was interrupted may have lost a command
        bauds = (BAUDS[0], *BAUDS) if options.baud == "auto" else (options.baud,) * 3
        try:
            self._port = open_port(options.port, bauds[0])
        except LINE_ERRORS as error:
            raise why_not_open(error, options.port, "fingerprint module") from error
        line = ZfmLine(self._port, address=options.address, check=self._check_not_closed)
        self._module = ZfmModule(line)
        try:
            with self._port_errors():
                line.drain()
                self._meet(self._module, bauds)
        except BaseException:
            self._let_go()
            raise

    def _meet(self, module: ZfmModule, bauds: tuple[int, ...]) -> None:
        self._find_baud(module, bauds)
        self._parameters = module.system_parameters()
        product = module.product_information()
        said = (
            (product.height, product.width)
            if product is not None and product.width and product.height
            else None
        )
        configured = (self._options.height, self._options.width)
        self._shape = (
            said if configured[0] is None or configured[1] is None else (configured[0], configured[1])
        )
        self.firmware = (
            product.hardware if product is not None else f"system {self._parameters.system_id:#06x}"
        )

    def _find_baud(self, module: ZfmModule, bauds: tuple[int, ...]) -> None:
        """The first rate at which the module answers.

        Raises:
            DeviceFault: something answers, but damaged, or refuses the password.
            DeviceGone: nothing answers at any rate.
        """
        assert self._port is not None
        worst: DeviceError | None = None
        for baud in bauds:
            self._check_not_closed()
            if self._port.baudrate != baud:
                self._port.baudrate = baud
            try:
                module.verify_password(self._options.password, wait=QUICK_SECONDS, tries=1)
            except Refused:
                raise  # it is there, and understands us
            except DeviceGone as error:
                self._check_not_closed()
                worst = worst or error
            except DeviceFault as error:
                worst = error
            else:
                if worst is not None:  # it may have been slow, and answer what was asked before too
                    module.settle()
                return
        assert worst is not None
        raise worst

    @contextmanager
    def _port_errors(self) -> Iterator[None]:
        try:
            yield
        except serial.SerialTimeoutException as error:
            raise DeviceFault(f"The fingerprint module on {self._options.port} takes no commands.") from error
        except LINE_ERRORS as error:
            raise DeviceGone(f"The fingerprint module on {self._options.port} was unplugged.") from error

    def _let_go(self) -> None:
        port, self._port, self._module = self._port, None, None
        if port is not None:
            try:
                port.close()
            except OSError:
                return  # already torn out: the descriptor is closed all the same


def create(options: Options) -> ZfmSensor:
    """The driver for `hal.discovery.make_device`."""
    return ZfmSensor(options)
