"""The book of who is expected: rows that were moved, damaged or are another key's tell nobody anything."""

import datetime as dt
import sqlite3

import msgspec
import pytest
from nacl.secret import SecretBox
from nacl.utils import random

from appliance.contracts.advance import AdvanceList
from appliance.records.errors import StorageError
from appliance.records.expected import Expected, Listed

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
LIST = AdvanceList(
    id="a" * 32,
    reference="bus 17",
    kind="bus",
    route="",
    direction="entry",
    expected=NOW.isoformat(),
)


def listed(number: str, *, hit: bool = False) -> Listed:
    return Listed(
        id=number.lower().rjust(32, "0"),
        list=LIST.id,
        coach="",
        seat="",
        role="passenger",
        document_code="P",
        issuing_state="UTO",
        document_number=number,
        primary_identifier="SPECIMEN",
        secondary_identifier=number,
        nationality="UTO",
        birth_date="1980-01-02",
        sex="",
        expiry_date="",
        checks=(),
        hit=hit,
    )


def found(book: Expected, number: str, name: str = "", birth_date: str = "1980-01-02") -> list[bool]:
    matches = book.find(
        issuing_state="UTO", document_number=number, name=("SPECIMEN", name), birth_date=birth_date
    )
    return [one.sure for one in matches]


@pytest.fixture
def key() -> SecretBox:
    return SecretBox(random(SecretBox.KEY_SIZE))


@pytest.fixture
def book(tmp_path, key):
    opened = Expected.open(tmp_path / "expected.db", storage=key)
    opened.add(LIST, (listed("A1"), listed("A2", hit=True)))
    yield opened
    opened.close()


def test_ok__found_by_document_else_by_name_and_whole_birth_date(book: Expected) -> None:
    assert found(book, "A1", "A1") == [True]
    assert found(book, "OTHER", "A1") == [False]
    assert found(book, "OTHER", "A1", "1980-01-??") == []
    assert found(book, "", "", "") == []
    assert found(book, "A1", "A2") == [True, False], "the sure one first"


def test_ok__who_came_counts_once_and_a_sure_word_goes_before_a_perhaps(book: Expected) -> None:
    one = listed("A1").id
    for sure in (False, True, False):
        book.note_came(one, sure=sure)
    known = book.known_list(LIST.id)
    assert (known.persons, known.came, known.perhaps, known.absent) == (2, 1, 0, 1)
    assert book.count_hits() == 1
    book.note_came(listed("A2").id, sure=False)
    assert book.count_hits() == 0
    assert [(one.document_number, came) for one, came in book.hits()] == [("A2", True)]


def test_ok__it_stands_after_a_restart_and_counts_outlive_the_people(book: Expected, tmp_path, key) -> None:
    book.note_came(listed("A1").id, sure=True)
    book.add(LIST, (listed("A1"),))
    book.close()
    again = Expected.open(tmp_path / "expected.db", storage=key)
    assert again.has(listed("A1").id)
    again.end(again.known_list(LIST.id))
    assert (again.count(), found(again, "A1", "A1")) == (0, [])
    (ended,) = again.lists()
    assert (ended.persons, ended.came, ended.ended) == (2, 1, True)
    again.forget_counts(now=NOW + dt.timedelta(days=29))
    assert len(again.lists()) == 1
    again.forget_counts(now=NOW + dt.timedelta(days=31))
    assert again.lists() == ()
    again.close()


def test_fail__rows_that_were_exchanged_or_damaged_are_nobody(book: Expected, tmp_path) -> None:
    with sqlite3.connect(tmp_path / "expected.db") as thief:
        thief.execute("UPDATE persons SET sealed = (SELECT sealed FROM persons WHERE hit) WHERE NOT hit")
        thief.execute("UPDATE persons SET sealed = x'00ff' WHERE hit")
    assert found(book, "A1", "A1") == []
    assert book.hits() == ()
    with sqlite3.connect(tmp_path / "expected.db") as thief:
        thief.execute("UPDATE lists SET sealed = 'text'")
    assert book.lists() == ()


def test_fail__another_key_finds_nobody(book: Expected, tmp_path) -> None:
    other = Expected.open(tmp_path / "expected.db", storage=SecretBox(random(SecretBox.KEY_SIZE)))
    assert (found(other, "A1", "A1"), other.lists(), other.hits()) == ([], (), ())
    other.close()


def test_fail__a_list_is_added_whole_or_not_at_all(book: Expected) -> None:
    broken = msgspec.structs.replace(listed("A3"), list=None)
    with pytest.raises(StorageError):
        book.add(LIST, (listed("A4"), broken))
    assert not book.has(listed("A4").id)
    book.add(LIST, (listed("A4"),))
    assert book.has(listed("A4").id)


def test_fail__a_damaged_file_is_begun_anew(tmp_path, key) -> None:
    (tmp_path / "expected.db").write_bytes(b"no database" * 100)
    book = Expected.open(tmp_path / "expected.db", storage=key)
    assert book.lists() == ()
    assert list(tmp_path.glob("expected.db.*"))
    book.close()
