"""Adds to `names/common.txt` what public tables count: how many people of one community share a part.

    python benchmarks/screening_tables/common_parts.py Names_2010Census.csv firstnames.csv

The first is the US Census Bureau's table of surnames (2010, public domain: name, count, and the shares
pctwhite, pctblack, pctapi, pcthispanic), the second Tzioumis's table of first names (Scientific Data 2018,
CC0: firstname, obs, the same shares). Two people who are taken for each other mostly come from one community,
so a part counts as common as it is where it is most common. Of a part that the table has already, the
commoner figure is kept; what is as rare as its length says is left out. Run again it changes nothing.
"""

import argparse
import csv
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from appliance.screening.names import rarity
from appliance.screening.names.parts import parts_of
from appliance.screening.names.sounds import phones_of

COMMUNITIES: Final = ("pctwhite", "pctblack", "pctapi", "pcthispanic")
COLUMNS: Final = (("name", "count"), ("firstname", "obs"))
WORTH_TELLING: Final = 0.3
"""Nats below what its length says."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", type=Path, nargs=2, metavar="CSV")
    arguments = parser.parse_args()
    path = Path(rarity.__file__).parent / rarity.FILE
    lines = path.read_text(encoding="ascii").splitlines()
    table = {phones: float(nats) for phones, nats in (line.split() for line in lines if line[:1] != "#")}
    before = len(table)
    for source, (name, count) in zip(arguments.tables, COLUMNS, strict=True):
        for phones, share in shares(source, name, count).items():
            nats = round(max(rarity.MIN_NATS, -math.log(share)), 1)
            if nats < rarity.nats_of_length(phones) - WORTH_TELLING:
                table[phones] = min(nats, table.get(phones, nats))
    head = [line for line in lines if line[:1] == "#"]
    text = "\n".join([*head, *(f"{phones} {table[phones]}" for phones in sorted(table))])
    path.write_text(text + "\n", encoding="ascii")
    print(f"{before} parts before, {len(table)} now")
    return 0


def shares(source: Path, name: str, count: str) -> dict[str, float]:
    """By its sounds, the share of people who have a part, in the community where most have it."""
    people: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(COMMUNITIES, 0.0))
    everybody = dict.fromkeys(COMMUNITIES, 0.0)
    for text, bearers in rows(source, name, count):
        for community, number in bearers.items():
            everybody[community] += number
        for part in parts_of(text):
            if len(part) > 1 and not rarity.is_light(part):
                for community, number in bearers.items():
                    people[phones_of(part)][community] += number
    found = {phones: max(n / everybody[c] for c, n in some.items()) for phones, some in people.items()}
    return {phones: share for phones, share in found.items() if share > 0}


def rows(source: Path, name: str, count: str) -> Iterator[tuple[str, dict[str, float]]]:
    """A name, and how many of each community bear it; shares that the bureau withholds, `(S)`, are 0."""
    with source.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            low = {key.lower(): value for key, value in row.items()}
            if low[name] and "ALL OTHER" not in low[name].upper():
                yield low[name], {c: float(low[count]) * _number(low[c]) / 100 for c in COMMUNITIES}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


if __name__ == "__main__":
    sys.exit(main())
