"""A person's erasure at one box of the post reaches what the other boxes have of that person."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from second_line_scripted import NEAR, login
from two_boxes_scripted import Box, PostOfTwo, Through, entry_at, make_quick, until

from appliance.config import load_config
from appliance.contracts.capture import Nothing
from appliance.contracts.cases import CaseOutcome
from appliance.post.items import CASE, CLOSED, ENTRY, ERASED, index_of, seal_item
from appliance.records.cases import OPEN
from appliance.records.commands import Action, Rights
from appliance.wiring import make_lane


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    make_quick(monkeypatch)


@pytest.fixture
def post(tmp_path: Path, keys_and_lists) -> PostOfTwo:
    return PostOfTwo(tmp_path, keys_and_lists[1].first_root)


def obey(box: Box, action: Action, crossing: str) -> None:
    """What the box does when central's signed command has been held against its journal."""
    order = Rights(request="R-1", purpose="erasure", action=action, epoch="e", seqs=(1,))
    box.lane._desk._local_request(order, (f"{crossing}/facts",))


def kept(box: Box, kind: str) -> int:
    """Items of this kind in the box's copy, as uplink has it."""
    query = "SELECT count(*) FROM items WHERE kind = ?"
    return int(box.uplink._store._one(query, kind))


@pytest.mark.parametrize("closed", [False, True])
def test_ok__a_case_goes_from_the_other_boxes_open_or_closed(post: PostOfTwo, *, closed: bool) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network(), first.lane_runs(), second.lane_runs():
            assert (await second.lane.login(login("Emil"))).taken
            crossing = (await first.cross("hold")).crossing
            other = (await first.cross("hold")).crossing
            desk = second.lane.second_line
            await until(lambda: len(desk.cases.open_cases()) == 2)
            await until(lambda: len(desk.file(crossing).pictures) == 6)
            if closed:
                assert await second.close(crossing, outcome=CaseOutcome.WITHDRAWN) == ""
                await until(lambda: first.lane.second_line.cases.case(crossing).state != OPEN)
                await until(lambda: kept(first, CLOSED) == 7)
            obey(first, Action.ERASE, crossing)
            assert first.lane.second_line.cases.case(crossing) is None
            await until(lambda: desk.cases.case(crossing) is None)
            await until(lambda: not pictures_of(second, crossing))
            for box in post.boxes:
                await until(lambda box=box: kept(box, CASE) == 7)  # the other case and its pictures
                assert kept(box, ERASED) == 7
                assert kept(box, CLOSED) == 0, "a closing says more than that something is over"
            assert desk.file(other) is not None
            assert desk.file(crossing) is None
            assert await second.close(crossing) == "unknown_case"

    asyncio.run(main())


def pictures_of(box: Box, crossing: str) -> bool:
    query = "SELECT 1 FROM pictures WHERE crossing = ?"
    return box.lane.second_line.cases._do(query, crossing).fetchone() is not None


def test_ok__cut_off_meanwhile_and_with_a_new_copy(post: PostOfTwo) -> None:
    """Erased while the hub was away: taken back when it is in reach, and a lost file brings none back."""

    async def main() -> None:
        first, second = post.boxes
        async with first.network(), first.lane_runs():
            async with second.network(), second.lane_runs():
                assert (await first.lane.login(login("Emil"))).taken
                known = (await second.cross("hold")).crossing
                await until(lambda: first.lane.second_line.cases.case(known))
                await until(lambda: not second.lane.second_line.cases.outgoing())
            second.uplink = None
            async with second.lane_runs():
                second.capture.turn_to(NEAR)
                alone = (await second.cross("hold")).crossing
                for crossing in (known, alone):
                    obey(second, Action.ERASE, crossing)
            async with second.network(), second.lane_runs():
                await until(lambda: first.lane.second_line.cases.case(known) is None)
                await until(lambda: second.uplink.link.sentence == "" and kept(first, CASE) == 0)
                await until(lambda: first.lane.second_line.cases.case(alone) is None)
            for file in (second.home / "data").glob("cases.db*"):
                file.unlink()
            async with second.network(), second.lane_runs():
                copy = (await second.uplink.post_state(Nothing())).copy
                last = second.uplink._store._one("SELECT max(position) FROM items")
                await until(lambda: second.lane.second_line.cases.cursor(copy) == last)
                assert second.lane.second_line.cases.open_cases() == ()

    asyncio.run(main())


@pytest.mark.parametrize("action", [Action.RESTRICT, Action.CORRECT, Action.ERASE])
def test_ok__an_entry_is_taken_back_wherever_the_box_s_own_history_forgets(
    post: PostOfTwo, action: Action
) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network(), first.lane_runs(), second.lane_runs():
            crossing = (await first.cross("press")).crossing
            await until(lambda: entry_at(second))
            obey(first, Action.FIND, crossing)
            assert entry_at(first)
            obey(first, action, crossing)
            assert not entry_at(first)
            await until(lambda: not entry_at(second))
            await until(lambda: kept(second, ENTRY) == 0)

    asyncio.run(main())


def test_fail__another_box_s_word_and_words_in_any_order(post: PostOfTwo) -> None:
    """Only the box that made an item takes it back; and taken back is taken back, whatever comes later."""
    first, second = post.boxes
    lane = make_lane(load_config(first.config), capture=first.capture, post=Through(first))
    try:
        desk, cases = lane.second_line.post, lane.second_line.cases

        def made(box: Box, kind: str, body: dict, **more) -> tuple[bytes, bytes]:
            return seal_item(
                kind, body, device=box.device, signing_key=box.keys.signing,
                recipients=[first.keys.sealing.public_key],
                expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=1), **more,
            )  # fmt: skip

        passage = {"crossing": "c", "direction": "entry", "outcome": "admitted"}
        passage |= {"at": "2026-11-02T08:00:00.000+00:00"}
        for early in (False, True):
            look = index_of(desk._keys.index.present, "UTO", f"X{early}")
            entry, id_ = made(second, ENTRY, {"passage": passage}, index=look)
            if not early:
                desk._take(entry)
                desk._take(made(first, ERASED, {}, about=id_)[0])
                assert cases.entries(look), "another box cannot"
            desk._take(made(second, ERASED, {}, about=id_)[0])
            desk._take(made(second, CLOSED, {}, about=id_)[0])
            desk._take(entry)
            assert cases.entries(look) == ()
        picture, id_ = made(second, CASE, {"part_of": "theirs", "name": "page", "jpeg": b"x"})
        desk._take(picture)
        assert cases.picture("theirs", "page") == b"x"
        desk._take(made(second, ERASED, {}, about=id_)[0])
        desk._take(picture)
        assert cases.picture("theirs", "page") is None
    finally:
        lane.close()
