"""The form of a typed document: what is taken, and what is wrong with the rest, field by field."""

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts.typed import MAX_FIELD, PROBLEMS, TYPED_FOR, TypedEntry
from appliance.services.lane.typed_entry import read_entry
from appliance.travel_document import parse_mrz

TODAY = dt.date(2026, 11, 26)
GOOD = TypedEntry(
    crossing="c",
    typed_for="not_machine_readable",
    document_code="P",
    issuing_state="kgz",
    document_number="ac 1234-567",
    document_number_again="AC1234567",
    primary_identifier="Шишкин",
    secondary_identifier="Иван  Петрович",
    nationality="KGZ",
    birth_date="1980-05-31",
    birth_date_again="1980-05-31",
    sex="M",
    expiry_date="2030-01-02",
)


def read(**changes: str):
    entry = msgspec.structs.replace(GOOD, **changes)
    return read_entry(entry, today=TODAY, provisional_number="PROV1234ABCD")


def test_ok__as_typed_and_as_the_mrz_would_write_it() -> None:
    document, problems = read()
    assert problems == {}
    assert (document.document_number, document.issuing_state) == ("AC1234567", "KGZ")
    assert (document.primary_identifier, document.secondary_identifier) == ("Шишкин", "Иван Петрович")
    assert (document.primary_in_latin, document.secondary_in_latin) == ("SHISHKIN", "IVAN PETROVICH")
    mrz = parse_mrz(document.lines, today=TODAY)
    assert (mrz.document_number, str(mrz.birth_date), mrz.primary_identifier) == (
        "AC1234567",
        "1980-05-31",
        "SHISHKIN",
    )


@pytest.mark.parametrize(
    ("typed", "understood"),
    [("1980", "1980-??-??"), ("1980-05", "1980-05-??"), ("", "????-??-??"), ("1980-05-31", "1980-05-31")],
)
def test_ok__what_nobody_knows_of_a_birth_date_is_left_out(typed: str, understood: str) -> None:
    document, _ = read(birth_date=typed, birth_date_again=typed)
    assert document.birth_date == understood


def test_ok__single_names_no_expiry_and_other_papers() -> None:
    document, _ = read(secondary_identifier="", expiry_date="", document_code="O")
    assert (document.secondary_in_latin, document.expiry_date, document.lines) == ("", "", ())


@pytest.mark.parametrize("number", ["AB12345678901234567890", "AB1234567890"])
def test_ok__a_number_that_no_mrz_has_room_for(number: str) -> None:
    document, _ = read(document_number=number, document_number_again=number)
    assert (document.document_number, document.lines) == (number, ())


def test_ok__a_person_without_papers_gets_a_provisional_identity() -> None:
    document, problems = read(
        typed_for="no_document", document_code="", issuing_state="", document_number="", nationality="XXX"
    )
    assert problems == {}
    assert (document.document_number, document.issuing_state) == ("PROV1234ABCD", "")
    assert (document.nationality, document.lines) == ("XXX", ())


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"typed_for": ""}, "typed_for", "choose"),
        ({"document_code": "Q"}, "document_code", "choose"),
        ({"sex": ""}, "sex", "choose"),
        ({"document_number": ""}, "document_number", "missing"),
        ({"document_number": "№ 5"}, "document_number", "no_letters"),
        ({"document_number": "A" * (MAX_FIELD + 1)}, "document_number", "too_long"),
        ({"document_number": "AC1234568"}, "document_number_again", "differs"),
        ({"issuing_state": ""}, "issuing_state", "missing"),
        ({"issuing_state": "QQQ"}, "issuing_state", "unknown_code"),
        ({"issuing_state": "XXA"}, "issuing_state", "not_an_issuer"),
        ({"nationality": "QQQ"}, "nationality", "unknown_code"),
        ({"primary_identifier": ""}, "primary_identifier", "missing"),
        ({"primary_identifier": "..."}, "primary_identifier", "no_letters"),
        ({"primary_identifier": "王"}, "primary_identifier", "no_letters"),
        ({"secondary_identifier": "?"}, "secondary_identifier", "no_letters"),
        ({"secondary_identifier": "A" * (MAX_FIELD + 1)}, "secondary_identifier", "too_long"),
        ({"birth_date": "31.05.1980"}, "birth_date", "not_a_date"),
        ({"birth_date": "1980-02-30"}, "birth_date", "not_a_date"),
        ({"birth_date": "2027-01-01"}, "birth_date", "in_future"),
        ({"birth_date_again": "1980-05-30"}, "birth_date_again", "differs"),
        ({"expiry_date": "soon"}, "expiry_date", "not_a_date"),
        ({"expiry_date": "1979-01-01"}, "expiry_date", "expires_before_birth"),
    ],
)
def test_fail__each_field_says_what_is_wrong(changes: dict[str, str], field: str, problem: str) -> None:
    document, problems = read(**changes)
    assert document is None
    assert problems[field] == problem
    assert problem in PROBLEMS


@given(st.fixed_dictionaries({name: st.text(max_size=250) for name in GOOD.__struct_fields__[2:-1]}))
def test_ok__whatever_is_typed_there_is_an_answer(fields: dict[str, str]) -> None:
    for why in (*TYPED_FOR, "?"):
        document, problems = read(typed_for=why, **fields)
        assert (document is None) == bool(problems)
        assert set(problems.values()) <= set(PROBLEMS)
