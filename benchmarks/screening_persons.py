"""Persons: who on the OFAC and UN lists is found under what degradation, at how many false hits among
innocents.

    python benchmarks/screening_persons.py DATA --json [--peers] [--innocents N] [--by-name]

Through the product's own index and evidence. Persons and innocents are cut into halves: the threshold is
set on the
innocents of the first, false hits and recall are counted on the second. `DATA` holds OFAC's SDN and ALT as
CSV, the UN's XML, and innocents as CSV with last_name, first_name, middle_name, date_of_birth.
"""

import argparse
import csv
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from appliance.screening.build import build_persons
from appliance.screening.dates import BirthDate, DateError, compare_dates
from appliance.screening.errors import EntryError
from appliance.screening.importers.ofac import read_ofac
from appliance.screening.importers.un import read_un
from appliance.screening.lists import ListInfo, ListKind, open_list_file
from appliance.screening.names import PersonName
from appliance.screening.persons.entries import PersonEntry, check_entry
from appliance.screening.persons.evidence import Evidence, weigh
from appliance.screening.persons.search import PersonList, PersonQuery
from benchmarks.screening_degrade import KINDS, Traveller, degrade

RATES = (2, 10, 50)
"""False hits per 10,000 innocents."""
PER_KIND = 240
NOTHING = -9.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--innocents", type=int, default=50_000)
    parser.add_argument("--by-name", action="store_true", help="as if nobody's birth date were known")
    parser.add_argument(
        "--peers", action="store_true", help="beside Jaro-Winkler, token-set and the watchman rule"
    )
    parser.add_argument("--peer-innocents", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    persons = list(read_list(arguments.data))
    innocents = list(read_innocents(arguments.data))
    random.Random(arguments.seed).shuffle(innocents)
    innocents = innocents[: arguments.innocents]
    with tempfile.TemporaryDirectory() as folder:
        one = PersonList(open_list_file(built(persons, Path(folder) / "list")))
        travellers = list(degraded(persons, random.Random(arguments.seed)))
        ours = Ours(one, persons, by_name=arguments.by_name)
        answer = figures("ours", ours, innocents, travellers)
        alarms, low_high = sum(ours.alarms), wilson(sum(ours.alarms), len(ours.alarms))
        answer["as_shipped"] = {
            "false_per_10000": round(1e4 * alarms / max(1, len(ours.alarms)), 2),
            "interval_per_10000": [round(1e4 * one, 2) for one in low_high],
            "recall": interval(sum(ours.found), len(ours.found)),
        }
        answer |= {
            "persons": len(persons),
            "names": sum(len(p.names) for p in persons),
            "innocents": len(innocents),
            "by_name": arguments.by_name,
            "ms": quantiles(ours.milliseconds),
        }
        if arguments.peers:
            some = innocents[: arguments.peer_innocents]
            answer["same_innocents"] = {
                "innocents": len(some),
                "ours": figures("ours", ours, some, travellers),
            }
            for name, scorer in PEERS.items():
                peer = Peer(persons, scorer, by_name=arguments.by_name)
                answer["same_innocents"][name] = figures(name, peer, some, travellers)
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=1))
    return 0


# What is measured


def read_list(data: Path) -> Iterator[PersonEntry]:
    """Every individual of both lists that a list would take.

    Raises:
        SystemExit: a file of them is not in the folder, nor below it.
    """
    found = {what: sorted(data.rglob(f"*{what}")) for what in ("sdn.csv", "alt.csv", "UN_consolidated.xml")}
    if missing := [what for what, files in found.items() if len(files) != 1]:
        print(f"{data} must hold one file each that ends in {', '.join(missing)}.", file=sys.stderr)
        raise SystemExit(2)
    (sdn,), (alt,), (un,) = found.values()
    with (
        sdn.open(encoding="latin-1", newline="") as first,
        alt.open(encoding="latin-1", newline="") as second,
    ):
        entries = list(read_ofac(first, second))
    with un.open("rb") as file:
        entries += list(read_un(file))
    for entry in entries:
        try:
            check_entry(entry)
        except EntryError:
            continue
        yield entry


