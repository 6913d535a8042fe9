"""The counter's page: who stands there and what they hold, and the debrief of who has just gone.

It is the trainee's table, not a screen of the box: it stands beside the kiosk at /training, on the same
loopback address, and exists in training alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from appliance.simulation.training.casting import Cast
from appliance.simulation.training.debrief import Session, by_grade, score_of

HERE: Final = Path(__file__).parent / "page"
PREFIX: Final = "/training"
PRESS: Final = "/press"
FORMS: Final = ("/typed", "/finger", "/release")
STATIC: Final = {"counter.css": "text/css", "counter.js": "text/javascript"}
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Pages:
    """What the trainee sees beside the kiosk. Written from other threads, read by the server's."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._cast: Cast | None = None
        self._number = 0
        self._of = 0
        self._session: Session | None = None
        self._revision = 0
        self.app = Starlette(
            routes=[
                Route(PREFIX, self._page),
                Route(f"{PREFIX}/now", self._now),
                Route(f"{PREFIX}/picture/{{name}}", self._picture),
                Route(f"{PREFIX}/{{name}}", self._static),
            ],
            middleware=[
                Middleware(
                    TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False
                )
            ],
        )

    def stands(self, cast: Cast, *, number: int, of: int) -> None:
        """This traveller has stepped up."""
        self._cast, self._number, self._of = cast, number, of
        self._revision += 1

    def nobody(self, session: Session) -> None:
        """The last one has gone."""
        self._cast, self._session = None, session
        self._revision += 1

    def through(self, session: Session) -> None:
        """A traveller has gone; the session has one attempt more."""
        self._session = session
        self._revision += 1

    async def _page(self, request: Request) -> Response:  # noqa: ARG002 - the shape of an endpoint
        html = self._templates.get_template("counter.html").render(body=self._body())
        return Response(html, media_type="text/html", headers=HEADERS)

    async def _now(self, request: Request) -> Response:
        if request.query_params.get("revision") == str(self._revision):
            return Response(status_code=204, headers=HEADERS)
        now = {"revision": self._revision, "html": self._body()}
        return Response(msgspec.json.encode(now), media_type="application/json", headers=HEADERS)

    async def _picture(self, request: Request) -> Response:
        counter = self._cast.counter if self._cast else None
        pictures = {} if counter is None else {"face": counter.face, "photo": counter.photo}
        jpeg = pictures.get(request.path_params["name"])
        if jpeg is None:
            return PlainTextResponse("No such picture.", status_code=404, headers=HEADERS)
        return Response(jpeg, media_type="image/jpeg", headers=HEADERS)

    async def _static(self, request: Request) -> Response:
        kind = STATIC.get(name := request.path_params["name"])
        if kind is None:
            return PlainTextResponse("No such page.", status_code=404, headers=HEADERS)
        return Response((HERE / name).read_bytes(), media_type=kind, headers=HEADERS)

    def _body(self) -> str:
        session = self._session
        attempts = () if session is None else session.attempts
        return self._templates.get_template("body.html").render(
            cast=self._cast,
            number=self._number,
            of=self._of,
            revision=self._revision,
            last=attempts[-1] if attempts else None,
            score=score_of(attempts),
            grades=by_grade(attempts),
            attempts=attempts,
            over=self._cast is None and bool(attempts),
        )


def house(
    kiosk: ASGIApp, training: ASGIApp, *, pressed: Callable[[], None], sent: Callable[[], None]
) -> Starlette:
    """The kiosk as it is, with the counter's page beside it; every press and form that comes is counted."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == PREFIX or path.startswith(f"{PREFIX}/"):
            await training(scope, receive, send)
            return
        if scope.get("method") == "POST":
            if path == PRESS:
                pressed()
            elif path in FORMS:
                sent()
        await kiosk(scope, receive, send)

    return Starlette(routes=[Mount("/", app)])
