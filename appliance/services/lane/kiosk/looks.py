"""How a page looks for whom: colours and the size of letters, as the browser's cookies remember them."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

THEMES: Final = ("day", "sun", "night")
"""`static/themes.css` has each one's colours."""
PRINTS: Final = ("normal", "large")
"""`static/letters.css`: large is twice the size."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the page begins with; `static/looks.js` changes it by a key."""

    theme: str = THEMES[0]
    print: str = PRINTS[0]


def look_of(request: Request) -> Look:
    """The look that was chosen in this browser; what nobody offers is the first of each."""
    theme, size = request.cookies.get("theme"), request.cookies.get("print")
    return Look(
        theme=theme if theme in THEMES else THEMES[0],
        print=size if size in PRINTS else PRINTS[0],
    )
