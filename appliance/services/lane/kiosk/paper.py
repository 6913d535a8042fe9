"""The paper ledger at the screen: one line after another, each answered before the next."""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import View
from appliance.contracts.paper import EnterPaper, PaperAnswer, PaperHit, PaperLine, PaperResult
from appliance.services.lane.kiosk.guard import sent
from appliance.services.lane.kiosk.words import Words

MAX_LINE_BYTES: Final = 16 * 1024


class PaperSource(Protocol):
    """What the page asks of the lane."""

    def view(self) -> View: ...

    async def enter_paper(self, request: EnterPaper) -> PaperAnswer:
        """Lines of a paper ledger: recorded, or what is wrong with each."""
        ...


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer in words."""

    taken: bool
    problems: dict[str, str] = {}
    """Field to sentence."""
    sentence: str = ""
    hits: tuple[str, ...] = ()


class PaperPage:
    """The route; who enters is who is on duty, whatever the page says."""

    def __init__(self, source: PaperSource, words_of: Callable[[Request], Words]) -> None:
        self._source = source
        self._words_of = words_of

    def routes(self) -> list[Route]:
        return [Route("/paper", self.enter, methods=["POST"])]

    async def enter(self, request: Request) -> Response:
        """One line."""
        line = await sent(request, PaperLine, limit=MAX_LINE_BYTES)
        if isinstance(line, Response):
            return line
        words, officer = self._words_of(request), self._source.view().officer
        if officer is None:
            answer = Entered(taken=False, sentence=words.ui("paper_login"))
        else:
            asked = EnterPaper(lines=(line,), by=officer.name)
            try:
                (result,) = (await self._source.enter_paper(asked)).results
            except ServiceError as error:
                return PlainTextResponse(error.sentence, status_code=503)
            answer = entered(result, words)
        return Response(msgspec.json.encode(answer), media_type="application/json")


def entered(result: PaperResult, words: Words) -> Entered:
    """What became of the line, in words."""
    sentence = ""
    if result.taken:
        sentence = words.ui("paper_known" if result.known else "paper_taken")
    return Entered(
        taken=result.taken,
        problems={field: words.say("typed_problem", code) for field, code in result.problems.items()},
        sentence=sentence,
        hits=tuple(_hit(hit, words) for hit in result.hits),
    )


def _hit(hit: PaperHit, words: Words) -> str:
    parts = [words.of_check("reason", hit.check, hit.reason) or hit.reason, hit.list]
    if hit.list_age_hours is not None:
        parts.append(words.ui("list_age", span=words.span(hit.list_age_hours)))
    if hit.contact:
        parts.append(words.ui("ask", contact=hit.contact))
    gone = words.ui("paper_gone")
    return f"{' – '.join(part for part in parts if part)}. {gone}"
