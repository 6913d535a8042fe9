import pytest
from kiosk_client import Client
from kiosk_scripted import ScriptedSource

from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk.guard import HEADERS


@pytest.fixture
def client(source: ScriptedSource) -> Client:
    return Client(kiosk_app(source, languages=("en", "fr"), default_language="en"))


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/static/kiosk.js", 200), ("/static/kiosk.css", 200), ("/nothing", 404), ("/press", 405)],
)
def test_ok__every_answer_carries_the_headers(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST"])
def test_ok__loopback_names(client: Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "10.0.0.5", "0.0.0.0", ""],
)
def test_fail__any_other_name_is_refused(client: Client, source: ScriptedSource, host: str) -> None:
    answer = client.post(
        "/press",
        headers={"host": host, "x-borne-kiosk": "1"},
        json={"event": "press", "revision": source.view().revision},
    )
    assert answer.status_code == 400
    assert client.get("/", headers={"host": host}).status_code == 400
    assert source.presses == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
@pytest.mark.parametrize("path", ["/", "/events", "/picture/portrait?crossing=c1", "/language/fr"])
def test_fail__what_another_sites_page_asks_for(client: Client, site: str, path: str) -> None:
    answer = client.get(path, headers={"sec-fetch-site": site})
    assert answer.status_code == 403
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_ok__our_own_page(client: Client, site: str) -> None:
    assert client.get("/", headers={"sec-fetch-site": site}).status_code == 200
