"""From a traveller's name and birth date to the rows that are worth comparing, the best first."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel

from appliance.screening.dates import BirthDate
from appliance.screening.names import PersonName
from appliance.screening.names.likeness import part_likeness
from appliance.screening.names.rarity import nats_of
from appliance.screening.persons.index import MAX_ROWS, Calendar, Rows, keys_of

MAX_CANDIDATES: Final = 48
"""Names that are compared part by part, beside those born on the very day."""
MAX_SAME_DAY: Final = 160
"""Of a million names, some forty have one birthday and some hundred fit its usual slips."""
FEW: Final = 24
"""So many of them are compared whatever the name; of more, those that share letters with it."""
SHARED_LETTERS: Final = 45.0
"""Per cent (rapidfuzz's token_set_ratio): unrelated names reach 40."""
MAX_PARTS_A_KEY: Final = 4000
MAX_ALIKE: Final = 40
"""List parts that one part of the traveller's name is looked up as."""
LETTERS_ALIKE: Final = 0.45
MIN_NATS: Final = 4.0
"""What a row must share to be compared: less is a particle, or half the country's surname."""
MIN_SPLIT: Final = 3

Fetch = Callable[[str, str], bytes | str | None]
"""The value of a key in one of the two tables, `keys` or `parts`."""


def rows_of_name(name: PersonName, calendar: Calendar, born: BirthDate, fetch: Fetch) -> list[int]:
    """Rows that share enough of the name and could have the birth date, the most sharing first."""
    ranges = calendar.compatible(born)
    found: list[Rows] = []
    worth: list[float] = []
    for part in _search_parts(name, fetch):
        for alike, likeness in _alike(part, fetch, unvowelled=name.unvowelled):
            blob = fetch("parts", alike)
            if isinstance(blob, bytes):
                rows = _within(np.frombuffer(blob, dtype="<u4"), ranges)
                if len(rows) and len(rows) <= MAX_ROWS:
                    found.append(rows)
                    worth.append(likeness * min(nats_of(part), nats_of(alike)))
    if not found:
        return []
    rows = np.concatenate(found)
    weights = np.repeat(np.asarray(worth), [len(one) for one in found])
    unique, inverse = np.unique(rows, return_inverse=True)
    total = np.bincount(inverse, weights)
    if len(total) > MAX_CANDIDATES:
        best = np.argpartition(-total, MAX_CANDIDATES)[:MAX_CANDIDATES]
    else:
        best = np.arange(len(total))
    best = best[np.argsort(-total[best], kind="stable")]
    return [int(unique[i]) for i in best if total[i] >= MIN_NATS]


def rows_of_days(calendar: Calendar, born: BirthDate) -> list[int]:
    """Rows of the very day and of its usual slips: compared whatever the name."""
    rows: list[int] = []
    for found in calendar.days(born):
        rows.extend(found[: MAX_SAME_DAY - len(rows)])
    return rows


def worth_comparing(name: PersonName, texts: Sequence[str]) -> list[int]:
    """Which of the names born on the very day to compare, by their place."""
    if len(texts) <= FEW or name.unvowelled:
        return list(range(len(texts)))
    near = process.extract(
        " ".join(name.parts),
        [text.replace("<<", " ") for text in texts],
        scorer=fuzz.token_set_ratio,
        score_cutoff=SHARED_LETTERS,
        limit=FEW,
    )
    return [int(place) for _text, _score, place in near]


def _search_parts(name: PersonName, fetch: Fetch) -> Iterable[str]:
    """The heavy parts, neighbours in a row, and halves of a long part that the list knows."""
    parts = list(dict.fromkeys(name.heavy))
    yield from parts
    yield from dict.fromkeys(
        a + b for a, b in zip(name.parts, name.parts[1:], strict=False) if 5 <= len(a + b) <= 24
    )
    for part in parts:
        if len(part) >= 8:
            for cut in range(MIN_SPLIT, len(part) - MIN_SPLIT + 1):
                for half in (part[:cut], part[cut:]):
                    if len(half) > MIN_SPLIT and fetch("parts", half) is not None:
                        yield half


def _alike(part: str, fetch: Fetch, *, unvowelled: bool) -> list[tuple[str, float]]:
    """Parts that the list has and that `part` may be another spelling of."""
    known: dict[str, None] = {}
    for key in keys_of(part):
        text = fetch("keys", key)
        if isinstance(text, str):
            known.update(dict.fromkeys(text.split(" ")[:MAX_PARTS_A_KEY]))
    if len(known) > MAX_ALIKE:
        cut = 0.0 if unvowelled else LETTERS_ALIKE
        near = process.extract(
            part, list(known), scorer=Indel.normalized_similarity, score_cutoff=cut, limit=MAX_ALIKE
        )
        known = {one: None for one, _score, _index in near}
    scored = ((one, part_likeness(part, one, unvowelled=unvowelled)) for one in known)
    return [(one, likeness) for one, (likeness, rule) in scored if rule]


def _within(rows: Rows, ranges: list[range]) -> Rows:
    """The rows in these ranges; rows rise."""
    pieces = []
    for one in ranges:
        low, high = np.searchsorted(rows, (one.start, one.stop))
        if high > low:
            pieces.append(rows[low:high])
    return np.concatenate(pieces) if pieces else rows[:0]
