"""Bar charts of a table as SVG, drawn by hand: no script, no font, no file besides; printable in grey."""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from appliance.records.statistics.tables import TOTAL, Table

COLOURS: Final = ("#1f5f8b", "#e0a030", "#5b8c5a", "#8c5b7f", "#777777", "#b5533c", "#3c8d93", "#333333")
"""Blue and ochre differ in lightness too: told apart without colour sight, and in a photocopy."""
MAX_BARS: Final = 14
"""More categories are in the table below; a plot is to be seen at one look."""
_WIDTH, _BAR, _GAP, _LEFT, _RIGHT = 640, 11, 8, 150, 74


def bars(table: Table) -> str:
    """Categories from above to below, a bar a column: for names and bands."""
    columns = [column for column in table.columns if column != TOTAL]
    rows = [row for row in table.rows if row != TOTAL][:MAX_BARS]
    if not rows or not columns:
        return ""
    largest = max((table.cell(row, column).crossings or 0 for row in rows for column in columns), default=0)
    step = len(columns) * _BAR + _GAP
    top = 24
    height = top + len(rows) * step + 6
    parts = [_legend(columns)]
    for number, row in enumerate(rows):
        y = top + number * step
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + (step - _GAP) / 2 + 4:.1f}" text-anchor="end">'
            f"{escape(_short(row))}</text>"
        )
        for place, column in enumerate(columns):
            value = table.cell(row, column).crossings
            parts.append(_bar(value, largest, y + place * _BAR, COLOURS[place % len(COLOURS)]))
    hidden = len([row for row in table.rows if row != TOTAL]) - len(rows)
    title = escape(table.title + (f"; {hidden} more in the table" if hidden else ""))
    return _drawing(parts, height, title)


def columns(table: Table) -> str:
    """Hours from left to right, a bar a column of the table, drawn upwards."""
    names = [column for column in table.columns if column != TOTAL]
    hours = [f"{hour:02}" for hour in range(24)]
    values = [
        [table.cell(hour, name).crossings if hour in table.rows else 0 for name in names] for hour in hours
    ]
    largest = max((value or 0 for line in values for value in line), default=0)
    if not names or not largest:
        return ""
    base, tall, left = 196, 150, 46
    wide = (_WIDTH - left - 10) / 24
    parts = [_legend(names)]
    for share in (0.5, 1.0):
        y = base - tall * share
        parts.append(f'<line x1="{left}" x2="{_WIDTH - 10}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{_number(largest * share)}</text>')
    for place, (hour, line) in enumerate(zip(hours, values, strict=True)):
        x = left + place * wide
        parts.append(f'<text x="{x + wide / 2:.1f}" y="{base + 16}" text-anchor="middle">{hour}</text>')
        thick = (wide - 4) / len(names)
        for number, value in enumerate(line):
            at = x + 2 + number * thick
            if value is None:
                parts.append(f'<text x="{at + thick / 2:.1f}" y="{base - 3}" text-anchor="middle">··</text>')
                continue
            tall_bar = tall * value / largest
            parts.append(
                f'<rect x="{at:.1f}" y="{base - tall_bar:.1f}" width="{thick:.1f}"'
                f' height="{tall_bar:.1f}" fill="{COLOURS[number % len(COLOURS)]}"/>'
            )
    return _drawing(parts, base + 26, escape(table.title))


def _bar(value: int | None, largest: int, y: float, colour: str) -> str:
    if value is None:
        return f'<text x="{_LEFT}" y="{y + _BAR - 2}" class="hidden">·· not told</text>'
    wide = (_WIDTH - _LEFT - _RIGHT) * value / largest if largest else 0.0
    return (
        f'<rect x="{_LEFT}" y="{y}" width="{wide:.1f}" height="{_BAR - 1}" fill="{colour}"/>'
        f'<text x="{_LEFT + wide + 5:.1f}" y="{y + _BAR - 2}" class="value">{value:,}</text>'
    )


def _legend(names: Sequence[str]) -> str:
    parts, x = [], 10.0
    for place, name in enumerate(names):
        parts.append(
            f'<rect x="{x:.0f}" y="4" width="11" height="11" fill="{COLOURS[place % len(COLOURS)]}"/>'
        )
        parts.append(f'<text x="{x + 16:.0f}" y="14">{escape(name)}</text>')
        x += 32 + 6.4 * len(name)
    return "".join(parts)


def _drawing(parts: Sequence[str], height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _short(text: str) -> str:
    return text if len(text) <= 22 else f"{text[:21]}…"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
