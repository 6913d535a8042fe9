from collections.abc import Callable
from datetime import date

import msgspec
import pytest

from appliance.contracts.checks import Direction
from appliance.screening.dates import Agreement, BirthDate
from appliance.screening.errors import ListUnreadable
from appliance.screening.names import PersonName
from appliance.screening.persons.entries import EntryDirection, Number, PersonEntry
from appliance.screening.persons.evidence import (
    MIN_NAME_NATS,
    NEEDED,
    PAIR_MIN_NAME_NATS,
    PAIR_NEEDED,
    needed,
    score_of,
    weigh,
)
from appliance.screening.persons.index import Calendar, date_number, date_of, keys_of
from appliance.screening.persons.search import PersonList, PersonQuery

MakeList = Callable[..., PersonList]
WANTED = PersonEntry(
    reference="p1",
    names=(("MUHAMMADOV", "TIMUR"), ("BEKOV", "TIMUR ALI")),
    reason="wanted",
    birth_dates=("1984-02-03",),
    sex="M",
    nationality="UTO",
    document_numbers=(Number("PX1234567", "UTO"), Number("77001")),
    personal_numbers=(Number("840203-111", "UTO"), Number("5550")),
)
BANNED = PersonEntry(
    reference="p2",
    names=(("OKAFOR", "GRACE"),),
    reason="exit ban",
    birth_dates=("1990",),
    direction=EntryDirection.EXIT,
)
NO_DATE = PersonEntry(reference="p3", names=(("VARGANOVSKI", "MILAN JOVANKO"),), reason="wanted")


def find(
    one: PersonList, name: str, birth_date: str = "", direction: Direction | None = Direction.ENTRY, **known
):
    today = known.pop("today", None)
    query = PersonQuery(name=PersonName.of(name), birth_date=BirthDate.parse(birth_date), **known)
    return one.search(query, direction=direction, today=today)


@pytest.mark.parametrize(
    ("name", "birth_date", "certain", "step"),
    [
        ("MUHAMMADOV<<TIMUR", "1984-02-03", True, "name_parts_equal"),
        ("BEKOV<<TIMUR ALI", "1984-02-03", True, "name_parts_equal"),
        ("MUKHAMEDOV<<TIMUR", "1984-02-03", False, "part_sounds_alike"),
        ("TIMUR<<MUHAMMADOV", "1984-02-03", False, "name_parts_in_other_order"),
        ("BEKOV<<TIMUR", "1984-02-03", False, "parts_only_on_list_1"),
        ("MUHAMMADOV<<TIMUR", "1984-03-02", False, "birth_date_day_month_swapped"),
        ("MUHAMMADOV<<TIMUR", "1984-02-04", False, "birth_date_one_part_differs"),
        ("MUHAMMADOV<<TIMUR", "1985-02-03", False, "birth_date_year_near"),
        ("MUHAMMADOV<<TIMUR", "1948-02-03", False, "birth_date_one_part_differs"),
        ("MUHAMMADOV<<TIMUR", "1984", False, "birth_date_partial"),
        ("MUHAMMADOV<<TIMUR", "", False, "birth_date_unknown"),
        ("VARGANOVSKI<<MILAN JOVANKO", "1970-01-01", False, "birth_date_unknown"),
        ("MUHAMMADOVTIMUR", "1984-02-03", False, "parts_joined"),
        ("MUHAMMADQV<<TLMUR", "1984-02-03", False, "birth_date_exact"),
    ],
)
def test_ok__hit(make_list: MakeList, name: str, birth_date: str, certain: bool, step: str) -> None:
    (hit,) = find(make_list(persons=[WANTED, BANNED, NO_DATE]), name, birth_date)
    assert hit.certain is certain
    assert step in hit.why
    assert 0.5 <= hit.score <= 1.0
    assert hit.matched


