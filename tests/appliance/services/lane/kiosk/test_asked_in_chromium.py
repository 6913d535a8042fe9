"""What the officer notes, in real Chromium: one key an answer, proofs, groups; in every language and size."""

import os
from pathlib import Path

import msgspec
import pytest
from kiosk_browser import SIZES, Kiosk, served, wait_until
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource, check, passport, traveller
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.contracts.asked import (
    AskedView,
    CloseGroup,
    DetachFromGroup,
    GroupView,
    InGroup,
    MemberView,
    NoteTaken,
    OpenGroup,
    QuestionView,
    Say,
    SayPapers,
    SayProof,
    SayVisaEntries,
)
from appliance.contracts.checks import Outcome, Recommendation
from appliance.services.lane.kiosk import kiosk_app

LANGUAGES = ("en", "fr", "ru")
QUESTIONS = ("purpose", "previous_residence", "intended_stay_days", "transport")
ASKED = AskedView(
    questions=tuple(QuestionView(question=one, must=one == "purpose", value=None) for one in QUESTIONS),
    countries=("KGZ", "UZB"),
)
OVERSTAYED = traveller(
    passport("ERIKSSON", "ANNA MARIA", "L898902C3", "1974-08-12", "2031-05-14", "F"),
    21,
    check(
        "stay.days",
        "FAIL",
        "overstayed",
        table="north/4",
        nationality="UTO",
        rule=1,
        says={"en": "90 days in any 180."},
        days=90,
        window_days=180,
        window_from="2026-05-29",
        used=94,
        used_most=94,
        overstayed=4,
        last_day=None,
        entered="2026-09-03",
        lines=[
            {"since": "2026-06-12", "until": "2026-06-22", "days": 11, "most": 11, "gap": ""},
            {"since": "2026-09-03", "until": "2026-11-24", "days": 83, "most": 83, "gap": ""},
        ],
    ),
    check("stay.legs", "PASS", "complete", proofs=[], since="2026-09-03"),
)
GROUP = GroupView(
    group="g1",
    kind="vehicle",
    declared=4,
    plate="01KG123ABC",
    plate_state="KGZ",
    seen=3,
    decided=2,
    detached=1,
    members=(
        MemberView(crossing="m1", place=1, name="ERIKSSON", outcome="admitted", detached=False),
        MemberView(crossing="m2", place=2, name="VERITY", outcome="referred", detached=True),
    ),
    role="passenger",
)


def keys(browser: Kiosk, *typed: str) -> None:
    """Shift is held until NULL: typed as a key it would be let go before the next one."""
    chain = ActionChains(browser.driver, duration=0)
    for key in typed:
        if key == Keys.SHIFT:
            chain.key_down(key)
        elif key == Keys.NULL:
            chain.key_up(Keys.SHIFT)
        else:
            chain.send_keys(key)
    chain.perform()


def press_shift_f5(browser: Kiosk) -> None:
    """The proof's key: shift is down while F5 is."""
    chain = ActionChains(browser.driver, duration=0)
    chain.key_down(Keys.SHIFT).send_keys(Keys.F5).key_up(Keys.SHIFT).perform()


def opened(browser: Kiosk, name: str) -> bool:
    return browser.driver.execute_script("return document.getElementById(arguments[0]).open", name)


def current(browser: Kiosk) -> str:
    script = "return document.querySelector('[data-current]')?.dataset.question ?? ''"
    return browser.driver.execute_script(script)


def picture(browser: Kiosk, name: str) -> None:
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / f"{name}.png")


def take_answers(source: ScriptedSource) -> None:
    """As the lane would: an answer stands on the next screen."""

    def noted(note) -> None:
        if isinstance(note, Say):
            asked = source.view().asked
            questions = tuple(
                msgspec.structs.replace(one, value=note.value) if one.question == note.question else one
                for one in asked.questions
            )
            source.show(asked=msgspec.structs.replace(asked, questions=questions))

    source.on_note = noted


def test_ok__one_key_an_answer(browser: Kiosk, source: ScriptedSource) -> None:
    take_answers(source)
    source.decide(TRAVELLERS["green"], asked=ASKED)
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        assert "Must be asked: Purpose" in browser.text(".noted")
        assert "Not asked: Lived before in, Stay, Comes by" in browser.text(".noted")
        keys(browser, Keys.F5)
        wait_until(lambda: current(browser) == "purpose")
        keys(browser, "4")
        wait_until(lambda: current(browser) == "previous_residence")
        keys(browser, "2")
        wait_until(lambda: current(browser) == "intended_stay_days")
        keys(browser, "10", Keys.ENTER)
        wait_until(lambda: current(browser) == "transport")
        keys(browser, "n")
        wait_until(lambda: not opened(browser, "asked"))
        assert [(note.question, note.value) for note in source.notes] == [
            *(("purpose", "work"), ("previous_residence", "UZB")),
            *(("intended_stay_days", "10"), ("transport", "-")),
        ]
        assert {note.crossing for note in source.notes} == {"c1"}
        wait_until(lambda: "does not say" in browser.text(".noted"))
        assert "Purpose: work" in browser.text(".noted")
        assert "Lived before in: Uzbekistan" in browser.text(".noted")
        assert source.presses == []
        browser.press()
        wait_until(lambda: source.presses)


