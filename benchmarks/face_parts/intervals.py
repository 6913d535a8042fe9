"""Exact 95 % intervals for shares (Clopper and Pearson), for samples too small for anything smoother."""

import math
from collections.abc import Callable


def clopper_pearson(hits: int, trials: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of the share that `hits` of `trials` is a sample of; of no trials, everything."""
    if trials == 0:
        return 0.0, 1.0
    low = 0.0 if hits == 0 else _solve(lambda p: 1 - _at_most(hits - 1, trials, p), alpha / 2)
    high = 1.0 if hits == trials else _solve(lambda p: 1 - _at_most(hits, trials, p), 1 - alpha / 2)
    return low, high


def share(hits: int, trials: int) -> dict[str, float | int | list[float] | None]:
    """A share as it is reported: with its sample and its interval."""
    low, high = clopper_pearson(hits, trials)
    return {
        "share": round(hits / trials, 6) if trials else None,
        "of": trials,
        "interval_95": [round(low, 6), round(high, 6)],
    }


def _at_most(hits: int, trials: int, p: float) -> float:
    """The chance of at most so many hits."""
    if p <= 0 or p >= 1:
        return 1.0 if p <= 0 or hits >= trials else 0.0
    total = 0.0
    for k in range(hits + 1):
        log = math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        total += math.exp(log + k * math.log(p) + (trials - k) * math.log1p(-p))
    return min(total, 1.0)


def _solve(rising: Callable[[float], float], goal: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < goal:
            low = middle
        else:
            high = middle
    return (low + high) / 2
