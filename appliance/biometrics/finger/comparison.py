"""One finger or two: a score that says how often two different fingers would look as much alike.

Two kinds of evidence go into it: minutiae that pair (`alignment.py`), and ridges that run into each other
when one impression is laid on the other (`agreement.py`). `calibration.py` makes a false match rate of it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from appliance.biometrics.finger.agreement import Agreement, agreement
from appliance.biometrics.finger.alignment import Alignment, Movement, align
from appliance.biometrics.finger.calibration import score_of
from appliance.biometrics.finger.impression import Impression
from appliance.biometrics.finger.neighbourhood import Surroundings, alike, surroundings
from appliance.biometrics.finger.picture import Mask
from appliance.biometrics.finger.ridge_field import CELL
from appliance.biometrics.finger.template import FingerTemplate

LEAST_MINUTIAE: Final = 5
"""With fewer no comparison is made."""
NOTHING: Final = -20.0
"""The evidence of a pair that cannot be laid on one another."""
_SEEN: Final = 25
"""The weight of a cell, of 255, from which minutiae in it should have been found."""


class Prepared:
    """An impression and the descriptions of its minutiae, made when first needed and kept."""

    def __init__(self, impression: Impression) -> None:
        self.impression = impression

    @cached_property
    def surroundings(self) -> Surroundings:
        return surroundings(self.impression)


class PreparedFinger:
    """A template ready for many comparisons."""

    def __init__(self, template: FingerTemplate) -> None:
        self.impressions = tuple(Prepared(each) for each in template.impressions)

    @property
    def comparable(self) -> bool:
        """Whether any impression has enough minutiae."""
        return any(len(each.impression.minutiae) >= LEAST_MINUTIAE for each in self.impressions)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one finger, in one pair of impressions."""

    value: float
    """The higher, the more; logarithmic."""
    pairs: int = 0
    """Minutiae that agree."""
    support: float = 0.0
    """The same, each as far as it agrees."""
    share: float = 0.0
    """Of the minutiae that both should show, those that agree."""
    likeness: float = 0.0
    """How alike the paired minutiae's surroundings are."""
    ridges: Agreement | None = None
    alignment: Alignment | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome of a comparison."""

    score: float | None
    """-10 log10 of the false match rate; None with the reason why it could not be told."""
    problem: str | None = None
    evidence: Evidence | None = None


def compare(one: PreparedFinger, other: PreparedFinger) -> Compared:
    """The best pair of impressions, set off against the number of pairs that were tried."""
    if not (one.comparable and other.comparable):
        return Compared(None, "too_few_minutiae")
    pairs = [compare_impressions(a, b) for a in one.impressions for b in other.impressions]
    best = max(pairs, key=lambda each: each.value)
    return Compared(score_of(best.value, attempts=len(pairs)), None, best)


def compare_impressions(one: Prepared, other: Prepared) -> Evidence:
    """The evidence of the best way to lay one impression on the other."""
    a, b = one.impression, other.impression
    if min(len(a.minutiae), len(b.minutiae)) < LEAST_MINUTIAE:
        return Evidence(NOTHING)
    similar = alike(one.surroundings, other.surroundings)
    found = [
        _evidence(a, b, alignment, float(_mean_likeness(similar, alignment)))
        for alignment in align(a.minutiae, b.minutiae, similar)
    ]
    return max(found, key=lambda each: each.value, default=Evidence(NOTHING))


def _mean_likeness(similar: object, alignment: Alignment) -> float:
    scores = np.asarray(similar)[alignment.pairs[:, 0], alignment.pairs[:, 1]]
    return float(np.average(scores, weights=alignment.strength))


def _evidence(a: Impression, b: Impression, alignment: Alignment, likeness: float) -> Evidence:
    ridges = agreement(a, b, alignment.back)
    share = _share(a, b, alignment)
    value = (
        0.4 * np.log1p(alignment.support)
        + 1.0 * np.log1p(ridges.agreeing)
        + 2.5 * np.log(max(ridges.correlation, 0.02))
        + 0.3 * np.log(max(ridges.flow, 0.05))
        + 3.0 * np.log(min(share, 1.0) + 0.05)
        + 2.0 * np.log(likeness + 0.05)
    )
    return Evidence(
        max(float(value), NOTHING),
        len(alignment.pairs),
        alignment.support,
        share,
        likeness,
        ridges,
        alignment,
    )


def _share(a: Impression, b: Impression, alignment: Alignment) -> float:
    """Of the minutiae that lie where both are clear, how many agree; each by its reliability."""
    ours, theirs = a.minutiae.reliability, b.minutiae.reliability
    expected_a = (ours * _covered(a, b, alignment.movement)).sum()
    expected_b = (theirs * _covered(b, a, alignment.back)).sum()
    i, j = alignment.pairs[:, 0], alignment.pairs[:, 1]
    return float(np.sqrt(ours[i] * theirs[j]).sum() / (np.sqrt(expected_a * expected_b) + 1e-6))


def _covered(a: Impression, b: Impression, movement: Movement) -> Mask:
    """Which of the first's minutiae fall where the second is clear."""
    cells = np.floor(movement.carry(np.stack([a.minutiae.x, a.minutiae.y], axis=1)) / CELL)
    rows, columns = b.weight.shape
    inside = (cells >= 0).all(axis=1) & (cells[:, 0] < columns) & (cells[:, 1] < rows)
    x, y = np.where(inside[:, None], cells, 0).astype(int).T
    return np.asarray(inside & (b.weight[y, x] > _SEEN))
