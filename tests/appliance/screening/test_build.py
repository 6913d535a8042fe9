from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from appliance.screening.build import build_documents, build_persons
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.documents.search import open_numbers
from appliance.screening.errors import EntryError
from appliance.screening.lists import ListInfo, ListKind, open_list_file
from appliance.screening.persons.entries import PersonEntry

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
INFO = ListInfo(
    name="test", kind=ListKind.PERSONS, version=1, issued_at=ISSUED, owner="owner", legal_basis="act 1",
    contact="desk", action="refer", stale_after_hours=48.0,
)  # fmt: skip
DOCUMENT = DocumentEntry(number="st-481 516", issuing_state="DEU", status=DocumentStatus.STOLEN)
PERSON = PersonEntry(reference="p1", names=(("MUHAMMADOV", "TIMUR"),), reason="wanted")


def persons(path: Path, *entries: PersonEntry, **changes: object) -> ListInfo:
    incomplete = bool(changes.pop("allow_incomplete", False))
    return build_persons(
        path, entries, info=msgspec.structs.replace(INFO, **changes), allow_incomplete=incomplete
    )


def documents(path: Path, *entries: DocumentEntry, **changes: object) -> ListInfo:
    about = msgspec.structs.replace(INFO, **({"kind": ListKind.DOCUMENTS} | changes))
    return build_documents(path, entries, info=about, master_key=bytes(32), epoch="1")


def test_ok__documents(tmp_path: Path) -> None:
    assert documents(tmp_path / "l", DOCUMENT).entries == 1
    one = open_numbers(tmp_path / "l", bytes(32))
    assert one.find("D", "ST481516") is not None
    assert b"ST481516" not in (tmp_path / "l").read_bytes()


def test_ok__persons_with_several_names_and_dates(tmp_path: Path) -> None:
    person = PersonEntry(
        reference="p1",
        names=(("MUHAMMADOV", "TIMUR"), ("Мухамедов", "Тимур")),
        reason="wanted",
        birth_dates=("1984-02-29", "1984"),
    )
    assert persons(tmp_path / "l", person).entries == 1
    one = open_list_file(tmp_path / "l")
    assert {name for (name,) in one.rows("SELECT name FROM names")} == {
        "MUHAMMADOV<<TIMUR",
        "MUKHAMEDOV<<TIMUR",
    }
    assert len(one.rows("SELECT * FROM dates")) == 2


def test_ok__an_empty_list_is_a_list(tmp_path: Path) -> None:
    assert persons(tmp_path / "l").entries == 0
    assert documents(tmp_path / "d").entries == 0
    assert open_numbers(tmp_path / "d", bytes(32)).find("D", "X") is None


def test_ok__an_entry_answers_for_itself_or_the_list_does(tmp_path: Path) -> None:
    own = msgspec.structs.replace(PERSON, owner="court", legal_basis="warrant")
    persons(tmp_path / "l", own, owner="", legal_basis="")
    persons(tmp_path / "l", PERSON, owner="", legal_basis="", allow_incomplete=True)
    with pytest.raises(EntryError, match="nobody answers"):
        persons(tmp_path / "m", PERSON, legal_basis="")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("build", [persons, documents])
@pytest.mark.parametrize(
    "changes",
    [
        {"contact": ""},
        {"issued_at": datetime(2027, 3, 1)},  # noqa: DTZ001 - that is the fault
        {"version": 0},
        {"stale_after_hours": 0.0},
    ],
)
def test_fail__a_description_that_no_list_takes(tmp_path: Path, build, changes: dict) -> None:
    with pytest.raises(ValueError):
        build(tmp_path / "l", **changes)
    assert list(tmp_path.iterdir()) == []


def test_fail__documents_nobody_answers_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="owner"):
        documents(tmp_path / "l", DOCUMENT, owner=" ")


def test_fail__entries(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b"the list of yesterday")
    bad = DocumentEntry(number="<<", issuing_state="D", status=DocumentStatus.LOST)
    for build, entries, sentence in (
        (documents, (bad,), "a number"),
        (persons, (PERSON, PERSON), "same reference"),
        (persons, (msgspec.structs.replace(PERSON, reason=" "),), "a reason"),
    ):
        with pytest.raises(EntryError, match=sentence):
            build(tmp_path / "l", *entries)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the list of yesterday"]


def test_fail__the_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no persons"):
        persons(tmp_path / "l", kind=ListKind.VISAS)
    with pytest.raises(ValueError, match="no numbers"):
        documents(tmp_path / "l", kind=ListKind.PERSONS)
    with pytest.raises(ValueError, match="bytes"):
        build_documents(
            tmp_path / "l",
            [],
            info=msgspec.structs.replace(INFO, kind=ListKind.DOCUMENTS),
            master_key=b"",
            epoch="",
        )
