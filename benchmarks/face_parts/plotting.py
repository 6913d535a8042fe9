"""Small multiples as SVG: a median line in a band from the 5th to the 95th percentile."""

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 250, 170
LEFT, TOP, RIGHT, BOTTOM = 46, 26, 12, 34
COLUMNS = 4
INK, QUIET, LINE, BAND, PAPER = "#16212b", "#4c5a67", "#1f6fa8", "#cfe2f0", "#ffffff"


@dataclass(frozen=True)
class Curve:
    """One measure over the steps of a degradation."""

    name: str
    x: tuple[float, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]


def draw(title: str, unit: str, curves: list[Curve]) -> str:
    """All curves of one degradation, side by side; steps are evenly spaced."""
    rows = math.ceil(len(curves) / COLUMNS)
    columns = min(COLUMNS, len(curves))
    width, height = columns * WIDTH, rows * HEIGHT + 30
    said = f'<tspan font-weight="normal" font-size="12" fill="{QUIET}">  ({escape(unit)})</tspan>'
    bold = f'font-size="15" font-weight="bold" fill="{INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">',
        f'<style>text {{ font: 11px sans-serif }}</style><rect width="100%" height="100%" fill="{PAPER}"/>',
        f'<text x="10" y="20" style="font-size: 15px" {bold}>{escape(title)}{said}</text>',
    ]
    for number, curve in enumerate(curves):
        x, y = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT + 30
        parts.append(f'<g transform="translate({x} {y})">{_chart(curve)}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _chart(curve: Curve) -> str:
    finite = [value for value in (*curve.low, *curve.middle, *curve.high) if math.isfinite(value)]
    low, high = min(0.0, *finite), max(finite, default=1.0)
    high = high if high > low else low + 1.0
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(place: int, value: float) -> tuple[float, float]:
        across = place / max(len(curve.x) - 1, 1)
        return LEFT + across * wide, TOP + (1 - (value - low) / (high - low)) * tall

    known = [place for place, value in enumerate(curve.middle) if math.isfinite(value)]
    band = [at(place, curve.low[place]) for place in known]
    band += [at(place, curve.high[place]) for place in reversed(known)]
    parts = [f'<text x="{LEFT}" y="15" fill="{INK}" font-weight="bold">{escape(curve.name)}</text>']
    if curve.name != "found":
        parts.append(f'<polygon points="{_points(band)}" fill="{BAND}"/>')
    line = [at(place, curve.middle[place]) for place in known]
    parts.append(f'<polyline points="{_points(line)}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{LINE}"/>' for x, y in line]
    bottom = TOP + tall
    parts.append(
        f'<path d="M{LEFT} {TOP}V{bottom}H{LEFT + wide}" fill="none" stroke="{QUIET}" stroke-width="1"/>'
    )
    for value in (low, high):
        _, y = at(0, value)
        parts.append(
            f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end" fill="{QUIET}">{value:.3g}</text>'
        )
    for place, value in enumerate(curve.x):
        x, _ = at(place, low)
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle" fill="{QUIET}">{value:g}</text>'
        )
    return "".join(parts)


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
