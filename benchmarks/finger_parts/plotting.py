"""The error-versus-reject curve as SVG."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 560, 330
LEFT, TOP, RIGHT, BOTTOM = 64, 54, 118, 48
INK, QUIET, PAPER = "#16212b", "#4c5a67", "#ffffff"
LINES = ("#1f6fa8", "#b3541e", "#3d7a3a")


def error_versus_reject_plot(
    shares: Sequence[float], curves: Mapping[str, Sequence[float]], sample: str
) -> str:
    """One line a threshold: FNMR (up) of what is left when a share (right) of the worst quality is turned
    away.

    The dashed line beside each is what turning away at random would leave.
    """
    highest = max((value for curve in curves.values() for value in curve), default=0.01) * 1.1 or 0.01
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(share: float, value: float) -> str:
        return f"{LEFT + share / shares[-1] * wide:.1f},{TOP + (1 - value / highest) * tall:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">',
        f'<style>text {{ font: 12px sans-serif }}</style><rect width="100%" height="100%" fill="{PAPER}"/>',
        f'<text x="{LEFT}" y="22" font-weight="bold">Errors left when poor prints are turned away</text>',
        f'<text x="{LEFT}" y="40">FNMR; {escape(sample)}; dashed: turned away at random</text>',
        f'<path d="M{LEFT} {TOP}V{TOP + tall}H{LEFT + wide}" fill="none" stroke="{QUIET}"/>',
    ]
    for (start, curve), colour in zip(curves.items(), LINES, strict=False):
        points = " ".join(at(share, value) for share, value in zip(shares, curve, strict=True))
        flat = f"{at(0, curve[0])} {at(shares[-1], curve[0])}"
        end_x, end_y = at(shares[-1], curve[-1]).split(",")
        parts += [
            f'<polyline points="{flat}" fill="none" stroke="{colour}" stroke-dasharray="3 4" opacity="0.6"/>',
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            _text(
                float(end_x) + 6,
                float(end_y) + 4,
                f"from {float(start) * 100:g} %",
                anchor="start",
                colour=colour,
            ),
        ]
    for value in (0.0, highest / 2, highest):
        y = float(at(0, value).split(",")[1])
        parts.append(_text(LEFT - 6, y + 4, f"{value * 100:.1f} %", anchor="end"))
    for share in shares[::4]:
        parts.append(_text(float(at(share, 0).split(",")[0]), TOP + tall + 18, f"{share * 100:g} %"))
    said = "share of genuine pairs turned away, the worst quality first"
    parts.append(_text(LEFT + wide / 2, HEIGHT - 10, said))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, *, anchor: str = "middle", colour: str = QUIET) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} fill="{colour}">{escape(words)}</text>'
