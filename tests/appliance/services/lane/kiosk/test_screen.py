import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource, check

from appliance.contracts.lane import DeviceView, PortraitView, Trouble, View
from appliance.services.lane.kiosk.screen import Screen, screen_of
from appliance.services.lane.kiosk.words import load_words

EN = load_words("en")


def decided(name: str, **changes: object) -> Screen:
    return screen_of(ScriptedSource().decide(TRAVELLERS[name], **changes), EN)


def changed(**changes: object) -> View:
    return msgspec.structs.replace(WAITING, **changes)


def test_ok__the_gravest_check_comes_first_then_all_that_failed_and_the_watchlists() -> None:
    screen = decided("amber_check_digit")
    ids = [row.id for row in screen.attention]
    assert ids[:3] == list(TRAVELLERS["amber_check_digit"].reasons)
    assert [row.decisive for row in screen.attention] == [True] * 3 + [False] * 3
    assert {"watchlist.document", "watchlist.person", "watchlist.personal_number"} == set(ids[3:])


def test_ok__every_check_is_on_the_screen_once() -> None:
    for name, traveller in TRAVELLERS.items():
        screen = decided(name)
        rows = [row.id for row in screen.attention] + [row.id for area in screen.areas for row in area.rows]
        assert sorted(rows) == sorted(one.id for one in traveller.checks)


def test_ok__areas_count_what_passed_and_what_was_not_done() -> None:
    areas = {area.code: (area.passed, area.not_done) for area in decided("green").areas}
    assert areas == {"mrz": (12, 0), "document": (1, 0), "chip": (3, 4), "biometrics": (4, 2)}
    assert dict(decided("green").totals) == {"FAIL": 0, "CANNOT": 0, "NOT_DONE": 7, "PASS": 22}


def test_ok__an_area_nobody_knows_is_shown_too() -> None:
    screen = decided("green", checks=(check("iris.comparison", "PASS", "ok"),))
    assert [(area.code, area.name) for area in screen.areas] == [("iris", "iris")]


def test_ok__a_reason_that_names_no_check_breaks_nothing() -> None:
    screen = decided("green", reasons=("gone.check",))
    assert screen.stage.detail == "Nothing found"


@pytest.mark.parametrize(
    ("name", "sign", "title", "detail"),
    [
        ("green", "green", "GREEN", "Nothing found"),
        ("amber_near_match", "amber", "AMBER", "Name close to a watchlist"),
        ("red_stolen", "red", "RED", "Document reported stolen"),
        ("amber_check_digit", "amber", "AMBER", "Wrong check digit in the MRZ"),
        ("amber_not_alike", "amber", "AMBER", "Compare the faces"),
    ],
)
def test_ok__the_recommendation_is_a_sign_a_word_and_why(
    name: str, sign: str, title: str, detail: str
) -> None:
    stage = decided(name).stage
    assert (stage.picture, stage.title, stage.detail) == (sign, title, detail)


@pytest.mark.parametrize(
    ("view", "phase", "title"),
    [
        (changed(), "idle", "Press to start"),
        (changed(press=None), "idle", "Put document on reader"),
        (changed(step="reading_chip", press=None), "working", "Leave document on reader"),
        (changed(step="deciding"), "working", "Your decision"),
        (changed(step="some_new_step"), "working", "some_new_step"),
        (
            changed(step="reading_document", trouble=Trouble(code="document_not_read")),
            "trouble",
            "The document was not read",
        ),
        (changed(trouble=Trouble(code="quite_new")), "trouble", "quite_new"),
    ],
)
def test_ok__each_situation_has_its_look_and_its_words(view: View, phase: str, title: str) -> None:
    screen = screen_of(view, EN)
    assert (screen.phase, screen.stage.title) == (phase, title)
    assert len(title.split()) <= 6


def test_ok__trouble_says_what_to_do_now() -> None:
    screen = screen_of(changed(trouble=Trouble(code="storage_full")), EN)
    assert "paper procedure" in screen.stage.detail


def test_ok__the_track_shows_how_far_the_box_is() -> None:
    screen = screen_of(changed(step="taking_portrait"), EN)
    assert [station.state for station in screen.track] == ["done", "done", "now", "todo"]


def test_ok__wrong_characters_of_the_mrz_are_set_apart() -> None:
    marked = [span.text for line in decided("amber_check_digit").mrz for span in line if span.wrong]
    lines = TRAVELLERS["amber_check_digit"].document.lines
    assert marked == [lines[1][9], lines[1][43]]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-50, 50)), max_size=6))
def test_ok__marks_never_change_the_lines(places: list[tuple[int, int]]) -> None:
    document = TRAVELLERS["green"].document
    checks = tuple(
        check(f"mrz.{number}", "FAIL", "x", line=line, position=position)
        for number, (line, position) in enumerate(places)
    )
    screen = decided("green", checks=checks)
    assert tuple("".join(span.text for span in line) for line in screen.mrz) == document.lines


