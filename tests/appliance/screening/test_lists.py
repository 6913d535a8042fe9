import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.screening.build import build_persons
from appliance.screening.dates import BirthDate
from appliance.screening.lists import (
    BrokenList,
    ListInfo,
    ListKind,
    ListUnreadable,
    OpenLists,
    age_of,
    open_list,
    open_list_file,
)
from appliance.screening.names import PersonName
from appliance.screening.persons.entries import PersonEntry
from appliance.screening.persons.search import PersonList, PersonQuery

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lists") / "list"
    info = ListInfo(
        name="test", kind=ListKind.PERSONS, version=1, issued_at=ISSUED, owner="owner", legal_basis="act",
        contact="desk", action="refer", stale_after_hours=48.0,
    )  # fmt: skip
    people = [
        PersonEntry(
            reference=f"p{i}",
            names=((f"NAMEROV{'ABCDEFGH'[i % 8]}", "XAVER"),),
            reason="r",
            birth_dates=("1984",),
        )
        for i in range(100)
    ]
    build_persons(path, people, info=info)
    return path


def changed(path: Path, tmp_path: Path, statement: str, *parameters: object) -> bytes:
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    with sqlite3.connect(copy) as database:
        database.execute(statement, parameters)
    database.close()
    return copy.read_bytes()


@pytest.mark.parametrize(
    ("hours", "quality", "expected"),
    [
        (1.0, "nts", (1.0, True, False, False)),
        (49.0, "rtc", (49.0, True, True, False)),
        (49.0, "carried", (49.0, False, True, False)),
        (800.0, "rtc", (800.0, True, True, True)),
        (800.0, "carried", (800.0, False, True, True)),
        (-0.5, "rtc", (0.0, True, False, False)),
        (-30.0, "rtc", (None, False, True, False)),
        (1.0, "unsure", (1.0, False, True, False)),
        (800.0, "unsure", (800.0, False, True, False)),
    ],
)
def test_ok__age(path: Path, hours: float, quality: str, expected: tuple) -> None:
    one = open_list(path.read_bytes(), expires_at=ISSUED + timedelta(days=30))
    age = age_of(one, ISSUED + timedelta(hours=hours), quality)
    assert (age.hours, age.sure, age.stale, age.expired) == expected


def test_ok__read_only(path: Path) -> None:
    with pytest.raises(ListUnreadable):
        open_list_file(path).rows("DELETE FROM persons")


def test_ok__a_set_of_lists(path: Path) -> None:
    one = open_list_file(path)
    broken = (BrokenList("a", ListKind.DOCUMENTS), BrokenList("b", None))
    with OpenLists((one,), broken) as lists:
        assert lists.of(ListKind.PERSONS) == (one,)
        assert lists.of(ListKind.DOCUMENTS) == ()
        assert lists.broken_of(ListKind.PERSONS) == broken[1:]
    with pytest.raises(ListUnreadable, match="damaged"):
        one.rows("SELECT 1")


def test_fail__not_a_list(path: Path, tmp_path: Path) -> None:
    good = path.read_bytes()
    info = open_list_file(path).info
    naive = msgspec.structs.replace(info, issued_at=datetime(2027, 3, 1))  # noqa: DTZ001 - that is the fault
    other = msgspec.structs.replace(info, kind=ListKind.DOCUMENTS)
    for data in (
        b"",
        b"SQLite format 3\x00",
        b"not a list" * 100,
        good[: len(good) // 2],
        good[:18] + b"\x02\x02" + good[20:],
        changed(path, tmp_path, "PRAGMA application_id = 1"),
        changed(path, tmp_path, "PRAGMA user_version = 99"),
        changed(path, tmp_path, "DELETE FROM info"),
        changed(path, tmp_path, "UPDATE info SET value = '{}'"),
        changed(path, tmp_path, "DELETE FROM persons WHERE id = 7"),
        changed(path, tmp_path, "UPDATE info SET value = ?", msgspec.json.encode(naive).decode()),
        changed(path, tmp_path, "UPDATE info SET value = ?", msgspec.json.encode(other).decode()),
    ):
        with pytest.raises(ListUnreadable):
            open_list(data)


def test_fail__no_file(tmp_path: Path) -> None:
    with pytest.raises(ListUnreadable, match="cannot be read"):
        open_list_file(tmp_path / "none")


def test_fail__text_that_is_none(path: Path) -> None:
    """SQLite's own check passes over it."""
    with pytest.raises(ListUnreadable, match="damaged"):
        open_list(path.read_bytes()).rows("SELECT CAST(x'80' AS TEXT)")
    with pytest.raises(ListUnreadable):
        open_list(path.read_bytes().replace(b"desk", b"\x80esk"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 2**20), garbage=st.binary(min_size=1, max_size=64))
def test_ok__damage_is_noticed_or_harmless(path: Path, at: int, garbage: bytes) -> None:
    data = bytearray(path.read_bytes())
    at %= len(data)
    data[at : at + len(garbage)] = garbage
    query = PersonQuery(PersonName.of("NAMEROVA<<XAVER"), BirthDate(1984))
    with contextlib.suppress(ListUnreadable):
        PersonList(open_list(bytes(data))).search(query, direction=None)
