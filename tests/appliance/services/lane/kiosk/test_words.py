import re
from string import Formatter

import pytest
from babel import Locale
from babel.messages.pofile import read_po

from appliance.contracts.checks import CHECKS
from appliance.services.lane.kiosk import words as kiosk_words
from appliance.services.lane.kiosk.words import KNOWN, LANGUAGES, LOCALE, UnknownLanguage, Words, load_words
from appliance.travel_document import codes

ROOM = LOCALE.parent
SPECIAL = {"headline", "ui"}  # shown by choice of the page, not by a code of the lane's


def catalogue(language: str) -> dict[str, tuple[str, ...]]:
    path = LOCALE / language / "LC_MESSAGES" / "kiosk.po"
    with path.open("rb") as file:
        messages = [message for message in read_po(file, locale=language) if message.id]
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            (message.string,) if isinstance(message.string, str) else tuple(message.string)
        )
        for message in messages
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__every_known_code_has_words(language: str) -> None:
    said = catalogue(language)
    wanted = {f"{kind}.{code}" for kind, codes in KNOWN.items() for code in codes}
    assert {id_ for id_ in wanted if not said.get(id_) or not all(said[id_])} == set()


def test_ok__every_check_of_the_house_and_every_reason_is_known() -> None:
    assert set(CHECKS) == set(KNOWN["check"])
    assert {reason for reasons in CHECKS.values() for reason in reasons} == set(KNOWN["reason"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__no_words_for_what_nobody_says(language: str) -> None:
    for id_ in catalogue(language):
        kind, _, code = id_.partition(".")
        known = KNOWN.get(kind, ())
        if kind in SPECIAL or code in known:
            continue
        owner, _, last = code.rpartition(".")
        assert last in known, id_
        assert owner in CHECKS or owner in KNOWN["area"], id_


def test_ok__the_catalogues_say_the_same_things() -> None:
    ids = {language: set(catalogue(language)) for language in LANGUAGES}
    assert ids["fr"] == ids["en"] == ids["ru"]


def test_ok__what_the_page_says_of_its_own_is_in_the_catalogue_and_nothing_more() -> None:
    sources = [*ROOM.glob("*.py"), *ROOM.glob("templates/*.html")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    # every literal in a call of ui(...), also in a choice: ui("network_on" if ... else "network_off")
    calls = " ".join(re.findall(r"\bui\(((?:[^()]|\([^()]*\))*)\)", text))
    used = {f"ui.{id_}" for id_ in re.findall(r'"(\w+)"', calls)}
    used |= {f"ui.{id_}" for id_ in re.findall(r'words\.ui\("(\w+)"', text)}
    assert {id_ for id_ in catalogue("en") if id_.startswith("ui.")} == used


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__placeholders_are_those_of_the_english(language: str) -> None:
    def names(texts: tuple[str, ...]) -> set[str]:
        return {name for text in texts for name in re.findall(r"%\((\w+)\)[sd]", text)}

    english = catalogue("en")
    for id_, texts in catalogue(language).items():
        assert names(texts) == names(english[id_]), id_
        assert not any(field for text in texts for _, field, *_ in Formatter().parse(text)), id_


@pytest.mark.parametrize(
    ("language", "number", "expected"),
    [
        ("en", 1, "1 day"),
        ("en", 9, "9 days"),
        ("fr", 0, "0 jour"),
        ("fr", 2, "2 jours"),
        ("ru", 1, "1 день"),
        ("ru", 3, "3 дня"),
        ("ru", 11, "11 дней"),
        ("ru", 21, "21 день"),
    ],
)
def test_ok__plural_forms(language: str, number: int, expected: str) -> None:
    assert load_words(language).count("days", number) == expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (0.0, "under an hour"),
        (0.99, "under an hour"),
        (1.0, "1 hour"),
        (47.9, "47 hours"),
        (48.0, "2 days"),
        (9 * 24 + 23, "9 days"),
    ],
)
def test_ok__an_age_in_words(hours: float, expected: str) -> None:
    assert load_words("en").span(hours) == expected


def test_ok__a_code_without_words_is_shown_as_it_is() -> None:
    assert load_words("ru").say("reason", "quite_new") == "quite_new"
    assert load_words("ru").of_check("reason", "chip.read", "quite_new") is None


def test_ok__a_code_may_have_words_of_its_own_for_a_check_or_an_area() -> None:
    words = load_words("en")
    assert words.of_check("reason", "watchlist.person", "match") == "Same name and birth date"
    assert words.of_check("reason", "watchlist.document", "match") == "Match"
    assert words.of_check("verdict", "watchlist.document", "FAIL") == "hit"
    assert words.of_check("verdict", "chip.read", "FAIL") == "failed"


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__every_code_of_doc_9303_has_a_name_in_the_language(language: str) -> None:
    names = {code: load_words(language).issuer(code) for code in codes._NAMES}
    assert [code for code, name in names.items() if not name] == []
    if language != "en":
        latin = load_words("en")
        same = [code for code, name in names.items() if name == latin.issuer(code)]
        assert len(same) < 0.45 * len(names), "many French names are the English ones, but not most"


def test_ok__names_of_states_and_of_people_without_one() -> None:
    assert [load_words(code).issuer("KGZ") for code in LANGUAGES] == [
        *("Kyrgyzstan", "Kirghizistan", "Кыргызстан", "Кыргызстан"),
        *("قرقیزستان", "قرغزستان", "قيرغيزستان", "Kirguistán", "Quirguistão"),
    ]
    assert load_words("fr").issuer("DEU") == load_words("fr").issuer("D") == "Allemagne"
    assert load_words("ru").issuer("XXA") == "Лицо без гражданства"
    assert load_words("ru").issuer("TJK") == "Таджикистан"
    assert [load_words("ru").issuer(code) for code in ("", "XQX", "KG", "../../x")] == [None] * 4


def test_ok__dates_in_the_language_and_unknown_parts_as_they_are() -> None:
    assert load_words("fr").date("1974-08-12") == "12 août 1974"
    assert load_words("ru").date("1974-08-12") == "12 авг. 1974"
    assert load_words("ru").date("1974-??-??") == "1974-??-??"


@pytest.mark.parametrize(("code", "direction"), [("ar", "rtl"), ("fa", "rtl"), ("ru", "ltr")])
def test_ok__the_direction_comes_from_the_language(code: str, direction: str) -> None:
    words = Words(code=code, locale=Locale.parse(code), catalogue=load_words("en").catalogue)
    assert words.direction == direction


@pytest.mark.parametrize("code", ["de", "xx", "", "../fr", "en_XX_YY"])
def test_fail__a_language_without_words(code: str) -> None:
    with pytest.raises(UnknownLanguage, match="no words"):
        load_words(code)


def test_ok__languages_name_themselves() -> None:
    assert [load_words(code).name for code in LANGUAGES] == [
        *("English", "Français", "Русский", "Кыргызча", "دری", "پښتو", "العربية", "Español", "Português")
    ]
    assert kiosk_words.load_words("fr") is kiosk_words.load_words("fr")
