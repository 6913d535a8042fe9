"""Bench of the panel on pins: gpiozero's mock pins stand in for the board's."""

import time

from gpiozero.pins.mock import MockFactory

from conformance.case import Bench
from hal.panel import HOLD_SECONDS, Panel, gpio
from hal.panel.button import FRESH_SECONDS

SOLDERED = "soldered: its cable is not pulled while the board runs"
UNPLUGGING = ("unplugged_and_back", "unplugged_waiting", "unplugged_at_every_exchange")


class Pins(Bench):
    protocol = Panel
    stale_after = FRESH_SECONDS + 0.1
    not_applicable = dict.fromkeys(UNPLUGGING, SOLDERED) | {"malformed": "a pin is high or low"}

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.pins = MockFactory()
        options = gpio.Options(ready_pin=5, working_pin=6, attention_pin=13, buzzer_pin=19)
        self.device = gpio.GpioPanel(options, make_pins=lambda: self.pins)

    def provide(self, number=0):
        self.pins.pin(17).drive_low()
        time.sleep(0.05 if number == 0 else HOLD_SECONDS + 0.1)
        self.pins.pin(17).drive_high()

    def operate(self, timeout):
        return self.device.wait_for_button(timeout)

    def number_of(self, result):
        return ("press", "hold").index(result.value)
