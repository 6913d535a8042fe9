"""An lgpio that accepts the calls that the published package (0.2.2.0) accepts: below it, the board's lines.

gpiozero's real LGPIOFactory runs on it, as on a Raspberry Pi 4 or 5.
"""

from types import ModuleType

SIGNATURES = {
    "gpiochip_open": ["gpiochip"],
    "gpiochip_close": ["handle"],
    "gpio_claim_input": ["handle", "gpio", "lFlags"],
    "gpio_claim_output": ["handle", "gpio", "level", "lFlags"],
    "gpio_claim_alert": ["handle", "gpio", "eFlags", "lFlags", "notify_handle"],
    "gpio_free": ["handle", "gpio"],
    "gpio_read": ["handle", "gpio"],
    "gpio_write": ["handle", "gpio", "level"],
    "gpio_get_mode": ["handle", "gpio"],
    "gpio_set_debounce_micros": ["handle", "gpio", "debounce_micros"],
    "callback": ["handle", "gpio", "edge", "func"],
    "tx_pwm": ["handle", "gpio", "pwm_frequency", "pwm_duty_cycle", "pulse_offset", "pulse_cycles"],
}
CONSTANTS = {
    "SET_ACTIVE_LOW": 4,
    "SET_OPEN_DRAIN": 8,
    "SET_OPEN_SOURCE": 16,
    "SET_PULL_UP": 32,
    "SET_PULL_DOWN": 64,
    "SET_PULL_NONE": 128,
    "RISING_EDGE": 1,
    "FALLING_EDGE": 2,
    "BOTH_EDGES": 3,
}
IS_OUT = 2
"""Bit of `gpio_get_mode`, as the kernel's line information has it."""


class LgpioError(Exception):
    """As the real `lgpio.error`: a child of Exception alone."""


class FakeLgpio(ModuleType):
    """The module. `lines` are the levels, `busy` the lines that another program holds."""

    error = LgpioError

    def __init__(self, chips=(0,)):
        super().__init__("lgpio")
        vars(self).update(CONSTANTS)
        self.chips = chips
        self.opened = []
        self.closed = []
        self.lines = {}
        self.outputs = set()
        self.busy = set()
        self.callbacks = {}
        self.dead = False

    def gpiochip_open(self, gpiochip):
        if gpiochip not in self.chips:
            raise LgpioError("can not open gpiochip")
        self.opened.append(gpiochip)
        return 7

    def gpiochip_close(self, handle):
        self.closed.append(handle)

    def gpio_claim_input(self, handle, gpio, lFlags=0):  # noqa: N803 - lgpio's name
        self._claim(gpio)
        self.outputs.discard(gpio)
        self.lines.setdefault(gpio, 1 if lFlags & self.SET_PULL_UP else 0)
        if lFlags & self.SET_PULL_UP:
            self.lines[gpio] = 1

    def gpio_claim_output(self, handle, gpio, level=0, lFlags=0):  # noqa: N803
        self._claim(gpio)
        self.outputs.add(gpio)
        self.lines[gpio] = level

    def gpio_claim_alert(self, handle, gpio, eFlags, lFlags=0, notify_handle=None):  # noqa: N803
        self._claim(gpio)

    def gpio_free(self, handle, gpio):
        self.outputs.discard(gpio)

    def gpio_read(self, handle, gpio):
        return self.lines[gpio]

    def gpio_write(self, handle, gpio, level):
        if self.dead:
            raise LgpioError("bad GPIO write")
        self.lines[gpio] = int(level)

    def gpio_get_mode(self, handle, gpio):
        return IS_OUT if gpio in self.outputs else 0

    def gpio_set_debounce_micros(self, handle, gpio, debounce_micros):
        return 0

    def callback(self, handle, gpio, edge=1, func=None):
        fake = self
        fake.callbacks[gpio] = func

        class Callback:
            def cancel(self):
                fake.callbacks.pop(gpio, None)

        return Callback()

    def tx_pwm(self, handle, gpio, pwm_frequency, pwm_duty_cycle, pulse_offset=0, pulse_cycles=0):
        return 0

    def drive(self, gpio, level, ticks):
        """The outside world changes a line; `ticks` are nanoseconds."""
        self.lines[gpio] = level
        self.callbacks[gpio](0, gpio, level, ticks)

    def _claim(self, gpio):
        if gpio in self.busy:
            raise LgpioError("GPIO busy")
