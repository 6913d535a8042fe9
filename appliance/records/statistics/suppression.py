"""Small cells are not told, nor anything that they could be computed from (statistical disclosure control).

A cell of 1 to `threshold - 1` crossings or persons is suppressed (primary suppression). Row and column sums
would give it away, so others go with it (secondary suppression). Each row and each column of a table with
its total is one equation; a suppressed cell stands in one row's and one column's. Draw rows and columns as
points and suppressed cells as lines between them: a cell follows from the equations exactly if its line is
a bridge, one that no closed way leads through. Cells are added until there is no bridge. See L. Willenborg,
T. de Waal, Elements of Statistical Disclosure Control (2001), chapter 4.

Tables of one release share their sums. So the sums of each variable are protected first, alike in all
tables, and then only inner cells are added; a table for which that is not enough is withheld.
"""

from collections.abc import Sequence, Set
from typing import Final

import msgspec

from appliance.records.statistics.tables import Cell, Table

THRESHOLD: Final = 5
"""A cell below it is small. Statistical offices use 3 to 10; five protects the family of four in one car."""
HIDDEN: Final = Cell(crossings=None, persons=None)
MAX_CELLS: Final = 100_000

Place = tuple[int, int]


class TooLarge(Exception):
    """The table has more cells than are protected in bounded time."""


def protect(table: Table, *, threshold: int = THRESHOLD) -> Table:
    """The table with small cells and their helpers hidden, or withheld.

    Raises:
        TooLarge: more than `MAX_CELLS` cells.
        ValueError: the threshold is below 1.
    """
    if threshold < 1:
        raise ValueError("The threshold of small cells is at least 1.")
    height, width = len(table.rows), len(table.columns)
    if height * width > MAX_CELLS:
        raise TooLarge(f"The table {table.name} has more than {MAX_CELLS} cells.")
    values = [[cell.crossings or 0 for cell in row] for row in table.cells]
    hidden = {
        (row, column)
        for row in range(height)
        for column in range(width)
        if _is_small(table.cells[row][column], threshold)
    }
    last_row, last_column = height - 1, width - 1
    # The sums first: what is hidden of them must not depend on the table that they stand in.
    sums = [line[last_column] for line in values]
    few_rows = {row for row, column in hidden if column == last_column}
    few_columns = {column for row, column in hidden if row == last_row}
    hidden |= {(row, last_column) for row in _protect_line(sums, threshold, few_rows)}
    hidden |= {(last_row, column) for column in _protect_line(values[last_row], threshold, few_columns)}
    if (last_row, last_column) in hidden:
        return withheld(table)
    while bridge := _bridge(hidden, height):
        helper = _helper(values, hidden, bridge, inner=(last_row, last_column))
        if helper is None:
            return withheld(table)
        hidden.add(helper)
    cells = tuple(
        tuple(HIDDEN if (row, column) in hidden else cell for column, cell in enumerate(line))
        for row, line in enumerate(table.cells)
    )
    return msgspec.structs.replace(table, cells=cells)


def protect_counts(counts: Sequence[int], *, threshold: int = THRESHOLD) -> tuple[int | None, ...]:
    """A list of counts whose sum is told elsewhere: none of the small ones follows from the others."""
    hidden = _protect_line([*counts, sum(counts)], threshold)
    return tuple(None if place in hidden else value for place, value in enumerate(counts))


def withheld(table: Table) -> Table:
    cells = tuple(tuple(HIDDEN for _ in line) for line in table.cells)
    return msgspec.structs.replace(table, cells=cells, withheld=True)


def _is_small(cell: Cell, threshold: int) -> bool:
    return any(value is not None and 0 < value < threshold for value in (cell.crossings, cell.persons))


def _protect_line(values: Sequence[int], threshold: int, few: Set[int] = frozenset()) -> set[int]:
    """Places to hide of a line whose last value is the sum of the others; `few` are to be hidden anyway."""
    *parts, total = values
    hidden = {place for place, value in enumerate(parts) if 0 < value < threshold or place in few}
    if 0 < total < threshold or len(parts) in few:
        return hidden | {len(parts)}
    # One alone is the sum's difference; two that hide less than `threshold` together tell nearly as much.
    while hidden and (len(hidden) == 1 or sum(parts[place] for place in hidden) < threshold):
        left = [(value, place) for place, value in enumerate(parts) if place not in hidden and value]
        left = left or [(value, place) for place, value in enumerate(parts) if place not in hidden]
        if not left:
            return hidden | {len(parts)}
        hidden.add(min(left)[1])
    return hidden


def _bridge(hidden: set[Place], height: int) -> tuple[Place, set[int]] | None:
    """A hidden cell that follows from the equations, with the points on its row's side; None without one.

    Points are rows 0 to `height - 1` and columns from `height` on. Depth first, without recursion
    (R. E. Tarjan, A note on finding the bridges of a graph, 1974).
    """
    lines: dict[int, list[tuple[int, Place]]] = {}
    for row, column in sorted(hidden):
        lines.setdefault(row, []).append((height + column, (row, column)))
        lines.setdefault(height + column, []).append((row, (row, column)))
    found: dict[int, int] = {}
    low: dict[int, int] = {}
    for start in lines:
        if start in found:
            continue
        found[start] = low[start] = len(found)
        way: list[tuple[int, Place | None, int]] = [(start, None, 0)]
        while way:
            point, came_by, at = way.pop()
            if at < len(lines[point]):
                way.append((point, came_by, at + 1))
                other, line = lines[point][at]
                if line == came_by:
                    continue
                if other in found:
                    low[point] = min(low[point], found[other])
                else:
                    found[other] = low[other] = len(found)
                    way.append((other, line, 0))
            elif came_by is not None:
                before = way[-1][0]
                low[before] = min(low[before], low[point])
                if low[point] > found[before]:
                    return came_by, _side(lines, came_by)
    return None


def _side(lines: dict[int, list[tuple[int, Place]]], without: Place) -> set[int]:
    """The points that can be reached from this cell's row without using the cell."""
    reached, waiting = {without[0]}, [without[0]]
    while waiting:
        for other, line in lines[waiting.pop()]:
            if line != without and other not in reached:
                reached.add(other)
                waiting.append(other)
    return reached


def _helper(
    values: Sequence[Sequence[int]], hidden: set[Place], bridge: tuple[Place, set[int]], *, inner: Place
) -> Place | None:
    """The cheapest inner cell that leads around the bridge: the smallest that is not zero, else a zero.

    One that leads back at once is better than one whose row and column are open ends themselves.
    """
    (bridge_row, bridge_column), side = bridge
    height = len(values)
    touched = {row for row, _ in hidden} | {height + column for _, column in hidden}
    best: tuple[tuple[int, int, int, int, int], Place] | None = None
    for row in range(inner[0]):
        for column in range(inner[1]):
            if (row, column) in hidden:
                continue
            row_inside, column_inside = row in side, height + column in side
            known = (row in touched) + (height + column in touched)
            if known == 2 and row_inside == column_inside:
                continue  # both on one side: closes no way around the bridge
            if row != bridge_row and column != bridge_column and known < 2:
                continue
            value = values[row][column]
            rank = (2 - known, 0 if value else 1, value, row, column)
            if best is None or rank < best[0]:
                best = rank, (row, column)
    return None if best is None else best[1]
