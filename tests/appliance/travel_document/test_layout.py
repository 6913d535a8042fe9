"""Which lines have which format."""

import pytest

from appliance.travel_document.errors import NotAnMrz
from appliance.travel_document.layout import LAYOUTS, MrzFormat, Span, layout_of


@pytest.mark.parametrize(
    ("lines", "format_"),
    [
        (["I" * 30] * 3, "TD1"),
        (["V" * 30] * 3, "TD1"),  # there is no visa of three lines
        (["I" * 36] * 2, "TD2"),
        (["P" * 44] * 2, "TD3"),
        (["V" * 44] * 2, "MRV-A"),
        (["V" * 36] * 2, "MRV-B"),
    ],
)
def test_ok__by_shape(lines: list[str], format_: str) -> None:
    assert layout_of(lines).format == MrzFormat(format_)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["P" * 44],
        ["P" * 44] * 3,
        ["P" * 30] * 2,
        ["P" * 44, "P" * 36],
        ["P" * 43, "P" * 44],
        ["", ""],
        ["P" * 44 + "\n", "P" * 44 + "\n"],
        ["P" * 10_000_000] * 2,
        ["P" * 44] * 1_000_000,
    ],
)
def test_fail__no_shape_of_9303(lines: list[str]) -> None:
    with pytest.raises(NotAnMrz):
        layout_of(lines)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.format)
def test_ok__fields_fill_the_lines_once(layout) -> None:
    spans = [
        value for field in layout.__dataclass_fields__ if isinstance(value := getattr(layout, field), Span)
    ]
    places = [(span.line, at) for span in spans for at in range(span.start, span.end)]
    assert sorted(places) == [(n, at) for n in range(layout.line_count) for at in range(layout.line_length)]
