"""Nobody computes a hidden cell: held against a linear programme that knows all that was told."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.records.statistics import suppression
from appliance.records.statistics.suppression import THRESHOLD, TooLarge, protect, protect_counts
from appliance.records.statistics.tables import Cell, Table

optimize = pytest.importorskip("scipy.optimize")


def table(values: list[list[int]], persons: list[list[int]] | None = None) -> Table:
    def summed(parts: list[list[int]]) -> np.ndarray:
        whole = np.vstack([parts, np.sum(parts, axis=0)])
        return np.hstack([whole, whole.sum(axis=1, keepdims=True)])

    numbers, people = summed(values), summed(persons or values)
    return Table(
        name="t",
        title="T",
        row_title="r",
        rows=tuple(map(str, range(numbers.shape[0]))),
        columns=tuple(map(str, range(numbers.shape[1]))),
        cells=tuple(
            tuple(Cell(crossings=int(a), persons=int(b)) for a, b in zip(line, folk, strict=True))
            for line, folk in zip(numbers, people, strict=True)
        ),
    )


def ranges(made: Table, plain: Table) -> dict[tuple[int, int], tuple[float, float]]:
    """What an attacker with a linear solver knows of every hidden cell: its least and greatest value."""
    height, width = len(made.rows), len(made.columns)
    places = {
        (row, column): 0
        for row in range(height)
        for column in range(width)
        if made.cells[row][column].crossings is None
    }
    places = {place: number for number, place in enumerate(places)}
    lines, sums = [], []
    groups = [[(row, column) for column in range(width)] for row in range(height)]
    groups += [[(row, column) for row in range(height)] for column in range(width)]
    for group in groups:
        line, known = np.zeros(len(places)), 0
        for place in group:
            sign = -1 if place == group[-1] else 1
            if place in places:
                line[places[place]] += sign
            else:
                known += sign * (plain.cells[place[0]][place[1]].crossings or 0)
        lines.append(line)
        sums.append(-known)
    found = {}
    for place, number in places.items():
        aim = np.zeros(len(places))
        aim[number] = 1
        least = optimize.linprog(aim, A_eq=lines, b_eq=sums, bounds=(0, None))
        most = optimize.linprog(-aim, A_eq=lines, b_eq=sums, bounds=(0, None))
        found[place] = least.fun, np.inf if most.status == 3 else -most.fun
    return found


def test_ok__no_hidden_small_cell_can_be_computed() -> None:
    play = random.Random(7)
    withheld = 0
    for _ in range(60):
        height, width = play.randint(1, 7), play.randint(2, 5)
        plain = table(
            [[play.choice([0, 0, 1, 2, 3, 4, 7, 12, 40, 200]) for _ in range(width)] for _ in range(height)]
        )
        made = protect(plain)
        if made.withheld:
            withheld += 1
            continue
        for (row, column), (least, most) in ranges(made, plain).items():
            value = plain.cells[row][column].crossings
            if value is not None and 0 < value < THRESHOLD:
                assert most - least > 0.99, (plain, row, column)
    assert withheld < 10  # most tables can be told


def _row(width: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 30), min_size=width, max_size=width)


@settings(max_examples=60)
@given(st.integers(1, 6).flatmap(lambda width: st.lists(_row(width), min_size=1, max_size=6)))
def test_ok__every_small_cell_is_hidden_and_the_rest_is_true(values: list[list[int]]) -> None:
    plain = table(values)
    made = protect(plain)
    for line, true in zip(made.cells, plain.cells, strict=True):
        for cell, known in zip(line, true, strict=True):
            assert cell.crossings is None or not 0 < (known.crossings or 0) < THRESHOLD
            assert cell.crossings in (None, known.crossings)
            assert (cell.crossings is None) == (cell.persons is None)


def test_ok__the_sums_are_hidden_alike_in_every_table() -> None:
    """Two tables with the same rows: what one hides of the sums the other must not tell."""
    by_direction = protect(table([[3, 0], [40, 20], [9, 3], [100, 90]]))
    by_sex = protect(table([[2, 1], [30, 30], [6, 6], [95, 95]]))
    assert [line[-1].crossings for line in by_direction.cells] == [
        line[-1].crossings for line in by_sex.cells
    ]
    assert by_direction.cells[0][-1].crossings is None
    assert by_direction.cells[2][-1].crossings is None  # the second smallest goes with the first


def test_ok__few_persons_of_many_crossings_are_small_too() -> None:
    made = protect(table([[90, 20], [80, 70]], persons=[[2, 20], [80, 70]]))
    assert made.cells[0][0].crossings is None


def test_ok__a_sum_of_few_persons_does_not_cost_the_table() -> None:
    """One commuter with thirty crossings: a sum that is large, and one person's."""
    made = protect(table([[20, 10], [50, 60], [70, 80]], persons=[[1, 0], [50, 60], [70, 80]]))
    assert not made.withheld
    assert made.cells[0][2].crossings is None
    assert made.cells[1][2].crossings is None  # goes with it
    assert made.cells[2][2].crossings == 150


def test_ok__a_table_without_small_cells_stays_as_it_is() -> None:
    plain = table([[5, 9], [0, 7]])
    assert protect(plain) == plain
    assert protect(table([[1, 2]]), threshold=1) == table([[1, 2]])


def test_ok__too_little_to_tell_is_withheld() -> None:
    made = protect(table([[1, 1], [0, 1]]))
    assert made.withheld
    assert all(cell.crossings is None for line in made.cells for cell in line)


def test_ok__a_line_of_counts() -> None:
    assert protect_counts([50, 2, 7, 90]) == (50, None, None, 90)
    assert protect_counts([50, 2, 2, 2, 90]) == (50, None, None, None, 90)
    assert protect_counts([50, 1, 1, 90]) == (None, None, None, 90)
    assert protect_counts([]) == ()
    assert protect_counts([2]) == (None,)


def test_fail__more_cells_than_are_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression, "MAX_CELLS", 8)
    with pytest.raises(TooLarge, match="more than 8 cells"):
        protect(table([[1, 2], [3, 4]]))


def test_fail__no_threshold() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        protect(table([[1]]), threshold=0)