def read_innocents(data: Path) -> Iterator[Traveller]:
    for path in sorted(data.glob("*negatives*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                given = " ".join(name for name in (row["first_name"], row["middle_name"]) if name)
                yield Traveller(row["last_name"] or row["full_name"], given, row["date_of_birth"])


def degraded(
    persons: list[PersonEntry], play: random.Random
) -> Iterator[tuple[str, int, Traveller, list[str]]]:
    """Kind, person, the document, and the names that the list would hold (an alias that is asked for is
    left out)."""
    for kind in KINDS:
        numbers = list(range(len(persons)))
        play.shuffle(numbers)
        made = 0
        for number in numbers:
            entry = persons[number]
            born = next((date for date in entry.birth_dates if len(date) == 10), None)
            if born is None or made == PER_KIND:
                continue
            names = [name for name, _ in entry.names if PersonName.of(name).parts]
            left = names
            name = PersonName.of(names[0])
            if kind == "alias":
                others = [one for one in names[1:] if len(PersonName.of(one).parts) > 1]
                if not others:
                    continue
                alias = play.choice(others)
                name = PersonName.of(alias)
                left = [one for one in names if PersonName.of(one).parts != name.parts]
            if (
                not left
                or not name.primary
                or len("".join(name.parts)) < 6
                or not (name.secondary or kind == "alias")
            ):
                continue
            document = degrade(kind, list(name.primary), list(name.secondary), born, play)
            if document is not None and (document.primary or document.secondary):
                made += 1
                yield kind, number, document, left


class Ours:
    """Nats of the best entry, through the index as at the crossing."""

    def __init__(self, one: PersonList, persons: list[PersonEntry], *, by_name: bool) -> None:
        self._list = one
        self._persons = persons
        self._by_name = by_name
        self.milliseconds: list[float] = []
        self.alarms: list[bool] = []
        """Of each stranger, whether the product as it ships would have told the officer."""
        self.found: list[bool] = []

    def stranger(self, document: Traveller) -> float:
        began = time.thread_time()
        evidence = [one for one, _ in self._evidence(document).values()]
        self.milliseconds.append(1000 * (time.thread_time() - began))
        self.alarms.append(any(one.enough(len(self._persons)) for one in evidence))
        return max((one.nats for one in evidence), default=NOTHING)

    def person(self, number: int, document: Traveller, left: list[str]) -> float:
        entry = self._persons[number]
        if len(left) != len([name for name, _ in entry.names if PersonName.of(name).parts]):
            return self._alias(entry, document, left)
        found = self._evidence(document).get(number + 1)
        self.found.append(bool(found and found[0].enough(len(self._persons))))
        return found[0].nats if found else NOTHING

    def _evidence(self, document: Traveller) -> dict[int, tuple[Evidence, str]]:
        query = PersonQuery(
            name=PersonName.of(document.primary, document.secondary),
            birth_date=BirthDate() if self._by_name else date_of(document.birth_date),
            name_truncated=document.truncated,
        )
        return {who: found for who, found in self._list.evidence(query).items() if found[0].names.nats >= 1.0}

    def _alias(self, entry: PersonEntry, document: Traveller, left: list[str]) -> float:
        """The list without the name that is asked for."""
        name = PersonName.of(document.primary, document.secondary)
        born = BirthDate() if self._by_name else date_of(document.birth_date)
        found = [
            weigh(name, born, PersonName.of(one), date_of(date), truncated=document.truncated)
            for one in left
            for date in entry.birth_dates
        ]
        self.found.append(any(one.enough(len(self._persons)) for one in found))
        return max((one.nats for one in found if one.names.nats >= 1.0), default=NOTHING)


# Peers: a name scorer from 0 to 1, beside the same rule for birth dates

DATE_COST = {
    "exact": 0.0,
    "day_month_swapped": 0.03,
    "partial": 0.04,
    "one_part_differs": 0.06,
    "year_near": 0.08,
    "unknown": 0.10,
}
Scorer = Callable[[PersonName, PersonName], float]


def jaro_winkler(one: PersonName, other: PersonName) -> float:
    a = " ".join(one.parts)
    return max(
        JaroWinkler.similarity(a, " ".join(other.parts)),
        JaroWinkler.similarity(a, " ".join(other.secondary + other.primary)),
    )


def token_set(one: PersonName, other: PersonName) -> float:
    return float(fuzz.token_set_ratio(" ".join(one.parts), " ".join(other.parts))) / 100


def watchman(one: PersonName, other: PersonName) -> float:
    """moov-io/watchman's rule as its documentation tells it: best pairs by Jaro-Winkler, weighted by
    length."""
    left = set(range(len(other.parts)))
    total = weight = 0.0
    for part in one.parts:
        best, place = max(
            ((_penalised(part, other.parts[i]), i) for i in left),
            default=(0.0, -1),
            key=lambda found: found[0],
        )
        left.discard(place)
        total, weight = total + best * len(part), weight + len(part)
    unmatched = sum(len(other.parts[i]) for i in left) / max(1, sum(map(len, other.parts)))
    return total / max(weight, 1.0) * (1 - 0.15 * unmatched)


def _penalised(one: str, other: str) -> float:
    score = float(JaroWinkler.similarity(one, other))
    short, long = sorted((len(one), len(other)))
    return score * (1 - 0.3 * (1 - short / long)) if short / long < 0.9 else score


PEERS: dict[str, Scorer] = {"jaro_winkler": jaro_winkler, "token_set": token_set, "watchman_rule": watchman}


class Peer:
    """Every name whose birth date does not rule it out, one by one."""

    def __init__(self, persons: list[PersonEntry], scorer: Scorer, *, by_name: bool) -> None:
        self._scorer = scorer
        self._by_name = by_name
        self._names = [[PersonName.of(name) for name, _ in entry.names] for entry in persons]
        self._dates = [[date_of(date) for date in entry.birth_dates] or [BirthDate()] for entry in persons]

    def stranger(self, document: Traveller) -> float:
        name = PersonName.of(document.primary, document.secondary)
        return max(
            (self._score(i, name, document, self._names[i]) for i in range(len(self._names))), default=0.0
        )

    def person(self, number: int, document: Traveller, left: list[str]) -> float:
        name = PersonName.of(document.primary, document.secondary)
        return self._score(number, name, document, [PersonName.of(one) for one in left])

    def _score(self, number: int, name: PersonName, document: Traveller, names: list[PersonName]) -> float:
        cost = 0.0
        if not self._by_name:
            born = date_of(document.birth_date)
            found = [DATE_COST.get(compare_dates(born, date).agreement.value) for date in self._dates[number]]
            costs = [cost for cost in found if cost is not None]
            if not costs:
                return 0.0
            cost = min(costs)
        return max((self._scorer(name, one) for one in names if one.parts), default=0.0) - cost


# Figures


def figures(
    name: str,
    scorer: Any,
    innocents: list[Traveller],
    travellers: list[tuple[str, int, Traveller, list[str]]],
) -> dict[str, Any]:
    print(f"{name}: {len(innocents)} innocents, {len(travellers)} documents", file=sys.stderr)
    strangers = np.asarray([scorer.stranger(one) for one in innocents])
    scored = [
        (kind, number % 2, scorer.person(number, document, left))
        for kind, number, document, left in travellers
    ]
    set_on, measured_on = strangers[0::2], strangers[1::2]
    answer: dict[str, Any] = {}
    for rate in RATES:
        allowed = max(1, round(rate * len(set_on) / 10_000))
        threshold = float(np.sort(set_on)[::-1][allowed])
        false = int(np.sum(measured_on > threshold))
        kinds = {}
        for kind in KINDS:
            held = [score > threshold for one, half, score in scored if one == kind and half == 1]
            kinds[kind] = interval(sum(held), len(held))
        recalls = [one["recall"] for one in kinds.values()]
        spread = math.sqrt(
            sum(r * (1 - r) / max(1, k["n"]) for r, k in zip(recalls, kinds.values(), strict=True))
        )
        macro = float(np.mean(recalls))
        answer[f"at_{rate}_per_10000"] = {
            "threshold": round(threshold, 3),
            "false_hits_held_out": {
                "n": len(measured_on),
                "hits": false,
                "per_10000": round(1e4 * false / len(measured_on), 2),
                "interval_per_10000": [round(1e4 * one, 2) for one in wilson(false, len(measured_on))],
            },
            "recall": round(macro, 4),
            "recall_interval": [
                round(macro - 1.96 * spread / len(recalls), 4),
                round(macro + 1.96 * spread / len(recalls), 4),
            ],
            "by_kind": kinds,
        }
    return answer


def interval(hits: int, total: int) -> dict[str, Any]:
    low, high = wilson(hits, total)
    return {"recall": round(hits / max(1, total), 4), "interval": [round(low, 4), round(high, 4)], "n": total}


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values) or [0.0]
    return {"p50": round(ordered[len(ordered) // 2], 3), "p99": round(ordered[int(len(ordered) * 0.99)], 3)}


def date_of(text: str) -> BirthDate:
    try:
        return BirthDate.parse(text)
    except DateError:
        return BirthDate()


def built(persons: list[PersonEntry], path: Path) -> Path:
    info = ListInfo(
        name="list",
        kind=ListKind.PERSONS,
        version=1,
        issued_at=datetime.now(UTC),
        owner="o",
        legal_basis="l",
        contact="c",
        action="a",
        stale_after_hours=48.0,
    )
    build_persons(path, persons, info=info)
    return path


if __name__ == "__main__":
    sys.exit(main())
