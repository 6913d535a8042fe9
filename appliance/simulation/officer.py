"""The scripted officer: looks at the screen and presses the one button, for runs without a person."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.contracts.checks import Outcome, Recommendation
from appliance.contracts.lane import Press, View
from appliance.simulation.booth import LOOK_SECONDS, Booth, Screen

DECISIONS: Final = {
    Recommendation.GREEN: "press",
    Recommendation.AMBER: "hold",
    Recommendation.RED: "press",
}
"""GREEN is admitted, AMBER referred; under RED the policy lets a press do nothing but refer."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """What the officer saw of one crossing."""

    number: int
    recommendation: Recommendation
    reasons: tuple[str, ...]
    outcome: Outcome | None
    seconds: float
    """From the press that began it to the recommendation."""


class ScriptedOfficer:
    """Works at one box, and calls each traveller when they stand before it."""

    def __init__(self, screen: Screen, booth: Booth) -> None:
        self._screen = screen
        self._booth = booth

    async def cross(self, number: int) -> Crossing:
        """See this traveller through; a crossing that is under way already is gone on with."""
        await self._booth.standing(number)
        began = time.monotonic()
        if self._screen.view().crossing is None:
            began = await self._press("press", lambda view: view.press == "start")
        decided = await look_until(
            self._screen, lambda view: view.step == "deciding" and view.press is not None
        )
        seconds = time.monotonic() - began
        assert decided.recommendation is not None
        await self._press(DECISIONS[decided.recommendation], lambda view: view.press is not None)
        recorded = await look_until(self._screen, lambda view: view.last_seq >= number)
        return Crossing(number, decided.recommendation, decided.reasons, recorded.last_outcome, seconds)

    async def _press(self, event: str, wanted: Callable[[View], bool]) -> float:
        """Press when the screen is so; returns when that was."""
        while True:
            view = await look_until(self._screen, wanted)
            pressed = time.monotonic()
            taken = await self._screen.press(Press(event=event, revision=view.revision))
            if taken.taken:
                return pressed
            await asyncio.sleep(0.01)  # the screen changed between the look and the press


async def look_until(screen: Screen, wanted: Callable[[View], bool]) -> View:
    """Look at the screen until it is so."""
    view = screen.view()
    while not wanted(view):
        view = await screen.wait_for_change(view.revision, LOOK_SECONDS)
    return view
