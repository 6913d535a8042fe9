"""Two names laid beside each other, part by part: what agrees, what contradicts, what only one of them has.

The result is evidence in nats, the logarithm of how much likelier these two names are of one person than
of two. Shared rare parts speak for it; parts on both sides that agree with nothing speak against it; parts
that only one side has (a middle name, a father's name) cost a little. Greedy, best pair first, after
joining parts that the other side writes in a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final

from rapidfuzz.distance import Indel

from appliance.screening.names.likeness import cut_likeness, part_likeness
from appliance.screening.names.missing import Missed, is_heavy
from appliance.screening.names.parts import PersonName
from appliance.screening.names.rarity import is_light, nats_of_row

AGREES: Final = ((0.62, -0.15), (0.72, 0), (0.8, 0.5), (0.88, 0.68), (0.95, 0.87), (1.0, 1.0))
"""What share of its nats a part is worth at a likeness, and what it costs below: read off aliases of 5,000
persons."""
FAMILY: Final = 8.0
"""What names that contradict each other anywhere can tell at most: a family shares all the rest."""
OTHER_ORDER: Final = 0.2
INITIAL_NATS: Final = 0.8
"""What an initial tells: it agrees with one name in twenty, and people are asked for it as for a name."""
NOTHING_SHARED: Final = -2.0
ONE_PART_ONLY: Final = 0.5
"""Two names that have one part in common and no other are often two people of one family, or one first
name."""
JOIN_MIN: Final = 0.84
"""Parts in a row and the part that they may be: less alike than this is chance."""
JOINED_LETTERS: Final = 0.5
JOINED_UNVOWELLED: Final = 0.3
"""Where one side writes no short vowels, half of the other's letters have no counterpart."""
VOWELS_UNWRITTEN: Final = 5
"""So many letters more may the spelling with vowels have for a row of parts; without, 2."""
MAX_JOINED: Final = 6


@dataclass(frozen=True, slots=True)
class Alignment:
    """How two names agree."""

    nats: float
    """Evidence for one person; below 0 it speaks for two."""
    pairs: tuple[tuple[str, str, float, str], ...]
    """Part of the one, part of the other, likeness, rule."""
    only_one: tuple[str, ...]
    only_other: tuple[str, ...]
    in_order: bool
    equal: bool
    """The same parts, told apart or not."""
    shared_nats: float
    possible_nats: float
    """What the shorter of the two names could have shared."""

    @property
    def why(self) -> tuple[str, ...]:
        """The coded steps of an explanation."""
        if self.equal:
            return ("name_parts_equal",) if self.in_order else ("name_parts_in_other_order",)
        steps = [rule for _one, _other, _likeness, rule in self.pairs]
        if self.only_one:
            steps.append(f"parts_only_on_document_{len(self.only_one)}")
        if self.only_other:
            steps.append(f"parts_only_on_list_{len(self.only_other)}")
        return tuple(steps) or ("no_part_alike",)


def align(one: PersonName, other: PersonName, *, truncated: bool = False) -> Alignment:
    """`one` beside `other`; `truncated` says that `one` was cut off where its document had no more room."""
    unvowelled = one.unvowelled or other.unvowelled
    parts, others = one.parts, other.parts
    found = _align(parts, others, one.nats, other.nats, truncated, unvowelled)
    if not found.equal and (found.only_one or found.only_other) and _may_be_joined(one, other):
        for joined in _joinings(parts, others, one.nats, other.nats, unvowelled):
            better = _align(*joined, truncated, unvowelled)
            if better.nats > found.nats:
                found = _told_as_joined(better, parts, others)
    return _ordered(found, one, other)


def _told_as_joined(found: Alignment, parts: tuple[str, ...], others: tuple[str, ...]) -> Alignment:
    """The same, and its explanation says what was read in a row; never the same parts in the same places."""
    pairs = tuple(
        (a, b, likeness, rule if a in parts and b in others else "parts_joined")
        for a, b, likeness, rule in found.pairs
    )
    return replace(found, pairs=pairs, equal=False)


def _may_be_joined(one: PersonName, other: PersonName) -> bool:
    """Whether enough letters come in the same order for parts to be written in a row."""
    if len(one.parts) == 1 and len(other.parts) == 1:
        return False
    cut = JOINED_UNVOWELLED if one.unvowelled or other.unvowelled else JOINED_LETTERS
    return any(
        Indel.normalized_similarity(a, b, score_cutoff=cut) >= cut for a in one.joined for b in other.joined
    )


def _ordered(found: Alignment, one: PersonName, other: PersonName) -> Alignment:
    """Whether the parts that agree stand in the identifiers that they should."""
    if not (one.secondary and other.secondary) or not found.pairs:
        return found
    own, theirs = set(one.primary) - set(one.secondary), set(other.primary) - set(other.secondary)
    crossed = any(
        (a in own) != (b in theirs)
        for a, b, _likeness, rule in found.pairs
        if rule != "parts_joined" and not is_light(a)
    )
    return replace(found, nats=found.nats - OTHER_ORDER, in_order=False) if crossed else found


