"""The one button, wherever it is pressed: an event answers only what the officer could see."""

import asyncio
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

NOT_SAME: Final = "not_same"
"""What a press does when all that stands against GREEN are near matches: another person."""
RELEASE: Final = "release"
"""Under RED: an officer's PIN and reason let the traveller go on."""
NO_CHIP: Final = "no_chip"
"""What a press does while no chip answers: there is none, go on."""
SEEN: Final = "seen"
"""What a hold does while nobody stands here and there are late hits."""


class ButtonEvent(enum.StrEnum):
    """Press: next or accept. Hold: refer to the second line."""

    PRESS = "press"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the button does at this moment (codes for the screen), None for nothing."""

    press: str | None = None
    hold: str | None = None

    def does(self, event: ButtonEvent) -> str | None:
        return self.press if event is ButtonEvent.PRESS else self.hold


class Button:
    """Holds the offer that stands, and hands the officer's answer to whoever waits for it.

    An event without a standing offer is dropped, so that an impatient second press cannot
    decide about the next traveller.
    """

    def __init__(self) -> None:
        self.offer = Offer()
        self._counts_from = 0.0
        self._outdated: Callable[[], bool] = _never
        self._answer: asyncio.Future[str] | None = None

    def stand(
        self, offer: Offer, *, look_first: float = 0.0, outdated: Callable[[], bool] | None = None
    ) -> "asyncio.Future[str]":
        """Offer these actions; the future gets the one chosen.

        For `look_first` seconds the panel's button, which cannot know what was seen, does not count; and
        nothing does once the offer is `outdated`, though whoever waits has not come to withdraw it yet.
        """
        self.offer = offer
        self._counts_from = time.monotonic() + look_first
        self._outdated = outdated or _never
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    def change(self, offer: Offer) -> None:
        """The offer that stands is another one from now on; whoever waits for the answer waits on."""
        if self.stands:
            self.offer = offer

    @property
    def stands(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._answer is not None and not self._answer.done() and not self._outdated()

    def withdraw(self) -> None:
        """Offer nothing."""
        self.offer = Offer()
        self._answer = None

    def answer(self, action: str) -> bool:
        """Answer with something that no button offers: it was asked for, and proved, otherwise."""
        if self._answer is None or not self.stands:
            return False
        self._answer.set_result(action)
        return True

    def happened(self, event: ButtonEvent, *, seen: bool) -> bool:
        """The button was pressed or held; `seen` says that the offer was surely on the screen.

        Returns whether it answered the offer.
        """
        action = self.offer.does(event)
        if action is None or self._answer is None or not self.stands:
            return False
        if not seen and time.monotonic() < self._counts_from:
            return False
        self._answer.set_result(action)
        return True


def _never() -> bool:
    return False
