"""The second line's file: kept once, closed once, encrypted, what the boxes tell each other beside."""

import datetime as dt
from pathlib import Path

import nacl.utils
import pytest
from nacl.secret import SecretBox

from appliance.contracts.cases import CaseKind, CaseOutcome, Closing, Work
from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.movement import Movement, Stamp
from appliance.records import cases as store
from appliance.records import post_book
from appliance.records.cases import CLOSED, CLOSING, OPEN, Cases, NotOpen
from appliance.records.errors import StorageBroken, StorageError

KEY = SecretBox(nacl.utils.random(SecretBox.KEY_SIZE))
STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00+00:00", quality="rtc")
NOW = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
ITEM = bytes(range(16))


def movement(crossing: str = "c1", device: str = "box-1") -> Movement:
    return Movement(
        crossing=crossing, device=device, post="Post", lane="1", profile="demo", direction=Direction.ENTRY,
        started=STAMP, decided=STAMP, document=None, checks=(), recommendation=Recommendation.AMBER,
        reasons=(), outcome=Outcome.REFERRED, simulated=(), policy="default",
    )  # fmt: skip


def closing(crossing: str = "c1", outcome: CaseOutcome = CaseOutcome.ADMITTED) -> Closing:
    return Closing(
        crossing=crossing, device="box-1", kind=CaseKind.REFERRED, outcome=outcome, ground=None,
        reason="It is in order.", officer="Emil", role="second_line", crossed_at=STAMP.wall,
        waited_seconds=1.0, stamp=STAMP,
    )  # fmt: skip


def opened(folder: Path, key: SecretBox = KEY) -> Cases:
    return Cases.open(folder / "cases.db", storage=key)


@pytest.fixture
def cases(tmp_path: Path):
    found = opened(tmp_path)
    yield found
    found.close()


def test_ok__kept_once_and_there_after_a_restart(tmp_path: Path) -> None:
    cases = opened(tmp_path)
    assert cases.keep(movement(), CaseKind.REFERRED, {"portrait": b"jpeg"})
    assert not cases.keep(movement(), CaseKind.REFERRED, {"portrait": b"other"}), "as after a power cut"
    cases.save_work("c1", Work(notes="n"))
    cases.close()
    again = opened(tmp_path)
    (case,) = again.open_cases()
    assert (case.movement, case.pictures, case.state) == (movement(), ("portrait",), OPEN)
    assert (case.work.notes, again.picture("c1", "portrait")) == ("n", b"jpeg")
    assert again.counts() == {CaseKind.REFERRED: 1}
    assert again.picture("c1", "page") is None
    assert again.case("c2") is None
    again.close()


def test_ok__closed_in_two_steps_and_once(cases: Cases) -> None:
    cases.keep(movement(), CaseKind.REFERRED, {})
    cases.begin_closing(closing(), device="box-1")
    for work in (
        lambda: cases.begin_closing(closing(outcome=CaseOutcome.WITHDRAWN), device="box-1"),
        lambda: cases.save_work("c1", Work()),
        lambda: cases.begin_closing(closing("c9"), device="box-1"),
    ):
        with pytest.raises(NotOpen):
            work()
    assert cases.case("c1").state == CLOSING
    assert cases.half_closed() == (closing(),)
    assert cases.closed_elsewhere(ITEM, closing(), device="box-2") is None
    cases.finish_closing("c1")
    assert (cases.case("c1").state, cases.half_closed(), cases.open_cases()) == (CLOSED, (), ())


def test_ok__another_s_key_or_row_says_nothing(tmp_path: Path, cases: Cases) -> None:
    cases.keep(movement("c1"), CaseKind.REFERRED, {"page": b"one"})
    cases.keep(movement("c2"), CaseKind.REFERRED, {"page": b"two"})
    cases._connection.execute(
        "UPDATE cases SET sealed = (SELECT sealed FROM cases WHERE crossing = 'c1') WHERE crossing = 'c2'"
    )
    cases._connection.execute(
        "UPDATE pictures SET sealed = (SELECT sealed FROM pictures WHERE crossing = 'c1')"
        " WHERE crossing = 'c2'"
    )
    assert [one.crossing for one in cases.open_cases()] == ["c1"]
    assert cases.picture("c2", "page") is None
    other = opened(tmp_path, SecretBox(nacl.utils.random(SecretBox.KEY_SIZE)))
    assert other.open_cases() == ()
    other.close()


def test_fail__a_damaged_file_is_set_aside_and_a_missing_disk_said(tmp_path: Path) -> None:
    (tmp_path / "cases.db").write_bytes(b"no database" * 500)
    cases = opened(tmp_path)
    assert cases.open_cases() == ()
    assert list(tmp_path.glob("cases.db.corrupt-*"))
    cases.close()
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageBroken):
        opened(tmp_path / "file")


