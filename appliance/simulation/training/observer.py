"""Watches one seat: which traveller stands there, what the box said, what was done, and how long it took."""

import asyncio
import time
from collections.abc import Callable

from appliance.contracts.checks import Recommendation
from appliance.contracts.lane import View
from appliance.simulation.booth import LOOK_SECONDS, Screen
from appliance.simulation.training.debrief import Attempt, judge
from appliance.simulation.training.script import Traveller


class Observer:
    """Looks at the screen as the trainee does, and makes an `Attempt` of every traveller who has gone."""

    def __init__(
        self, screen: Screen, travellers: tuple[Traveller, ...], done: Callable[[Attempt], None]
    ) -> None:
        self._screen = screen
        self._travellers = travellers
        self._done = done
        self.through = 0
        """How many have gone."""
        self._one_more = asyncio.Condition()
        self._crossing: str | None = None
        """Of who stands there; the screen shows it a moment longer than its decision."""
        self._began = 0.0
        self._looked: float | None = None
        self._box: Recommendation | None = None
        self._reasons: tuple[str, ...] = ()
        self._presses = self._forms = 0

    def pressed(self) -> None:
        """The one button was pressed or held."""
        self._presses += 1

    def sent(self) -> None:
        """A form was sent."""
        self._forms += 1

    async def run(self) -> None:
        """Until the last traveller of the book has gone."""
        view = self._screen.view()
        while True:
            self._look(view)
            async with self._one_more:
                self._one_more.notify_all()
            if self.through >= len(self._travellers):
                return
            view = await self._screen.wait_for_change(view.revision, LOOK_SECONDS)

    async def gone(self, number: int) -> None:
        """Wait until so many have gone."""
        async with self._one_more:
            await self._one_more.wait_for(lambda: self.through >= number)

    def _look(self, view: View) -> None:
        now = time.monotonic()
        if self._crossing is not None and view.crossing != self._crossing:
            if view.crossings <= self.through:
                return  # it is on disk before it has left the screen, never the other way round
            self._finish(view, now)
        if view.crossing is None:
            return
        if self._crossing is None:
            self._crossing, self._began = view.crossing, now
        if view.recommendation is not None:
            self._looked = now if self._looked is None else self._looked
            # what was noted meanwhile may have changed it; the officer decides under the latest
            self._box, self._reasons = view.recommendation, view.reasons

    def _finish(self, view: View, now: float) -> None:
        assert view.last_outcome is not None
        began, looked = self._began, self._looked
        attempt = judge(
            self._travellers[self.through],
            outcome=view.last_outcome,
            box=self._box,
            reasons=self._reasons,
            looked=None if looked is None else looked - began,
            decided=None if looked is None else now - looked,
            seconds=now - began,
            presses=self._presses,
            forms=self._forms,
        )
        self.through += 1
        self._forget()
        self._done(attempt)

    def _forget(self) -> None:
        self._crossing = self._looked = self._box = None
        self._reasons = ()
        self._presses = self._forms = 0
