"""A fingerprint sensor without hardware: drawn fingers, each following from a number."""

import time

from hal.device import Capability, Timeout
from hal.driver import POLL_SECONDS
from hal.fingerprint_sensor import FingerImage
from hal.fingerprint_sensor.ridges import DPI, impression
from hal.simulated import Simulated, SimulatedOptions

REALISTIC_SECONDS = 0.8
"""From finger on glass to the image: the recorded U.are.U 4500 exchange took 0.95 s with its start-up."""


class Options(SimulatedOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    finger: int | None = 1
    """The finger that lies on it from the start; without one it waits for `present`."""


class SimulatedFingerprintSensor(Simulated):
    """Gives a new impression of the finger that lies on it at every call."""

    capabilities = frozenset({Capability.FINGERPRINT_IMAGE, Capability.FINGER_PRESENCE})

    def __init__(self, options: Options | None = None) -> None:
        options = options or Options()
        super().__init__("fingerprint_sensor", options)
        self._fingers: tuple[int, ...] = () if options.finger is None else (options.finger,)
        self._impressions = 0

    def present(self, *fingers: int) -> None:
        """Lay that finger on it; of several, the next after each impression, and again from the first."""
        with self._changed:
            self._fingers = fingers
            self._changed.notify_all()

    def remove(self) -> None:
        """Lift the finger."""
        with self._changed:
            self._fingers = ()
            self._changed.notify_all()

    def capture(self, timeout: float) -> FingerImage:
        deadline = time.monotonic() + timeout
        with self._operation():
            finger = self._wait_for_finger(deadline)
            self._begin(deadline)
            self._impressions += 1
            return FingerImage(pixels=impression(finger, self._impressions), dpi=DPI)

    def wait_for_removal(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        with self._operation(), self._changed:
            while self._fingers:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Timeout("The finger still lies on the sensor.")
                self._changed.wait(min(left, POLL_SECONDS))
                self._check_plugged()

    def _wait_for_finger(self, deadline: float) -> int:
        with self._changed:
            while True:
                self._check_plugged()
                if self._fingers:
                    first, *others = self._fingers
                    self._fingers = (*others, first)
                    return first
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Timeout("No finger was put on the sensor.")
                self._changed.wait(min(left, POLL_SECONDS))


def create(options: Options) -> SimulatedFingerprintSensor:
    """The driver for `hal.discovery.make_device`."""
    return SimulatedFingerprintSensor(options)
