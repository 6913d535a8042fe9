"""Help on the box: what to do at the screen that is open, and the whole manual, without a network.

It is read beside the crossing: nothing here asks lane for anything, so that nothing is disturbed by it.
"""

from collections.abc import Callable
from typing import Final

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from appliance.contracts.lane import View
from appliance.services.lane.kiosk.manual import GUIDES, Manual, Page
from appliance.services.lane.kiosk.words import STEPS, TROUBLES, Words

DIALOGS: Final = (
    *("login", "appoint", "release", "typing", "paper", "receipt"),
    *("asked", "proof", "arrival", "group", "looks", "naming"),
)
"""Forms of the page: while one is open, help is its help."""
SECOND_LINE: Final = (
    *("second_line", "second_line_case", "second_line_lists", "release_review", "visa_label"),
)
"""Pages of their own, which say in `data-screen` which they are."""
TECHNICIAN: Final = "technician"
OFFICERS: Final = "officers"
LOST: Final = "lost"
LATE: Final = "late_hits"
SCREENS: Final = (
    *(step for step in STEPS if step not in ("deciding", "recording")),
    *("green", "amber", "red", LATE, *TROUBLES, *DIALOGS, *SECOND_LINE, TECHNICIAN, OFFICERS, LOST),
)
"""Every screen that has help; a test holds each language's page to them."""


def screen_code(view: View) -> str:
    """Which of SCREENS this is."""
    if view.trouble is not None and view.trouble.code in TROUBLES:
        return view.trouble.code
    if view.step == "waiting":
        return "login" if view.needs_login else LATE if view.late_hits else "waiting"
    if view.recommendation is not None:
        return view.recommendation.value.lower()
    return view.step if view.step in SCREENS else "checking"


class HelpPages:
    """The routes; each answers a piece of the dialog, and with `?whole` a page of its own, to be printed."""

    def __init__(
        self, templates: Environment, words_of: Callable[[Request], Words], manual: Manual | None = None
    ) -> None:
        self._templates = templates
        self._words_of = words_of
        self._manual = manual or Manual()

    def routes(self) -> list[Route]:
        return [
            Route("/help/{screen}", self.screen),
            Route("/manual", self.contents),
            Route("/manual/{name}", self.page),
            Route("/manual/picture/{name:path}", self.picture),
        ]

    async def screen(self, request: Request) -> Response:
        """What to do at one screen."""
        words = self._words_of(request)
        return self._answer(self._manual.screen(request.path_params["screen"], words.code), request, words)

    async def contents(self, request: Request) -> Response:
        """Every page of the manual, the guides first."""
        words = self._words_of(request)
        titles = [(name, self._manual.title(name, words.code)) for name in self._manual.names()]
        html = self._templates.get_template("manual_contents.html").render(
            guides=[one for one in titles if one[0] in GUIDES],
            others=[one for one in titles if one[0] not in GUIDES],
            words=words,
        )
        return self._answer(Page("", words.ui("help_manual"), words.code, html), request, words)

    async def page(self, request: Request) -> Response:
        """One page."""
        words = self._words_of(request)
        return self._answer(self._manual.page(request.path_params["name"], words.code), request, words)

    async def picture(self, request: Request) -> Response:
        """A picture of the manual."""
        png = self._manual.picture(request.path_params["name"])
        if png is None:
            return PlainTextResponse("No such picture.", status_code=404)
        return Response(png, media_type="image/png")

    def _answer(self, page: Page | None, request: Request, words: Words) -> Response:
        if page is None:
            return PlainTextResponse(words.ui("help_none"), status_code=404)
        template = "manual.html" if "whole" in request.query_params else "manual_part.html"
        return HTMLResponse(self._templates.get_template(template).render(page=page, words=words))
