import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import msgspec
import pytest
from kiosk_browser import Server
from kiosk_client import Client
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource

from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import FingerView, Press, PressTaken
from appliance.services.lane.kiosk import kiosk_app, page
from appliance.services.lane.kiosk.words import UnknownLanguage

PRESS = {"x-borne-kiosk": "1"}


@pytest.fixture
def client(source: ScriptedSource) -> Client:
    app = kiosk_app(source, languages=("en", "fr", "ru"), default_language="en")
    return Client(app)


def events(address: str, number: int, **settings: object) -> Iterator[dict]:
    """So many events of the stream, decoded as a browser would."""
    with httpx.stream("GET", f"{address}/events", timeout=60, **settings) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        kind, data = "", ""
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                data = value
            elif not line and data:
                assert kind == "view"
                yield json.loads(data)
                kind, data, number = "", "", number - 1
                if not number:
                    return


# The page


def test_ok__the_page_holds_no_traveller_and_nothing_from_elsewhere(
    client: Client, source: ScriptedSource
) -> None:
    source.decide(TRAVELLERS["red_stolen"])
    html = client.get("/").text
    assert "VERITY" not in html

    class Reader(HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [
                value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")
            ]
            assert "style" not in dict(attrs), tag
            assert tag != "style"

    reader = Reader()
    reader.feed(html)
    assert reader.found
    assert all(value.startswith(("/", "#")) for value in reader.found)
    assert re.findall(r"<script[^>]*>(.*?)</script>", html) == ["", ""]


def test_ok__the_language_of_the_cookie_or_the_default(client: Client) -> None:
    assert '<html lang="en" dir="ltr"' in client.get("/").text
    answer = client.get("/language/fr")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "SameSite=strict" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert '<html lang="fr" dir="ltr"' in client.get("/").text
    client.cookies.set("language", "../../etc")
    assert '<html lang="en" dir="ltr"' in Client(client.app, base_url="http://localhost").get("/").text


@pytest.mark.parametrize("code", ["de", "xx", "%2e%2e"])
def test_fail__a_language_without_words(client: Client, code: str) -> None:
    answer = client.get(f"/language/{code}")
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("languages", "default"), [(("en", "xx"), "en"), (("en", "fr"), "ru"), ((), "en")])
def test_fail__settings_without_words(languages: tuple[str, ...], default: str) -> None:
    with pytest.raises(UnknownLanguage):
        kiosk_app(ScriptedSource(), languages=languages, default_language=default)


# The stream


def test_ok__the_first_event_is_the_view_now(source: ScriptedSource, server: Server) -> None:
    view = source.decide(TRAVELLERS["amber_near_match"])
    (event,) = events(server.address, 1)
    assert event["revision"] == view.revision
    assert (event["phase"], event["recommendation"]) == ("deciding", "AMBER")
    assert (event["press"], event["hold"]) == ("admit", "refer")
    assert set(event["regions"]) == set(page.REGIONS)
    assert "MARTENSSON" in event["regions"]["document"]
    assert "Near match" in event["regions"]["checks"]


def test_ok__every_change_is_an_event_at_once(source: ScriptedSource, server: Server) -> None:
    revisions = []
    for event in events(server.address, 3):
        revisions.append(event["revision"])
        source.show(step="reading_document", press=None)
    assert revisions == [1, 2, 3]


def test_ok__silence_is_broken_by_a_heartbeat(
    source: ScriptedSource, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "HEARTBEAT_SECONDS", 0.05)
    assert [event["revision"] for event in events(server.address, 3)] == [1, 1, 1]


def test_ok__the_stream_speaks_the_language_of_the_cookie(source: ScriptedSource, server: Server) -> None:
    source.decide(TRAVELLERS["green"])
    (event,) = events(server.address, 1, cookies={"language": "ru"})
    assert "ЗЕЛЁНЫЙ" in event["regions"]["stage"]
    assert "Совпадений нет – списку 9 дней" in event["regions"]["checks"]


def test_ok__the_recommendation_is_told_only_when_the_officer_decides(
    source: ScriptedSource, server: Server
) -> None:
    source.decide(TRAVELLERS["red_stolen"], step="checking")
    (event,) = events(server.address, 1)
    assert (event["phase"], event["recommendation"]) == ("working", None)


def test_ok__all_that_a_document_says_is_escaped(source: ScriptedSource, server: Server) -> None:
    evil = '<img src=x onerror="alert(1)">'
    document = msgspec.structs.replace(
        TRAVELLERS["green"].document,
        primary_identifier=evil,
        secondary_identifier=evil,
        document_number=evil,
        issuing_state_name=evil,
        lines=(evil,),
        source=evil,
    )
    source.decide(TRAVELLERS["green"], document=document, crossing=evil, post=evil, profile=evil)
    (event,) = events(server.address, 1)
    assert all("<img src=x" not in html for html in event["regions"].values())
    assert "&lt;img src=x" in event["regions"]["document"]


