"""Advance lists at the second line: looked at first, from the page and from the stick, taken in, removed."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lists_scripted import GOOD, HEAD, SOON, asked, csv_of, look, row, through
from scripted import ScriptedCapture
from second_line_scripted import login, records, staff

from appliance.contracts.checks import Direction
from appliance.contracts.errors import ServiceError
from appliance.csv_lines import MAX_FILE_BYTES
from appliance.records.errors import StorageBroken
from appliance.services.lane.advance.intake import FOLDER, IntakeError


@pytest.fixture
def lane(make_lane, keys_and_lists, tmp_path: Path, quick_pins):
    staff(tmp_path, keys_and_lists[0].storage)
    lane = make_lane(ScriptedCapture(()))
    asyncio.run(lane.login(login("Emil")))
    return lane


@pytest.fixture
def desk(lane):
    return lane.second_line.lists


def advance_acts(lane, house) -> list[dict]:
    return [body for type_, body in asyncio.run(records(lane, house)) if type_ == "advance"]


def test_ok__looked_at_then_taken_in_then_removed_and_taken_in_again(lane, desk, house) -> None:
    looked = look(desk, GOOD)
    assert (looked.good, looked.bad, looked.lists) == (3, 0, (("bus 17", 3),))
    assert asyncio.run(desk.lists()) == ()
    asyncio.run(through(desk, looked.token))
    done = desk.progress
    assert (done.state, done.done, done.taken, done.known, done.bad) == ("done", 3, 3, 0, 0)
    (known,) = asyncio.run(desk.lists())
    assert known.persons == 3
    assert lane.advance.count_hits() == 1

    asyncio.run(through(desk, look(desk, GOOD).token))
    assert (desk.progress.taken, desk.progress.known) == (0, 3)

    asyncio.run(desk.remove(known.id))
    assert asyncio.run(desk.lists()) == ()
    assert lane.advance.count_hits() == 0
    asyncio.run(through(desk, look(desk, GOOD).token))
    asyncio.run(desk.remove(known.id))
    acts = [(one["act"], one["persons"], one["by"]) for one in advance_acts(lane, house)]
    assert acts == [("imported", 3, "Emil"), ("removed", 3, "Emil")] * 2


def test_ok__every_wrong_line_is_said_and_the_others_are_taken(desk) -> None:
    data = csv_of(row("ZZ1"), "a,b", row("№"), row("ZZ3", "E" * 201), row("ZZ4", plate="OTHER1"))
    looked = look(desk, data)
    assert (looked.good, looked.bad) == (1, 4)
    assert [(one.number, one.problems) for one in looked.wrong] == [
        (3, {"": "fields"}),
        (4, {"document_number": "no_letters"}),
        (5, {"primary_identifier": "too_long"}),
        (6, {"list": "list_differs"}),
    ]
    asyncio.run(through(desk, looked.token))
    assert (desk.progress.taken, desk.progress.bad, desk.progress.done) == (1, 4, 3)


def test_ok__a_paxlst_is_told_its_direction_and_kind(desk) -> None:
    when = f"{SOON:%y%m%d%H%M}"
    message = (
        f"UNB+UNOA:4+A+B+261126:1200+R'UNH+1+PAXLST:D:12B:UN:IATA'BGM+745'TDT+20+T9'DTM+232:{when}:201'"
        "NAD+FL+++DOE:JOHN'DTM+329:800101'DOC+P+PX00001'LOC+91+UTO'CNT+42:1'UNT+10+1'UNZ+1+R'"
    ).encode()
    asyncio.run(through(desk, look(desk, message, direction=Direction.EXIT, kind="train").token))
    (known,) = asyncio.run(desk.lists())
    assert (known.kind, known.direction, known.reference) == ("train", "exit", "T9")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "template's columns"),
        (b"a,b\n1,2", "template's columns"),
        (HEAD.encode(), "no line but the first"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * (MAX_FILE_BYTES + 1), "larger than 4 MiB"),
        (b"UNB+UNOA:4+A+B'", "cut short"),
        (csv_of(*["a,b"] * 5001), "more than 5000 lines"),
    ],
)
def test_fail__a_file_that_is_no_list_is_refused_in_a_sentence(desk, data: bytes, says: str) -> None:
    looked = look(desk, data)
    assert says in looked.refused
    assert looked.token == ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=400), st.text(max_size=300).map(lambda text: (HEAD + text).encode())))
def test_ok__no_bytes_break_the_look(desk, data: bytes) -> None:
    looked = look(desk, data)
    assert looked.refused or looked.good + looked.bad > 0


def test_ok__the_stick_s_files_are_offered_and_taken_in_when_asked(desk, tmp_path: Path) -> None:
    folder = tmp_path / "stick" / FOLDER
    folder.mkdir(parents=True)
    (folder / "bus 17.csv").write_bytes(GOOD)
    (folder / "large.csv").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    (folder / "notes.pdf").write_bytes(b"%PDF")
    (tmp_path / "secret.csv").write_bytes(GOOD)
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(folder / "pipe.csv")
    assert [one.name for one in asyncio.run(desk.stick())] == ["bus 17.csv", "large.csv"]
    looked = asyncio.run(desk.look_at_stick(asked("bus 17.csv")))
    assert looked.good == 3
    assert "larger" in asyncio.run(desk.look_at_stick(asked("large.csv"))).refused
    for name in ("link.csv", "pipe.csv", "../secret.csv", str(tmp_path / "secret.csv"), "none.csv"):
        with pytest.raises(IntakeError, match="gone"):
            asyncio.run(desk.look_at_stick(asked(name)))
    assert asyncio.run(desk.lists()) == ()


def test_fail__a_folder_that_is_a_link_is_none(desk, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.csv").write_bytes(GOOD)
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / FOLDER).symlink_to(tmp_path / "elsewhere")
    assert asyncio.run(desk.stick()) == ()


def test_fail__what_was_looked_at_is_nobody_else_s_to_take_in(lane, desk) -> None:
    first = look(desk, GOOD)
    second = look(desk, csv_of(row("ZZ9")))
    with pytest.raises(IntakeError, match="gone"):
        desk.take(first.token)
    asyncio.run(lane.login(login("Dinara")))
    with pytest.raises(IntakeError, match="gone"):
        desk.take(second.token)
    asyncio.run(lane.login(login("Aida")))  # no officer of the second line
    for work in (
        lambda: look(desk, GOOD),
        lambda: desk.take(second.token),
        lambda: asyncio.run(desk.lists()),
        lambda: asyncio.run(desk.stick()),
        lambda: asyncio.run(desk.look_at_stick(asked("a.csv"))),
        lambda: asyncio.run(desk.remove("x")),
    ):
        with pytest.raises(IntakeError, match="not_allowed"):
            work()


def test_fail__one_at_a_time_and_a_disk_that_refuses(lane, desk, monkeypatch) -> None:
    taking = lane.advance.take
    gates: list[asyncio.Event] = []

    async def broken(request):
        if not request.check_only:
            await gates[0].wait()
            raise ServiceError("storage_broken", "x")
        return await taking(request)

    monkeypatch.setattr(lane.advance, "take", broken)

    async def work() -> None:
        gates.append(asyncio.Event())
        token = (await desk.look(GOOD, asked())).token
        assert desk.take(token).state == "going"
        for again in (lambda: desk.look(GOOD, asked()), lambda: desk.remove("x")):
            with pytest.raises(IntakeError, match="busy"):
                await again()
        gates[0].set()
        await desk._work

    asyncio.run(work())
    assert desk.progress.state == "stopped"

    def no(*_args, **_more):
        raise StorageBroken("x")

    monkeypatch.setattr(lane.advance, "remove", no)
    with pytest.raises(IntakeError, match="storage"):
        asyncio.run(desk.remove("x"))
