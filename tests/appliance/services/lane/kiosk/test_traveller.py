"""The traveller's page: nothing of what was found reaches it, everything it says is also spoken."""

import hashlib
import json
import struct
from pathlib import Path

import msgspec
import pytest
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource
from starlette.testclient import TestClient

from appliance.contracts.checks import Outcome
from appliance.contracts.lane import DocumentView, FingerView, PortraitView
from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk import traveller as traveller_page
from appliance.services.lane.kiosk.traveller import SPEECH, code_of, language_of, spoken_text, word_of
from appliance.services.lane.kiosk.words import GUIDE, LANGUAGES, load_words
from appliance.services.lane.policy import load_policy

GUIDING = PortraitView(phase="guiding", instruction="look_at_camera")
LONGEST_INSTRUCTION_SECONDS = 4.0


@pytest.fixture
def client(source: ScriptedSource) -> TestClient:
    app = kiosk_app(source, languages=LANGUAGES, default_language="en")
    return TestClient(app, base_url="http://127.0.0.1")


def word(source: ScriptedSource, language: str | None = "en") -> dict:
    """What the page would be told now."""
    page = traveller_page.TravellerPage(
        source, tuple(load_words(code) for code in LANGUAGES), load_words("en"), _templates(), "v"
    )
    return msgspec.to_builtins(page._word(source.view(), load_words(language) if language else None))


def _templates():
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(traveller_page.HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )


@pytest.mark.parametrize(
    ("portrait", "code"),
    [
        (None, "welcome"),
        (PortraitView(phase="notice"), "notice"),
        (GUIDING, "look_at_camera"),
        (PortraitView(phase="good"), "good"),
        (PortraitView(phase="taken"), "taken"),
        (PortraitView(phase="timed_out"), "timed_out"),
        (PortraitView(phase="missed"), "missed"),
    ],
)
def test_ok__each_phase_is_one_word_with_a_picture(portrait: PortraitView | None, code: str) -> None:
    assert code_of(portrait) == code
    assert code in GUIDE
    icons = (traveller_page.HERE / "templates" / "guide_icons.svg").read_text("utf-8")
    assert f'id="p-guide-{code}"' in icons


def test_ok__every_instruction_has_a_picture() -> None:
    icons = (traveller_page.HERE / "templates" / "guide_icons.svg").read_text("utf-8")
    assert [code for code in GUIDE if f'id="p-guide-{code}"' not in icons] == []


def test_ok__the_same_word_with_a_hit_and_without(source: ScriptedSource) -> None:
    """No tipping off (promise 8): what is decided changes nothing on the traveller's page."""
    said = set()
    for traveller in TRAVELLERS.values():
        source.decide(traveller, portrait=PortraitView(phase="taken"))
        said.add(json.dumps(word(source)))
    source.show(WAITING, last_outcome=Outcome.REFERRED)
    after_referral = word(source)
    source.show(WAITING, last_outcome=Outcome.ADMITTED)
    assert len(said) == 1
    assert word(source) == after_referral


def test_ok__nothing_of_the_document_reaches_the_page(source: ScriptedSource) -> None:
    source.decide(TRAVELLERS["red_stolen"], portrait=GUIDING)
    text = json.dumps(word(source))
    for secret in ("VERITY", "X14927065", "stolen", "RED", "1958"):
        assert secret not in text


def test_ok__a_simulated_device_says_so_here_too(source: ScriptedSource) -> None:
    source.show(WAITING, portrait=GUIDING)
    assert "simulated" in word(source)["html"].lower()
    source.show(WAITING, portrait=GUIDING, simulated=())
    assert "simulated" not in word(source)["html"].lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__the_notice_says_what_is_taken_and_why(source: ScriptedSource, language: str) -> None:
    source.show(WAITING, portrait=PortraitView(phase="notice"))
    words = load_words(language)
    assert words.say("guide_more", "notice") in word(source, language)["html"]