def test_ok__another_country_from_the_whole_list_and_a_span_by_its_key(
    browser: Kiosk, source: ScriptedSource
) -> None:
    take_answers(source)
    source.decide(TRAVELLERS["green"], asked=ASKED)
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        keys(browser, Keys.F5)
        wait_until(lambda: current(browser) == "purpose")
        browser.driver.execute_script(
            "const s = document.querySelector('[data-question=previous_residence] [data-all]');"
            "s.value = 'FRA'; s.dispatchEvent(new Event('change', { bubbles: true }))"
        )
        wait_until(lambda: current(browser) == "intended_stay_days")
        keys(browser, "w")
        wait_until(lambda: len(source.notes) == 2)
        assert [note.value for note in source.notes] == ["FRA", "7"]


def test_ok__the_dialog_of_somebody_who_has_gone_closes(browser: Kiosk, source: ScriptedSource) -> None:
    source.decide(TRAVELLERS["green"], asked=ASKED)
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        keys(browser, Keys.F5)
        wait_until(lambda: opened(browser, "asked"))
        source.decide(TRAVELLERS["green"], asked=ASKED, crossing="c2")
        wait_until(lambda: not opened(browser, "asked"))
        source.show(WAITING)
        browser.wait_for_phase("idle")
        keys(browser, Keys.F5)
        assert not opened(browser, "asked")


def test_fail__what_the_box_refuses_is_said(browser: Kiosk, source: ScriptedSource) -> None:
    source.note_answer = NoteTaken(taken=False, problems={"intended_stay_days": "not_a_number"})
    source.decide(TRAVELLERS["green"], asked=ASKED)
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        keys(browser, Keys.F5)
        wait_until(lambda: current(browser) == "purpose")
        keys(browser, "1")
        wait_until(lambda: browser.text("#asked .typing-failed") == "Not such a number")
        assert opened(browser, "asked")


def test_ok__a_proof_and_another_passport(browser: Kiosk, source: ScriptedSource) -> None:
    source.decide(OVERSTAYED, asked=msgspec.structs.replace(ASKED, takes_proof=True))
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address, size=SIZES["large"])
        told = browser.text("[data-check='stay.days']")
        assert "94 of 90 days used in 180 days since 29 May 2026" in told
        assert "3 Sep 2026 – 24 Nov 2026: 83" in told
        assert "4 days too long" in told
        assert "90 days in any 180." in told
        press_shift_f5(browser)
        wait_until(lambda: opened(browser, "proof"))
        keys(browser, "2026-09-03", Keys.TAB, Keys.TAB, "Osh", Keys.TAB, "stamp on page 7", Keys.ENTER)
        wait_until(lambda: not opened(browser, "proof"))
        assert source.notes == [
            SayProof(
                crossing="c1",
                direction="entry",
                day="2026-09-03",
                kind="stamp",
                place="Osh",
                reason="stamp on page 7",
            )
        ]
        press_shift_f5(browser)
        wait_until(lambda: opened(browser, "proof"))
        assert browser.driver.execute_script("return document.querySelector('[name=place]').value") == ""
        for name, value in (("nationality", "KGZ"), ("issuing_state", "KGZ"), ("document_number", "AC 1")):
            browser.driver.execute_script(
                "document.querySelector(`#proof [name=${arguments[0]}]`).value = arguments[1]", name, value
            )
        browser.driver.find_element("css selector", "[data-note=SayPapers] [type=submit]").click()
        wait_until(lambda: len(source.notes) == 2)
        assert source.notes[1] == SayPapers(
            crossing="c1", nationality="KGZ", issuing_state="KGZ", document_number="AC 1"
        )


def test_ok__the_visa_s_entries(browser: Kiosk, source: ScriptedSource) -> None:
    source.decide(TRAVELLERS["green"], asked=msgspec.structs.replace(ASKED, visa_number="V123"))
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        keys(browser, Keys.F5)
        wait_until(lambda: current(browser) == "visa_entries")
        keys(browser, "m")
        wait_until(lambda: source.notes)
        assert source.notes == [SayVisaEntries(crossing="c1", entries=0)]