@pytest.mark.parametrize(
    ("name", "birth_date"),
    [
        ("MUHAMMADOV<<TIMUR", "1970-06-07"),  # the same name, certainly another day
        ("MUKHAMEDOV<<RUSLAN", ""),  # a family's name alone
        ("KOWALSKA<<MARIA", "1984-02-03"),  # only the birthday
        ("OKAFOR<<GRACE", "1990-05-05"),  # an exit ban does not concern who enters
        ("", "1984-02-03"),
    ],
)
def test_ok__no_hit(make_list: MakeList, name: str, birth_date: str) -> None:
    assert find(make_list(persons=[WANTED, BANNED, NO_DATE]), name, birth_date) == ()


def test_ok__exit_ban_on_exit(make_list: MakeList) -> None:
    one = make_list(persons=[WANTED, BANNED])
    assert [hit.reference for hit in find(one, "OKAFOR<<GRACE", "1990-05-05", Direction.EXIT)] == ["p2"]
    assert [hit.reference for hit in find(one, "OKAFOR<<GRACE", "1990-05-05", None)] == ["p2"]


def test_ok__validity(make_list: MakeList) -> None:
    entry = msgspec.structs.replace(WANTED, valid_from="2027-01-01", valid_until="2027-12-31")
    one = make_list(persons=[entry])
    for today, hits in ((date(2026, 12, 31), 0), (date(2027, 6, 1), 1), (date(2028, 1, 1), 0), (None, 1)):
        assert len(find(one, "MUHAMMADOV<<TIMUR", "1984-02-03", today=today)) == hits


@pytest.mark.parametrize(
    ("known", "steps"),
    [
        ({"sex": "M", "nationality": "UTO"}, {"sex_equal", "nationality_equal"}),
        ({"sex": "F", "nationality": "D"}, {"sex_differs", "nationality_differs"}),
        ({"sex": "X"}, set()),
    ],
)
def test_ok__sex_and_nationality_count_a_little(make_list: MakeList, known: dict, steps: set[str]) -> None:
    one = make_list(persons=[WANTED])
    (plain,) = find(one, "MUHAMMADOV<<TIMUR", "1984-02-03")
    (hit,) = find(one, "MUHAMMADOV<<TIMUR", "1984-02-03", **known)
    assert {step for step in hit.why if step.startswith(("sex", "nationality"))} == steps
    assert (hit.score >= plain.score) is (known.get("sex") != "F")


@pytest.mark.parametrize(
    ("number", "state", "certain"),
    [
        ("PX1234567", "UTO", [True]),
        ("PX1234567", "D", []),
        ("PX1234567", "", [False]),
        ("77001", "UTO", [False]),
    ],
)
def test_ok__document_number_of_a_person(make_list: MakeList, number: str, state: str, certain: list) -> None:
    hits = find(make_list(persons=[WANTED]), "", document_number=number, issuing_state=state)
    assert [hit.certain for hit in hits] == certain


@pytest.mark.parametrize(
    ("number", "states", "certain"),
    [
        ("840203111", ("UTO", "D"), [True]),
        ("840203<111", ("D", "UTO"), [True]),
        ("840203111", ("D",), []),
        ("5550", ("UTO",), [False]),
        ("999", ("UTO",), []),
    ],
)
def test_ok__personal_number(make_list: MakeList, number: str, states: tuple, certain: list) -> None:
    one = make_list(persons=[WANTED, NO_DATE])
    hits = one.search_personal_number(number, states=states, direction=Direction.ENTRY)
    assert [hit.certain for hit in hits] == certain


def test_ok__one_hit_a_person_and_the_surest_first(make_list: MakeList) -> None:
    twin = PersonEntry(
        reference="p0", names=(("MUKHAMEDOV", "TIMUR"),), reason="r", birth_dates=("1984-02-03",)
    )
    one = make_list(persons=[twin, WANTED])
    hits = find(one, "MUHAMMADOV<<TIMUR", "1984-02-03", document_number="PX1234567", issuing_state="UTO")
    assert [(hit.reference, hit.certain) for hit in hits] == [("p1", True), ("p0", False)]


