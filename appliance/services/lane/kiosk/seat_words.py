"""Where an advance list puts somebody, and what it knew them by: coach, seat, number, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from appliance.services.lane.kiosk.words import Words


def seat_words(evidence: Mapping[str, Any], words: Words) -> Iterator[str]:
    """What a match on an advance list adds to its reason; nothing for any other check."""
    if "listed" not in evidence:
        return
    yield from place_words(str(evidence.get("coach") or ""), str(evidence.get("seat") or ""), words)
    if number := evidence.get("listed_number"):
        yield words.ui("as_listed", number=f"{evidence.get('listed_state') or ''} {number}".strip())
    if born := evidence.get("listed_birth_date"):
        yield words.ui("listed_born", date=words.date(str(born)))


def place_words(coach: str, seat: str, words: Words) -> Iterator[str]:
    """Coach and seat, as far as the list says them."""
    if coach:
        yield words.ui("listed_coach", coach=coach)
    if seat:
        yield words.ui("listed_seat", seat=seat)
