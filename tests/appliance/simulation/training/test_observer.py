"""What the observer makes of a screen: each traveller's own colour and act, also when it lags behind."""

from appliance.contracts.checks import Outcome, Recommendation
from appliance.simulation.training.debrief import Attempt
from appliance.simulation.training.observer import Observer
from appliance.simulation.training.script import load_book

TRAVELLERS = load_book().traveller[:2]
GREEN, RED = Recommendation.GREEN, Recommendation.RED


class View:
    """The little of a view that is looked at."""

    def __init__(self, crossing: str | None, colour=None, *, crossings: int = 0, outcome=None) -> None:
        self.crossing, self.recommendation, self.reasons = crossing, colour, ()
        self.crossings, self.last_outcome, self.revision = crossings, outcome, 0


def observed(*views: View) -> list[Attempt]:
    done: list[Attempt] = []
    observer = Observer(None, TRAVELLERS, done.append)
    for view in views:
        observer._look(view)
    return done


def test_ok__a_decision_on_disk_is_not_the_next_traveller_s() -> None:
    """The journal counts a crossing before the screen has let go of it."""
    first, second = observed(
        View(None),
        View("a"),
        View("a", GREEN),
        View("a", GREEN, crossings=1, outcome=None),  # recorded; outcome and colour are still the old ones
        View(None, crossings=1, outcome=Outcome.ADMITTED),
        View("b", crossings=1, outcome=Outcome.ADMITTED),
        View("b", RED, crossings=1, outcome=Outcome.ADMITTED),
        View(None, crossings=2, outcome=Outcome.REFERRED),
    )
    assert (first.box, first.act) == (GREEN, Outcome.ADMITTED)
    assert (second.box, second.act) == (RED, Outcome.REFERRED)


def test_ok__the_idle_screen_between_two_may_be_missed() -> None:
    first, second = observed(
        View("a", GREEN),
        View("b", crossings=1, outcome=Outcome.ADMITTED),
        View("b", RED, crossings=1, outcome=Outcome.ADMITTED),
        View(None, crossings=2, outcome=Outcome.REFERRED),
    )
    assert (first.traveller, first.box) == (TRAVELLERS[0].id, GREEN)
    assert (second.traveller, second.box) == (TRAVELLERS[1].id, RED)


def test_ok__who_was_referred_before_the_box_spoke_was_not_looked_at() -> None:
    (only,) = observed(View("a"), View(None, crossings=1, outcome=Outcome.REFERRED))
    assert only.box is None
    assert only.looked_seconds is None
