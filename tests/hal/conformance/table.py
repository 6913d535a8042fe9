"""The suite's table: every driver, every way it was run. A new driver is a line here, and a bench."""

from conformance import (
    barcodes,
    cameras,
    fingers,
    fixtures_of_the_box,
    on_a_pty,
    panels,
    pcsc,
    printers,
    simulated,
    wedges,
)
from conformance.case import Case, Proof

PTY = "byte-level emulator on a pty"
PTYS = ("pseudo_terminals",)
SERIAL_PLUG = 'USB or RS-232; `port = "/dev/borne/document-reader"`, framing as set in the reader'
ACCESS_PLUG = SERIAL_PLUG + '; `bytesize = 7`, `parity = "E"`'
PCSC_PLUG = "USB; `reader_name` as `borne devices` shows it"
WEDGE_PLUG = 'USB, as a keyboard with the US layout; `device = "/dev/borne/wedge-..."`'
BARCODE_PLUG = "USB or RS-232, set to a COM port; `port = ...`"
SIMULATED_PLUG = "nothing to plug in; says `simulated` everywhere, refused in production"


def _lines(variant: str, devices: str, bench: type[on_a_pty.SerialLines], plug: str = SERIAL_PLUG) -> Case:
    return Case(
        "document_reader", "mrz_line", variant, devices, bench, Proof.EMULATED, PTY, plug, fixtures=PTYS
    )


def _simulated(kind: str, variant: str, devices: str, bench: type[simulated.Scripted]) -> Case:
    return Case(kind, "simulated", variant, devices, bench, Proof.ITSELF, "itself", SIMULATED_PLUG)


