"""A portrait being taken: fed with pictures, it guides, and keeps the best as soon as it is good enough."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.biometrics.face.finding import FaceFinder
from appliance.biometrics.face.look import Look, look_at
from appliance.face_settings import FaceProfile
from models.face.sampling import Picture

SETTLE: Final = 3
"""So many good pictures are compared: the first is often the end of a movement."""
DWELL_SECONDS: Final = 1.0
"""An instruction stands so long, so that it can be read before the next."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the traveller is told now; `instruction` None: this is good, stay so."""

    instruction: str | None
    done: bool


class PortraitSession:
    """One traveller before the camera. Times are seconds of one clock."""

    def __init__(
        self, finder: FaceFinder, profile: FaceProfile, *, look: Callable[..., Look] = look_at
    ) -> None:
        self._finder = finder
        self._profile = profile
        self._look = look
        self.best: Look | None = None
        self.pictures = 0
        self._good = 0
        self._good_since: float | None = None
        self._shut_for = 0
        self._told: str | None = None
        self._told_at = float("-inf")

    def feed(self, picture: Picture, now: float) -> Progress:
        """Look at a picture; done when the best is good enough and has settled."""
        look = self._look(self._finder, picture, self._profile)
        self.pictures += 1
        if look.better_than(self.best):
            self.best = look
        self._shut_for = self._shut_for + 1 if "EyesOpen" in look.short else 0
        if look.good and self._good_since is None:
            self._good_since = now
        waited = 0.0 if self._good_since is None else now - self._good_since
        patient = waited < self._profile.advice_seconds
        takes = look.good and not (look.advised and patient)
        self._good = self._good + 1 if takes else 0
        wanted = look.instruction(with_advice=patient, shut_for=self._shut_for)
        return Progress(self._steady(wanted, now), self._good >= SETTLE)

    def _steady(self, wanted: str | None, now: float) -> str | None:
        """What to show: a new instruction waits until the last has stood; good news is told at once."""
        if wanted != self._told and (wanted is None or now - self._told_at >= DWELL_SECONDS):
            self._told, self._told_at = wanted, now
        return self._told
