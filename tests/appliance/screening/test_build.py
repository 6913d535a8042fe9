from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.screening.build import DocumentEntry, EntryError, Number, PersonEntry, build_list
from appliance.screening.lists import DocumentStatus, ListKind, open_list_file

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
INFO = {
    "name": "test",
    "version": 1,
    "issued_at": ISSUED,
    "owner": "owner",
    "legal_basis": "act 1",
    "contact": "desk",
    "action": "refer",
    "stale_after_hours": 48.0,
}
DOCUMENT = DocumentEntry(
    reference="d1", number="st-481 516", issuing_state="DEU", status=DocumentStatus.STOLEN
)
PERSON = PersonEntry(reference="p1", names=(("MUHAMMADOV", "TIMUR"),), reason="wanted")


def build(path: Path, kind: ListKind = ListKind.PERSONS, **changes: object) -> None:
    build_list(path, kind=kind, **(INFO | changes))


def test_ok__documents(tmp_path: Path) -> None:
    build(tmp_path / "l", ListKind.DOCUMENTS, documents=[DOCUMENT])
    one = open_list_file(tmp_path / "l")
    assert (one.info.entries, one.info.issued_at) == (1, ISSUED)
    assert [tuple(row) for row in one.rows("SELECT number, issuing_state FROM documents")] == [
        ("ST481516", "D")
    ]


def test_ok__persons_with_several_names_and_dates(tmp_path: Path) -> None:
    person = PersonEntry(
        reference="p1",
        names=(("MUHAMMADOV", "TIMUR"), ("Мухамедов", "Тимур")),
        reason="wanted",
        birth_dates=("1984-02-29", "1984"),
    )
    build(tmp_path / "l", persons=[person])
    one = open_list_file(tmp_path / "l")
    assert one.info.entries == 1
    assert [row["primary_identifier"] for row in one.rows("SELECT * FROM names")] == [
        "MUHAMMADOV",
        "MUKHAMEDOV",
    ]
    assert len(one.rows("SELECT * FROM births")) == 2


def test_ok__an_empty_list_is_a_list(tmp_path: Path) -> None:
    build(tmp_path / "l")
    assert open_list_file(tmp_path / "l").info.entries == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": " "},
        {"legal_basis": ""},
        {"contact": ""},
        {"issued_at": datetime(2027, 3, 1)},  # noqa: DTZ001 - that is the fault
        {"version": 0},
        {"stale_after_hours": 0.0},
    ],
)
def test_fail__nobody_answers_for_it(tmp_path: Path, changes: dict) -> None:
    with pytest.raises(ValueError):
        build(tmp_path / "l", **changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        (
            "documents",
            {
                "documents": [
                    DocumentEntry(reference="d", number="<<", issuing_state="D", status=DocumentStatus.LOST)
                ]
            },
            "a number",
        ),
        ("documents", {"documents": [DOCUMENT], "persons": [PERSON]}, "no other entries"),
        ("persons", {"persons": [PERSON, PERSON]}, "same reference"),
        ("persons", {"persons": [PersonEntry(reference="p", names=(("A", ""),), reason=" ")]}, "a reason"),
        ("persons", {"persons": [PersonEntry(reference="p", names=(("", ""),), reason="r")]}, "searched for"),
        (
            "persons",
            {"persons": [PersonEntry(reference="p", names=(("A", ""), ("日本", "")), reason="r")]},
            "Latin",
        ),
        (
            "persons",
            {"persons": [PersonEntry(reference="p", names=(("A", ""),), reason="r", sex="W")]},
            "Sex",
        ),
        (
            "persons",
            {
                "persons": [
                    PersonEntry(reference="p", names=(("A", ""),), reason="r", birth_dates=("1.2.84",))
                ]
            },
            "YYYY",
        ),
        (
            "persons",
            {
                "persons": [
                    PersonEntry(
                        reference="p", names=(("A", ""),), reason="r", personal_numbers=(Number("-"),)
                    )
                ]
            },
            "number",
        ),
    ],
)
def test_fail__entries(tmp_path: Path, kind: str, changes: dict, sentence: str) -> None:
    (tmp_path / "l").write_bytes(b"the list of yesterday")
    with pytest.raises(EntryError, match=sentence):
        build(tmp_path / "l", ListKind(kind), **changes)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the list of yesterday"]
