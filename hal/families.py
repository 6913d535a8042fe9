"""The table of device families: which driver, and how a device of it is recognised. First match wins.

Only ids that a public list names are here; `source` says which. A family with no driver is recognised so
that the technician reads "known, but no driver yet" instead of nothing.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Usb:
    """A USB device: vendor id, and product ids (none: all of this vendor's)."""

    vendor: str
    products: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port that belongs to a USB device of this vendor."""

    vendor: str


@dataclass(frozen=True, slots=True)
class VideoCapture:
    """A Video4Linux node that gives pictures: the USB video class, whoever made it."""


@dataclass(frozen=True, slots=True)
class PcscName:
    """A reader whose PC/SC name matches: every contactless slot that pcscd shows."""

    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Supply:
    """A power supply that the kernel lists: a battery or a UPS, not the mains alone."""


@dataclass(frozen=True, slots=True)
class Configured:
    """Never found by itself: the configuration names its port, path or pins."""


Rule = Usb | SerialPort | VideoCapture | PcscName | Supply | Configured


@dataclass(frozen=True, slots=True)
class Family:
    """One line of the table."""

    kind: str
    driver: str | None
    """The file in `hal/<kind>/`; None: recognised, but not driven."""
    name: str
    rule: Rule
    source: str


CCID = "list of readers of the CCID driver (ccid.apdu.fr)"
USB_IDS = "udev rules of libfprint"
MAKER = "the maker's manual"
NAMING = "slot names that pcscd's CCID driver gives"
OURS = "this project"
KERNEL = "the kernel's power_supply class"


def _name(pattern: str) -> PcscName:
    return PcscName(re.compile(pattern, re.IGNORECASE))


FAMILIES: Final[tuple[Family, ...]] = (
    # PC/SC readers by the name of their slot: these can be opened.
    Family("document_reader", "pcsc", "virtual reader (demo, training, tests)", _name("^Virtual PCD"), OURS),
    Family("document_reader", None, "security module slot", _name(r"\bSAM(\]| \d\d)"), NAMING),
    Family("document_reader", "pcsc", "contactless slot", _name(r"PICC|contactless|NFC|RFID|\bCL\b"), NAMING),
    Family("document_reader", "pcsc", "e-passport reader", _name("ePassport|DESKO|ELYCTIS|PENTA"), CCID),
    Family("document_reader", "pcsc", "HID OMNIKEY contactless", _name(r"50[0-9]{2}|5[1-4]2[0-9] ?CK"), CCID),
    Family("document_reader", None, "contact slot", _name(r"\bICC\b|\bcontact\b|smart ?card reader"), NAMING),
    Family("document_reader", "pcsc", "PC/SC reader of unknown kind", _name("."), OURS),
    # The same readers on the bus: says that one is plugged in even where pcscd does not run.
    Family(
        "document_reader",
        "pcsc",
        "ACS contactless reader",
        Usb("072f", ("2200", "221a", "2224", "223b", "223e", "223f", "2259")),
        CCID,
    ),
    Family(
        "document_reader",
        "pcsc",
        "HID OMNIKEY contactless reader",
        Usb("076b", ("5022", "5023", "502a", "5127", "5321", "5326", "5421", "5422", "5427", "5a27", "6321")),
        CCID,
    ),
    Family(
        "document_reader",
        "pcsc",
        "Identiv contactless reader",
        Usb("04e6", ("5612", "5613", "5720", "5721", "5723", "5724", "5725", "5790", "5791")),
        CCID,
    ),
    Family(
        "document_reader",
        "pcsc",
        "SCM contactless reader",
        Usb("04e6", ("5121", "512b", "512c", "5291", "5293")),
        CCID,
    ),
    Family("document_reader", "pcsc", "Elyctis contactless reader", Usb("1ffa", ("0002", "000c")), CCID),
    Family("document_reader", "pcsc", "DESKO reader", Usb("1ac2", ("0300", "0302")), CCID),
    Family("document_reader", "pcsc", "Access-IS e-passport reader", Usb("0db5", ("0138",)), CCID),
    Family(
        "document_reader",
        "pcsc",
        "Access-IS NFC reader",
        Usb("0db5", ("0160", "0164", "0170", "0180", "0184")),
        CCID,
    ),
    Family("document_reader", "pcsc", "Thales RF reader", Usb("17b9", ("400b",)), CCID),
    Family("document_reader", "pcsc", "Regula RFID reader", Usb("1c6a", ("7050",)), CCID),
    Family("document_reader", "pcsc", "Gemalto Prox reader", Usb("08e6", ("5503", "5504")), CCID),
    Family("document_reader", "pcsc", "Sony FeliCa reader", Usb("054c", ("0d8f", "0dc8", "0dc9")), CCID),
    # Serial MRZ readers that are USB devices of their own; behind a plain adapter nothing tells them apart.
    Family("document_reader", "mrz_line", "DESKO swipe reader", SerialPort("1ac2"), CCID),
    Family("document_reader", "mrz_line", "Access-IS swipe reader or imager", SerialPort("0db5"), CCID),
    Family("document_reader", "mrz_line", "Elyctis document reader", SerialPort("1ffa"), CCID),
    Family("document_reader", "mrz_line", "3M RTE swipe reader and others", Configured(), MAKER),
    Family("document_reader", "wedge", "keyboard-wedge MRZ reader", Configured(), MAKER),
    Family("document_reader", "simulated", "simulated document reader", Configured(), OURS),
    # Barcode readers: most are a serial port or a keyboard like any other, so the configuration names them.
    Family("barcode_reader", "serial_line", "barcode reader on a serial line", Configured(), MAKER),
    Family("barcode_reader", "wedge", "keyboard-wedge barcode reader", Configured(), MAKER),
    Family("barcode_reader", "simulated", "simulated barcode reader", Configured(), OURS),
    # Cameras
    Family("camera", "v4l2", "camera of the USB video class", VideoCapture(), "USB video class"),
    Family("camera", "picamera", "camera module of a Raspberry Pi", Configured(), OURS),
    Family("camera", "file", "pictures or a video from files", Configured(), OURS),
    Family("camera", "simulated", "simulated camera", Configured(), OURS),
    # Lights over a page
    Family("illumination", "gpio", "page lights on the board's pins", Configured(), OURS),
    Family("illumination", "simulated", "simulated page lights", Configured(), OURS),
    # Fingerprint sensors
    Family(
        "fingerprint_sensor",
        "uru4500",
        "DigitalPersona U.are.U 4000, 4000B or 4500",
        Usb("05ba", ("0007", "0008", "000a")),
        USB_IDS,
    ),
    Family(
        "fingerprint_sensor",
        "uru4500",
        "Microsoft Fingerprint Reader",
        Usb("045e", ("00bb", "00bc", "00bd", "00ca")),
        USB_IDS,
    ),
    Family(
        "fingerprint_sensor", "libfprint", "sensors of libfprint that give pictures", Configured(), USB_IDS
    ),
    Family(
        "fingerprint_sensor",
        "zfm",
        "ZFM-20, R30x or R503 module (training, enrolment checks)",
        Configured(),
        MAKER,
    ),
    Family("fingerprint_sensor", "simulated", "simulated fingerprint sensor", Configured(), OURS),
    # What feeds the box
    Family("power", "sysfs", "battery or UPS that the kernel knows", Supply(), KERNEL),
    Family("power", "gpio", "power-fail input on one of the board's pins", Configured(), OURS),
    Family("power", "simulated", "simulated battery", Configured(), OURS),
    # Receipt printers: a serial port like any other, so the configuration names it
    Family("printer", "escpos", "ESC/POS receipt printer on a serial line", Configured(), MAKER),
    Family("printer", "simulated", "simulated printer", Configured(), OURS),
    # Panels
    Family("panel", "gpio", "button, lights and buzzer on the board's pins", Configured(), OURS),
    Family("panel", "keyboard", "a terminal", Configured(), OURS),
    Family("panel", "simulated", "simulated panel", Configured(), OURS),
)


def drivers() -> dict[str, tuple[str, ...]]:
    """The drivers of each kind, as the table names them."""
    found: dict[str, set[str]] = {family.kind: set() for family in FAMILIES}
    for family in FAMILIES:
        if family.driver is not None:
            found[family.kind].add(family.driver)
    return {kind: tuple(sorted(names)) for kind, names in found.items()}
