"""The scripted officer answers what the screen shows, and presses nothing else."""

import asyncio

import msgspec
import pytest

from appliance.contracts.checks import Outcome, Recommendation
from appliance.contracts.lane import Press, PressTaken
from appliance.simulation.officer import ScriptedOfficer


class Seen(msgspec.Struct, kw_only=True):
    """The little of a View that the officer looks at."""

    revision: int = 0
    step: str = "waiting"
    press: str | None = "start"
    hold: str | None = None
    trouble: object | None = None
    crossing: str | None = None
    recommendation: Recommendation | None = None
    reasons: tuple[str, ...] = ()
    last_seq: int = 0
    crossings: int = 0
    last_outcome: Outcome | None = None


class Booth:
    async def standing(self, number: int) -> None:
        pass


class Screen:
    """A box that goes through its steps; every press must answer the newest revision."""

    def __init__(self, recommendation: Recommendation, *, begun: bool = False) -> None:
        self.recommendation = recommendation
        self.pressed: list[str] = []
        self.late = 1
        self._view = Seen()
        if begun:
            self._decide()

    def view(self):
        return self._view

    async def wait_for_change(self, revision: int, timeout: float):
        await asyncio.sleep(0)
        if self._view.step == "reading_document":
            self._decide()
        return self._view

    async def press(self, press: Press) -> PressTaken:
        if self.late:
            self.late -= 1
            self._view = msgspec.structs.replace(self._view, revision=self._view.revision + 1)
            return PressTaken(taken=False)
        assert press.revision == self._view.revision
        self.pressed.append(press.event)
        revision = press.revision + 1
        if self._view.step == "waiting":
            self._view = Seen(revision=revision, step="reading_document", press=None, crossing="c")
        else:
            outcome = Outcome.ADMITTED if self._view.press == "admit" and press.event == "press" else None
            self._view = Seen(
                revision=revision, last_seq=1, crossings=1, last_outcome=outcome or Outcome.REFERRED
            )
        return PressTaken(taken=True)

    def _decide(self) -> None:
        red = self.recommendation is Recommendation.RED
        self._view = Seen(
            revision=self._view.revision + 1,
            step="deciding",
            press="refer" if red else "admit",
            hold="refer",
            crossing="c",
            recommendation=self.recommendation,
            reasons=("a.check",),
        )


@pytest.mark.parametrize(
    ("recommendation", "pressed", "outcome"),
    [
        (Recommendation.GREEN, "press", Outcome.ADMITTED),
        (Recommendation.AMBER, "hold", Outcome.REFERRED),
        (Recommendation.RED, "press", Outcome.REFERRED),
    ],
)
def test_ok__decides_as_recommended(recommendation, pressed: str, outcome: Outcome) -> None:
    screen = Screen(recommendation)
    crossing = asyncio.run(asyncio.wait_for(ScriptedOfficer(screen, Booth()).cross(1), 60))
    assert screen.pressed == ["press", pressed]
    assert (crossing.number, crossing.recommendation, crossing.reasons) == (1, recommendation, ("a.check",))
    assert crossing.outcome is outcome
    assert crossing.seconds > 0


def test_ok__goes_on_with_a_crossing_that_is_under_way() -> None:
    screen = Screen(Recommendation.GREEN, begun=True)
    asyncio.run(asyncio.wait_for(ScriptedOfficer(screen, Booth()).cross(1), 60))
    assert screen.pressed == ["press"]
