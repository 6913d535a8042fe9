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
    recommendation: Recommendation | None
    """None when it went by unseen, as after a referral from a step that failed."""
    reasons: tuple[str, ...]
    outcome: Outcome | None
    seconds: float
    """From the press that began it to the recommendation."""
    last_seq: int = 0
    """The box's last record when it was through: its own, or one behind it."""


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
        seen = await look_until(self._screen, _asks_for_the_officer)
        seconds = time.monotonic() - began
        if seen.trouble is not None:
            # As an officer without another reader would: the document cannot be read, so it is referred.
            await self._press("hold" if seen.hold else "press", _asks_for_the_officer)
        else:
            assert seen.recommendation is not None
            await self._press(DECISIONS[seen.recommendation], _asks_for_the_officer)
        recommended, reasons = seen.recommendation, seen.reasons
        mine = seen.crossing
        while seen.crossings < number or seen.crossing == mine:  # it counts before it is over
            seen = await self._screen.wait_for_change(seen.revision, LOOK_SECONDS)
            recommended, reasons = seen.recommendation or recommended, seen.reasons or reasons
        return Crossing(number, recommended, reasons, seen.last_outcome, seconds, seen.last_seq)

    async def _press(self, event: str, wanted: Callable[[View], bool]) -> float:
        """Press when the screen is so; returns when that was."""
        while True:
            view = await look_until(self._screen, wanted)
            pressed = time.monotonic()
            taken = await self._screen.press(Press(event=event, revision=view.revision))
            if taken.taken:
                return pressed
            await asyncio.sleep(0.01)  # the screen changed between the look and the press


def _asks_for_the_officer(view: View) -> bool:
    return view.press is not None and (view.step == "deciding" or view.trouble is not None)


async def look_until(screen: Screen, wanted: Callable[[View], bool]) -> View:
    """Look at the screen until it is so."""
    view = screen.view()
    while not wanted(view):
        view = await screen.wait_for_change(view.revision, LOOK_SECONDS)
    return view
