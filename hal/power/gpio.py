"""A supply that says by one pin that the mains are away: a UPS hat, a supercapacitor, a relay on the mains.

It knows nothing of how long the power lasts: that is the supply's data sheet's, and the configuration's.
"""

from collections.abc import Callable

import gpiozero
import gpiozero.exc
import msgspec

from hal.device import Capability, DeviceBusy, DeviceFault, Identity
from hal.driver import Driver
from hal.panel.gpio import Pin, PinFactory, board_pins
from hal.power import PowerState


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver; the pin is a BCM number."""

    pin: Pin
    fails_high: bool = False
    """The pin is high while the mains are away; otherwise it is low then, as after a wire that has broken."""
    model: str = "power-fail input"


class GpioPower(Driver):
    """Asks the pin at every call. A cut wire says that the power fails, not that it is well."""

    capabilities = frozenset({Capability.POWER_STATE})

    def __init__(self, options: Options, *, make_pins: Callable[[], PinFactory] = board_pins) -> None:
        super().__init__(
            Identity(kind="power", driver="gpio", model=options.model, port=f"GPIO{options.pin}")
        )
        self._options = options
        self._make_pins = make_pins
        self._factory: PinFactory | None = None
        self._input: gpiozero.InputDevice | None = None

    def read_power(self) -> PowerState:
        with self._operation():
            assert self._input is not None
            try:
                high = bool(self._input.pin.state)
            except gpiozero.exc.GPIOZeroError as error:
                raise DeviceFault("The power-fail pin cannot be read.") from error
            return PowerState(on_mains=high is not self._options.fails_high)

    def _take_hold(self) -> None:
        self._factory = self._make_pins()
        try:
            # pulled to where the power fails, so that a broken wire is not taken for well
            self._input = gpiozero.InputDevice(
                self._options.pin, pull_up=self._options.fails_high, pin_factory=self._factory
            )
        except gpiozero.exc.PinInvalidPin as error:
            self._let_go()
            raise DeviceFault(f"The board has no pin {self._options.pin}.") from error
        except gpiozero.exc.GPIOPinInUse as error:
            self._let_go()
            raise DeviceBusy("Another program holds the power-fail pin.") from error
        except gpiozero.exc.GPIOZeroError as error:
            self._let_go()
            raise DeviceFault("The power-fail pin cannot be used as configured.") from error

    def _let_go(self) -> None:
        pin, self._input = self._input, None
        if pin is not None:
            pin.close()
        factory, self._factory = self._factory, None
        if factory is not None:
            factory.close()


def create(options: Options) -> GpioPower:
    """The driver for `hal.discovery.make_device`."""
    return GpioPower(options)
