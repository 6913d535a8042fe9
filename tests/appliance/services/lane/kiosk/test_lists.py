"""The page of advance lists, asked as a browser asks."""

import asyncio
from pathlib import Path

import pytest
from kiosk_client import Client
from lists_scripted import GOOD, csv_of, look, row, through
from scripted import ScriptedCapture
from second_line_scripted import login, staff

from appliance.csv_lines import MAX_FILE_BYTES
from appliance.services.lane.kiosk import kiosk_app

KIOSK = {"x-borne-kiosk": "1"}


@pytest.fixture
def lane(make_lane, keys_and_lists, tmp_path: Path, quick_pins):
    staff(tmp_path, keys_and_lists[0].storage)
    lane = make_lane(ScriptedCapture(()))
    asyncio.run(lane.login(login("Emil")))
    return lane


@pytest.fixture
def desk(lane):
    return lane.second_line.lists


@pytest.fixture
def client(lane) -> Client:
    return Client(kiosk_app(lane, languages=("en", "fr"), default_language="en"))


def test_ok__a_file_goes_up_and_its_lines_are_said(client: Client, desk) -> None:
    data = csv_of(row("ZZ1"), row("№"), "a,b")
    headers = KIOSK | {"content-type": "application/octet-stream", "x-borne-name": "b%3Cs%3E.csv"}
    answer = client.post("/second-line/lists/look?direction=entry&kind=", content=data, headers=headers)
    assert "1 lines can be taken in, 2 are wrong" in answer.text
    assert "b&lt;s&gt;.csv" in answer.text
    assert "<code>document_number</code> Has characters" in answer.text
    assert "Has more or fewer fields" in answer.text
    assert "LISTED" not in answer.text
    token = desk._seen.token
    taken = client.post("/second-line/lists/take", json={"token": token}, headers=KIOSK).json()
    assert taken["state"] == "going"


def test_fail__only_this_page_may_and_only_so_much(client: Client) -> None:
    octets = {"content-type": "application/octet-stream"}
    look_path = "/second-line/lists/look"
    assert client.post(look_path, content=GOOD, headers=octets).status_code == 403
    cross = KIOSK | octets | {"sec-fetch-site": "cross-site"}
    assert client.post(look_path, content=GOOD, headers=cross).status_code == 403
    text = KIOSK | {"content-type": "text/plain"}
    assert client.post(look_path, content=GOOD, headers=text).status_code == 415
    large = b"x" * (MAX_FILE_BYTES + 2)
    assert client.post(look_path, content=large, headers=KIOSK | octets).status_code == 413
    odd = f"{look_path}?direction=up"
    assert client.post(odd, content=GOOD, headers=KIOSK | octets).status_code == 400
    for path in ("stick", "take", "remove"):
        assert client.post(f"/second-line/lists/{path}", json={}).status_code == 403
        assert client.post(f"/second-line/lists/{path}", json={}, headers=KIOSK).status_code == 400


def test_fail__who_does_not_work_there_is_sent_back(client: Client, lane) -> None:
    asyncio.run(lane.login(login("Aida")))
    assert client.get("/second-line/lists").headers["location"] == "/"
    for path, message in (
        ("stick", {"name": "x"}),
        ("take", {"token": "x"}),
        ("remove", {"list": "x"}),
    ):
        answer = client.post(f"/second-line/lists/{path}", json=message, headers=KIOSK)
        assert "Only for officers of the second line" in answer.text


def test_ok__in_french(client: Client, desk) -> None:
    asyncio.run(through(desk, look(desk, GOOD).token))
    client.cookies.set("language", "fr")
    page = client.get("/second-line/lists").text
    assert "3 inscrits" in page
    assert "Autocar, Entrée" in page
    assert "3 personnes sont attendues" in client.get("/second-line/lists/progress").json()["sentence"]
