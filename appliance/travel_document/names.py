"""The name field: reading it apart, its filler rules, and fitting a name into it (Doc 9303-3 section 4.6).

Truncation follows Doc 9303-4 to -7 section 4.2.3, and of the methods left to the issuer the first:
components become initials from the last one on, and every component is shown as long as there is room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.travel_document.check_digit import FILLER
from appliance.travel_document.errors import CannotRepresent

SEPARATOR: Final = "<<"
_SEPARATED: Final = len(SEPARATOR) + 1
"""Characters that a separator and one letter of the secondary identifier need."""


@dataclass(frozen=True, slots=True)
class NameReading:
    """A name field as understood; components are parted by spaces."""

    primary: str
    secondary: str
    truncated: bool
    """A letter in the last position: the name must be treated as truncated, even if it just fits."""
    problem: str = ""
    position: int = 0
    """Where in the field the problem lies."""


def read_name(field: str) -> NameReading:
    """Primary and secondary identifier of a name field; a single identifier is the primary one."""
    problem, position = _problem(field)
    primary, _, secondary = field.rstrip(FILLER).partition(SEPARATOR)
    return NameReading(
        primary=_words(primary),
        secondary=_words(secondary),
        truncated=not field.endswith(FILLER),
        problem=problem,
        position=position,
    )


def fit_name(primary: str, secondary: str, *, width: int) -> str:
    """The name field of this width; both identifiers as components parted by single fillers."""
    first, second = primary.split(FILLER), secondary.split(FILLER) if secondary else []
    whole = primary + SEPARATOR + secondary if second else primary
    if len(whole) <= width:
        return whole.ljust(width, FILLER)
    field = _truncate_both(first, second, width) if second else _shorten(first, width)
    if field is None:
        raise CannotRepresent("name", f"The name cannot be cut to {width} characters by Doc 9303's rules.")
    return field


def _problem(field: str) -> tuple[str, int]:
    """What breaks the filler rules, and where."""
    body = field.rstrip(FILLER)
    if not body:
        return "no_name", 0
    if body.startswith(FILLER):
        return "starts_with_filler", 0
    if (gap := body.find(FILLER * 3)) >= 0:
        return "gap_in_name", gap
    first = body.find(SEPARATOR)
    second = body.find(SEPARATOR, first + len(SEPARATOR)) if first >= 0 else -1
    return ("second_separator", second) if second >= 0 else ("", 0)


def _words(identifier: str) -> str:
    return " ".join(word for word in identifier.split(FILLER) if word)


def _truncate_both(primary: list[str], secondary: list[str], width: int) -> str | None:
    """As much of the primary identifier as leaves room for the secondary's first letter, then of that."""
    kept = _to_initials(primary, width - _SEPARATED)
    whole_secondary = FILLER.join(secondary)
    if kept is None:
        head = _shorten(primary, width - _SEPARATED) or _shorten(primary, width - _SEPARATED - 1)
    else:
        # Letters that the initials freed beyond need go back, so that the field ends with a letter.
        head = _grow(kept, primary, width - len(SEPARATOR) - len(whole_secondary))
    while head:
        room = width - len(head) - len(SEPARATOR)
        tail = whole_secondary if len(whole_secondary) == room else _shorten(secondary, room)
        if tail is not None:
            return head + SEPARATOR + tail
        # Initials alone fill only odd widths: a letter less before them makes the room odd.
        head = _one_letter_less(head)
    return None


def _one_letter_less(identifier: str) -> str:
    components = identifier.split(FILLER)
    longest = max(range(len(components)), key=lambda at: len(components[at]))
    components[longest] = components[longest][:-1]
    return FILLER.join(component for component in components if component)


def _to_initials(components: Sequence[str], room: int) -> list[str] | None:
    """Components cut to initials, from the last on, until they fit; the first stays whole."""
    kept = list(components)
    for at in range(len(kept) - 1, -1, -1):
        if len(FILLER.join(kept)) <= room:
            return kept
        if at:
            kept[at] = kept[at][0]
    return None


def _grow(kept: list[str], whole: list[str], length: int) -> str:
    """The cut components, with letters given back until they are as long as `length`."""
    spare = length - len(FILLER.join(kept))
    grown = []
    for short, long in zip(kept, whole, strict=True):
        extra = min(max(spare, 0), len(long) - len(short))
        spare -= extra
        grown.append(long[: len(short) + extra])
    return FILLER.join(grown)


def _shorten(components: Sequence[str], room: int) -> str | None:
    """Exactly `room` characters: as many components as can be shown, the first ones longest."""
    for shown in range(min(len(components), (room + 1) // 2), 0, -1):
        letters = room - (shown - 1)
        cut = []
        for at, component in enumerate(components[:shown]):
            length = min(len(component), letters - (shown - 1 - at))
            letters -= length
            cut.append(component[:length])
        if letters == 0:
            return FILLER.join(cut)
    return None
