"""From evidence to a score, and what the score means: -10 log10 of the false match rate.

30 is one false match in a thousand comparisons of two fingers, 40 one in ten thousand. Measured on pairs of
different invented fingers, on eight invented sensors, and on FVC2004 DB4_B (`docs/finger.md` has the
numbers). Past 30 it is extrapolated. On no real sensor has anybody measured it yet.
"""

import math
from itertools import pairwise
from typing import Final

_MEASURED: Final = ((-8.0, 0.0), (-4.0, 10.0), (-2.2, 20.0), (-1.2, 30.0))
"""(evidence, score), rising."""
_STEEPNESS: Final = 1.1
"""How much evidence makes ten more of score past the last: the last measured decade took 0.9."""
HIGHEST: Final = 60.0
"""No score says more than one in a million: nobody has looked at so many pairs."""


def score_of(evidence: float, *, attempts: int = 1) -> float:
    """The score of the best of so many pairs of impressions, each of which could have matched falsely."""
    low, last = _MEASURED[0], _MEASURED[-1]
    if evidence <= low[0]:
        return 0.0
    score = last[1] + (evidence - last[0]) * 10 / _STEEPNESS
    for (left, score_left), (right, score_right) in pairwise(_MEASURED):
        if left < evidence <= right:
            score = score_left + (evidence - left) * (score_right - score_left) / (right - left)
    return min(max(score - 10 * math.log10(attempts), 0.0), HIGHEST)


def false_match_rate(score: float) -> float:
    """How often two different fingers reach this score."""
    return float(10.0 ** (-score / 10))
