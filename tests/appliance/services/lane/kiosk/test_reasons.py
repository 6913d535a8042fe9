from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kiosk_scripted import NINE_DAYS, check

from appliance.contracts.checks import CHECKS, Check, Verdict
from appliance.services.lane.kiosk.reasons import area_of, headline_of, list_age_hours, reason_of
from appliance.services.lane.kiosk.words import load_words

EN = load_words("en")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    (
        *("read", "expected", "expiry_date", "fields", "list", "score", "lists", "list_age_hours", "other"),
        *("days", "used", "used_most", "window_days", "window_from", "lines", "overstayed", "last_day"),
        *("proofs", "questions", "other_nationalities"),
    )
)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "No hit – list 9 days old"),
        ("fr", "Aucun signalement – liste vieille de 9 jours"),
        ("ru", "Совпадений нет – списку 9 дней"),
    ],
)
def test_ok__no_hit_on_a_nine_day_old_list_is_said_in_those_words(language: str, expected: str) -> None:
    no_hit = check("watchlist.person", "PASS", "no_hit", list_age_hours=NINE_DAYS)
    assert reason_of(no_hit, load_words(language)) == expected


def test_ok__of_several_lists_the_oldest_counts() -> None:
    assert list_age_hours({"lists": [{"list_age_hours": 3}, {"list_age_hours": 40.5}, {}]}) == 40.5
    assert list_age_hours({"list_age_hours": None}) is None


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            check("mrz.composite_check_digit", "FAIL", "check_digit_differs", read="3", expected="7"),
            "Reads 3, must be 7",
        ),
        (
            check("mrz.birth_date_check_digit", "FAIL", "not_a_digit", read="O", expected="0"),
            "Reads O, must be 0 – Not a digit",
        ),
        (
            check("mrz.birth_date_check_digit", "CANNOT", "unreadable_character", read="?", expected=""),
            "A character that cannot be read",
        ),
        (
            check("mrz.issuing_state_code", "FAIL", "unknown_code", read="XYZ", expected="a known code"),
            "Unknown code",
        ),
        (check("document.expiry", "FAIL", "expired", expiry_date="2020-01-31"), "Expired on 31 Jan 2020"),
        (check("document.expiry", "PASS", "valid", expiry_date="2031-??-??"), "Valid to 2031-??-??"),
        (
            check("chip.dg1_matches_mrz", "FAIL", "different", fields=["birth_date", "sex"]),
            "Not the same – Born, Sex",
        ),
        (
            check("watchlist.person", "FAIL", "possible_match", list="north", score=0.914, list_age_hours=2),
            "Near match – north – 91% alike – list 2 hours old",
        ),
        (check("new.check", "FAIL", "quite_new"), "quite_new"),
    ],
)
def test_ok__a_reason_says_what_was_seen(made: Check, expected: str) -> None:
    assert reason_of(made, EN) == expected


@settings(deadline=None)
@given(
    id_=st.sampled_from(sorted(CHECKS)),
    reason=st.sampled_from(sorted({reason for reasons in CHECKS.values() for reason in reasons})),
    evidence=st.dictionaries(KEYS, ANYTHING, max_size=6),
)
def test_ok__any_evidence_gives_words(id_: str, reason: str, evidence: dict[str, Any]) -> None:
    made = Check(id=id_, verdict=Verdict.FAIL, reason=reason, evidence=evidence)
    assert reason_of(made, EN)
    assert headline_of(made, EN)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (check("watchlist.document", "FAIL", "stolen"), "Document reported stolen"),
        (check("mrz.birth_date_check_digit", "FAIL", "check_digit_differs"), "Wrong check digit in the MRZ"),
        (check("watchlist.person", "NOT_DONE", "no_list"), "Watchlist is missing"),
        (check("portrait.taken", "CANNOT", "no_device"), "Live photo: No device for it"),
    ],
)
def test_ok__a_headline_is_short_or_names_the_check(made: Check, expected: str) -> None:
    assert headline_of(made, EN) == expected