def test_ok__the_page_its_language_and_its_headers(client: TestClient) -> None:
    page = client.get("/traveller")
    assert page.status_code == 200
    assert "media-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert 'lang="en"' in page.text
    answer = client.get("/traveller/language/ru", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/traveller")
    assert "Max-Age=900" in answer.headers["set-cookie"]
    assert 'lang="ru"' in client.get("/traveller").text
    assert 'lang="en"' in client.get("/").text  # the officer's language is another matter


@pytest.mark.parametrize("path", ["/traveller/language/xx", "/traveller/nothing"])
def test_fail__what_is_not_there(client: TestClient, path: str) -> None:
    assert client.get(path, follow_redirects=False).status_code == 404


def test_fail__another_site_may_not_look(client: TestClient) -> None:
    assert client.get("/traveller", headers={"sec-fetch-site": "cross-site"}).status_code == 403


# Whose language


def document(**changes: str) -> DocumentView:
    return msgspec.structs.replace(TRAVELLERS["green"].document, **changes)


@pytest.mark.parametrize(
    ("nationality", "issuing_state", "language"),
    [
        ("KGZ", "KGZ", "ky"),
        ("AFG", "AFG", "prs"),
        ("RUS", "RUS", "ru"),
        ("MAR", "MAR", "ar"),
        ("BRA", "BRA", "pt"),
        ("MEX", "MEX", "es"),
        ("KAZ", "KAZ", "ru"),
        ("XXB", "FRA", "fr"),  # a refugee: the State that issued
        ("D", "D", None),
        ("UTO", "UTO", None),
        ("", "", None),
        ("../", "<<<", None),
    ],
)
def test_ok__the_document_s_state_says_the_first_language(
    nationality: str, issuing_state: str, language: str | None
) -> None:
    offered = tuple(load_words(code) for code in LANGUAGES)
    found = language_of(document(nationality=nationality, issuing_state=issuing_state), offered)
    assert (found.code if found else None) == language


def test_ok__only_the_box_s_languages_and_nobody_s_without_a_document() -> None:
    offered = (load_words("en"), load_words("ru"))
    found = language_of(document(nationality="KGZ"), offered)
    assert found is not None
    assert found.code == "ru"
    assert language_of(document(nationality="CHN"), offered) is None
    assert language_of(None, offered) is None


def test_ok__a_traveller_s_choice_goes_before_the_document_s_state(source: ScriptedSource) -> None:
    source.show(WAITING, portrait=GUIDING, document=document(nationality="KGZ", issuing_state="KGZ"))
    assert (word(source, None)["language"], word(source, None)["direction"]) == ("ky", "ltr")
    assert (word(source, "ps")["language"], word(source, "ps")["direction"]) == ("ps", "rtl")
    source.show(WAITING)
    assert word(source, None)["language"] == "en", "nothing of the last traveller stays"


def test_ok__the_choice_is_forgotten_with_the_next_traveller(client: TestClient) -> None:
    client.get("/traveller/language/ru")
    assert 'data-chosen="yes"' in client.get("/traveller").text
    client.get("/traveller/language/document")
    page = client.get("/traveller").text
    assert 'data-chosen=""' in page
    assert 'lang="en"' in page


# What is spoken


DIGESTS = json.loads((SPEECH / "words.json").read_text("utf-8"))
SPOKEN = tuple(code for code in LANGUAGES if code != "ps")
"""The engine has no Pashto voice."""


def test_ok__it_is_known_which_languages_are_spoken() -> None:
    assert {key.partition("/")[0] for key in DIGESTS} == set(SPOKEN)
    assert {path.name for path in SPEECH.iterdir() if path.is_dir()} == set(SPOKEN)


@pytest.mark.parametrize("language", SPOKEN)
def test_ok__every_word_is_spoken_as_it_is_written(language: str) -> None:
    """After a word has changed: image-build/speech.py speaks it anew."""
    words = load_words(language)
    for code in GUIDE:
        text = spoken_text(code, words)
        assert DIGESTS[f"{language}/{code}"] == hashlib.sha256(text.encode()).hexdigest()[:16], code
        assert (SPEECH / language / f"{code}.opus").is_file()


def seconds_of(path: Path) -> float:
    """How long an Opus file plays: the last page's position less the pre-skip, at 48 kHz (RFC 7845)."""
    content = path.read_bytes()
    pre_skip = struct.unpack_from("<H", content, content.index(b"OpusHead") + 10)[0]
    (position,) = struct.unpack_from("<q", content, content.rindex(b"OggS") + 6)
    return (position - pre_skip) / 48_000


@pytest.mark.parametrize("language", SPOKEN)
def test_ok__the_notice_has_been_heard_before_the_camera_looks(language: str) -> None:
    assert seconds_of(SPEECH / language / "notice.opus") <= load_policy(None).pace.notice_seconds
    for code in GUIDE:
        if code not in ("notice", "welcome"):
            assert 0.4 < seconds_of(SPEECH / language / f"{code}.opus") < LONGEST_INSTRUCTION_SECONDS, code


def test_ok__a_language_that_nobody_has_spoken_is_silent(
    source: ScriptedSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source.show(WAITING, portrait=GUIDING)
    assert word(source)["speech"] == "/static/speech/en/look_at_camera.opus"
    monkeypatch.setattr(traveller_page, "SPEECH", tmp_path)
    assert word(source)["speech"] is None


@pytest.mark.parametrize(
    ("finger", "code"),
    [
        (FingerView(finger="left_thumb"), "left_thumb"),
        (FingerView(finger="left_thumb", instruction="wipe_finger"), "wipe_finger"),
        (FingerView(finger=None), "fingers_taken"),
        (None, "taken"),
    ],
)
def test_ok__fingers_are_told_after_the_picture(finger: FingerView | None, code: str) -> None:
    view = msgspec.structs.replace(WAITING, portrait=PortraitView(phase="taken"), finger=finger)
    assert word_of(view) == code
