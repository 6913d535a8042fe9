"""Cases of devices that are really plugged in: a person is the hands, and is told what to do.

    BORNE_HARDWARE=/etc/borne/borne.toml BORNE_CONFORMANCE_RESULTS=hardware.json \\
        python -m pytest tests/hal/test_conformance.py -m hardware -s
"""

import tomllib
from collections.abc import Callable
from pathlib import Path

from conformance.case import Bench, Case, Proof
from hal.barcode_reader import BarcodeReader
from hal.camera import Camera
from hal.device import Capability
from hal.discovery import make_device
from hal.document_reader import ChipReader, MrzLineReader
from hal.fingerprint_sensor import FingerprintSensor
from hal.panel import Panel
from hal.power import PowerSupply

OPERATIONS = {
    Capability.MRZ_LINES: (MrzLineReader, "read_lines", "Put document %d on"),
    Capability.CHIP: (ChipReader, "wait_for_chip", "Put the chip of document %d on"),
    Capability.BARCODE: (BarcodeReader, "read_barcode", "Scan code %d with"),
    Capability.FINGERPRINT_IMAGE: (FingerprintSensor, "capture", "Put finger %d on"),
    Capability.IMAGE: (Camera, "capture", "Stand before"),
    Capability.BUTTON: (Panel, "wait_for_button", "Press (0) or hold (1), now %d, the button of"),
}
"""What is asked of a device that gives this, and of the person beside it."""
BY_HAND = "nobody can do that to a real device by hand, and twice the same way"
SECONDS = 30.0
"""How long a person may take."""


class Hands(Bench):
    """A real device. `say` tells the person, `wait` waits until it was done."""

    not_applicable = dict.fromkeys(("malformed", "unplugged_at_every_exchange", "nothing_stale"), BY_HAND)
    kind: str
    driver: str
    options: dict[str, object]
    say: Callable[[str], object] = staticmethod(print)
    wait: Callable[[str], object] = staticmethod(input)

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = make_device(self.kind, self.driver, self.options)
        self.told = None

    @property
    def protocol(self):
        return self.asked[0]

    @property
    def asked(self):
        return next(OPERATIONS[one] for one in OPERATIONS if one in self.device.capabilities)

    def providing(self, number=0):
        self.say(f"\n{self.asked[2].replace('%d', str(number))} {self.device.identity.key}")
        return super().providing(number)

    def operate(self, timeout):
        return getattr(self.device, self.asked[1])(max(timeout, SECONDS) if timeout > 5 else timeout)

    def unplug(self):
        self.wait(f"\nUnplug {self.device.identity.key}, then press Enter. ")

    def replug(self):
        self.wait(f"\nPlug {self.device.identity.key} in again, then press Enter. ")


class Supply(Hands):
    """A power supply answers by itself."""

    protocol = PowerSupply
    not_applicable = Hands.not_applicable | dict.fromkeys(
        ("time_out", "cancel", "one_at_a_time", "unplugged_waiting"), "always has something to give"
    )

    def providing(self, number=0):
        return Bench.providing(self, number)

    def operate(self, timeout):
        return self.device.read_power()


def real_cases(path: str | None) -> list[Case]:
    """A case for each real device of this configuration; those that nothing can be asked of are left out."""
    if path is None:
        return []
    entries = tomllib.loads(Path(path).read_text("utf-8")).get("device", [])
    cases = []
    for number, entry in enumerate(entries):
        kind, driver, options = entry["kind"], entry["driver"], entry.get("options", {})
        device = make_device(kind, driver, options)
        supply = Capability.POWER_STATE in device.capabilities
        if device.simulated or not (supply or set(OPERATIONS) & device.capabilities):
            continue
        base = Supply if supply else Hands
        bench = type("Real", (base,), {"kind": kind, "driver": driver, "options": options})
        cases.append(
            Case(
                kind, driver, f"hardware-{number}", device.identity.model, bench, Proof.HARDWARE,
                "the device itself", "as configured",
            )
        )  # fmt: skip
    return cases
