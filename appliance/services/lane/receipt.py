"""The traveller's receipt: made when the crossing is recorded, kept for some minutes, then forgotten.

It is made of what the traveller has seen themselves. Checks and recommendation are not looked at here, and
whoever was not admitted gets the same words whatever the reason (promise 8).
"""

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from appliance.clock import TimeQuality, wall_of
from appliance.contracts.checks import Direction, Outcome
from appliance.contracts.receipt import Receipt
from appliance.rules.stay import stay_rule_for
from appliance.rules.table import RuleTable
from appliance.services.lane.assessment import document_facts, document_of
from appliance.services.lane.workflow import State

KEPT_SECONDS: Final = 180.0
"""Long enough to photograph the code; the next traveller ends it sooner."""
REFERENCE_LENGTH: Final = 12


class ReceiptDesk:
    """Watches the crossing go by; `current` is the receipt of who has just gone."""

    def __init__(
        self,
        *,
        post: str,
        rules: Callable[[], RuleTable | None],
        appeal: Callable[[], Mapping[str, str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._post = post
        self._rules = rules
        self._appeal = appeal
        self._clock = clock
        self._decided: State | None = None
        self._receipt: Receipt | None = None
        self._until = 0.0

    @property
    def current(self) -> Receipt | None:
        """None while somebody stands here, and when its time is over."""
        return self._receipt if self._clock() < self._until else None

    def show(self, reference: str) -> bool:
        """Put it on the traveller's screen; False: it is not there any more."""
        receipt = self.current
        if receipt is None or receipt.reference != reference:
            return False
        self._receipt = msgspec.structs.replace(receipt, shown=True)
        return True

    def look(self, state: State) -> None:
        """The crossing as it stands now: a decided one that is gone has been recorded."""
        if state.started is not None:
            self._decided = state if state.decided is not None else None
            self._receipt = None
        elif self._decided is not None:
            self._receipt = receipt_of(
                self._decided, post=self._post, rules=self._rules(), appeal=self._appeal()
            )
            self._decided, self._until = None, self._clock() + KEPT_SECONDS


def receipt_of(
    state: State, *, post: str, rules: RuleTable | None, appeal: Mapping[str, str]
) -> Receipt | None:
    """Of a decided crossing; None of any other."""
    started, decided = state.started, state.decided
    if started is None or decided is None:
        return None
    moment = wall_of(decided.stamp).astimezone()
    taken = {
        "document": state.document is not None or state.typed is not None,
        "portrait": state.portrait is not None,
        "fingers": bool(state.fingers),
    }
    admitted = decided.outcome is Outcome.ADMITTED
    days, window = (None, None)
    if admitted and started.direction is Direction.ENTRY:
        days, window = _stay(state, post, rules, moment.date())
    return Receipt(
        reference=started.crossing[:REFERENCE_LENGTH],
        post=post,
        direction=started.direction,
        at=moment.isoformat(timespec="minutes"),
        sure_time=TimeQuality(decided.stamp.quality).sure,
        admitted=admitted,
        recorded=tuple(what for what, is_taken in taken.items() if is_taken),
        stay_days=days,
        stay_window_days=window,
        appeal=dict(appeal),
    )


def _stay(state: State, post: str, rules: RuleTable | None, today: dt.date) -> tuple[int | None, int | None]:
    """What the rule allows. Earlier stays are not counted here: what is not known is promised to nobody."""
    facts = document_facts(state, document_of(state, today=today))
    if rules is None or facts is None:
        return None, None
    rule = stay_rule_for(
        rules, nationality=facts.nationality, document_code=facts.document_code, post=post, today=today
    )
    return (rule.days, rule.window_days) if rule else (None, None)
