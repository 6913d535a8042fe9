"""A table of counts: crossings and, beside them, persons, with its sums."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from appliance.records.statistics.facts import UNKNOWN, Facts
from appliance.records.statistics.variables import BY_NAME, DIRECTIONS, Variable, category_of

TOTAL: Final = "total"


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """How many crossings, by how many persons; both None where it is not told."""

    crossings: int | None
    persons: int | None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows and columns of categories, each list ending with the total."""

    name: str
    title: str
    row_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    withheld: bool = False
    """The whole table: it could not be protected by leaving out cells."""

    def cell(self, row: str, column: str) -> Cell:
        return self.cells[self.rows.index(row)][self.columns.index(column)]


def count(facts: Sequence[Facts], variable: Variable, *, zone: dt.tzinfo) -> Table:
    """Crossings and persons by this variable and by direction."""
    marked = [(category_of(one, variable.name, zone), one.direction, one.person) for one in facts]
    return crossed(
        marked,
        name=variable.name,
        title=f"Crossings by {variable.title[0].lower()}{variable.title[1:]}",
        row_title=variable.title,
        rows=_ordered(variable, (row for row, _, _ in marked)),
        columns=DIRECTIONS,
    )


def count_pairs(facts: Sequence[Facts], row: str, column: str, *, zone: dt.tzinfo) -> Table:
    """Crossings and persons by two variables."""
    rows, columns = BY_NAME[row], BY_NAME[column]
    marked = [(category_of(one, row, zone), category_of(one, column, zone), one.person) for one in facts]
    return crossed(
        marked,
        name=f"{row}_by_{column}",
        title=f"Crossings by {rows.title.lower()} and {columns.title.lower()}",
        row_title=rows.title,
        rows=_ordered(rows, (one for one, _, _ in marked)),
        columns=_ordered(columns, (one for _, one, _ in marked)),
    )


def crossed(
    marked: Iterable[tuple[str, str, str]],
    *,
    name: str,
    title: str,
    row_title: str,
    rows: Sequence[str],
    columns: Sequence[str],
) -> Table:
    """A table from (row, column, person) of each crossing."""
    numbers: dict[tuple[str, str], int] = {}
    people: dict[tuple[str, str], set[str]] = {}
    for row, column, person in marked:
        for key in ((row, column), (row, TOTAL), (TOTAL, column), (TOTAL, TOTAL)):
            numbers[key] = numbers.get(key, 0) + 1
            people.setdefault(key, set()).add(person)
    all_rows, all_columns = (*rows, TOTAL), (*columns, TOTAL)
    cells = tuple(
        tuple(
            Cell(crossings=numbers.get((row, column), 0), persons=len(people.get((row, column), ())))
            for column in all_columns
        )
        for row in all_rows
    )
    return Table(name=name, title=title, row_title=row_title, rows=all_rows, columns=all_columns, cells=cells)


def _ordered(variable: Variable, found: Iterable[str]) -> tuple[str, ...]:
    """Categories in the variable's own order, or the most frequent first; what is not known last."""
    times: dict[str, int] = {}
    for one in found:
        times[one] = times.get(one, 0) + 1
    own = tuple(one for one in variable.order if one in times)
    return own + tuple(sorted(set(times) - set(own), key=lambda one: (one == UNKNOWN, -times[one], one)))
