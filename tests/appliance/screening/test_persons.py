from collections.abc import Callable

import pytest

from appliance.contracts.checks import Direction
from appliance.screening.build import Number, PersonEntry
from appliance.screening.dates import Agreement, BirthDate
from appliance.screening.lists import EntryDirection, ListUnreadable, OpenList
from appliance.screening.names import PersonName
from appliance.screening.persons import (
    HIT_SCORE,
    NAME_LIKENESS_NEEDED,
    PersonQuery,
    judge,
    score_of,
    search_personal_number,
    search_persons,
)

MakeList = Callable[..., OpenList]
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
NO_DATE = PersonEntry(reference="p3", names=(("VARGA", "MILAN JOVAN"),), reason="wanted")


def find(
    one: OpenList, name: str, birth_date: str = "", direction: Direction | None = Direction.ENTRY, **known
):
    query = PersonQuery(name=PersonName.of(name), birth_date=BirthDate.parse(birth_date), **known)
    return search_persons(one, query, direction=direction)


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
        ("MUHAMMADOV<<TIMUR", "1948-02-03", False, "birth_date_one_part_differs"),
        ("MUHAMMADOV<<TIMUR", "1984", False, "birth_date_partial"),
        ("MUHAMMADOV<<TIMUR", "", False, "birth_date_unknown"),
        ("VARGA<<MILAN JOVAN", "1970-01-01", False, "birth_date_unknown"),
    ],
)
def test_ok__hit(make_list: MakeList, name: str, birth_date: str, certain: bool, step: str) -> None:
    (hit,) = find(make_list(persons=[WANTED, BANNED, NO_DATE]), name, birth_date)
    assert hit.certain is certain
    assert step in hit.why
    assert HIT_SCORE <= hit.score <= 1.0


@pytest.mark.parametrize(
    ("name", "birth_date"),
    [
        ("MUHAMMADOV<<TIMUR", "1970-06-07"),  # the same name, certainly another day
        ("MUKHAMEDOV<<TEMIR", ""),  # another spelling, and no date to lean on
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


@pytest.mark.parametrize(
    ("known", "steps"),
    [
        ({"sex": "M", "nationality": "UTO"}, {"sex_equal", "nationality_equal"}),
        ({"sex": "F", "nationality": "D"}, {"sex_differs", "nationality_differs"}),
        ({"sex": "X"}, set()),
    ],
)
def test_ok__what_is_told_and_not_scored(make_list: MakeList, known: dict, steps: set[str]) -> None:
    one = make_list(persons=[WANTED])
    (hit,) = find(one, "MUHAMMADOV<<TIMUR", "1984-02-03", **known)
    assert hit.score == 1.0
    assert {step for step in hit.why if step.startswith(("sex", "nationality"))} == steps


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
    hits = search_personal_number(one, number=number, states=states, direction=Direction.ENTRY)
    assert [hit.certain for hit in hits] == certain


def test_ok__one_hit_a_person_and_the_surest_first(make_list: MakeList) -> None:
    twin = PersonEntry(
        reference="p0", names=(("MUKHAMEDOV", "TIMUR"),), reason="r", birth_dates=("1984-02-03",)
    )
    one = make_list(persons=[twin, WANTED])
    hits = find(one, "MUHAMMADOV<<TIMUR", "1984-02-03", document_number="PX1234567", issuing_state="UTO")
    assert [(hit.reference, hit.certain) for hit in hits] == [("p1", True), ("p0", False)]


def test_fail__damaged(make_list: MakeList) -> None:
    one = make_list(persons=[WANTED])
    one.rows("PRAGMA query_only = OFF")
    one.rows("UPDATE persons SET direction = 'up'")
    with pytest.raises(ListUnreadable, match="unknown kind"):
        find(one, "MUHAMMADOV<<TIMUR", "1984-02-03")
    one.close()
    with pytest.raises(ListUnreadable):
        find(one, "MUHAMMADOV<<TIMUR", "1984-02-03")


@pytest.mark.parametrize("dates", [one for one in Agreement if one is not Agreement.DIFFERENT])
def test_ok__one_scale(dates: Agreement) -> None:
    needed = NAME_LIKENESS_NEEDED[dates]
    assert score_of(needed, dates) == pytest.approx(HIT_SCORE)
    assert score_of(needed - 0.01, dates) < HIT_SCORE
    assert score_of(1.0, Agreement.DIFFERENT) < HIT_SCORE


def test_ok__judge_names_without_a_list() -> None:
    one, born = PersonName.of("Timur Muhammadov"), BirthDate(1984, 2, 3)
    assert judge(one, born, PersonName.of("MUHAMMADOV, TIMUR"), born)[:2] == (1.0, True)
