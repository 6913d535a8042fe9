import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.errors import EntryError
from appliance.screening.importers.csv_entries import read_numbers, read_persons
from appliance.screening.persons.entries import EntryDirection, Number

DOCUMENTS = "reference,number,issuing_state,document_type,status\n"
PERSONS = "reference,primary_identifier,secondary_identifier,aliases,birth_dates,personal_numbers,reason,"
PERSONS += "direction\n"


def test_ok__documents() -> None:
    assert list(read_numbers(io.StringIO(DOCUMENTS + "d1,AB123,UTO,P,Stolen\n"))) == [
        DocumentEntry(
            number="AB123",
            issuing_state="UTO",
            document_type="P",
            status=DocumentStatus.STOLEN,
        )
    ]


def test_ok__persons() -> None:
    text = (
        PERSONS
        + 'p1,MUHAMMADOV,TIMUR,"MUKHAMEDOV, TIMUR; TIMUR BEK",1984-02-29;1984,KGZ:123;456,wanted,exit\n'
    )
    (one,) = read_persons(io.StringIO(text))
    assert one.names == (("MUHAMMADOV", "TIMUR"), ("MUKHAMEDOV", "TIMUR"), ("TIMUR BEK", ""))
    assert one.birth_dates == ("1984-02-29", "1984")
    assert one.personal_numbers == (Number("123", "KGZ"), Number("456"))
    assert one.direction is EntryDirection.EXIT


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("", 1, "is missing"),
        ("reference,number,issuing_state,status,colour\n", 1, "colour is none"),
        (DOCUMENTS + "d1,AB123,UTO,P,lost\nd2,AB124,UTO,P,gone\n", 3, "status is one of"),
        (DOCUMENTS + "d1,<<,UTO,P,lost\n", 2, "a number"),
        (DOCUMENTS + "d1,AB123,UTO\n", 2, "cells"),
        (DOCUMENTS + "d1,AB123,UTO,P,lost,more\n", 2, "cells"),
        (DOCUMENTS + f"d1,{'A' * 9000},UTO,P,lost\n", 2, "characters"),
        (DOCUMENTS + 'd1,"AB"123,UTO,P,lost\n', 2, "not CSV"),
    ],
)
def test_fail__documents(text: str, line: int, sentence: str) -> None:
    with pytest.raises(EntryError, match=sentence) as caught:
        list(read_numbers(io.StringIO(text)))
    assert caught.value.line == line
    assert str(caught.value).startswith(f"line {line}: ")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("p1,A,,,,,wanted,sideways", "direction is one of"),
        ("p1,A,,,29.2.1984,,wanted,", "YYYY"),
        (",A,,,,,wanted,", "reference"),
    ],
)
def test_fail__persons(row: str, sentence: str) -> None:
    with pytest.raises(EntryError, match=sentence):
        list(read_persons(io.StringIO(PERSONS + row + "\n")))


def test_fail__not_text() -> None:
    file = io.TextIOWrapper(io.BytesIO(DOCUMENTS.encode() + b"\xff\xfe,1,2,3,lost\n"), encoding="utf-8")
    with pytest.raises(EntryError, match="UTF-8"):
        list(read_numbers(file))


@given(st.text(max_size=60))
def test_ok__garbage_is_an_entry_error(text: str) -> None:
    with contextlib.suppress(EntryError):
        list(read_persons(io.StringIO(PERSONS + text)))
