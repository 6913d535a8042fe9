"""What is kept of a movement, and that nothing else is."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statistics_common import KEY, check, document, facts, movement, stamp

from appliance.contracts.checks import Verdict
from appliance.contracts.movement import Stated
from appliance.records.statistics.facts import (
    NO_AGE,
    NOT_ASKED,
    NOT_SAID,
    age_at,
    document_link,
    facts_of,
    handling_seconds,
    kind_of,
    person_link,
)


def test_ok__nothing_that_names_anybody() -> None:
    text = msgspec.json.encode(facts(document=document(personal_number="ZE184226B"))).decode()
    for secret in ("ERIKSSON", "ANNA", "L898902C3", "1974", "ZE184226B"):
        assert secret not in text


def test_ok__variables_of_a_movement() -> None:
    one = facts(
        stated=Stated(birth_country="D", purpose="work", intended_stay_days=40, declined=("next_residence",)),
        checks=(
            check("chip.read", Verdict.CANNOT, "no_chip"),
            check("face.comparison", Verdict.NOT_DONE, "no_chip_portrait"),
            check("watchlist.person", Verdict.FAIL, "possible_match"),
            check("watchlist.document", Verdict.PASS, "no_hit"),
        ),
        not_same=("pair",),
    )
    assert (one.nationality, one.sex, one.age, one.document) == ("UTO", "female", 52, "passport")
    assert (one.birth_country, one.previous_residence, one.next_residence) == ("D", NOT_ASKED, NOT_SAID)
    assert (one.purpose, one.intended_stay_days, one.handling_seconds) == ("work", 40, 21.5)
    assert [each.check for each in one.missed] == ["chip.read", "face.comparison"]
    assert [(each.check, each.reason) for each in one.hits] == [("watchlist.person", "possible_match")]
    assert one.false_hits == 1


def test_ok__a_traveller_without_a_document() -> None:
    one, other = facts("c1", document=None), facts("c2", document=None)
    assert (one.document, one.nationality, one.sex, one.age) == ("no_document", "unknown", "unknown", NO_AGE)
    assert one.purpose == NOT_ASKED
    assert one.person != other.person  # nobody is linked with anybody


@pytest.mark.parametrize(
    ("code", "nationality", "kind"),
    [
        ("P", "UTO", "passport"),
        ("PD", "UTO", "passport"),
        ("PR", "D", "convention_document"),
        ("P", "XXB", "convention_document"),
        ("I<", "UTO", "identity_card"),
        ("AC", "UTO", "identity_card"),
        ("V", "UTO", "visa"),
        ("", "UTO", "other"),
    ],
)
def test_ok__kinds_of_documents(code: str, nationality: str, kind: str) -> None:
    assert kind_of(document(document_code=code, nationality=nationality)) == kind


@pytest.mark.parametrize(
    ("birth", "age"),
    [
        ("2000-11-02", 26),
        ("2000-11-03", 25),
        ("2000-??-??", NO_AGE),
        ("2000-11-??", NO_AGE),
        ("2000-10-??", 26),
        ("2030-01-01", NO_AGE),
        ("1800-01-01", NO_AGE),
        ("", NO_AGE),
        ("<<<<<<", NO_AGE),
    ],
)
def test_ok__age(birth: str, age: int) -> None:
    assert age_at(birth, "2026-11-02T08:00:00+00:00") == age
    assert age_at(birth, "no day") == NO_AGE


def test_ok__the_link_is_keyed_and_the_person_s() -> None:
    def link(key: bytes = KEY, **changes: str) -> str:
        return person_link(document(**changes), crossing="c", key=key)

    assert link() == link(document_number="OTHER", issuing_state="D", sex="M")  # a renewed passport
    assert link() != link(key=bytes(32))
    assert link() != link(secondary_identifier="ANNA")  # a child in the same passport
    assert link() != link(birth_date="1974-08-13")
    assert document_link(document(), key=KEY) == document_link(document(primary_identifier="X"), key=KEY)
    assert document_link(document(document_number="<<<"), key=KEY) is None
    assert document_link(None, key=KEY) is None


def test_ok__handling_time_is_measured_in_one_boot() -> None:
    assert handling_seconds(movement()) == 21.5
    assert handling_seconds(movement(started=stamp("2026-11-02", 0.0, "another"))) is None
    assert handling_seconds(movement(started=stamp("2026-11-02", 99.0))) is None


@given(st.text(max_size=12), st.text(max_size=40), st.text(max_size=8), st.text(max_size=3))
def test_ok__whatever_a_document_says(birth: str, name: str, code: str, sex: str) -> None:
    """A document is a stranger's: every text gives facts, and none of them more than a code's length."""
    strange = document(birth_date=birth, primary_identifier=name, document_code=code, sex=sex)
    one = facts_of(movement(document=strange), link_key=KEY)
    assert one.sex in {"female", "male", "unspecified", "unknown"}
    assert -1 <= one.age <= 130
    assert len(one.person) == 32
