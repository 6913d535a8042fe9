"""Persons: how long a search takes among 20 thousand, 300 thousand and a million names, in memory and on
disk.

    python benchmarks/screening_latency.py DATA --json [--sizes 20000 300000 1000000] [--queries N]

Lists are made of the parts of the OFAC and UN names, drawn anew, with birth dates from 1940 to 2008: one
in ten by
year alone, one in twenty unknown. Strangers are the innocents of `DATA`, as their documents' MRZ would
have them. CPU time of one thread; false hits at the thresholds that the product ships.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.screening.dates import BirthDate
from appliance.screening.lists import open_list
from appliance.screening.names import PersonName
from appliance.screening.persons.entries import PersonEntry
from appliance.screening.persons.search import PersonList, PersonQuery
from benchmarks.screening_degrade import Traveller, degrade
from benchmarks.screening_persons import (
    built,
    date_of,
    interval,
    quantiles,
    read_innocents,
    read_list,
    wilson,
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 300_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=2_000)
    arguments = parser.parse_args()
    names = [name for entry in read_list(arguments.data) for name, _ in entry.names]
    innocents = list(read_innocents(arguments.data))
    random.Random(5).shuffle(innocents)
    strangers = [one for one in innocents if PersonName.of(one.primary, one.secondary).parts and _latin(one)]
    answer = {}
    for size in arguments.sizes:
        print(f"{size} names", file=sys.stderr)
        answer[str(size)] = measured(names, size, strangers[: arguments.queries])
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=1))
    return 0


def _latin(one: Traveller) -> bool:
    """Doc 9303 gives passports Latin letters."""
    return all(ord(letter) < 0x500 for letter in one.primary + one.secondary)


def measured(names: list[str], size: int, strangers: list[Traveller]) -> dict[str, Any]:
    entries = list(made(names, size))
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        path = built(entries, Path(folder) / "list")
        build = time.process_time() - began
        data = path.read_bytes()
    before = _rss()
    one = PersonList(open_list(data))
    answer: dict[str, Any] = {
        "bytes": len(data),
        "bytes_a_name": round(len(data) / size, 1),
        "build_cpu_seconds": round(build, 1),
        "resident_mb": round(_rss() - before),
    }
    search(one, strangers[:50], by_name=False)  # what the first ones load the others find loaded
    for by_name in (False, True):
        took, alarms = search(one, strangers, by_name=by_name)
        answer["by_name" if by_name else "with_birth_date"] = {
            "ms": quantiles(took),
            "false_per_10000": round(1e4 * alarms / len(strangers), 1),
            "interval_per_10000": [round(1e4 * share, 1) for share in wilson(alarms, len(strangers))],
        }
    answer["recall"] = recall(one, entries)
    return answer


def made(names: list[str], size: int) -> Iterator[PersonEntry]:
    play = random.Random(size)
    parsed = [PersonName.of(name) for name in names]
    primaries = [one.primary for one in parsed if one.primary and one.secondary]
    secondaries = [one.secondary for one in parsed if one.primary and one.secondary]
    for number in range(size):
        born = f"{play.randrange(1940, 2009)}-{play.randrange(1, 13):02d}-{play.randrange(1, 29):02d}"
        dice = play.random()
        dates = () if dice < 0.05 else (born[:4],) if dice < 0.15 else (born,)
        pair = (" ".join(play.choice(primaries)), " ".join(play.choice(secondaries)))
        yield PersonEntry(reference=f"p{number}", names=(pair,), reason="r", birth_dates=dates)


def search(one: PersonList, strangers: list[Traveller], *, by_name: bool) -> tuple[list[float], int]:
    took, alarms = [], 0
    for document in strangers:
        began = time.thread_time()
        name = PersonName.of(document.primary, document.secondary)
        query = PersonQuery(name, BirthDate() if by_name else date_of(document.birth_date))
        alarms += bool(one.search(query, direction=None))
        took.append(1000 * (time.thread_time() - began))
    return took, alarms


def recall(one: PersonList, entries: list[PersonEntry]) -> dict[str, Any]:
    """Of documents with two slips, and of documents in another spelling with a slip in another order."""
    play = random.Random(3)
    some = play.sample(
        [entry for entry in entries if entry.birth_dates and len(entry.birth_dates[0]) == 10], 300
    )
    answer = {}
    for kind in ("ocr2", "spelling_ocr_swap"):
        found = 0
        for entry in some:
            primary, secondary = entry.names[0]
            document = degrade(kind, primary.split(), secondary.split(), entry.birth_dates[0], play)
            assert document is not None
            query = PersonQuery(
                PersonName.of(document.primary, document.secondary), date_of(document.birth_date)
            )
            found += any(hit.reference == entry.reference for hit in one.search(query, direction=None))
        answer[kind] = interval(found, len(some))
    return answer


def _rss() -> float:
    """Resident megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
