"""A panel on the board's pins, through gpiozero: one button, three lights or one RGB light, a buzzer."""

import threading
from collections.abc import Callable
from typing import Any

import gpiozero
import gpiozero.exc
import msgspec

from hal.device import Capability, DeviceBusy, DeviceFault, DeviceGone, Identity
from hal.driver import Driver
from hal.panel import HOLD_SECONDS, ButtonEvent, Signal
from hal.panel.button import ButtonQueue
from hal.panel.signals import LOOKS, Look

Pin = int
PinFactory = Any
"""gpiozero's Factory: it has no types."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver; pins are BCM numbers."""

    button_pin: Pin = 17
    button_pull_up: bool = True
    """The button connects its pin to ground; otherwise to 3.3 V."""
    bounce_seconds: float | None = 0.02
    ready_pin: Pin | None = None
    working_pin: Pin | None = None
    attention_pin: Pin | None = None
    rgb_pins: tuple[Pin, Pin, Pin] | None = None
    """Red, green, blue of one light, instead of the three."""
    active_high: bool = True
    buzzer_pin: Pin | None = None

    def __post_init__(self) -> None:
        three = (self.ready_pin, self.working_pin, self.attention_pin)
        if self.rgb_pins is not None and three != (None, None, None):
            raise ValueError("`rgb_pins` is instead of `ready_pin`, `working_pin` and `attention_pin`")
        if None in three and three != (None, None, None):
            raise ValueError("`ready_pin`, `working_pin` and `attention_pin` go together")
        pins = [self.button_pin, *three, *(self.rgb_pins or ()), self.buzzer_pin]
        used = [pin for pin in pins if pin is not None]
        if len(set(used)) != len(used):
            raise ValueError("two of the panel's parts cannot share a pin")


def board_pins() -> PinFactory:
    """lgpio, which serves every board up to the Pi 5: named here, so that nothing else steps in silently.

    Raises:
        DeviceGone: this computer has no such pins.
        DeviceFault: lgpio is not installed.
    """
    try:
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise DeviceFault("The panel's pins need the Python package lgpio (extra `pi`).") from error
    try:
        return LGPIOFactory()
    except Exception as error:  # lgpio's own errors and gpiozero's share no parent
        raise DeviceGone("This computer has no GPIO pins, or may not use them (group gpio).") from error


class GpioPanel(Driver):
    """Button, lights and buzzer on pins. gpiozero's threads watch the button and blink the lights."""

    def __init__(self, options: Options, *, make_pins: Callable[[], PinFactory] = board_pins) -> None:
        super().__init__(
            Identity(kind="panel", driver="gpio", model="GPIO panel", port=f"GPIO{options.button_pin}")
        )
        self._options = options
        self._make_pins = make_pins
        self._events = ButtonQueue()
        self._showing = threading.Lock()
        self._pins: PinFactory | None = None
        self._button: gpiozero.Button | None = None
        self._lights: list[gpiozero.LED] = []
        self._rgb: gpiozero.RGBLED | None = None
        self._buzzer: gpiozero.Buzzer | None = None
        self._was_held = False

    @property
    def capabilities(self) -> frozenset[Capability]:
        options = self._options
        able = {Capability.BUTTON}
        if options.ready_pin is not None or options.rgb_pins is not None:
            able.add(Capability.LIGHTS)
        if options.buzzer_pin is not None:
            able.add(Capability.BUZZER)
        return frozenset(able)

    def show(self, signal: Signal) -> None:
        self.open()
        look = LOOKS[signal]
        with self._showing:
            try:
                self._light(look)
                self._sound(look)
            except Exception as error:  # lgpio's own errors and gpiozero's share no parent
                raise DeviceFault("The panel's lights cannot be set.") from error

    def wait_for_button(self, timeout: float) -> ButtonEvent:
        with self._operation():
            event = self._events.get(timeout, self._check_not_closed)
            self._wait_is_over()
            return event

    def _light(self, look: Look) -> None:
        if self._rgb is not None:
            if look.blink is None:
                self._rgb.color = look.colour
            else:
                self._rgb.blink(look.blink.on, look.blink.off, on_color=look.colour, n=look.blink.times)
        for light, lit in zip(self._lights, look.lights, strict=False):
            if lit and look.blink is not None:
                light.blink(look.blink.on, look.blink.off, n=look.blink.times)
            elif lit:
                light.on()
            else:
                light.off()

    def _sound(self, look: Look) -> None:
        if self._buzzer is None:
            return
        if look.sound is None:
            self._buzzer.off()
        else:
            self._buzzer.beep(look.sound.on, look.sound.off, n=look.sound.times)

    def _take_hold(self) -> None:
        self._pins = self._make_pins()
        try:
            self._connect(self._options)
        except gpiozero.exc.PinInvalidPin as error:
            self._let_go()
            raise DeviceFault("The board has no pin of one of the configured numbers.") from error
        except gpiozero.exc.GPIOPinInUse as error:
            self._let_go()
            raise DeviceBusy("Another program holds one of the panel's pins.") from error
        except Exception as error:
            self._let_go()
            if "GPIO busy" in str(error):  # so lgpio says that the kernel has given the line to another
                raise DeviceBusy("Another program holds one of the panel's pins.") from error
            raise DeviceFault("The panel's pins cannot be used as configured.") from error

    def _connect(self, options: Options) -> None:
        use = {"pin_factory": self._pins}
        self._events.clear()
        self._button = gpiozero.Button(
            options.button_pin,
            pull_up=options.button_pull_up,
            bounce_time=options.bounce_seconds,
            hold_time=HOLD_SECONDS,
            **use,
        )
        self._button.when_pressed = self._pressed
        self._button.when_held = self._held_long
        self._button.when_released = self._released
        if options.rgb_pins is not None:
            self._rgb = gpiozero.RGBLED(*options.rgb_pins, active_high=options.active_high, pwm=False, **use)
        for pin in (options.ready_pin, options.working_pin, options.attention_pin):
            if pin is not None:
                self._lights.append(gpiozero.LED(pin, active_high=options.active_high, **use))
        if options.buzzer_pin is not None:
            self._buzzer = gpiozero.Buzzer(options.buzzer_pin, **use)

    def _pressed(self) -> None:
        self._was_held = False

    def _held_long(self) -> None:
        self._was_held = True
        self._events.put(ButtonEvent.HOLD)

    def _released(self) -> None:
        if not self._was_held:
            self._events.put(ButtonEvent.PRESS)
        self._was_held = False

    def _let_go(self) -> None:
        with self._showing:
            parts = [self._button, self._rgb, self._buzzer, *self._lights, self._pins]
            self._button, self._rgb, self._buzzer, self._pins = None, None, None, None
            self._lights = []
            for part in parts:
                if part is not None:
                    _close(part)


def _close(part: Any) -> None:
    try:
        part.close()
    except Exception:  # noqa: BLE001 - lgpio's errors have no parent; what fails to close is closed with the chip
        return


def create(options: Options) -> GpioPanel:
    """The driver for `hal.discovery.make_device`."""
    return GpioPanel(options)
