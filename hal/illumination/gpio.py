"""Lights on the board's pins, through gpiozero: each pin switches one group of LEDs by a transistor."""

import threading
from collections.abc import Callable

import gpiozero
import gpiozero.exc
import msgspec

from hal.device import Capability, DeviceBusy, DeviceFault, Identity, NotSupported
from hal.driver import Driver
from hal.illumination import MAX_ON_SECONDS, Light
from hal.panel.gpio import Pin, PinFactory, board_pins


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver; pins are BCM numbers."""

    white_pin: Pin | None = None
    oblique_pin: Pin | None = None
    infrared_pin: Pin | None = None
    ultraviolet_pin: Pin | None = None
    active_high: bool = True
    model: str = "page lights"

    def __post_init__(self) -> None:
        used = list(self.pins.values())
        if not used:
            raise ValueError("at least one of the lights needs a pin")
        if len(set(used)) != len(used):
            raise ValueError("two lights cannot share a pin")

    @property
    def pins(self) -> dict[Light, Pin]:
        every = {
            Light.WHITE: self.white_pin,
            Light.OBLIQUE: self.oblique_pin,
            Light.INFRARED: self.infrared_pin,
            Light.ULTRAVIOLET: self.ultraviolet_pin,
        }
        return {light: pin for light, pin in every.items() if pin is not None}


class GpioIllumination(Driver):
    """At most one light is on, and none longer than MAX_ON_SECONDS."""

    capabilities = frozenset({Capability.ILLUMINATION})

    def __init__(self, options: Options, *, make_pins: Callable[[], PinFactory] = board_pins) -> None:
        pins = options.pins
        super().__init__(
            Identity(
                kind="illumination",
                driver="gpio",
                model=options.model,
                port=",".join(f"GPIO{pin}" for pin in pins.values()),
            )
        )
        self.lights = frozenset(pins)
        self._options = options
        self._make_pins = make_pins
        self._factory: PinFactory | None = None
        self._leds: dict[Light, gpiozero.LED] = {}
        self._out: threading.Timer | None = None

    def switch(self, light: Light | None) -> None:
        if light is not None and light not in self.lights:
            raise NotSupported(f"{self.identity.key} has no {light.value} light.")
        with self._operation():
            try:
                self._set(light)
            except gpiozero.exc.GPIOZeroError as error:
                raise DeviceFault("The page's lights cannot be set.") from error

    def _set(self, light: Light | None) -> None:
        if self._out is not None:
            self._out.cancel()
            self._out = None
        for one, led in self._leds.items():
            if one is not light:
                led.off()
        if light is not None:
            self._leds[light].on()
            self._out = threading.Timer(MAX_ON_SECONDS, self._put_out, [self._leds[light]])
            self._out.daemon = True
            self._out.start()

    def _put_out(self, led: gpiozero.LED) -> None:
        try:
            led.off()
        except gpiozero.exc.GPIOZeroError:
            return  # the pins were let go meanwhile: that puts it out

    def _take_hold(self) -> None:
        self._factory = self._make_pins()
        try:
            for light, pin in self._options.pins.items():
                self._leds[light] = gpiozero.LED(
                    pin, active_high=self._options.active_high, pin_factory=self._factory
                )
        except gpiozero.exc.PinInvalidPin as error:
            self._let_go()
            raise DeviceFault("The board has no pin of one of the configured numbers.") from error
        except gpiozero.exc.GPIOPinInUse as error:
            self._let_go()
            raise DeviceBusy("Another program holds one of the lights' pins.") from error
        except gpiozero.exc.GPIOZeroError as error:
            self._let_go()
            raise DeviceFault("The lights' pins cannot be used as configured.") from error

    def _let_go(self) -> None:
        out, self._out = self._out, None
        if out is not None:
            out.cancel()
        leds, self._leds = list(self._leds.values()), {}
        for led in leds:
            led.off()
            led.close()
        factory, self._factory = self._factory, None
        if factory is not None:
            factory.close()


def create(options: Options) -> GpioIllumination:
    """The driver for `hal.discovery.make_device`."""
    return GpioIllumination(options)
