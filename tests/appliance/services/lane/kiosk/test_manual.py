"""The manual on the box: every page renders, every link leads somewhere, every screen has its help."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from kiosk_client import Client
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource

from appliance.contracts.lane import LateHit, Trouble
from appliance.services.lane import kiosk
from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk.help import DIALOGS, SCREENS, SECOND_LINE, screen_code
from appliance.services.lane.kiosk.manual import GUIDES, Manual
from appliance.services.lane.kiosk.words import TROUBLES

REPOSITORY = Path(__file__).parents[5]
DOCS = REPOSITORY / "docs"
MANUAL = Manual(DOCS)
LATE = LateHit(**{name: "x" for name in LateHit.__struct_fields__ if name != "found"}, found="new_list")


@pytest.fixture
def client(source: ScriptedSource) -> Client:
    return Client(kiosk_app(source, languages=("en", "fr", "ru"), default_language="en"))


@pytest.mark.parametrize("language", ["en", "fr", "ru"])
def test_ok__every_screen_has_help_in_this_language(language: str) -> None:
    assert sorted(MANUAL.screens(language)) == sorted(SCREENS)
    for code in SCREENS:
        page = MANUAL.screen(code, language)
        assert page is not None
        assert page.language == language
        assert page.title


def test_ok__every_form_of_the_pages_has_help() -> None:
    """Help goes by the name of the form that is open, and of the page of the second line."""
    templates = Path(kiosk.__file__).parent / "templates"
    text = {path.name: path.read_text("utf-8") for path in templates.glob("*.html")}
    forms = {one for page in text.values() for one in re.findall(r'<dialog [^>]*id="([a-z_]+)"', page)}
    assert forms - {"help"} == set(DIALOGS)
    pages = " ".join(re.findall(r"block screen %}(.*?){% endblock", "".join(text.values())))
    screens = r"second_line_case|second_line_lists|release_review|visa_label|second_line(?!_)"
    assert set(re.findall(screens, pages)) == set(SECOND_LINE)


def test_ok__the_guides_are_there_in_english_and_french() -> None:
    assert MANUAL.names()[: len(GUIDES)] == GUIDES
    for name in GUIDES:
        assert [MANUAL.page(name, code).language for code in ("en", "fr")] == ["en", "fr"], name


def test_ok__every_page_renders_and_leads_somewhere() -> None:
    linked = set()
    for name in MANUAL.names():
        for language in ("en", "fr", "ru"):
            page = MANUAL.page(name, language)
            assert page is not None
            assert "<!--" not in page.html
            assert "&lt;!--" not in page.html
            linked |= set(re.findall(r'href="/manual/([^"#]+)', page.html))
            pictures = re.findall(r'src="/manual/picture/([^"]+)"', page.html)
            assert all(MANUAL.picture(one).startswith(b"\x89PNG") for one in pictures)
            assert not re.search(r'(?:src|href)="(?!/manual/|#)', page.html), f"{name} leads outside"
            asked = set(re.findall(r'href="/manual/([^"#]+)#([^"]+)"', page.html))
            asked |= {(name, anchor) for anchor in re.findall(r'href="#([^"]+)"', page.html)}
            for other, anchor in asked:
                assert f'id="{unquote(anchor)}"' in MANUAL.page(other, page.language).html, (
                    f"{name}: {other}#{anchor}"
                )
    assert linked <= set(MANUAL.names())
    assert set(GUIDES[1:]) & linked


@pytest.mark.parametrize("folder", [DOCS])
def test_ok__every_picture_that_a_guide_names_is_there(folder: Path) -> None:
    for name in GUIDES:
        for path in folder.glob(f"{name}*.md"):
            for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", path.read_text("utf-8")):
                assert (folder / picture).is_file(), f"{path.name}: {picture}"


def test_fail__html_in_a_page_is_left_out_and_addresses_are_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text(
        "# X\n<script>alert(1)</script>\n\n[out](https://example.org/a?b='c)\n\n[up](../secret)\n\n"
        "[js](javascript:alert)\n\n![p](https://example.org/p.png)\n\n<img src=x onerror=y>\n\n[t](y.md#z'z)"
    )
    (tmp_path / "y.md").write_text("# Y\n")
    html = Manual(tmp_path).page("x", "en").html
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="http' not in html
    assert 'href="javascript' not in html
    assert html.count("href=") == 1
    assert 'href="/manual/y' in html


def test_ok__a_page_in_the_officer_s_language_or_said_to_be_english(client: Client) -> None:
    french = client.get("/help/red", headers={"cookie": "language=fr"})
    assert "ROUGE" in french.text
    assert 'lang="fr"' in french.text
    russian = client.get("/manual/recovery", headers={"cookie": "language=ru"})
    assert "На этом языке такой страницы ещё нет" in russian.text
    assert 'lang="en"' in russian.text
    whole = client.get("/manual/operation?whole")
    assert whole.text.startswith("<!doctype html>")
    assert "manual.css" in whole.text


@pytest.mark.parametrize(
    "path",
    ["/manual/nothing", "/help/nothing", "/manual/..%2f..%2fsetup", "/manual/picture/..%2f..%2fsetup.cfg",
     "/manual/picture/help.md", "/manual/help.md", "/help/..%2fwaiting", "/manual/%00"],
)  # fmt: skip
def test_fail__no_such_page(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert len(answer.text) < 100


def test_ok__which_screen_it_is() -> None:
    source = ScriptedSource()
    assert screen_code(WAITING) == "waiting"
    assert screen_code(source.show(WAITING, needs_login=True)) == "login"
    assert screen_code(source.show(WAITING, late_hits=(LATE,))) == "late_hits"
    assert screen_code(source.show(WAITING, step="reading_chip")) == "reading_chip"
    for name, code in (("green", "green"), ("amber_near_match", "amber"), ("red_stolen", "red")):
        assert screen_code(source.decide(TRAVELLERS[name])) == code
    for code in TROUBLES:
        assert screen_code(source.show(WAITING, trouble=Trouble(code=code))) == code


def test_ok__help_asks_nothing_of_the_lane(client: Client, source: ScriptedSource) -> None:
    before = source.view()
    for path in ("/help/green", "/manual", "/manual/operation", "/manual/picture/screens/green-small.png"):
        assert client.get(path).status_code == 200
    assert source.view() is before
    assert source.presses == []


def test_ok__an_installed_box_has_the_manual(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "setup.py",
            "-q",
            "build",
            "-b",
            str(tmp_path / "b"),
            "build_py",
            "-d",
            str(tmp_path),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named 'setuptools'" in done.stderr:
        pytest.skip("setuptools is not in this environment")
    assert done.returncode == 0, done.stderr
    installed = Manual(tmp_path / "appliance/manual")
    assert installed.names() == MANUAL.names()
    assert installed.page("operation", "fr") == MANUAL.page("operation", "fr")
    assert installed.picture("screens/green-small.png") == MANUAL.picture("screens/green-small.png")
