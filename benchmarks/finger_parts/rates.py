"""Error rates of a comparison, with 95 % intervals by bootstrap over the fingers.

Pairs share fingers, so that pairs are not independent: whole fingers are drawn again, and a pair counts as
often as its fingers were drawn together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DRAWS = 400
FMRS = (0.01, 0.001)


@dataclass(frozen=True)
class Scores:
    """Scores of pairs, and which fingers (by number) they are of."""

    values: Any
    one: Any
    other: Any


def error_rates(genuine: Scores, impostor: Scores, *, seed: int = 1) -> dict[str, Any]:
    """EER, and FNMR where FMR is 1 % and 0.1 %, as fractions."""
    fingers = 1 + int(max([*genuine.one, *impostor.one, *impostor.other]))
    plain = _rates(genuine, impostor, np.ones(fingers))
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        weights = np.bincount(random.integers(0, fingers, fingers), minlength=fingers).astype(float)
        rates = _rates(genuine, impostor, weights)
        if rates is not None:
            drawn.append(rates)
    assert plain is not None
    answer: dict[str, Any] = {}
    for name, value in plain.items():
        low, high = np.percentile([each[name] for each in drawn], [2.5, 97.5])
        answer[name] = round(value, 6)
        answer[f"{name}_interval_95"] = [round(float(low), 6), round(float(high), 6)]
    return answer


def _rates(genuine: Scores, impostor: Scores, weights: Any) -> dict[str, float] | None:
    same, different = weights[genuine.one], weights[impostor.one] * weights[impostor.other]
    if not same.sum() or not different.sum():
        return None
    cuts = np.unique(np.concatenate([genuine.values, impostor.values]))
    cuts = np.append(cuts, np.nextafter(cuts[-1], np.inf))
    fnmr, fmr = _below(genuine.values, same, cuts), 1 - _below(impostor.values, different, cuts)
    gap = fnmr - fmr
    at = int(np.argmax(gap >= 0))
    eer = (fnmr[at] + fmr[at]) / 2
    if at and gap[at] - gap[at - 1] > 0:  # between two cuts the rates run straight
        part = -gap[at - 1] / (gap[at] - gap[at - 1])
        eer = fnmr[at - 1] + part * (fnmr[at] - fnmr[at - 1])
    answer = {"eer": float(eer)}
    for wanted in FMRS:
        answer[f"fnmr_at_fmr_{wanted}"] = float(fnmr[int(np.argmax(fmr <= wanted))])
    return answer


def _below(values: Any, weights: Any, cuts: Any) -> Any:
    """The share of scores under each cut."""
    order = np.argsort(values)
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    return total[np.searchsorted(values[order], cuts, side="left")] / total[-1]


def error_versus_reject(
    values: Any, quality: Any, *, fnmr: Sequence[float], shares: Sequence[float]
) -> dict[str, list[float]]:
    """FNMR of the pairs that are left when the worst shares are turned away, at thresholds that begin at
    `fnmr`.

    `quality` is each genuine pair's worse impression's. A measure that foretells errors makes the curve fall.
    """
    order = np.argsort(quality, kind="stable")
    curves = {}
    for start in fnmr:
        threshold = np.quantile(values, start)
        failed = (values < threshold)[order]
        curves[str(start)] = [round(float(failed[int(share * len(failed)) :].mean()), 4) for share in shares]
    return curves
