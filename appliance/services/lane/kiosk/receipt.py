"""The traveller's receipt on the screen: the words, the same as a code for a telephone, a page to print:
on the receipt printer where the box has one, else by the browser.

The code holds plain text in the traveller's language: no address, no network, nobody learns that it was read.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
import zxingcpp
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from appliance.contracts.checks import Direction
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import PressTaken, View
from appliance.contracts.receipt import PrintReceipt, Receipt, ShowReceipt
from appliance.services.lane.kiosk.guard import sent
from appliance.services.lane.kiosk.receipt_paper import receipt_rows
from appliance.services.lane.kiosk.words import Words
from appliance.services.lane.printing import PrintDesk

MAX_CODE_BYTES: Final = 1200
"""Less than half of what ISO/IEC 18004 allows: a telephone must read it off a small screen."""


MAX_SHOW_BYTES: Final = 256


class ReceiptSource(Protocol):
    """What the page asks of the lane."""

    def view(self) -> View: ...

    def show_receipt(self, show: ShowReceipt) -> PressTaken: ...

    @property
    def printing(self) -> PrintDesk: ...


class ReceiptPages:
    """The routes; the language is the traveller's, as they chose it on their own page."""

    def __init__(
        self,
        source: ReceiptSource,
        templates: Environment,
        languages: tuple[Words, ...],
        words_of: Callable[[Request], Words],
    ) -> None:
        self._source = source
        self._templates = templates
        self._languages = {words.code: words for words in languages}
        self._words_of = words_of

    def routes(self) -> list[Route]:
        return [
            Route("/receipt", self.page),
            Route("/receipt/code", self.code),
            Route("/receipt/show", self.show, methods=["POST"]),
            Route("/receipt/print", self.print, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Onto the traveller's screen: the officer says when."""
        show = await sent(request, ShowReceipt, limit=MAX_SHOW_BYTES)
        if isinstance(show, Response):
            return show
        return Response(msgspec.json.encode(self._source.show_receipt(show)), media_type="application/json")

    async def print(self, request: Request) -> Response:
        """On the receipt printer, in the language that is shown; 404: this box has none."""
        wanted = await sent(request, PrintReceipt, limit=MAX_SHOW_BYTES)
        if isinstance(wanted, Response):
            return wanted
        view = self._source.view()
        words = self._languages.get(wanted.language) or self._words_of(request)
        if view.receipt is None or view.receipt.reference != wanted.reference:
            return PlainTextResponse(words.ui("receipt_none"), status_code=409)
        lines = lines_of(view.receipt, words, simulated=is_simulated(view))
        title, code = words.ui("receipt"), code_text(lines)
        try:
            await self._source.printing.print(lambda dots: receipt_rows(title, lines, code, words, dots))
        except ServiceError as error:
            status = 404 if error.code in ("no_device", "no_letters") else 503
            return PlainTextResponse(words.ui("receipt_not_printed"), status_code=status)
        return PlainTextResponse(words.ui("receipt_printed"))

    async def page(self, request: Request) -> Response:
        """The receipt as a piece of the officer's dialog; with `?whole` a page of its own."""
        receipt, words = self._asked(request)
        if receipt is None:
            return PlainTextResponse(words.ui("receipt_none"), status_code=404)
        name = "receipt.html" if "whole" in request.query_params else "receipt_part.html"
        view = self._source.view()
        html = self._templates.get_template(name).render(
            receipt=receipt,
            words=words,
            lines=lines_of(receipt, words, simulated=is_simulated(view)),
            languages=self._languages.values(),
        )
        return HTMLResponse(html)

    async def code(self, request: Request) -> Response:
        """The QR code of the receipt that stands there now, and of no other."""
        receipt, words = self._asked(request)
        if receipt is None or request.query_params.get("reference") != receipt.reference:
            return PlainTextResponse(words.ui("receipt_none"), status_code=404)
        lines = lines_of(receipt, words, simulated=is_simulated(self._source.view()))
        return Response(code_of(lines), media_type="image/svg+xml")

    def _asked(self, request: Request) -> tuple[Receipt | None, Words]:
        wanted = request.query_params.get("language", "")
        return self._source.view().receipt, self._languages.get(wanted) or self._words_of(request)


def is_simulated(view: View) -> bool:
    """Whether this box makes no real crossings (promise 7)."""
    return bool(view.simulated) or view.profile != "production"


def lines_of(receipt: Receipt, words: Words, *, simulated: bool) -> tuple[str, ...]:
    """The receipt in words, a line each."""
    moment = dt.datetime.fromisoformat(receipt.at)
    when = f"{words.date(moment.date().isoformat())} {moment:%H:%M}"
    if not receipt.sure_time:
        when += f" ({words.say('time', 'unsure')})"
    kinds = {
        "document": words.ui("receipt_document"),
        "portrait": words.ui("receipt_portrait"),
        "fingers": words.ui("receipt_fingers"),
    }
    appeal = receipt.appeal.get(words.code) or receipt.appeal.get("en") or words.ui("receipt_ask")
    lines = [
        f"{words.ui('simulated')} – {words.ui('not_real')}" if simulated else "",
        f"{receipt.post}, {words.say('direction', receipt.direction.value)}, {when}",
        _outcome(receipt, words),
        _stay(receipt, words, moment.date()),
        words.ui("receipt_recorded", what=", ".join(kinds[one] for one in receipt.recorded))
        if receipt.recorded
        else "",
        words.ui("receipt_rights", how=appeal),
        words.ui("receipt_reference", reference=receipt.reference),
    ]
    return tuple(line for line in lines if line)


def code_text(lines: tuple[str, ...]) -> str:
    """What the code says: the lines, cut short where a post's own words make them too many."""
    text = "\n".join(lines)
    while len(text.encode()) > MAX_CODE_BYTES:
        text = text[: len(text) * 9 // 10]
    return text


def code_of(lines: tuple[str, ...]) -> str:
    """The lines as a QR code, SVG."""
    barcode = zxingcpp.create_barcode(code_text(lines), zxingcpp.BarcodeFormat.QRCode)
    return str(zxingcpp.write_barcode_to_svg(barcode))


def _outcome(receipt: Receipt, words: Words) -> str:
    if not receipt.admitted:
        return words.ui("receipt_with_officer")
    return words.ui("receipt_in" if receipt.direction is Direction.ENTRY else "receipt_out")


def _stay(receipt: Receipt, words: Words, today: dt.date) -> str:
    if receipt.stay_days is None:
        return ""
    if receipt.stay_window_days is not None:
        return words.ui("receipt_stay_window", days=receipt.stay_days, window=receipt.stay_window_days)
    last = today + dt.timedelta(days=receipt.stay_days - 1)
    return words.ui("receipt_stay_until", date=words.date(last.isoformat()))
