"""Benches of what belongs to the box itself: page lights and power."""

from gpiozero.pins.mock import MockFactory

from conformance.case import Bench
from conformance.panels import SOLDERED, UNPLUGGING
from conformance.simulated import NEVER_SILENT, Scripted
from conformance.testbed import testbed
from hal.illumination import Illumination, Light, gpio
from hal.illumination import simulated as simulated_lights
from hal.power import PowerState, PowerSupply, sysfs
from hal.power import gpio as power_fail
from hal.power import simulated as simulated_power

PINS = {Light.WHITE: 5, Light.OBLIQUE: 6, Light.INFRARED: 13, Light.ULTRAVIOLET: 19}
ORDER = tuple(Light)


class LightsOnPins(Bench):
    protocol = Illumination
    lies = True
    not_applicable = (
        dict.fromkeys(UNPLUGGING, SOLDERED) | NEVER_SILENT | {"malformed": "a pin is high or low"}
    )

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.pins = MockFactory()
        self.wanted = ORDER[0]
        self.device = gpio.GpioIllumination(
            gpio.Options(**{f"{light.value}_pin": pin for light, pin in PINS.items()}),
            make_pins=lambda: self.pins,
        )

    def provide(self, number=0):
        self.wanted = ORDER[number]

    def operate(self, timeout):
        self.device.switch(self.wanted)
        return frozenset(light for light, pin in PINS.items() if self.pins.pin(pin).state)

    def number_of(self, result):
        (only,) = result
        return ORDER.index(only)


class SimulatedLights(Scripted):
    protocol = Illumination
    lies = True
    not_applicable = NEVER_SILENT

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.wanted = ORDER[0]
        self.device = simulated_lights.SimulatedIllumination()

    def provide(self, number=0):
        self.wanted = ORDER[number]

    def operate(self, timeout):
        self.device.switch(self.wanted)
        return self.device.lit

    def number_of(self, result):
        return ORDER.index(result)


class Sysfs(Bench):
    """The kernel's folder, with the attributes that a laptop's battery and a UPS hat have."""

    protocol = PowerSupply
    lies = True
    not_applicable = NEVER_SILENT | {
        "unplugged_at_every_exchange": "one read is one exchange; the check of each file is in test_sysfs.py"
    }

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.folder = tmp_path / "power_supply"
        self.replug()
        self.device = sysfs.create(sysfs.Options(folder=str(self.folder)))

    def write(self, supply, **attributes):
        folder = self.folder / supply
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in attributes.items():
            (folder / name).write_text(f"{value}\n")

    def replug(self):
        self.write("AC", type="Mains", online=1)
        self.write("BAT0", type="Battery", scope="System", present=1, status="Full", capacity=100)

    def unplug(self):
        for supply in self.folder.iterdir():
            for attribute in supply.iterdir():
                attribute.unlink()
            supply.rmdir()

    def provide(self, number=0):
        if (self.folder / "BAT0").exists():
            self.write("BAT0", capacity=50 + number)

    def malform(self):
        self.write("BAT0", capacity=250)

    def mend(self):
        self.write("BAT0", capacity=50)

    def operate(self, timeout):
        return self.device.read_power()

    def number_of(self, result):
        return result.charge_percent - 50


class SysfsPretended(Sysfs):
    """The kernel's own folder, in umockdev's pretended /sys."""

    SUPPLIES = "/devices/platform/ups/power_supply"
    TEXT = (
        f"P: {SUPPLIES}/mains\nE: SUBSYSTEM=power_supply\nA: type=Mains\\n\nA: online=1\\n\n\n"
        f"P: {SUPPLIES}/BAT0\nE: SUBSYSTEM=power_supply\nA: type=Battery\\n\nA: present=1\\n\n"
        "A: status=Full\\n\nA: capacity=100\\n\n"
    )

    def __init__(self, tmp_path):
        self.bed = testbed()
        self.there = False
        super().__init__(tmp_path)
        self.device = sysfs.create(sysfs.Options())

    def write(self, supply, **attributes):
        for name, value in attributes.items():
            self.bed.attribute(f"{self.SUPPLIES}/{supply}", name, str(value))

    def provide(self, number=0):
        if self.there:
            self.write("BAT0", capacity=50 + number)

    def replug(self):
        self.bed.add(self.TEXT)
        self.there = True

    def unplug(self):
        self.there = False
        for supply in ("mains", "BAT0"):
            self.bed.remove(f"{self.SUPPLIES}/{supply}")

    def tear_down(self):
        super().tear_down()
        if self.there:
            self.unplug()


class PowerFailPin(Bench):
    protocol = PowerSupply
    lies = True
    not_applicable = (
        dict.fromkeys(UNPLUGGING, SOLDERED) | NEVER_SILENT | {"malformed": "a pin is high or low"}
    )

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.pins = MockFactory()
        self.device = power_fail.GpioPower(power_fail.Options(pin=26), make_pins=lambda: self.pins)
        self.wanted = 0

    def provide(self, number=0):
        self.wanted = number

    def operate(self, timeout):
        self.device.open()  # a mock pin forgets what drove it when it is pulled
        if self.wanted:
            self.pins.pin(26).drive_low()
        else:
            self.pins.pin(26).drive_high()
        return self.device.read_power()

    def number_of(self, result):
        return 0 if result.on_mains else 1


class SimulatedPower(Scripted):
    protocol = PowerSupply
    lies = True
    not_applicable = NEVER_SILENT

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = simulated_power.SimulatedPower()

    def provide(self, number=0):
        self.device.present(PowerState(on_mains=True, charge_percent=50 + number))

    def operate(self, timeout):
        return self.device.read_power()

    def number_of(self, result):
        return result.charge_percent - 50