CASES: tuple[Case, ...] = (
    Case("document_reader", "pcsc", "pcscd", "contactless readers known to PC/SC", pcsc.RealDaemon,
         Proof.EMULATED, "Debian's pcscd with vsmartcard's virtual reader", PCSC_PLUG,
         needs=("/usr/sbin/pcscd",), fixtures=("virtual_reader_here",)),
    Case("document_reader", "pcsc", "script", "the same, unplugged at every call", pcsc.ScriptedDaemon,
         Proof.EMULATED, "fake of pyscard's calls with a fault script", PCSC_PLUG),
    _lines("auto", "swipe readers and imagers whose framing nobody knows", on_a_pty.Auto),
    _lines("stx_etx", "swipe readers with STX/ETX", on_a_pty.StxEtx),
    _lines("cr_lines", "readers that send bare lines", on_a_pty.CrLines),
    _lines("desko", "DESKO (CUTE framing)", on_a_pty.Desko),
    _lines("access_is", "Access-IS ATR110, LSR116 (7E1 itself is untested)", on_a_pty.AccessIs, ACCESS_PLUG),
    _lines("rte_native", "3M (Rochford Thompson) RTE67xx (check byte assumed)", on_a_pty.RteNative),
    _lines("elyctis", "ELYCTIS ID BOX One (presence messages passed over)", on_a_pty.Elyctis),
    Case("document_reader", "wedge", "", "keyboard-wedge MRZ readers", wedges.WedgeLines, Proof.EMULATED,
         "named pipe with the kernel's input events", WEDGE_PLUG),
    Case("barcode_reader", "serial_line", "suffix", "barcode readers on a serial line, text codes",
         barcodes.SerialBarcode, Proof.EMULATED, PTY, BARCODE_PLUG, fixtures=PTYS),
    Case("barcode_reader", "serial_line", "stx_etx", "the same, with STX and ETX",
         barcodes.StxEtx, Proof.EMULATED, PTY, BARCODE_PLUG, fixtures=PTYS),
    Case("barcode_reader", "serial_line", "silence", "the same, binary seals",
         barcodes.Silence, Proof.EMULATED, PTY, BARCODE_PLUG, fixtures=PTYS),
    Case("barcode_reader", "wedge", "", "keyboard-wedge barcode readers, text codes",
         wedges.WedgeBarcode, Proof.EMULATED, "named pipe with the kernel's input events", WEDGE_PLUG),
    Case("camera", "v4l2", "", "cameras of the USB video class", cameras.V4l2, Proof.EMULATED,
         "fake of OpenCV's capture", "USB; `device = \"/dev/borne/camera-...\"`"),
    Case("camera", "picamera", "", "Raspberry Pi camera modules", cameras.PiModule, Proof.EMULATED,
         "fake held to picamera2 0.3.38's published signatures", "ribbon cable; extra `pi`; `camera = 0`"),
    Case("camera", "file", "", "pictures, folders, videos", cameras.Files, Proof.ITSELF,
         "itself", "`path = ...`; says `simulated`"),
    Case("fingerprint_sensor", "uru4500", "", "DigitalPersona U.are.U 4000, 4000B, 4500; Microsoft readers",
         fingers.Uru, Proof.EMULATED, "fake sensor behind a fake of USB", "USB; nothing to configure"),
    Case("fingerprint_sensor", "zfm", "", "ZFM-20, R30x, R503: for training, not border grade",
         fingers.Zfm, Proof.EMULATED, PTY + ", which also satisfies adafruit's library",
         "serial line; `port = ...`", fixtures=PTYS),
    Case("fingerprint_sensor", "libfprint", "", "sensors of libfprint that give pictures; optional",
         fingers.LibfprintVirtual, Proof.EMULATED, "libfprint itself with its virtual sensor",
         "USB; Debian's `python3-gi` and `gir1.2-fprint-2.0`", fixtures=("libfprint_here",)),
    Case("illumination", "gpio", "", "white, oblique, infrared, ultraviolet LEDs on pins",
         fixtures_of_the_box.LightsOnPins, Proof.EMULATED, "gpiozero's mock pins",
         "the board's pins through a transistor each, BCM numbers; extra `pi`"),
    Case("power", "sysfs", "", "batteries and UPSs that the kernel lists", fixtures_of_the_box.Sysfs,
         Proof.EMULATED, "a folder like the kernel's", "nothing; `name = ...` where there are several"),
    Case("power", "sysfs", "pretended", "the same, in the kernel's own place",
         fixtures_of_the_box.SysfsPretended, Proof.EMULATED, "umockdev's pretended /sys", "as above",
         needs=("umockdev-wrapper",), wrapper=lambda: ["umockdev-wrapper"], fixtures=("pretended_bus",)),
    Case("printer", "escpos", "", "ESC/POS receipt printers, 58 or 80 mm", printers.Escpos,
         Proof.EMULATED, PTY, "RS-232, or USB set to a COM port; `port = ...`; `dots = 384` for 58 mm",
         fixtures=PTYS),
    Case("power", "gpio", "", "a pin that says the mains are away", fixtures_of_the_box.PowerFailPin,
         Proof.EMULATED, "gpiozero's mock pins", "one of the board's pins, BCM number; extra `pi`"),
    Case("panel", "gpio", "", "button, three lights or one RGB, buzzer", panels.Pins, Proof.EMULATED,
         "gpiozero's mock pins", "the board's pins, BCM numbers; extra `pi`"),
    Case("panel", "keyboard", "", "a terminal: space = press, `h` = hold", on_a_pty.Keyboard, Proof.EMULATED,
         "pty", "any keyboard at the terminal", fixtures=PTYS),
    _simulated("document_reader", "lines", "MRZ lines from a script", simulated.SimulatedLines),
    _simulated("document_reader", "chip", "a chip simulator's chip", simulated.SimulatedChip),
    _simulated("barcode_reader", "", "codes from a script", barcodes.SimulatedBarcode),
    _simulated("camera", "", "a drawn test card, or given pictures", simulated.SimulatedCamera),
    _simulated("fingerprint_sensor", "", "drawn ridges", simulated.SimulatedSensor),
    _simulated("illumination", "", "lights that are remembered", fixtures_of_the_box.SimulatedLights),
    _simulated("power", "", "a battery that a script drains", fixtures_of_the_box.SimulatedPower),
    _simulated("printer", "", "a page that is remembered", printers.SimulatedPaper),
    _simulated("panel", "", "a button that a script presses", simulated.SimulatedPanel),
)  # fmt: skip
