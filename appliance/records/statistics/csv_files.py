"""A report as CSV (RFC 4180), one file a table, in long form: what spreadsheets and R both read at once."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from appliance.records.statistics.operations import Listing, Value
from appliance.records.statistics.report import Report
from appliance.records.statistics.tables import Table

HIDDEN: Final = ".."
"""A value that is not told; SDMX and many offices write it so."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be run by a spreadsheet: what a document says must not be."""


def files_of(report: Report) -> dict[str, bytes]:
    """The files' names and contents, UTF-8."""
    made = {f"{table.name}.csv": _table(table) for table in report.tables}
    return made | {f"{one.name}.csv": _listing(one) for one in report.listings}


def _table(table: Table) -> bytes:
    return _written(
        (table.name, "column", "crossings", "persons"),
        (
            (row, column, cell.crossings, cell.persons)
            for row, line in zip(table.rows, table.cells, strict=True)
            for column, cell in zip(table.columns, line, strict=True)
        ),
    )


def _listing(listing: Listing) -> bytes:
    return _written(listing.columns, listing.rows)


def _written(titles: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(titles)
    writer.writerows([[_safe(value) for value in row] for row in rows])
    return text.getvalue().encode("utf-8")


def _safe(value: Value) -> str | int | float:
    if value is None:
        return HIDDEN
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
