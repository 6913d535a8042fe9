"""Scripts are data that a trainer writes: what is wrong is said with its line."""

import contextlib
import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts.checks import CHECKS
from appliance.rules.table import read_table
from appliance.simulation.training.casting import cast_of
from appliance.simulation.training.script import (
    Act,
    ScriptError,
    chosen_of,
    day_of,
    load_book,
    read_book,
)
from appliance.simulation.training.setting import RULES
from appliance.travel_document import parse_mrz

DAY = dt.date(2026, 11, 26)
ONE = """\
name = "one"

[[traveller]]
id = "one"
grade = 1
title = "t"
tells = "t"
honest = true
[traveller.document]
surname = "BERG"
born = "1980-01-02"
[traveller.person]
face = 1
[traveller.right]
box = "GREEN"
act = "admit"
debrief = "d"
"""
DOCUMENT = '[traveller.document]\nsurname = "BERG"\nborn = "1980-01-02"\n'
TWO = ONE + ONE.split("\n", 2)[2].replace('id = "one"', 'id = "two"')


def test_ok__the_shipped_book_has_sixty_three_of_graded_difficulty() -> None:
    book = load_book()
    assert len(book.traveller) == 63
    assert [sum(one.grade == grade for one in book.traveller) for grade in (1, 2, 3)] == [21, 21, 21]
    about_a_traveller = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15}  # 8, 9 and 10 are about the box
    assert {one.scenario for one in book.traveller} - {None} == about_a_traveller
    assert all(one.honest for one in book.traveller if one.right.act is Act.ADMIT)
    assert all(one.right.box.value != "GREEN" for one in book.traveller if not one.honest)


def test_ok__only_whose_stay_is_the_matter_comes_from_where_stays_are_limited() -> None:
    """The others cross twice with one document, without an exit between: they would all be asked for it."""
    (rule,) = read_table(RULES.encode()).stay
    book = load_book()
    limited = {
        one.id
        for one in book.traveller
        if (document := book.document(one))
        and (document.nationality or document.issuer) in rule.nationalities
    }
    assert limited == {one.id for one in book.traveller if one.passage}
    assert len(limited) == 3


@pytest.mark.parametrize(
    ("passage", "line", "said"),
    [
        ('direction = "in"\ndays_ago = 3', 13, "entry, exit"),
        ('direction = "exit"\ndays_ago = 0', 14, ">= 1"),
        ('direction = "exit"\ndays_ago = 181', 14, "<= 180"),
    ],
)
def test_fail__an_earlier_crossing_that_cannot_have_been(passage: str, line: int, said: str) -> None:
    text = ONE.replace("[traveller.person]", f"[[traveller.passage]]\n{passage}\n[traveller.person]")
    with pytest.raises(ScriptError, match=re.escape(said)) as caught:
        read_book(text, name="s")
    assert f"line {line}" in str(caught.value)


def test_fail__an_earlier_crossing_without_a_document() -> None:
    passage = '[[traveller.passage]]\ndirection = "entry"\ndays_ago = 3\n[traveller.person]'
    text = ONE.replace("[traveller.person]", passage).replace("surname", 'kind = "none"\nsurname')
    with pytest.raises(ScriptError, match="found by its document"):
        read_book(text, name="s")