def test_ok__simulation_is_said_loudly_and_production_is_quiet(
    source: ScriptedSource, server: Server
) -> None:
    (event,) = events(server.address, 1)
    assert "SIMULATED" in event["regions"]["banner"]
    assert "document reader, camera" in event["regions"]["banner"]
    source.show(simulated=(), profile="training")
    (event,) = events(server.address, 1)
    assert "training" in event["regions"]["banner"]
    source.show(simulated=(), profile="production")
    (event,) = events(server.address, 1)
    assert event["regions"]["banner"] == ""


# The button


def test_ok__a_press_reaches_the_lane_with_the_revision_seen(client: Client, source: ScriptedSource) -> None:
    answer = client.post("/press", headers=PRESS, json={"event": "press", "revision": 1})
    assert answer.json() == {"taken": True}
    assert client.post("/press", headers=PRESS, json={"event": "hold", "revision": 7}).json() == {
        "taken": False
    }
    assert [(press.event, press.revision) for press in source.presses] == [("press", 1), ("hold", 7)]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b'{"event":"press","revision":1}', 403),
        ({"x-borne-kiosk": "0"}, b'{"event":"press","revision":1}', 403),
        (PRESS | {"content-type": "text/plain"}, b'{"event":"press","revision":1}', 415),
        (PRESS, b'{"event":"press"}', 400),
        (PRESS, b'{"event":"press","revision":"1"}', 400),
        (PRESS, b'{"event":"admit","revision":1}', 400),
        (PRESS, b"", 400),
        (PRESS, b"\xff\xfe", 400),
        (PRESS, b"[" * 1024, 400),
        (PRESS, b" " * 1025, 413),
        (PRESS, b'{"event":"press","revision":1}' + b" " * 5_000_000, 413),
    ],
)
def test_fail__what_is_no_press(
    client: Client, source: ScriptedSource, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = client.post("/press", headers={"content-type": "application/json"} | headers, content=body)
    assert answer.status_code == status
    assert source.presses == []


def test_fail__a_lane_that_cannot_is_said(client: Client, source: ScriptedSource) -> None:
    async def press(press: Press) -> PressTaken:
        raise ServiceError("storage_full", "The disk is full.")

    source.press = press
    answer = client.post("/press", headers=PRESS, json={"event": "press", "revision": 1})
    assert (answer.status_code, answer.text) == (503, "The disk is full.")


# The pictures


def test_ok__pictures_of_the_crossing_on_the_screen(client: Client, source: ScriptedSource) -> None:
    source.decide(TRAVELLERS["green"], crossing="c7")
    for name in ("portrait", "chip_portrait"):
        answer = client.get(f"/picture/{name}?crossing=c7")
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.content == source.pictures[name]


@pytest.mark.parametrize(
    "path",
    [
        "/picture/portrait",
        "/picture/portrait?crossing=",
        "/picture/portrait?crossing=c6",
        "/picture/other?crossing=c7",
        "/picture/..%2fpage.py?crossing=c7",
    ],
)
def test_fail__no_other_pictures(client: Client, source: ScriptedSource, path: str) -> None:
    source.decide(TRAVELLERS["green"], crossing="c7")
    source.pictures["other"] = b"x"
    assert client.get(path).status_code == 404


def test_fail__a_picture_that_was_not_taken(client: Client, source: ScriptedSource) -> None:
    source.show(crossing="c7")
    assert client.get("/picture/portrait?crossing=c7").status_code == 404
    source.show(crossing=None)
    source.pictures["portrait"] = b"x"
    assert client.get("/picture/portrait").status_code == 404


def test_ok__a_finger_is_excepted_by_its_button_on_the_page(client: Client, source: ScriptedSource) -> None:
    source.show(WAITING, step="taking_fingers", crossing="c6", finger=FingerView(finger="right_index"))
    said = {"crossing": "c6", "finger": "right_index", "reason": "finger_bandaged"}
    answer = client.post("/finger", json=said, headers=PRESS)
    assert (answer.status_code, answer.json()) == (200, {"taken": True})
    assert source.excepted[-1].reason == "finger_bandaged"
    assert client.post("/finger", json={**said, "crossing": "c5"}, headers=PRESS).json() == {"taken": False}


def test_fail__a_finger_is_excepted_by_no_other_page(client: Client, source: ScriptedSource) -> None:
    assert client.post("/finger", json={"crossing": "c6"}, headers=PRESS).status_code == 400
    assert client.post("/finger", json={}).status_code == 403
    assert source.excepted == []
