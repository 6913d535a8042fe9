"""The generic check routines of ICAO Doc 9303-2 (8th edition) Appendix C, C.3.1, to be looked at by hand.

A basic routine is one light, one optical property and one feature of the page. The standard counts 48; the
list in its text has 47, because (VI, AB, SP) stands in it twice, and its Table C-1 has the same 47. A
composite is true when all its parts are: it is worked out from them, and nobody is asked for it again.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

PASS, FAIL, NOT_DONE = "PASS", "FAIL", "NOT_DONE"
RESULTS: Final = (PASS, FAIL, NOT_DONE)
LIGHTS: Final = ("VI", "UV", "IR")
"""Visible (white), ultraviolet at 365 nm, infrared at 850 to 950 nm."""
PROPERTIES: Final = ("AB", "TR", "LU", "BR", "TL", "FR")
"""Absorbent, transparent, luminescent, bright, translucent from the back, spatial frequency of a pattern."""
FEATURES: Final = (
    *("FU", "VZ", "MR", "OM", "PH", "OP", "SP", "CA", "BC", "IS", "ID"),
    *("PS", "PD", "FI", "TH", "WM"),
)
PICTURES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "VI": ("page_white", "page", "page_oblique"),
    "UV": ("page_ultraviolet",),
    "IR": ("page_infrared",),
}
"""Where a light's routines are looked at, when the box has taken such a picture."""


class Routine(msgspec.Struct, frozen=True):
    """One basic routine."""

    light: str
    shows: str
    """The property."""
    feature: str
    category: str
    """What it examines: material, printing or personalization."""

    @property
    def id(self) -> str:
        return f"{self.light}.{self.shows}.{self.feature}"


def _routines(category: str, codes: str) -> list[Routine]:
    triples = (code.split(".") for code in codes.split())
    return [Routine(light, shows, feature, category) for light, shows, feature in triples]


ROUTINES: Final[tuple[Routine, ...]] = tuple(
    sorted(
        (
            *_routines(
                "material",
                "IR.AB.PS IR.AB.TH IR.AB.WM UV.BR.FU UV.BR.MR UV.BR.PH UV.BR.VZ UV.LU.FI UV.LU.PS UV.LU.TH"
                " VI.TR.TH VI.AB.PS",
            ),
            *_routines(
                "printing",
                "IR.AB.IS IR.TL.IS IR.TR.IS UV.LU.IS UV.LU.OM UV.LU.OP VI.AB.IS VI.TR.IS",
            ),
            *_routines(
                "personalization",
                "IR.AB.ID IR.AB.MR IR.AB.CA IR.AB.BC IR.AB.PD IR.AB.PH IR.FR.PH IR.AB.SP IR.TR.SP IR.TR.ID"
                " IR.TR.PH UV.FR.PH UV.LU.SP UV.LU.BC UV.LU.ID UV.LU.PD VI.AB.ID VI.AB.MR VI.AB.CA VI.AB.BC"
                " VI.TR.BC VI.AB.PD VI.AB.PH VI.AB.SP VI.TR.SP VI.FR.PH VI.TR.ID",
            ),
        ),
        key=lambda one: (
            LIGHTS.index(one.light),
            FEATURES.index(one.feature),
            PROPERTIES.index(one.shows),
        ),
    )
)
"""In the order of work: one light after the other, over the page from the whole to the single mark."""
IDS: Final = frozenset(one.id for one in ROUTINES)
COMPOSITES: Final[tuple[tuple[str, ...], ...]] = (
    ("IR.AB.TH", "VI.TR.TH"),
    ("IR.TR.IS", "IR.AB.IS"),
    ("IR.TR.IS", "VI.AB.IS"),
    ("IR.TR.ID", "VI.AB.ID"),
    ("IR.TR.SP", "VI.AB.SP"),
    ("VI.TR.BC", "IR.AB.BC"),
    ("IR.TR.IS", "VI.AB.IS", "IR.AB.ID"),
)


def composites(results: Mapping[str, str]) -> dict[str, str]:
    """What the basic results, by id, come to for each composite whose parts were all looked at."""
    found = {}
    for parts in COMPOSITES:
        said = [results.get(part, NOT_DONE) for part in parts]
        if NOT_DONE not in said:
            found["+".join(parts)] = FAIL if FAIL in said else PASS
    return found
