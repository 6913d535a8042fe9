"""Every catalogue as a whole: marked where unreviewed, counted by CLDR's rules, with all its letters."""

import re
import subprocess
import tomllib
import unicodedata
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from kiosk_browser import Kiosk, Server

from appliance.services.lane.kiosk.words import LANGUAGES, LOCALE, LOCALES, load_words
from appliance.travel_document.codes import state_codes

REPOSITORY = Path(__file__).parents[5]
STATIC = LOCALE.parent / "static"
RIGHT_TO_LEFT = {"prs", "ps", "ar"}
SCRIPTS = {"ru": "CYRILLIC", "ky": "CYRILLIC", "prs": "ARABIC", "ps": "ARABIC", "ar": "ARABIC"}
SAME_EVERYWHERE = {"ui.pair", "ui.officer_pin", "ui.stay_span", "list_kind.train"}
"""Patterns and names, not words: from 3 to 5 days may be "3 – 5"; a train is one in French too."""


def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "kiosk.po").open("rb") as file:
        return read_po(file, locale=LOCALES.get(language, language))


def texts(language: str) -> dict[str, tuple[str, ...]]:
    """Id to its words, of a plural all its forms."""
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            (message.string,) if isinstance(message.string, str) else tuple(message.string)
        )
        for message in catalogue(language)
        if message.id
    }


def letters(language: str) -> set[str]:
    """Every character that the language puts on the screen: its catalogue, its months, its states."""
    words = load_words(language)
    said = "".join(text for forms in texts(language).values() for text in forms)
    said += "".join(words.date(f"2026-{month:02}-21") for month in range(1, 13))
    said += "".join(words.issuer(code) or "" for code in state_codes())
    said += words.name
    return {char for char in said if not char.isspace() and unicodedata.category(char) != "Cf"}


def test_ok__the_catalogues_are_those_that_are_offered() -> None:
    assert {path.name for path in LOCALE.iterdir()} == set(LANGUAGES)
    shipped = tomllib.loads((REPOSITORY / "config/borne.toml").read_text("utf-8"))
    assert tuple(shipped["kiosk"]["languages"]) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__what_nobody_has_reviewed_is_marked(language: str) -> None:
    """A catalogue that names no `Last-Translator` is a draft, and each of its messages says so."""
    messages = [message for message in catalogue(language) if message.id]
    header = (LOCALE / language / "LC_MESSAGES" / "kiosk.po").read_text("utf-8").split("\n\n")[0]
    if language == "en":
        assert [message.id for message in messages if message.fuzzy] == []
    elif "Last-Translator" not in header:
        assert [message.id for message in messages if not message.fuzzy] == []


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_ok__nothing_is_left_in_english(language: str) -> None:
    english = texts("en")
    same = {
        id_
        for id_, forms in texts(language).items()
        if forms == english[id_] and re.search(r"[A-Za-z]{4}", "".join(forms).replace("%(", ""))
    }
    limit = {"fr": 18, "es": 8, "pt": 8}.get(language, 0)  # "Document", "INTERPOL" are both languages' words
    assert len(same - SAME_EVERYWHERE) <= limit, same


@pytest.mark.parametrize(("language", "script"), SCRIPTS.items())
def test_ok__each_message_is_in_the_language_s_script(language: str, script: str) -> None:
    """Names that the field writes in Latin everywhere (MRZ, PACE, PIN) may stand beside it, or alone."""
    wrong = {
        id_: forms
        for id_, forms in texts(language).items()
        for text in forms
        if not any(script in unicodedata.name(char, "") for char in text)
    }
    alone = {"area.mrz", *SAME_EVERYWHERE} - {"list_kind.train"}
    assert set(wrong) - alone == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__plural_forms_are_those_of_cldr(language: str) -> None:
    """Numbers of one category have one form, of different categories different ones."""
    rule = Locale.parse(LOCALES.get(language, language)).plural_form
    c = load_words(language).catalogue.plural  # type: ignore[attr-defined]
    forms: dict[str, set[int]] = {}
    for number in (*range(1001), 1011, 1101, 10_000, 100_001):
        forms.setdefault(rule(number), set()).add(c(number))
    assert all(len(indices) == 1 for indices in forms.values()), forms
    assert len({index for indices in forms.values() for index in indices}) == len(forms)
    assert {len(strings) for id_, strings in texts(language).items() if id_.startswith("plural.")} == {
        len(forms)
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__the_page_s_direction(language: str) -> None:
    assert (load_words(language).direction == "rtl") is (language in RIGHT_TO_LEFT)


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__no_invisible_character_but_the_joiners_of_the_script(language: str) -> None:
    """A direction mark in a catalogue would fight with the page's own <bdi>."""
    found = {
        char
        for forms in texts(language).values()
        for text in forms
        for char in text
        if unicodedata.category(char) in ("Cf", "Cc", "Co", "Cn")
    }
    assert found <= ({"\u200c"} if language in ("prs", "ps") else set())


# Letters


def stacks() -> tuple[list[str], list[str]]:
    """The families of letters.css: everybody's, and those of the joined scripts."""
    found = re.findall(r"--letters: ([^;]+);", (STATIC / "letters.css").read_text("utf-8"))
    plain, joined = ([family.strip(' "') for family in stack.split(",")] for stack in found)
    return plain, joined


def covered(families: list[str]) -> set[int]:
    """The code points that fontconfig has in any of these families."""
    listing = subprocess.run(
        ["fc-list", "--format", "%{family}|%{charset}\n"], capture_output=True, text=True, check=True
    ).stdout
    points: set[int] = set()
    for line in listing.splitlines():
        names, _, ranges = line.partition("|")
        if not set(names.split(",")) & set(families):
            continue
        for one in ranges.split():
            first, _, last = one.partition("-")
            points |= set(range(int(first, 16), int(last or first, 16) + 1))
    return points


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__the_page_s_fonts_have_every_letter(language: str) -> None:
    plain, joined = stacks()
    points = covered(joined if language in RIGHT_TO_LEFT else plain)
    assert sorted(char for char in letters(language) if ord(char) not in points) == []


def test_fail__pashto_needs_more_than_dejavu() -> None:
    points = covered(["DejaVu Sans", "DejaVu Sans Condensed"])
    assert "ۍ" in {char for char in letters("ps") if ord(char) not in points}


TOFU = """
const [chars, letters] = arguments;
const canvas = Object.assign(document.createElement("canvas"), {width: 40, height: 40});
const pen = canvas.getContext("2d", {willReadFrequently: true});
const drawn = (char) => {
  pen.clearRect(0, 0, 40, 40);
  pen.font = `24px ${letters}`;
  pen.fillText(char, 8, 28);
  return pen.getImageData(0, 0, 40, 40).data.join();
};
const missing = drawn("\\uFFFE"); // no font has a letter for what is no character
return [missing.includes("255"), chars.filter((char) => drawn(char) === missing)];
"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__no_letter_is_drawn_as_an_empty_box(browser: Kiosk, server: Server, language: str) -> None:
    browser.open(f"{server.address}/language/{language}")
    family = browser.driver.execute_script("return getComputedStyle(document.body).fontFamily")
    drawn, boxes = browser.driver.execute_script(TOFU, sorted(letters(language)), family)
    assert drawn, "the box itself is drawn"
    assert boxes == []
