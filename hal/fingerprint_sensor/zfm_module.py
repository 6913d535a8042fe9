"""What a ZFM-20, R30x or R503 module can be asked, from their makers' manuals."""

import struct
from dataclasses import dataclass

from hal.device import DeviceFault, DeviceGone, Unreadable
from hal.fingerprint_sensor.zfm_line import (
    ANSWER_SECONDS,
    SILENCE_SECONDS,
    TRIES,
    Code,
    Confirm,
    Refused,
    ZfmLine,
)

QUICK_SECONDS = 0.3
"""A command that needs no picture is answered in a few milliseconds, and 9600 baud needs 60 more."""


@dataclass(frozen=True, slots=True)
class SystemParameters:
    """What ReadSysPara tells."""

    status: int
    system_id: int
    library_size: int
    security_level: int
    address: int
    packet_bytes: int
    baud: int


@dataclass(frozen=True, slots=True)
class ProductInformation:
    """What ReadProdInfo of an R503 tells."""

    model: str
    serial: str
    hardware: str
    sensor: str
    width: int
    height: int


class ZfmModule:
    """One module, one method a command."""

    def __init__(self, line: ZfmLine) -> None:
        self._line = line

    def verify_password(self, password: int, *, wait: float = ANSWER_SECONDS, tries: int = TRIES) -> None:
        """Every session begins with it.

        Raises:
            DeviceFault: the password is wrong, or what answers is no such module.
            DeviceGone: nothing answers.
        """
        self._line.command(Code.VFY_PWD, password.to_bytes(4, "big"), wait=wait, tries=tries)

    def settle(self) -> None:
        """Wait until it says nothing more: a slow one may answer twice.

        Raises:
            DeviceFault: its line is never silent.
        """
        self._line.drain(silence=SILENCE_SECONDS)

    def system_parameters(self) -> SystemParameters:
        """ReadSysPara.

        Raises:
            DeviceFault: the answer is not as the manual says.
            DeviceGone: nothing answers.
        """
        content = self._line.command(Code.READ_SYS_PARA)
        if len(content) < 16:
            raise DeviceFault("The fingerprint module's parameters are cut short.")
        status, system, library, security, address, size, baud = struct.unpack(">4HI2H", content[:16])
        if size > 3 or not 1 <= baud <= 12:
            raise DeviceFault("The fingerprint module's parameters are none that its manual knows.")
        return SystemParameters(status, system, library, security, address, 32 << size, 9600 * baud)

    def product_information(self) -> ProductInformation | None:
        """ReadProdInfo; None from modules that do not know it: they refuse, or say damaged, or nothing."""
        try:
            content = self._line.command(Code.READ_PROD_INFO, wait=QUICK_SECONDS, tries=2)
        except (DeviceFault, DeviceGone):
            return None
        if len(content) < 46:
            return None
        width, height = struct.unpack(">HH", content[38:42])
        return ProductInformation(
            model=_text(content[0:16]),
            serial=content[20:28].hex(),
            hardware=f"{content[28]}.{content[29]}",
            sensor=_text(content[30:38]),
            width=width,
            height=height,
        )

    def take_image(self) -> bool:
        """Take a picture into the module's own memory; False: no finger lies on it.

        Raises:
            Unreadable: the finger moved, or was too dry or wet.
            DeviceError: the module does not answer, or says that its sensor is broken.
        """
        try:
            self._line.command(Code.GET_IMAGE)
        except Refused as refused:
            if refused.confirm == Confirm.NO_FINGER:
                return False
            if refused.confirm == Confirm.IMAGE_FAILED:
                raise Unreadable(
                    "The fingerprint module could not take an image: lay the finger anew."
                ) from None
            raise
        return True

    def upload_image(self, *, packet_bytes: int) -> bytes:
        """The picture in the module's memory, four bits a pixel, as it sends it.

        Raises:
            Unreadable: a packet was lost or damaged: the finger must be laid anew.
            DeviceError: the module does not answer.
        """
        try:
            self._line.command(Code.UP_IMAGE)
        except Refused as refused:
            if refused.confirm in (Confirm.CANNOT_SEND, Confirm.CANNOT_UPLOAD, Confirm.NO_VALID_IMAGE):
                raise Unreadable(
                    "The fingerprint module has no image to send: lay the finger anew."
                ) from None
            raise
        return self._line.transfer(packet_bytes=packet_bytes)

    def aura(self, *, mode: int, speed: int, colour: int, times: int) -> bool:
        """The ring of light of an R503; False from modules that have none.

        Raises:
            DeviceError: the module does not answer.
        """
        try:
            self._line.command(Code.AURA_LED_CONFIG, bytes([mode, speed, colour, times]))
        except Refused:
            return False
        return True


def _text(content: bytes) -> str:
    """A device chose it, and it goes to logs: printable ASCII alone."""
    return "".join(chr(byte) for byte in content if 0x20 <= byte < 0x7F).strip()
