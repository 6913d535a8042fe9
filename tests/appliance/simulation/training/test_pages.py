"""The counter's page: who stands there, the debrief, and nothing to foreign pages."""

import datetime as dt

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from appliance.contracts.checks import Outcome, Recommendation
from appliance.simulation.training.casting import cast_of
from appliance.simulation.training.debrief import Session, judge
from appliance.simulation.training.pages import Pages, house
from appliance.simulation.training.script import load_book

BOOK = load_book()
BY_ID = {one.id: one for one in BOOK.traveller}
DAY = dt.date(2026, 11, 26)
HERE = "http://127.0.0.1"


class Counted:
    def __init__(self) -> None:
        self.presses = self.forms = 0

    def pressed(self) -> None:
        self.presses += 1

    def sent(self) -> None:
        self.forms += 1


async def _said(request) -> PlainTextResponse:
    return PlainTextResponse(f"kiosk {request.url.path}")


def browser(pages: Pages, counted: Counted | None = None) -> TestClient:
    counted = counted or Counted()
    kiosk = Starlette(routes=[Route("/{path:path}", _said, methods=["GET", "POST"])])
    return TestClient(house(kiosk, pages.app, pressed=counted.pressed, sent=counted.sent), base_url=HERE)


def standing(id_: str) -> Pages:
    pages = Pages()
    pages.stands(cast_of(BOOK, BY_ID[id_], day=DAY), number=3, of=60)
    return pages


def session(id_: str, outcome: Outcome) -> Session:
    attempt = judge(
        BY_ID[id_],
        outcome=outcome,
        box=Recommendation.RED,
        reasons=("watchlist.document",),
        looked=3.0,
        decided=1.0,
        seconds=4.0,
        presses=2,
        forms=0,
    )
    return Session(
        seat="s", book="b", started="2026-11-26T10:00:00+00:00", travellers=60, attempts=(attempt,)
    )


def test_ok__what_lies_on_the_counter() -> None:
    client = browser(standing("altered-name"))
    page = client.get("/training").text
    assert "TRAINING" in page
    assert "MOREL" in page, "what the page says"
    assert "NOVAKOVA" not in page, "what the chip says is for the kiosk to show"
    for name in ("face", "photo"):
        assert client.get(f"/training/picture/{name}").content.startswith(b"\xff\xd8")
    for name in ("counter.css", "counter.js"):
        assert client.get(f"/training/{name}").status_code == 200


def test_ok__a_handwritten_page_shows_no_lines_and_no_document_shows_none() -> None:
    assert "<pre>" not in browser(standing("handwritten-passport")).get("/training").text
    client = browser(standing("no-document"))
    assert "No document." in client.get("/training").text
    assert client.get("/training/picture/photo").status_code == 404


def test_ok__the_debrief_comes_with_the_next_look() -> None:
    pages = standing("ordinary-passport")
    client = browser(pages)
    first = client.get("/training/now").json()
    assert client.get(f"/training/now?revision={first['revision']}").status_code == 204
    pages.through(session("stolen-passport", Outcome.ADMITTED))
    html = client.get(f"/training/now?revision={first['revision']}").json()["html"]
    for said in (
        "Not right",
        BY_ID["stolen-passport"].right.debrief[:20],
        "the second line refuses",
        "That was fast",
    ):
        assert said in html
    pages.nobody(session("stolen-passport", Outcome.REFERRED))
    html = client.get("/training/now").json()["html"]
    assert "Your score: 1 of 1 right" in html
    assert "At the counter" not in html


@pytest.mark.parametrize("path", ["/training/picture/none", "/training/body.html", "/training/../session.py"])
def test_fail__what_is_no_page(path: str) -> None:
    answer = browser(standing("ordinary-passport")).get(path)
    assert answer.status_code == 404 or answer.text.startswith("kiosk")


def test_fail__another_host_name_is_refused() -> None:
    client = TestClient(Pages().app, base_url="http://evil.example")
    assert client.get("/training").status_code == 400


def test_ok__the_kiosk_is_as_it_is_and_its_presses_are_counted() -> None:
    counted = Counted()
    client = browser(Pages(), counted)
    assert client.get("/press").text == "kiosk /press"
    assert counted.presses == 0
    assert client.post("/press").text == "kiosk /press"
    for path in ("/typed", "/finger", "/release"):
        client.post(path)
    assert (counted.presses, counted.forms) == (1, 3)
    assert client.get("/trainingwheels").text == "kiosk /trainingwheels"


def test_ok__nothing_loads_from_elsewhere() -> None:
    answer = browser(standing("ordinary-passport")).get("/training")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
