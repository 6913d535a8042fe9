"""A report as one HTML page that a planner can read, print and send: plots, tables, and how to read them."""

from html import escape
from typing import Final

from appliance.records.statistics import plots
from appliance.records.statistics.csv_files import HIDDEN
from appliance.records.statistics.operations import Listing, Value
from appliance.records.statistics.report import Report
from appliance.records.statistics.tables import TOTAL, Table

MAX_ROWS: Final = 60
"""A longer table is cut on the page, and whole in its CSV file."""
PLOTTED: Final = frozenset(
    {
        *("nationality", "birth_country", "previous_residence", "next_residence", "intended_stay", "sex"),
        *("age_band", "document", "purpose", "post", "actual_stay_by_intended_stay", "stays_by_state"),
        "age_band_by_sex",
    }
)
_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.45 "DejaVu Sans", sans-serif; color: #1c2329; max-width: 62rem; margin: 2rem auto;
  padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
.period { color: #4a555e; margin: 0 0 1.2rem; }
.loud { background: repeating-linear-gradient(45deg, #ffd84d 0 14px, #fff3c2 14px 28px); color: #1c2329;
  font-weight: bold; padding: .6rem 1rem; border: 2px solid #1c2329; }
.figures { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
.figure { background: #eef3f6; padding: .7rem 1rem; min-width: 8rem; }
.figure b { display: block; font-size: 1.5rem; }
section { break-inside: avoid; }
table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: right; padding: .22rem .55rem; border-bottom: 1px solid #d8dfe4; }
th:first-child, td:first-child, .words { text-align: left; }
thead th { border-bottom: 2px solid #4a555e; vertical-align: bottom; }
tr.total td, td.total { font-weight: bold; background: #f4f7f9; }
.persons { color: #4a555e; }
svg { width: 100%; max-width: 46rem; height: auto; font-size: 11px; }
svg .hidden, svg .value { fill: #4a555e; }
details { margin: .4rem 0 0; } summary { cursor: pointer; color: #1f5f8b; }
.note { color: #4a555e; font-size: .87rem; }
@media print { details > * { display: block; } body { margin: 0; } }
"""


def page_of(report: Report) -> bytes:
    """The whole page, UTF-8; it asks for nothing from outside."""
    choice = report.choice
    period = f"{choice.first_day} to {choice.last_day}, days and hours of {choice.zone}"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Border crossings</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        (
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'\">"
        ),
        f"<style>{_STYLE}</style></head><body>",
        f'<h1>Border crossings</h1><p class="period">{escape(period)}. Made {escape(report.made_at)}.</p>',
        _loud(report),
        _figures(report),
    ]
    parts += [_table(table) for table in report.tables]
    parts += [_listing(listing) for listing in report.listings]
    parts += [_how_to_read(report), "</body></html>"]
    return "\n".join(part for part in parts if part).encode("utf-8")


def _loud(report: Report) -> str:
    if not report.simulated:
        return ""
    return (
        f'<p class="loud">SIMULATED: {report.simulated:,} of {report.crossings:,} crossings here were made '
        "by simulated devices. Nobody crossed.</p>"
    )


def _figures(report: Report) -> str:
    first = report.tables[0]
    entries, exits, every = (_cell_of(first, column) for column in ("entry", "exit", TOTAL))
    figures = (
        ("entries", entries[0]),
        ("exits", exits[0]),
        ("crossings", every[0]),
        ("persons", every[1]),
    )
    boxes = "".join(f'<div class="figure"><b>{_value(value)}</b>{name}</div>' for name, value in figures)
    return f'<div class="figures">{boxes}</div>'


def _cell_of(table: Table, column: str) -> tuple[int | None, int | None]:
    cell = table.cell(TOTAL, column)
    return cell.crossings, cell.persons


def _table(table: Table) -> str:
    if table.withheld:
        return (
            f"<section><h2>{escape(table.title)}</h2>"
            '<p class="note">Not told: the table is so small that persons could be recognised in it.</p>'
            "</section>"
        )
    if len(table.rows) == 1:
        return f'<section><h2>{escape(table.title)}</h2><p class="note">Nothing to count.</p></section>'
    plot = plots.columns(table) if table.name == "hour" else ""
    if table.name in PLOTTED:
        plot = plots.bars(table)
    shown = [*table.rows[:-1][:MAX_ROWS], TOTAL]
    head = "".join(f'<th>{escape(one)}<br><span class="persons">persons</span></th>' for one in table.columns)
    body = "".join(_row(table, row) for row in shown)
    cut = len(table.rows) - len(shown)
    more = f'<p class="note">{cut} more rows are in {escape(table.name)}.csv.</p>' if cut else ""
    return (
        f"<section><h2>{escape(table.title)}</h2>{plot}<details><summary>the table</summary>"
        f"<table><thead><tr><th>{escape(table.row_title)}</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}</details></section>"
    )


def _row(table: Table, row: str) -> str:
    cells = "".join(
        f"<td{' class=total' if column == TOTAL else ''}>{_value(cell.crossings)}"
        f'<br><span class="persons">{_value(cell.persons)}</span></td>'
        for column, cell in zip(table.columns, table.cells[table.rows.index(row)], strict=True)
    )
    return f"<tr{' class=total' if row == TOTAL else ''}><td>{escape(row)}</td>{cells}</tr>"


def _listing(listing: Listing) -> str:
    if not listing.rows:
        return f'<section><h2>{escape(listing.title)}</h2><p class="note">Nothing to tell.</p></section>'
    words = [
        all(isinstance(row[place], str) for row in listing.rows) for place in range(len(listing.columns))
    ]
    head = "".join(
        f"<th{' class=words' if word else ''}>{escape(title)}</th>"
        for title, word in zip(listing.columns, words, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=words' if word else ''}>{_value(value)}</td>"
            for value, word in zip(row, words, strict=True)
        )
        + "</tr>"
        for row in listing.rows[:MAX_ROWS]
    )
    note = f'<p class="note">{escape(listing.note)}</p>' if listing.note else ""
    return (
        f"<section><h2>{escape(listing.title)}</h2><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{note}</section>"
    )


def _how_to_read(report: Report) -> str:
    choice = report.choice
    small = (
        f"Cells of 1 to {choice.threshold - 1} crossings or persons are not told ({HIDDEN}), nor others from "
        "which they could be computed."
        if choice.threshold > 1
        else "Small cells are told: this page is not for publication."
    )
    permitted = (
        f"A stay is an overstay after {choice.permitted_days:g} days."
        if choice.permitted_days is not None
        else "Overstays are not counted: no permitted stay was given."
    )
    lines = (
        (
            "Crossings are events: one person who crosses twice is two crossings and one person. Persons are "
            "linked by name, birth date and nationality as read; a name spelled in two ways counts twice. "
            "Persons of several cells may be the same, so persons do not add up."
        ),
        (
            "“unknown” is counted and never shared out: it was not read, or not legible; “not_asked” and "
            "“not_said” are of what only the traveller can say."
        ),
        small,
        "A referred traveller counts as a crossing: what the second line decided is in a later record. "
        + permitted,
        (
            f"{report.unsure_time:,} crossings were recorded with a clock that nobody vouched for, and count "
            f"on the day that the box believed. {report.without_time:,} had no time, and are left out."
        ),
        (
            "Variables follow the United Nations' Recommendations on Statistics of International Migration, "
            "Revision 1. Country codes are those of ICAO Doc 9303-3 (Germany is D)."
        ),
    )
    return (
        "<section><h2>How to read this</h2><ul>"
        + "".join(f"<li>{line}</li>" for line in lines)
        + "</ul></section>"
    )


def _value(value: Value) -> str:
    if value is None:
        return "··"
    return escape(f"{value:,}" if isinstance(value, int) else str(value))
