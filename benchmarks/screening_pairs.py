"""Pairs of persons: are two names with their birth dates one person, at the verdict that ships.

    python benchmarks/screening_pairs.py DATA --json [--write CSV]

A stand-in for pairs that people have labelled. One person: two names of one entry of the OFAC or UN list, in
whatever script, that resemble each other at all (a nom de guerre does not; the rule is Jaro-Winkler's, not
ours). Two persons: an entry and those of the same list that are most like it by token-set, token-sort and
Jaro-Winkler, because one list has no one twice. Dates are the entries' own, whole, by year alone, or left
out. Entries are cut into two halves by a hash of their reference: the verdict's threshold was chosen on
`tuned`, `held_out` is what to believe. F1 with 95 % intervals (bootstrap over pairs), with dates and without.
"""

import argparse
import csv
import hashlib
import io
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler

from appliance.screening.names import PersonName
from appliance.screening.persons.entries import PersonEntry
from appliance.screening.query import ADDED_COLUMNS, PAIR_COLUMNS, score_pairs
from benchmarks.screening_persons import read_list

MAX_ENTRIES = 1600
"""Of each list."""
PAIRS_OF_ONE, NEAREST = 2, 2
RESEMBLES = 0.72
"""Mean Jaro-Winkler of the two best parts: a neutral bar, far below what counts as alike."""
WHOLE_DATE, YEAR_ALONE = 0.45, 0.40
FIRST_NAME_FIRST = 0.7
RESAMPLED = 400
RIVALS: dict[str, Callable[..., float]] = {
    "token_set": fuzz.token_set_ratio,
    "token_sort": fuzz.token_sort_ratio,
    "jaro_winkler": JaroWinkler.normalized_similarity,
}


class Pair(NamedTuple):
    one_person: bool
    held_out: bool
    name: str
    birth_date: str
    other_name: str
    other_birth_date: str


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, metavar="CSV", help="the pairs, for `borne list query --pairs`")
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    pairs = list(made(list(read_list(arguments.data)), random.Random(arguments.seed)))
    if arguments.write:
        arguments.write.write_text(table(pairs, dates=True), encoding="utf-8")
    answer = {
        half: {"with_dates": figures(some, dates=True), "by_name": figures(some, dates=False)}
        for half, some in (
            ("tuned", [pair for pair in pairs if not pair.held_out]),
            ("held_out", [pair for pair in pairs if pair.held_out]),
        )
    }
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=1))
    return 0


# The pairs


def made(entries: list[PersonEntry], play: random.Random) -> Iterator[Pair]:
    un = [entry for entry in entries if "." in entry.reference]
    ofac = [entry for entry in entries if "." not in entry.reference]
    for some in (ofac, un):
        yield from of_one_list(some, play)


def of_one_list(entries: list[PersonEntry], play: random.Random) -> Iterator[Pair]:
    names = [
        (number, pair, " ".join(name.parts))
        for number, entry in enumerate(entries)
        for pair in entry.names
        if (name := PersonName.of(*pair)).parts
    ]
    texts = [text for _number, _pair, text in names]
    order = list(range(len(entries)))
    play.shuffle(order)
    for number in order[:MAX_ENTRIES]:
        entry, half = entries[number], held_out(entries[number])
        own = {tuple(sorted(PersonName.of(*pair).parts)): pair for pair in entry.names}
        own.pop((), None)
        for _ in range(PAIRS_OF_ONE if len(own) > 2 else len(own) - 1):
            one, other = (shown(pair, play) for pair in play.sample(list(own.values()), 2))
            pair = Pair(True, half, one, dated(entry, play), other, dated(entry, play))
            if resemble(one, other):
                yield pair
        if not own:
            continue
        key, listed = play.choice(sorted(own.items()))
        near: dict[int, tuple[str, str]] = {}
        for scorer in RIVALS.values():
            for _text, _score, place in process.extract(" ".join(key), texts, scorer=scorer, limit=30):
                who, pair_of_names, _ = names[place]
                if who != number and who not in near and held_out(entries[who]) == half:
                    near[who] = pair_of_names
                    break
        for who, theirs in list(near.items())[:NEAREST]:
            one, other = shown(listed, play), shown(theirs, play)
            yield Pair(False, half, one, dated(entry, play), other, dated(entries[who], play))


