"""Officers' cards as lane judges them: a challenge of its own for each look, and the signature over it.

What capture brings is evidence; a card is believed for the key that it proves, and for nothing else.
"""

import asyncio
import secrets
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Final

from appliance.config import Box, Profile
from appliance.contracts.capture import Capture
from appliance.contracts.card import ProveCard
from appliance.contracts.errors import ServiceError
from appliance.officer_card import CHALLENGE_BYTES, CardError, digest_of, key_of, proves

WAIT_SECONDS: Final = 10.0
"""For the card of who has just sent the form."""
ANSWER_SECONDS: Final = 15.0
"""For capture, beyond the wait."""
PROBLEMS: Final = {
    "no_card": "no_card",
    "foreign_card": "foreign_card",
    "card_error": "card_unproven",
    "busy": "card_busy",
}
"""Capture's codes as the officer's page has them; any other: there is no reader."""


class CardProblem(Exception):
    """No card has proved itself: a code of OFFICER_PROBLEMS."""


@dataclass(frozen=True, slots=True)
class SeenCard:
    """A card that has proved its key just now."""

    key: bytes
    own_reader: bool


class CardReader:
    """`loop` is lane's, once it runs; before that nobody has a card."""

    def __init__(self, capture: Capture, box: Box) -> None:
        self._capture = capture
        self._box = box
        self.loop: asyncio.AbstractEventLoop | None = None

    def ask(self, seconds: float | None = None) -> SeenCard:
        """The card that lies on the reader, or is laid there in this time; WAIT_SECONDS where none is said.
        Called in a thread.

        Raises:
            CardProblem: none did, or it proved nothing.
        """
        seconds = WAIT_SECONDS if seconds is None else seconds
        if self.loop is None:
            raise CardProblem("no_reader")
        digest = digest_of(self._box.device, secrets.token_bytes(CHALLENGE_BYTES))
        asked = asyncio.run_coroutine_threadsafe(
            self._capture.prove_card(ProveCard(digest=digest, timeout=seconds)), self.loop
        )
        try:
            proof = asked.result(seconds + ANSWER_SECONDS)
            key = key_of(proof.certificate)
        except ServiceError as error:
            raise CardProblem(PROBLEMS.get(error.code, "no_reader")) from error
        except CardError as error:
            raise CardProblem("foreign_card") from error
        except (TimeoutError, CancelledError) as error:
            asked.cancel()
            raise CardProblem("no_reader") from error
        simulated = proof.simulated and self._box.profile is Profile.PRODUCTION
        if simulated or not proves(key, proof.signature, digest):
            raise CardProblem("card_unproven")
        return SeenCard(key, proof.own_reader)