def test_ok__the_field_of_a_failed_check_is_marked() -> None:
    assert [field.code for field in decided("red_stolen").fields if field.wrong] == ["document_number"]
    assert [field.code for field in decided("green").fields if field.wrong] == []


@pytest.mark.parametrize(
    ("code", "sex", "kind", "said"),
    [("P", "X", "Passport", "unspecified"), ("ID", "<", "Identity card", "unspecified")]
    + [
        ("VC", "M", "Visa", "male"),
        ("S", "F", "Travel document", "female"),
        ("", "", "Travel document", "unspecified"),
    ],
)
def test_ok__kinds_of_document(code: str, sex: str, kind: str, said: str) -> None:
    document = msgspec.structs.replace(TRAVELLERS["green"].document, document_code=code, sex=sex)
    screen = decided("green", document=document)
    assert screen.document_kind == kind
    assert {field.code: field.value for field in screen.fields}["sex"] == said


def test_ok__a_document_without_a_name_or_dates() -> None:
    document = msgspec.structs.replace(
        TRAVELLERS["green"].document, primary_identifier="", secondary_identifier="", birth_date="1974-??-??"
    )
    values = {field.code: field.value for field in decided("green", document=document).fields}
    assert (values["primary_identifier"], values["birth_date"]) == ("–", "1974-??-??")


@pytest.mark.parametrize(
    ("quality", "unsure"), [("nts", False), ("rtc", False), ("carried", True), ("unsure", True)]
)
def test_ok__an_unsure_clock_is_marked(quality: str, unsure: bool) -> None:
    assert screen_of(changed(time_quality=quality), EN).clock_unsure is unsure


def test_ok__a_time_that_is_none_is_shown_as_it_is() -> None:
    assert screen_of(changed(time="soon"), EN).clock == "soon"


def test_ok__no_lists_is_a_state_of_its_own() -> None:
    assert screen_of(changed(lists=()), EN).oldest is None
    assert screen_of(WAITING, EN).oldest.age == "9 days"


@pytest.mark.parametrize(
    ("portrait", "picture", "title"),
    [
        (PortraitView(phase="notice"), "guide-notice", "Your picture will be taken"),
        (
            PortraitView(phase="guiding", instruction="take_off_glasses"),
            "guide-take_off_glasses",
            "Take off your glasses",
        ),
        (PortraitView(phase="good"), "guide-good", "Good. Stay like this"),
        (None, "taking_portrait", "Traveller looks at camera"),
    ],
)
def test_ok__the_officer_sees_what_the_traveller_is_told(
    portrait: PortraitView | None, picture: str, title: str
) -> None:
    view = msgspec.structs.replace(WAITING, step="taking_portrait", press=None, portrait=portrait)
    stage = screen_of(view, EN).stage
    assert (stage.picture, stage.title) == (picture, title)
    assert bool(stage.detail) == (portrait is not None)


@pytest.mark.parametrize("step", ["reading_document", "waiting"])
def test_ok__a_hint_for_the_page_stands_below(step: str) -> None:
    screen = screen_of(changed(step=step, press=None, page_hint="glare"), EN)
    assert screen.stage.picture == "reading_document"
    assert screen.stage.detail == "Tilt the page: light is mirrored"
    assert screen_of(changed(step=step, press=None), EN).stage.detail == ""


def test_ok__doubtful_characters_are_set_apart() -> None:
    doubtful = check(
        "mrz.legibility", "CANNOT", "uncertain_characters", places=[[0, 5], [1, 3], "odd", [7, 7]]
    )
    screen = decided("green", checks=(doubtful,))
    marked = [[span.text for span in line if span.wrong] for line in screen.mrz]
    assert [len("".join(line)) for line in marked] == [1, 1]


@pytest.mark.parametrize(
    ("changes", "word", "worry"),
    [
        ({}, "ready", False),
        ({"state": "ABSENT", "since": "2026-05-01T14:02+02:00"}, "absent since 14:02", True),
        ({"kind": "power", "charge_percent": 87, "on_mains": True}, "87%", False),
        ({"kind": "power", "charge_percent": 87, "on_mains": False}, "on battery, 87%", False),
        ({"kind": "power", "charge_percent": 20, "on_mains": False}, "on battery, 20%", True),
        ({"kind": "power", "on_mains": False}, "on battery, ?", False),
    ],
)
def test_ok__a_device_says_how_it_is(changes: dict[str, object], word: str, worry: bool) -> None:
    plain = DeviceView(kind="camera", model="m", state="READY", simulated=False)
    view = changed(devices=(msgspec.structs.replace(plain, **changes),))
    (device,) = screen_of(view, EN).devices
    assert (device.word, device.worry) == (word, worry)
    assert device.quiet == (not worry and not word.startswith("on battery"))