def test_ok__what_the_officer_calls_biometrics_is_one_area() -> None:
    areas = {area_of(check(id_, "PASS", "ok")) for id_ in ("portrait.taken", "face.quality", "fingerprint.x")}
    assert areas == {"biometrics"}
    assert area_of(check("chip.read", "PASS", "read")) == "chip"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "No hit – list age unknown"),
        ("fr", "Aucun signalement – âge de la liste inconnu"),
        ("ru", "Совпадений нет – возраст списка неизвестен"),
    ],
)
def test_ok__an_age_that_the_clock_cannot_tell_is_said_to_be_unknown(language: str, expected: str) -> None:
    no_hit = check("watchlist.person", "PASS", "no_hit", list_age_hours=None)
    assert reason_of(no_hit, load_words(language)) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Not alike: compare yourself – similarity 0.21, at least 0.45"),
        ("fr", "Différents : comparez vous-même – similitude 0,21, minimum 0,45"),
        ("ru", "Не похожи: сравните сами – сходство 0,21, минимум 0,45"),
    ],
)
def test_ok__a_similarity_is_said_with_what_it_should_have_been(language: str, expected: str) -> None:
    made = check("face.comparison", "FAIL", "not_alike", similarity=0.2144, threshold=0.45)
    assert reason_of(made, load_words(language)) == expected


def test_ok__what_a_picture_lacks_is_said() -> None:
    made = check("face.quality", "FAIL", "below_profile", short=["EyesOpen", "own.focus"])
    assert reason_of(made, EN) == "Not good enough – eyes closed, not sharp"


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ({"en": "Only at North.", "ru": "Только на Севере."}, "Does not serve – Only at North."),
        ({"ky": "Түндүктө гана."}, "Does not serve – Түндүктө гана."),
        ({}, "Does not serve"),
        ({"en": 5}, "Does not serve"),
        ("nonsense", "Does not serve"),
    ],
)
def test_ok__a_rule_speaks_for_itself(says: object, expected: str) -> None:
    made = Check(id="document.accepted", verdict=Verdict.FAIL, reason="not_accepted", evidence={"says": says})
    assert reason_of(made, EN) == expected


def stay(id_: str, reason: str, **evidence):
    values = {
        "days": 90,
        "window_days": 180,
        "window_from": "2026-05-29",
        "used": 12,
        "used_most": 12,
        "overstayed": 0,
        "last_day": "2027-02-10",
        "lines": [{"since": "2026-06-12", "until": "2026-06-22", "days": 11, "most": 11, "gap": ""}],
    } | evidence
    return Check(id=id_, verdict=Verdict.PASS, reason=reason, evidence=values)


def test_ok__the_arithmetic_of_a_stay() -> None:
    assert reason_of(stay("stay.allowed", "days_left"), EN) == (
        "May stay – 12 of 90 days used in 180 days since 29 May 2026 – 12 Jun 2026 – 22 Jun 2026: 11"
        " – until 10 Feb 2027"
    )
    over = stay("stay.days", "overstayed", overstayed=4, window_days=None, lines=[])
    assert reason_of(over, EN) == "Stayed too long – 12 of 90 days used – 4 days too long"
    again = stay("stay.allowed", "used_up", overstayed=4, last_day=None, again_from="2027-03-01", lines=[])
    assert reason_of(again, EN).endswith("4 days too long – again from 1 Mar 2027")
    assert "jusqu’au 10 févr. 2027" in reason_of(stay("stay.allowed", "days_left"), load_words("fr"))


def test_ok__what_is_not_known_of_a_stay_is_said() -> None:
    gap = {"since": "2026-06-12", "until": "2026-07-22", "days": 1, "most": 41, "gap": "no_exit"}
    told = reason_of(
        stay("stay.allowed", "perhaps_used_up", used_most=93, lines=[gap] * 4, last_day=None), EN
    )
    assert "12 to 93 of 90 days used" in told
    assert "12 Jun 2026 – 22 Jul 2026: 1 to 41 (exit not known)" in told
    assert "2 earlier stays" in told
    used = stay("stay.allowed", "used_up", last_day=None, again_from="2027-03-01", visa_until="2027-01-01")
    assert reason_of(used, EN).endswith("visa until 1 Jan 2027 – again from 1 Mar 2027")


def test_ok__proofs_and_the_other_nationality() -> None:
    proof = {"direction": "entry", "day": "2026-09-03", "kind": "stamp", "place": "Osh"}
    legs = Check(id="stay.legs", verdict=Verdict.PASS, reason="proved", evidence={"proofs": [proof]})
    assert "stamp entry 3 Sep 2026 Osh" in reason_of(legs, EN)
    other = {"nationality": "KGZ", "verdict": "PASS", "reason": "no_limit"}
    both = stay("stay.days", "nationalities_differ", other_nationalities=[other])
    assert reason_of(both, EN).endswith("Kyrgyzstan: No limit by this nationality")


def test_ok__what_must_be_asked() -> None:
    left = Check(
        id="stated.answers",
        verdict=Verdict.NOT_DONE,
        reason="must_be_asked",
        evidence={"questions": ["purpose", "transport"]},
    )
    assert reason_of(left, EN) == "The rules say that it must be asked – Purpose, Comes by"