@lru_cache(maxsize=65536)
def _align(  # noqa: PLR0917 - one key of the cache
    one: tuple[str, ...],
    other: tuple[str, ...],
    own: tuple[float, ...],
    theirs: tuple[float, ...],
    truncated: bool,
    unvowelled: bool,
) -> Alignment:
    candidates = []
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            if truncated and (i == len(one) - 1 or len(a) == 1):
                likeness, rule = cut_likeness(a, b)
            else:
                likeness, rule = part_likeness(a, b, unvowelled=unvowelled)
            if rule:
                candidates.append((likeness * min(own[i], theirs[j]), likeness, i, j, rule))
    candidates.sort(key=lambda found: (-found[0], -found[1], abs(found[2] - found[3]), found[2]))
    left, right = set(range(len(one))), set(range(len(other)))
    pairs: list[tuple[int, int, float, str]] = []
    nats = shared = 0.0
    agreeing = 0
    for _worth, likeness, i, j, rule in candidates:
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            pairs.append((i, j, likeness, rule))
            worth = INITIAL_NATS if rule == "part_initial" else min(own[i], theirs[j]) * _share(likeness)
            nats += worth
            shared += worth
            agreeing += rule != "part_initial" and not is_light(one[i])
    only_one, only_other = [one[i] for i in sorted(left)], [other[j] for j in sorted(right)]
    alone = agreeing == 1 and sum(map(is_heavy, one)) == 1
    # What was cut off cannot be missed.
    missed = Missed.among(only_one, [] if truncated else only_other)
    nats -= missed.cost(alone=alone) + (ONE_PART_ONLY if agreeing == 1 and missed.any and not alone else 0.0)
    if missed.conflicts:
        nats = min(nats, FAMILY)
    pairs.sort()
    return Alignment(
        nats=nats if pairs else min(nats, NOTHING_SHARED),
        pairs=tuple((one[i], other[j], likeness, rule) for i, j, likeness, rule in pairs),
        only_one=tuple(only_one),
        only_other=tuple(only_other),
        in_order=True,
        equal=bool(one) and sorted(one) == sorted(other),
        shared_nats=shared,
        possible_nats=min(sum(own), sum(theirs)),
    )


def _share(likeness: float) -> float:
    for (low, from_), (high, to) in pairwise(AGREES):
        if likeness <= high:
            return from_ + (to - from_) * (likeness - low) / (high - low)
    return 1.0


Nats = tuple[float, ...]


def _joinings(
    one: tuple[str, ...], other: tuple[str, ...], own: Nats, theirs: Nats, unvowelled: bool
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Nats, Nats]]:
    """The same names with neighbouring parts in a row, where the other side has them so."""
    for parts, others, nats, their_nats, swapped in (
        (one, other, own, theirs, False),
        (other, one, theirs, own, True),
    ):
        found = _joined_as(parts, others, nats, their_nats, unvowelled)
        if found:
            parts_now, nats_now, their_nats_now = found
            if swapped:
                yield others, parts_now, their_nats_now, nats_now
            else:
                yield parts_now, others, nats_now, their_nats_now


def _joined_as(
    parts: tuple[str, ...], others: tuple[str, ...], nats: Nats, their_nats: Nats, unvowelled: bool
) -> tuple[tuple[str, ...], Nats, Nats] | None:
    """`parts` with runs joined that resemble one of `others` as a whole; what is joined weighs their sum."""
    result, weights, their_weights = list(parts), list(nats), list(their_nats)
    changed = False
    slack = VOWELS_UNWRITTEN if unvowelled else 2
    for j, b in enumerate(others):
        if len(b) < 5:
            continue
        best: tuple[float, int, int, str] | None = None
        for start in range(len(result)):
            for end in range(start + 2, min(start + MAX_JOINED, len(result)) + 1):
                run = result[start:end]
                if abs(sum(map(len, run)) - len(b)) > slack:
                    continue
                for row in {"".join(run), "".join(run[1:] + run[:1]), "".join(run[-1:] + run[:-1])}:
                    likeness, rule = part_likeness(row, b, unvowelled=unvowelled)
                    if rule and likeness >= JOIN_MIN and (best is None or likeness > best[0]):
                        best = (likeness, start, end, row)
        if best is not None:
            _likeness, start, end, row = best
            weight = min(sum(weights[start:end]), nats_of_row(row))
            result[start:end], weights[start:end] = [row], [weight]
            their_weights[j] = max(their_weights[j], weight)
            changed = True
    return (tuple(result), tuple(weights), tuple(their_weights)) if changed else None
