"""The box's own enrolments: found by document or person, encrypted, forgotten in time."""

import datetime as dt
import sqlite3
from pathlib import Path

import pytest
from nacl.secret import SecretBox

from appliance.records.enrolment import MAX_FOUND, Enrolments, Owner
from appliance.records.errors import StorageError

NOW = dt.datetime(2026, 11, 26, 10, 0, tzinfo=dt.UTC)
KEY = SecretBox(bytes(range(32)))
ANNA = Owner(document=("UTO", "L898902C3"), person=("ERIKSSON", "ANNA", "1974-08-12", "UTO"))
OTHER = Owner(document=("UTO", "X1"), person=("OTHER", "", "1980-01-01", "UTO"))


@pytest.fixture
def enrolments(tmp_path: Path):
    file = Enrolments.open(tmp_path / "enrolments.db", storage=KEY)
    yield file
    file.close()


def enrol(
    file: Enrolments, crossing: str, owner: Owner = ANNA, *, moment: dt.datetime = NOW, days: float = 14
) -> None:
    file.enrol(crossing, moment, owner, f"fingers of {crossing}".encode(), days=days)


def test_ok_found_by_document_or_by_person(enrolments: Enrolments) -> None:
    enrol(enrolments, "one")
    enrol(enrolments, "two", OTHER)
    new_passport = Owner(document=("UTO", "N2"), person=ANNA.person)
    new_name = Owner(document=ANNA.document, person=("MARRIED", "ANNA", "1974-08-12", "UTO"))
    for owner in (ANNA, new_passport, new_name):
        assert [each.payload for each in enrolments.of(owner)] == [b"fingers of one"]
    assert enrolments.of(Owner(document=("UTO", "N3"), person=("NOBODY", "", "", ""))) == ()


def test_ok_what_is_not_known_finds_nobody(enrolments: Enrolments) -> None:
    unknown = Owner(document=(), person=())
    enrol(enrolments, "one", unknown)
    assert enrolments.of(unknown) == ()
    assert [each.crossing for each in enrolments.latest(5)] == ["one"]


def test_ok_the_latest_first_and_no_more_than_are_compared(enrolments: Enrolments) -> None:
    for number in range(MAX_FOUND + 2):
        enrol(enrolments, str(number), moment=NOW + dt.timedelta(hours=number))
    found = [each.crossing for each in enrolments.of(ANNA)]
    assert found == [str(number) for number in range(MAX_FOUND + 1, 1, -1)]
    assert [each.crossing for each in enrolments.latest(2)] == found[:2]


def test_ok_forgotten_after_some_days(enrolments: Enrolments) -> None:
    enrol(enrolments, "old", moment=NOW - dt.timedelta(days=15))
    enrol(enrolments, "new", OTHER)
    assert enrolments.of(ANNA) == ()
    enrolments.forget(NOW + dt.timedelta(days=20), days=14)
    assert enrolments.latest(5) == ()


def test_ok_the_file_names_nobody(enrolments: Enrolments, tmp_path: Path) -> None:
    enrol(enrolments, "one")
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for word in (b"ERIKSSON", b"L898902C3", b"fingers of", b"1974"):
        assert word not in content
    assert (tmp_path / "enrolments.db").stat().st_mode & 0o077 == 0


def test_ok_under_another_key_nothing_is_found(enrolments: Enrolments, tmp_path: Path) -> None:
    enrol(enrolments, "one")
    stranger = Enrolments.open(tmp_path / "enrolments.db", storage=SecretBox(bytes(32)))
    assert stranger.of(ANNA) == ()
    assert stranger.latest(5) == ()
    stranger.close()


def test_ok_one_crossings_fingers_cannot_be_put_under_another(enrolments: Enrolments, tmp_path: Path) -> None:
    enrol(enrolments, "one")
    with sqlite3.connect(tmp_path / "enrolments.db") as connection:
        connection.execute("UPDATE enrolled SET crossing = 'two'")
    assert enrolments.of(ANNA) == ()


def test_ok_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "enrolments.db"
    path.write_bytes(b"no database at all" * 100)
    file = Enrolments.open(path, storage=KEY)
    assert file.latest(5) == ()
    file.close()
    assert list(tmp_path.glob("enrolments.db.corrupt-*"))


def test_fail_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        Enrolments.open(tmp_path / "file" / "enrolments.db", storage=KEY)


def test_fail_a_file_that_can_no_longer_be_used(tmp_path: Path) -> None:
    file = Enrolments.open(tmp_path / "enrolments.db", storage=KEY)
    with sqlite3.connect(tmp_path / "enrolments.db") as connection:
        connection.execute("DROP TABLE enrolled")
    for work in (
        lambda: enrol(file, "one"),
        lambda: file.of(ANNA),
        lambda: file.latest(1),
        lambda: file.forget(NOW, days=1),
    ):
        with pytest.raises(StorageError):
            work()
    file.close()
