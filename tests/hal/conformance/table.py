"""The suite's table: every driver, every way it was run. A new driver is a line here, and a bench."""

from conformance import cameras, on_a_pty, panels, simulated
from conformance.case import Case, Proof

PTY = "byte-level emulator on a pty"
PTYS = ("pseudo_terminals",)
SERIAL_PLUG = 'USB or RS-232; `port = "/dev/borne/document-reader"`, framing as set in the reader'
SIMULATED_PLUG = "nothing to plug in; says `simulated` everywhere, refused in production"


def _lines(variant: str, devices: str, bench: type[on_a_pty.SerialLines], plug: str = SERIAL_PLUG) -> Case:
    return Case(
        "document_reader", "mrz_line", variant, devices, bench, Proof.EMULATED, PTY, plug, fixtures=PTYS
    )


def _simulated(kind: str, variant: str, devices: str, bench: type[simulated.Scripted]) -> Case:
    return Case(kind, "simulated", variant, devices, bench, Proof.ITSELF, "itself", SIMULATED_PLUG)


CASES: tuple[Case, ...] = (
    _lines("auto", "swipe readers and imagers whose framing nobody knows", on_a_pty.Auto),
    _lines("stx_etx", "swipe readers with STX/ETX", on_a_pty.StxEtx),
    _lines("cr_lines", "readers that send bare lines", on_a_pty.CrLines),
    _lines("desko", "DESKO (CUTE framing)", on_a_pty.Desko),
    _lines("rte_native", "3M (Rochford Thompson) RTE67xx", on_a_pty.RteNative),
    _lines("elyctis", "ELYCTIS ID BOX One", on_a_pty.Elyctis),
    Case("camera", "v4l2", "", "cameras of the USB video class", cameras.V4l2, Proof.EMULATED,
         "fake of OpenCV's capture", "USB; `device = \"/dev/borne/camera-...\"`"),
    Case("camera", "picamera", "", "Raspberry Pi camera modules", cameras.PiModule, Proof.EMULATED,
         "fake held to picamera2 0.3.38's published signatures", "ribbon cable; extra `pi`; `camera = 0`"),
    Case("camera", "file", "", "pictures, folders, videos", cameras.Files, Proof.ITSELF,
         "itself", "`path = ...`; says `simulated`"),
    Case("panel", "gpio", "", "button, three lights or one RGB, buzzer", panels.Pins, Proof.EMULATED,
         "gpiozero's mock pins", "the board's pins, BCM numbers; extra `pi`"),
    Case("panel", "keyboard", "", "a terminal: space = press, `h` = hold", on_a_pty.Keyboard, Proof.EMULATED,
         "pty", "any keyboard at the terminal", fixtures=PTYS),
    _simulated("document_reader", "lines", "MRZ lines from a script", simulated.SimulatedLines),
    _simulated("document_reader", "chip", "a chip simulator's chip", simulated.SimulatedChip),
    _simulated("camera", "", "a drawn test card, or given pictures", simulated.SimulatedCamera),
    _simulated("fingerprint_sensor", "", "drawn ridges", simulated.SimulatedSensor),
    _simulated("panel", "", "a button that a script presses", simulated.SimulatedPanel),
)  # fmt: skip