def held_out(entry: PersonEntry) -> bool:
    return hashlib.blake2b(entry.reference.encode()).digest()[0] % 2 == 0


def shown(pair: tuple[str, str], play: random.Random) -> str:
    """As people write a name: mostly the given names first, sometimes the surname and a comma."""
    primary, secondary = pair if pair[1] else (part.strip() for part in pair[0].partition(",")[::2])
    if not secondary:
        return primary
    return f"{secondary} {primary}" if play.random() < FIRST_NAME_FIRST else f"{primary}, {secondary}"


def dated(entry: PersonEntry, play: random.Random) -> str:
    if not entry.birth_dates:
        return ""
    date, dice = play.choice(entry.birth_dates), play.random()
    return date if dice < WHOLE_DATE else date[:4] if dice < WHOLE_DATE + YEAR_ALONE else ""


def resemble(one: str, other: str) -> bool:
    """Whether a comparison of strings could find them at all; of another script nobody can say so before."""
    if not (one.isascii() and other.isascii()):
        return True
    short, long = sorted(
        ([part for part in PersonName.of(name).parts if len(part) > 2] for name in (one, other)), key=len
    )
    best = sorted((max(JaroWinkler.similarity(a, b) for b in long) for a in short if long), reverse=True)[:2]
    return bool(best) and sum(best) / len(best) >= RESEMBLES


# Figures


def table(pairs: list[Pair], *, dates: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*PAIR_COLUMNS, "label"])
    for pair in pairs:
        born, other = (pair.birth_date, pair.other_birth_date) if dates else ("", "")
        writer.writerow([pair.name, born, pair.other_name, other, int(pair.one_person)])
    return out.getvalue()


def figures(pairs: list[Pair], *, dates: bool) -> dict[str, Any]:
    """Through the same function as `borne list query --pairs`."""
    out = io.StringIO()
    score_pairs(io.StringIO(table(pairs, dates=dates)), out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    one = np.asarray([row["label"] == "1" for row in rows])
    said = np.asarray([row[ADDED_COLUMNS[1]] == "FAIL" for row in rows])
    score = np.asarray([float(row[ADDED_COLUMNS[0]]) for row in rows])
    play = np.random.default_rng(1)
    drawn = [f1(one[some], said[some]) for some in play.integers(0, len(one), (RESAMPLED, len(one)))]
    rivals = {}
    for name, scorer in RIVALS.items():
        theirs = np.asarray(
            [
                scorer(*(" ".join(PersonName.of(text).parts) for text in (pair.name, pair.other_name)))
                for pair in pairs
            ]
        )
        rivals[name] = {"best_f1": round(best_f1(one, theirs), 3), "auc": round(auc(one, theirs), 3)}
    return {
        "pairs": len(pairs),
        "of_one_person": int(one.sum()),
        "f1": round(f1(one, said), 3),
        "f1_interval": [round(float(np.quantile(drawn, share)), 3) for share in (0.025, 0.975)],
        "precision": round(float((one & said).sum() / max(1, said.sum())), 3),
        "recall": round(float((one & said).sum() / max(1, one.sum())), 3),
        "best_f1": round(best_f1(one, score), 3),
        "auc": round(auc(one, score), 3),
        "names_alone_by_others": rivals,
    }


def f1(one: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    return float(2 * (one & said).sum() / max(1, one.sum() + said.sum()))


def best_f1(one: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """At the threshold that suits these very pairs: an upper bound."""
    found = np.cumsum(one[np.argsort(-score, kind="stable")])
    return float(np.max(2 * found / (one.sum() + np.arange(1, len(one) + 1))))


def auc(one: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The share of (one person, two persons) in which the first scores higher; ties count half."""
    low = np.sort(score[~one])
    below, upto = np.searchsorted(low, score[one], "left"), np.searchsorted(low, score[one], "right")
    return float((below + upto).sum() / (2 * len(low) * one.sum()))


if __name__ == "__main__":
    sys.exit(main())