def test_ok__a_group_from_its_opening_to_its_close(browser: Kiosk, source: ScriptedSource) -> None:
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        browser.open(server.address)
        keys(browser, Keys.F11)
        wait_until(lambda: opened(browser, "group"))
        keys(browser, "4", Keys.TAB, Keys.TAB, "01 KG 123 ABC", Keys.ENTER)
        wait_until(lambda: not opened(browser, "group"))
        assert source.notes[-1] == OpenGroup(
            declared=4, plate="01 KG 123 ABC", plate_state="", kind="vehicle"
        )
        source.decide(TRAVELLERS["green"], group=GROUP)
        wait_until(lambda: "3 of 4 seen – 1 detached – passenger" in browser.text(".noted"))
        keys(browser, Keys.F11)
        wait_until(lambda: opened(browser, "group"))
        browser.driver.execute_script(
            "document.querySelector('#group [name=guardian]').value = 'm1';"
            "document.querySelector('#group [value=child]').checked = true;"
            "document.querySelector('#group [name=shared_document]').checked = true"
        )
        browser.driver.find_element("css selector", "[data-note=InGroup] [type=submit]").click()
        wait_until(lambda: not opened(browser, "group"))
        assert source.notes[-1] == InGroup(crossing="c1", role="child", guardian="m1", shared_document=True)
        keys(browser, Keys.F11)
        wait_until(lambda: opened(browser, "group"))
        reason = browser.driver.find_element("css selector", "[data-note=DetachFromGroup] [name=reason]")
        reason.send_keys("no visa", Keys.ENTER)
        wait_until(lambda: not opened(browser, "group"))
        assert source.notes[-1] == DetachFromGroup(crossing="c1", reason="no visa")
        source.show(WAITING, group=msgspec.structs.replace(GROUP, seen=3, decided=3, role=""))
        browser.wait_for_phase("idle")
        keys(browser, Keys.F11)
        wait_until(lambda: opened(browser, "group"))
        assert "say why" in browser.text(".differs")
        keys(browser, "one turned back", Keys.ENTER)
        wait_until(lambda: not opened(browser, "group"))
        assert source.notes[-1] == CloseGroup(group="g1", reason="one turned back")


SCREENS = (
    "asked",
    "asked-open",
    "stay-overstay",
    "proof",
    "visa-asked",
    "group",
    "group-between",
    "group-open",
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__all_of_it_fits_and_can_be_read(
    browser: Kiosk, source: ScriptedSource, language: str, size: str
) -> None:
    said = tuple(
        QuestionView(question=one, must=False, value=value)
        for one, value in zip(QUESTIONS, ("work", "UZB", "40", None), strict=True)
    )
    passed = traveller(
        passport("ERIKSSON", "ANNA MARIA", "L898902C3", "1974-08-12", "2031-05-14", "F"),
        21,
        check("visa.shown", "PASS", "shown"),
    )
    working = {"step": "reading_visa", "press": "without_visa", "hold": "refer", "crossing": "c1"}
    shows = {
        "asked": lambda: source.decide(TRAVELLERS["green"], asked=AskedView(questions=said)),
        "asked-open": lambda: source.decide(TRAVELLERS["green"], asked=ASKED, crossing="c0"),
        "stay-overstay": lambda: source.decide(
            OVERSTAYED, asked=msgspec.structs.replace(ASKED, takes_proof=True)
        ),
        "proof": lambda: source.decide(
            OVERSTAYED, asked=msgspec.structs.replace(ASKED, takes_proof=True), crossing="c3"
        ),
        "visa-asked": lambda: source.show(
            WAITING, **working, document=passed.document, asked=ASKED, takes_typed=True
        ),
        "group": lambda: source.decide(TRAVELLERS["green"], asked=AskedView(questions=said), group=GROUP),
        "group-between": lambda: source.show(
            WAITING, group=msgspec.structs.replace(GROUP, role=""), last_outcome=Outcome.ADMITTED
        ),
        "group-open": lambda: source.show(WAITING),
    }
    opens = {
        "asked-open": ("asked", lambda: keys(browser, Keys.F5)),
        "proof": ("proof", lambda: press_shift_f5(browser)),
        "group-open": ("group", lambda: keys(browser, Keys.F11)),
    }
    with served(kiosk_app(source, languages=LANGUAGES, default_language=language)) as server:
        browser.open(server.address, size=SIZES[size])
        for name in SCREENS:
            browser.wait_for_revision(shows[name]().revision)
            if name in opens:
                dialog, press = opens[name]
                press()
                wait_until(lambda dialog=dialog: opened(browser, dialog))
            picture(browser, f"{name}-{language}-{size}")
            misfits = browser.driver.execute_script(MISFITS)
            wanted = [one for one in misfits if name not in opens or "DIALOG" in one]
            assert wanted == [], name
            looked, faint = browser.driver.execute_script(FAINT)
            assert looked > 10
            assert faint == [], name
            keys(browser, Keys.ESCAPE)
    assert source.view().recommendation in (None, Recommendation.GREEN)
