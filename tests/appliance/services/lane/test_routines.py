"""The generic check routines, held to Table C-1 of Doc 9303-2 (8th edition), and waiting times."""

import msgspec
import pytest

from appliance.contracts.movement import Stamp
from appliance.services.lane.second_line.routines import (
    COMPOSITES,
    FEATURES,
    IDS,
    LIGHTS,
    PROPERTIES,
    ROUTINES,
    composites,
)
from appliance.services.lane.second_line.waiting import waited_seconds

# Feature: properties in white, ultraviolet and infrared light, as the table's rows have them.
TABLE = """
FI - LU -
FU - BR -
IS AB,TR LU AB,TR,TL
MR AB BR AB
OM - LU -
CA AB - AB
BC AB,TR LU AB
PD AB LU AB
PS AB LU AB
PH AB,FR BR,FR AB,FR,TR
SP AB,TR LU AB,TR
OP - LU -
TH TR LU AB
VZ - BR -
WM - - AB
ID AB,TR LU AB,TR
"""
STAMP = Stamp(boot_id="b", monotonic_ns=10**9, wall="2026-11-02T08:00:00+00:00", quality="rtc")


def test_ok__they_are_those_of_the_table() -> None:
    wanted = set()
    for row in TABLE.split("\n")[1:-1]:
        feature, *cells = row.split()
        for light, cell in zip(LIGHTS, cells, strict=True):
            wanted |= {f"{light}.{shows}.{feature}" for shows in cell.split(",") if shows != "-"}
    assert wanted == IDS
    assert len(ROUTINES) == 47
    assert {one.feature for one in ROUTINES} == set(FEATURES)
    assert {one.shows for one in ROUTINES} == set(PROPERTIES)
    counts = [one.category for one in ROUTINES]
    assert [counts.count(each) for each in ("material", "printing", "personalization")] == [12, 8, 27]


def test_ok__composites_follow_from_their_parts() -> None:
    assert len(COMPOSITES) == 7
    assert all(set(parts) <= IDS for parts in COMPOSITES)
    assert composites({}) == {}
    assert composites({"IR.AB.TH": "PASS"}) == {}
    assert composites({"IR.AB.TH": "PASS", "VI.TR.TH": "PASS"}) == {"IR.AB.TH+VI.TR.TH": "PASS"}
    assert composites({"IR.AB.TH": "PASS", "VI.TR.TH": "FAIL"}) == {"IR.AB.TH+VI.TR.TH": "FAIL"}
    assert composites({"IR.AB.TH": "PASS", "VI.TR.TH": "NOT_DONE"}) == {}


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"monotonic_ns": 61 * 10**9, "wall": "2031-01-01T00:00:00+00:00"}, 60.0),
        ({"monotonic_ns": 0}, 0.0),
        ({"boot_id": "c", "wall": "2026-11-02T09:00:00+00:00"}, 3600.0),
        ({"boot_id": "c", "wall": "2026-11-02T07:00:00+00:00"}, 0.0),
        ({"boot_id": "c", "wall": "2026-11-02T09:00:00+00:00", "quality": "unsure"}, None),
    ],
)
def test_ok__how_long_it_waits(changes: dict, seconds: float | None) -> None:
    assert waited_seconds(STAMP, msgspec.structs.replace(STAMP, **changes)) == seconds