def test_ok__every_one_of_them_can_be_cast() -> None:
    book = load_book()
    for one in book.traveller:
        cast = cast_of(book, one, day=DAY)
        assert cast.counter.face.startswith(b"\xff\xd8")
        if cast.person.readable and cast.person.lines:
            assert parse_mrz(cast.person.lines, today=DAY)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('grade = 1', 'grade = 4', 20, "<= 3"),
        ('face = 1', 'face = 0', 28, ">= 1"),
        ('face = 1', 'fase = 1', 28, "Did you mean `face`"),
        ('act = "admit"', 'act = "admid"', 31, "admit, refer, refuse"),
        ('born = "1980-01-02"', 'born = "2.1.1980"', 26, "a date, a year and month"),
        ('born = "1980-01-02"', 'born = "1980-01-02"\nissuer = "ZZZ"', 27, "issues no documents"),
        ('born = "1980-01-02"', 'born = "1980-01-02"\nnumber = "ab"', 27, "capital letters"),
        ('born = "1980-01-02"', 'born = "1980-01-02"\nexpires = "soon"', 27, "today+1800"),
        ('id = "two"', 'id = "one"', 19, "taken"),
        ('honest = true', 'honest = true\ntricks = ["other_face"]', 24, "person.stranger"),
        ('debrief = "d"', 'debrief = "d"\nnotice = ["chip.rea"]', 33, "Did you mean `chip.read`"),
    ],
)  # fmt: skip
def test_fail__the_line_of_the_second_traveller_is_named(old: str, new: str, line: int, said: str) -> None:
    before, after = TWO.split('id = "two"')
    text = before + ('id = "two"' + after).replace(old, new)
    with pytest.raises(ScriptError) as caught:
        read_book(text, name="mine.toml")
    assert said in str(caught.value)
    assert f"line {line}:" in str(caught.value), caught.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "mine.toml"),
        ('name = "x"\ntraveller = []', "1 to 200 travellers"),
        (ONE.replace(DOCUMENT, ""), "either a `document`"),
        (ONE.replace('honest = true', 'honest = true\ndocument_of = "nobody"'), "either a `document`"),
        (ONE.replace(DOCUMENT, "").replace("honest", 'document_of = "on"\nhonest'), "no earlier"),
        (ONE + '[[traveller.listed]]\nreason = "x"\n', "a person (surname) or of a document"),
        (ONE + '[[traveller.listed]]\nnumber = "X1"\n', "has a status"),
    ],
)  # fmt: skip
def test_fail__what_no_book_can_be(text: str, said: str) -> None:
    with pytest.raises(ScriptError) as caught:
        read_book(text, name="mine.toml")
    assert said in str(caught.value)


def test_fail__a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="cannot be read"):
        load_book(tmp_path / "none.toml")


def test_fail__one_id_in_two_files(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(ONE)
    with pytest.raises(ScriptError, match="more than one of the files"):
        load_book(tmp_path / "a.toml", tmp_path / "b.toml")


def test_fail__a_name_that_no_mrz_can_write() -> None:
    book = read_book(ONE.replace("BERG", "漢字"), name="x")
    with pytest.raises(ScriptError, match="traveller `one`"):
        cast_of(book, book.traveller[0], day=DAY)


@given(st.text(max_size=200))
def test_fail__any_text_is_a_book_or_a_script_error(text: str) -> None:
    with contextlib.suppress(ScriptError):
        read_book(text, name="fuzz")


@given(st.data())
def test_fail__any_character_changed_is_a_book_or_a_script_error(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TWO) - 1))
    text = TWO[:at] + data.draw(st.characters(codec="utf-8")) + TWO[at + 1 :]
    with contextlib.suppress(ScriptError):
        book = read_book(text, name="fuzz")
        cast_of(book, book.traveller[0], day=DAY)


def test_ok__days_are_dates_or_counted_from_today() -> None:
    assert day_of("today+10", today=DAY) == dt.date(2026, 12, 6)
    assert day_of("today-1", today=DAY) == dt.date(2026, 11, 25)
    assert day_of("2031-05-20", today=DAY) == dt.date(2031, 5, 20)
    assert day_of("1988", today=DAY) is None
    assert day_of("today+99999", today=dt.date(9990, 1, 1)) is None


def test_ok__who_is_chosen_comes_with_whose_document_they_bring() -> None:
    book = load_book()
    assert [one.id for one in chosen_of(book, ids=["second-sister"]).traveller] == [
        "first-sister",
        "second-sister",
    ]
    backwards = ["somebody-else", "ordinary-passport"]
    assert [one.id for one in chosen_of(book, ids=backwards).traveller] == backwards
    assert {one.grade for one in chosen_of(book, grade=3).traveller} == {3}
    with pytest.raises(ScriptError, match="Did you mean `second-sister`"):
        chosen_of(book, ids=["secnd-sister"])
    with pytest.raises(ScriptError, match="grade 2"):
        chosen_of(read_book(ONE, name="x"), grade=2)


def test_ok__what_must_be_noticed_are_checks_of_the_house() -> None:
    assert all(id_ in CHECKS for one in load_book().traveller for id_ in one.right.notice)