def test_ok__told_and_closed_between_boxes(cases: Cases) -> None:
    cases.keep(movement(), CaseKind.REFERRED, {"page": b"p"})
    assert [one.crossing for one in cases.untold()] == ["c1"]
    cases.tell([b"case", b"picture"], crossing="c1", item=ITEM, parts={"page": bytes(16)})
    assert cases.untold() == ()
    assert set(cases.items_of("c1")) == {ITEM, bytes(16)}
    (first, second) = cases.outgoing()
    cases.put_last(first[0])
    assert [data for _, data in cases.outgoing()] == [b"picture", b"case"]
    cases.gone_out(second[0])
    assert [data for _, data in cases.outgoing()] == [b"case"]
    assert cases.has_item(ITEM)
    closed = cases.closed_elsewhere(ITEM, closing(), device="box-2")
    assert closed is not None
    case = cases.case("c1")
    assert (case.state, case.closed_at_device, case.closing.officer) == (CLOSED, "box-2", "Emil")
    assert cases.untold() == (), "the box that closed it tells it"
    assert cases.closed_elsewhere(ITEM, closing(), device="box-2") is None
    assert cases.case("c1").also is None, "the same word again"
    cases.closed_elsewhere(ITEM, closing(outcome=CaseOutcome.WITHDRAWN), device="box-3")
    assert cases.case("c1").also.outcome is CaseOutcome.WITHDRAWN


def test_ok__what_is_closed_before_it_comes(cases: Cases, monkeypatch) -> None:
    cases.closed_early(ITEM, closing(), device="box-2")
    cases.closed_early(bytes(16), None, device="box-2")
    assert cases.take_early(ITEM) == ("box-2", closing())
    assert cases.take_early(bytes(16)) == ("", None)
    assert cases.take_early(bytes(15) + b"x") is None
    monkeypatch.setattr(post_book, "MAX_EARLY", 1)
    cases.closed_early(bytes(15) + b"y", None, device="box-2")
    assert cases._do("SELECT count(*) FROM early").fetchone() == (1,)


def test_ok__entries_are_found_and_forgotten(cases: Cases, monkeypatch) -> None:
    for number, at in enumerate(("2026-11-01T00:00:00.000+00:00", "2026-11-20T00:00:00.000+00:00")):
        cases.add_entry(bytes([number]) * 16, b"p%d" % number, look=b"look", device="box-2", at=at)
    assert [payload for *_, payload in cases.entries(b"look")] == [b"p1", b"p0"], "the latest first"
    assert cases.entries(b"other") == ()
    assert cases.forget_entries(now=NOW, days=20) == 1
    assert cases.drop_entry(bytes([1]) * 16)
    assert not cases.drop_entry(bytes([1]) * 16)
    for number in range(3):
        cases.add_entry(bytes([number]) * 16, b"p", look=b"look", device="b", at=f"2026-11-2{number}")
    monkeypatch.setattr(post_book, "MAX_ENTRIES", 1)
    assert cases.forget_entries(now=NOW, days=365) == 2
    cases.note_cursor("copy", 7)
    assert (cases.cursor("copy"), cases.cursor("another")) == (7, 0)


def test_ok__only_what_is_closed_is_forgotten(cases: Cases) -> None:
    for name in ("c1", "c2"):
        cases.keep(movement(name), CaseKind.REFERRED, {"page": b"p"})
    cases.begin_closing(closing("c1"), device="box-1")
    cases.finish_closing("c1")
    far = dt.datetime(2090, 1, 1, tzinfo=dt.UTC)
    assert cases.forget_closed(now=far, days=14) == 1
    assert [one.crossing for one in cases.open_cases()] == ["c2"]
    assert cases.picture("c1", "page") is None
    cases.forget(["c2"])  # a person's request
    assert cases.open_cases() == ()


def test_ok__erased_by_its_box_but_not_from_under_a_decision(cases: Cases) -> None:
    cases.keep(movement("f1", "box-2"), CaseKind.REFERRED, {"page": b"p"}, item=ITEM)
    assert not cases.erased(ITEM, device="box-3"), "another box's word"
    cases.begin_closing(closing("f1"), device="box-1")
    with pytest.raises(StorageError, match="being written"):
        cases.erased(ITEM, device="box-2")
    assert cases.half_closed()
    cases.finish_closing("f1")
    assert cases.erased(ITEM, device="box-2")
    assert (cases.case("f1"), cases.picture("f1", "page")) == (None, None)


def test_ok__an_item_of_a_case_that_was_erased_meanwhile_does_not_go_out(cases: Cases) -> None:
    cases.keep(movement("c1"), CaseKind.REFERRED, {})
    cases.forget(["c1"], tell=[b"taken back"])
    cases.tell([b"the case"], crossing="c1", item=ITEM)
    assert [data for _, data in cases.outgoing()] == [b"taken back"]


def test_ok__foreign_cases_are_bounded(cases: Cases, monkeypatch) -> None:
    monkeypatch.setattr(store, "MAX_FOREIGN", 1)
    assert cases.keep(movement("f1", "box-2"), CaseKind.REFERRED, {}, item=ITEM)
    assert not cases.keep(movement("f2", "box-2"), CaseKind.REFERRED, {}, item=bytes(16))
    assert cases.keep(movement("own"), CaseKind.REFERRED, {}), "never this box's own"