def test_fail__closed_or_damaged(make_list: MakeList) -> None:
    one = make_list(persons=[WANTED])
    one._list.rows("PRAGMA query_only = OFF")
    one._list.rows("UPDATE persons SET entry = x'00'")
    with pytest.raises(ListUnreadable, match="unknown kind"):
        find(one, "MUHAMMADOV<<TIMUR", "1984-02-03")
    one.close()
    with pytest.raises(ListUnreadable):
        find(one, "MUHAMMADOV<<TIMUR", "1984-02-03")


# Evidence


def test_ok__a_larger_list_needs_more() -> None:
    assert needed(Agreement.EXACT, 100) == needed(Agreement.EXACT, 5000) == NEEDED[Agreement.EXACT]
    assert needed(Agreement.EXACT, 1_000_000) > NEEDED[Agreement.EXACT] + 5


def test_ok__one_scale() -> None:
    assert score_of(PAIR_NEEDED) == pytest.approx(0.5)
    assert 0.0 <= score_of(-500.0) < score_of(10.0) < score_of(40.0) <= 1.0


def test_ok__a_pair_without_a_list() -> None:
    one, born = PersonName.of("Timur Muhammadov"), BirthDate(1984, 2, 3)
    found = weigh(one, born, PersonName.of("MUHAMMADOV, TIMUR"), born)
    assert found.certain
    assert found.enough_for_a_pair
    assert not weigh(one, born, PersonName.of("KOWALSKA, MARIA"), born).enough_for_a_pair
    other = weigh(one, born, PersonName.of("MUHAMMADOV, TIMUR"), BirthDate(1961, 7, 8))
    assert not other.enough_for_a_pair


def test_ok__a_pair_may_have_less_of_a_name_than_a_hit() -> None:
    one, other, born = (
        PersonName.of("James Koang Chual"),
        PersonName.of("Koang Chuol Ranley"),
        BirthDate(1961, 2, 3),
    )
    found = weigh(one, born, other, born)
    assert PAIR_MIN_NAME_NATS < found.names.nats < MIN_NAME_NATS
    assert found.enough_for_a_pair
    assert not found.enough(100)


def test_ok__by_name_alone_a_hit_is_possible_and_no_more(make_list: MakeList) -> None:
    one = make_list(persons=[WANTED, NO_DATE])
    (hit,) = find(one, "MUHAMMADOV<<TIMUR")
    assert not hit.certain
    assert find(one, "MUHAMMADOV<<RUSLAN") == ()


# The index


def test_ok__dates_as_numbers() -> None:
    for born in (
        BirthDate(),
        BirthDate(1984),
        BirthDate(1984, 2),
        BirthDate(1984, 2, 3),
        BirthDate(None, 2, 3),
    ):
        assert date_of(date_number(born)) == born


def test_ok__calendar() -> None:
    dates = [0, 203, 19840000, 19840203, 19840302, 19850203, 19990101]
    calendar = Calendar.read([(i * 10, when) for i, when in enumerate(dates)], 70)
    assert [calendar.date_at(row) for row in (0, 9, 10, 69)] == [0, 0, 203, 19990101]
    fits = {row // 10 for found in calendar.compatible(BirthDate(1984, 2, 3)) for row in found}
    assert fits == {0, 1, 2, 3, 4, 5}
    days = {row // 10 for found in calendar.days(BirthDate(1984, 2, 3)) for row in found}
    assert days == {3, 4, 5}
    assert calendar.days(BirthDate(1984)) == []
    assert sum(map(len, calendar.compatible(BirthDate()))) == 70


def test_ok__keys_meet_in_spite_of_a_slip() -> None:
    assert set(keys_of("TOKTOGULOV")) & set(keys_of("TOKTOGULQV"))
    assert set(keys_of("MUHAMMAD")) & set(keys_of("MEHMET"))
