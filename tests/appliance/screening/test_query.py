import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from appliance.screening import OpenedList, OpenLists, Subject
from appliance.screening.persons.entries import PersonEntry
from appliance.screening.query import PairsError, query, score_pairs

NOW = datetime(2027, 3, 1, 6, tzinfo=UTC)
WANTED = [
    PersonEntry(reference=f"p{i}", names=(("MUHAMMADOV", "TIMUR"),), reason="r", birth_dates=("1984-02-29",))
    for i in range(2)
]
HEADER = "id,name,birth_date,other_name,other_birth_date\n"


def ask(make_list: Callable[..., OpenedList], name: str) -> dict:
    subject = Subject(primary_identifier=name, birth_date="1984-02-29")
    lists = OpenLists((make_list(persons=WANTED),))
    return json.loads(json.dumps(query(subject, lists, direction=None, now=NOW, time_quality="rtc")))


def test_ok__query(make_list: Callable[..., OpenedList]) -> None:
    answer = ask(make_list, "Timur Muhammadov")
    assert answer["list_age_hours"] == 6.0
    assert [(hit["list"], hit["kind"], hit["entry"]) for hit in answer["hits"]] == [
        ("list", "persons", "p0"),
        ("list", "persons", "p1"),
    ]
    assert all(0.9 < hit["score"] <= 1.0 for hit in answer["hits"])
    assert all(hit["why"] for hit in answer["hits"])
    assert [one["id"] for one in answer["checks"]] == [
        "watchlist.document",
        "watchlist.personal_number",
        "watchlist.person",
    ]


def test_ok__query_without_hit_or_list(make_list: Callable[..., OpenedList]) -> None:
    assert ask(make_list, "ERIKSSON<<ANNA")["hits"] == []
    empty = query(Subject(primary_identifier="A"), OpenLists(), direction=None, now=NOW, time_quality="rtc")
    assert (empty["hits"], empty["list_age_hours"]) == ([], None)


def test_ok__pairs() -> None:
    source = HEADER + (
        "1,Timur Muhammadov,1984-02-29,MUKHAMEDOV TIMUR,1984-02-29\n"
        "2,Timur Muhammadov,,TIMUR MUHAMMADOV,\n"
        "3,Timur Muhammadov,1984-02-29,Timur Muhammadov,1970-05-06\n"
        "4,Анна Иванова,1990,Maria Kowalska,\n"
    )
    target = io.StringIO()
    score_pairs(io.StringIO(source), target)
    rows = list(csv.DictReader(io.StringIO(target.getvalue())))
    assert [(row["id"], row["verdict"]) for row in rows] == [
        ("1", "FAIL"),
        ("2", "FAIL"),
        ("3", "PASS"),
        ("4", "PASS"),
    ]
    assert list(rows[0]) == ["id", "name", "birth_date", "other_name", "other_birth_date", "score", "verdict"]
    assert all(0.0 <= float(row["score"]) <= 1.0 for row in rows)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: name, birth_date, other_name, other_birth_date is missing"),
        ("name,birth_date,other_name\n", "line 1: other_birth_date is missing"),
        (HEADER + '1,"A' + "x" * 1_100_000 + '",,B,\n', "line 1: field larger"),
    ],
)
def test_fail__pairs(text: str, sentence: str) -> None:
    with pytest.raises(PairsError, match=sentence):
        score_pairs(io.StringIO(text), io.StringIO())


def test_ok__pairs_with_dates_nobody_can_read_and_short_lines() -> None:
    target = io.StringIO()
    unread = score_pairs(
        io.StringIO(HEADER + "1,Timur Muhammadov,1.2.1984,TIMUR MUHAMMADOV,soon\n2,A\n"), target
    )
    rows = list(csv.DictReader(io.StringIO(target.getvalue())))
    assert (unread, len(rows), rows[0]["verdict"]) == (2, 2, "FAIL")


def test_ok__pairs_keep_their_own_columns_and_lose_old_scores() -> None:
    target = io.StringIO()
    score_pairs(io.StringIO("score,verdict,mine," + HEADER + "9,x,kept,1,A,,B,\n"), target)
    (row,) = csv.DictReader(io.StringIO(target.getvalue()))
    assert (row["mine"], row["verdict"]) == ("kept", "PASS")
    assert float(row["score"]) < 0.5
