"""The book of officers: no PIN that anybody could guess, and few guesses."""

import datetime as dt
from pathlib import Path

import nacl.utils
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.secret import SecretBox

from appliance.contracts.officers import Role
from appliance.records import officers as books
from appliance.records.errors import StorageBroken
from appliance.records.officers import (
    FILE,
    MAX_TRIES,
    OfficerError,
    OfficerLocked,
    Officers,
    OfficerUnknown,
    check_pin,
)

NOW = dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)
KEY = SecretBox(nacl.utils.random(32))
ROLES = frozenset({Role.OFFICER, Role.SECOND_LINE})


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    monkeypatch.setattr(books, "MEMORY", 8192)
    monkeypatch.setattr(books, "OPS", 1)


@pytest.fixture
def book(tmp_path: Path) -> Officers:
    book = Officers(tmp_path, KEY)
    book.add("Aida  Osmonova", "271828", ROLES)
    return book


def test_ok__who_has_the_pin(book: Officers) -> None:
    assert book.check("Aida Osmonova", "271828", now=NOW).roles == ROLES
    assert book.check("Aida Osmonova", "271829", now=NOW) is None
    (view,) = book.all()
    assert (view.name, view.roles) == ("Aida Osmonova", (Role.OFFICER, Role.SECOND_LINE))


def test_ok__another_process_sees_what_this_one_wrote(book: Officers, tmp_path: Path) -> None:
    other = Officers(tmp_path, KEY)
    other.add("Bek", "314159", frozenset({Role.SUPERVISOR}))
    assert [one.name for one in book.all()] == ["Aida Osmonova", "Bek"]
    book.remove("Bek")
    with pytest.raises(OfficerUnknown, match="no officer called Bek"):
        other.check("Bek", "314159", now=NOW)


def test_ok__a_new_pin_for_an_old_officer(book: Officers) -> None:
    book.add("Aida Osmonova", "161803", frozenset({Role.TRAINER}))
    assert book.check("Aida Osmonova", "271828", now=NOW) is None
    assert book.check("Aida Osmonova", "161803", now=NOW).roles == frozenset({Role.TRAINER})


def test_fail__too_many_guesses_and_pulling_the_plug_gives_no_more(book: Officers, tmp_path: Path) -> None:
    for _ in range(MAX_TRIES - 1):
        assert Officers(tmp_path, KEY).check("Aida Osmonova", "000001", now=NOW) is None
    with pytest.raises(OfficerLocked) as locked:
        book.check("Aida Osmonova", "000001", now=NOW)
    assert locked.value.minutes == 15
    with pytest.raises(OfficerLocked, match="5 minutes"):
        book.check("Aida Osmonova", "271828", now=NOW + dt.timedelta(minutes=10))
    assert book.check("Aida Osmonova", "271828", now=NOW + dt.timedelta(minutes=15)) is not None


def test_ok__a_clock_that_was_set_back_locks_nobody_out_for_long(book: Officers) -> None:
    for _ in range(MAX_TRIES - 1):
        book.check("Aida Osmonova", "000001", now=NOW)
    with pytest.raises(OfficerLocked):
        book.check("Aida Osmonova", "000001", now=NOW)
    with pytest.raises(OfficerLocked) as locked:
        book.check("Aida Osmonova", "271828", now=NOW - dt.timedelta(days=300))
    assert locked.value.minutes == 15


def test_ok__a_right_pin_forgives_the_wrong_ones(book: Officers) -> None:
    for _ in range(3):
        for _ in range(MAX_TRIES - 1):
            assert book.check("Aida Osmonova", "000001", now=NOW) is None
        assert book.check("Aida Osmonova", "271828", now=NOW) is not None


@pytest.mark.parametrize(
    "pin", ["", "12345", "1234567890123", "abcdef", "111111", "123456", "987654", "٣٣٣٣٣٣"]
)
def test_fail__pins_that_nobody_should_have(book: Officers, pin: str) -> None:
    with pytest.raises(OfficerError):
        book.add("Bek", pin, ROLES)


@given(st.text(max_size=20))
@settings(max_examples=200)
def test_ok__only_digits_are_a_pin(pin: str) -> None:
    try:
        check_pin(pin)
    except OfficerError:
        return
    assert 6 <= len(pin) <= 12
    assert set(pin) <= set("0123456789")


@pytest.mark.parametrize("name", ["", "  ", "A" * 65, "A\x07"])
def test_fail__names_that_nobody_has(book: Officers, name: str) -> None:
    with pytest.raises(OfficerError, match="A name has"):
        book.add(name, "271828", ROLES)


def test_fail__nobody_without_a_role_and_not_too_many(book: Officers, monkeypatch) -> None:
    with pytest.raises(OfficerError, match="at least one role"):
        book.add("Bek", "271828", frozenset())
    with pytest.raises(OfficerError, match="no officer called Bek"):
        book.remove("Bek")
    monkeypatch.setattr(books, "MAX_OFFICERS", 1)
    with pytest.raises(OfficerError, match="1 officers already"):
        book.add("Bek", "271828", ROLES)


def test_fail__a_book_that_is_damaged_or_another_box_s(book: Officers, tmp_path: Path) -> None:
    with pytest.raises(StorageBroken, match="another box's"):
        Officers(tmp_path, SecretBox(nacl.utils.random(32))).all()
    (tmp_path / FILE).write_bytes(b"rot")
    with pytest.raises(StorageBroken, match="damaged"):
        book.check("Aida Osmonova", "271828", now=NOW)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(StorageBroken, match="cannot be read"):
        book.all()
    (tmp_path / "file").touch()
    with pytest.raises(StorageBroken, match="cannot be"):
        Officers(tmp_path / "file", KEY).add("Bek", "271828", ROLES)
