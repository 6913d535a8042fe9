"""Two boxes of one post over real TLS, with no line to central: cases and passages go between their lanes."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_line_scripted import HONEST, NEAR, REASON, login
from two_boxes_scripted import INDEX_KEY, PostOfTwo, Through, check, entry_at, make_quick, until

from appliance.config import load_config
from appliance.contracts.capture import Nothing
from appliance.contracts.cases import CaseOutcome
from appliance.contracts.movement import to_plain
from appliance.contracts.post import FetchOpen
from appliance.key_files import HashingKey, write_key
from appliance.opening import CannotStart
from appliance.post.items import ABOUT, CASE, CLOSED, ENTRY, KINDS, index_of, seal_item
from appliance.wiring import make_lane


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    make_quick(monkeypatch)


@pytest.fixture
def post(tmp_path: Path, keys_and_lists) -> PostOfTwo:
    return PostOfTwo(tmp_path, keys_and_lists[1].first_root)


def test_ok__a_case_of_one_lane_is_closed_at_the_other_and_not_twice(post: PostOfTwo) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network(), first.lane_runs(), second.lane_runs():
            for box in post.boxes:
                assert (await box.lane.login(login("Emil"))).taken
            crossing = (await first.cross("hold")).crossing
            desk = second.lane.second_line
            await until(lambda: desk.queue().cases)
            (head,) = desk.queue().cases
            assert (head.device, head.lane, head.name) == ("lane-1", "1", "ERIKSSON, ANNA MARIA")
            await until(lambda: len(desk.file(crossing).pictures) == 6)
            here, there = desk.file(crossing), first.lane.second_line.file(crossing)
            assert (here.missing, here.movement, set(here.pictures)) == (
                *((), there.movement),
                set(there.pictures),
            )
            for name in here.pictures:
                assert desk.picture(crossing, name) == first.lane.second_line.picture(crossing, name)
            assert desk.queue().other_lanes.reachable
            assert await second.close(crossing) == ""
            await until(lambda: first.lane.second_line.file(crossing).closed)
            told = first.lane.second_line.file(crossing)
            assert (told.closed.officer, told.closed_at_device, told.closed.reason) == (
                *("Emil", "lane-2"),
                REASON,
            )
            assert first.lane.second_line.queue().cases == ()
            assert await first.close(crossing) == "closed_elsewhere"
            assert await second.close(crossing) == "closed_already"
            (record,) = await second.closed_records()
            assert (record["crossing"], record["device"]) == (crossing, "lane-1")
            assert await first.closed_records() == []

            async def all_closed() -> bool:
                pages = [await box.uplink.fetch_open(FetchOpen(kind=CASE)) for box in post.boxes]
                return not any(page.items for page in pages)

            async with asyncio.timeout(20):
                while not await all_closed():
                    await asyncio.sleep(0.05)
            raw = b"".join(path.read_bytes() for path in post.folder.glob("*/uplink/post.db*"))
            assert b"ERIKSSON" not in raw

    asyncio.run(main())


def test_ok__an_exit_at_one_lane_finds_the_entry_at_the_other(post: PostOfTwo) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network(), first.lane_runs(), second.lane_runs():
            await until(lambda: second.lane.second_line.post.other_lanes().reachable)
            second.capture.turn_to(NEAR)
            before = check(await second.cross("hold"))
            assert (before.verdict, before.reason) == ("NOT_DONE", "no_entry_known")
            assert before.evidence["other_lanes"] is True
            await first.cross("press")
            await until(lambda: entry_at(second))
            second.capture.turn_to(HONEST)
            left = check(await second.cross("press"))
            assert (left.verdict, left.reason) == ("PASS", "ok")
            assert left.evidence["last_direction"] == "entry"
            await until(lambda: not entry_at(first))
            assert not entry_at(second)
            page = await first.uplink.fetch_open(FetchOpen(kind=ENTRY))
            assert page.items == ()

    asyncio.run(main())


def test_ok__an_overstay_is_counted_between_lanes_also_of_whom_the_second_line_admitted(
    post: PostOfTwo,
) -> None:
    post.stay_days(0.000001)

    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network(), first.lane_runs(), second.lane_runs():
            assert (await second.lane.login(login("Emil"))).taken
            crossing = (await first.cross("hold")).crossing
            await until(lambda: second.lane.second_line.queue().cases)
            assert not entry_at(second), "referred, not entered"
            assert await second.close(crossing) == ""
            await until(lambda: entry_at(second))
            found = check(await second.cross("press"))
            assert (found.verdict, found.reason) == ("FAIL", "stay_exceeded")
            assert found.evidence["last_direction"] == "entry"

    asyncio.run(main())


def test_ok__with_the_hub_away_each_works_and_both_closings_are_kept(post: PostOfTwo) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with second.network(), first.lane_runs(), second.lane_runs():
            async with first.network():
                for box in post.boxes:
                    assert (await box.lane.login(login("Emil"))).taken
                crossing = (await first.cross("hold")).crossing
                await until(lambda: second.lane.second_line.queue().cases)
            first.uplink = None
            await until(lambda: not second.lane.second_line.queue().other_lanes.reachable)
            assert second.lane.second_line.queue().other_lanes.age_seconds is not None
            assert await first.close(crossing, outcome=CaseOutcome.WITHDRAWN) == ""
            assert await second.close(crossing) == "", "nobody can know: both decided"
            second.capture.turn_to(NEAR)
            alone = (await second.cross("hold")).crossing
            async with first.network():
                await until(lambda: first.lane.second_line.file(crossing).also)
                await until(lambda: second.lane.second_line.file(crossing).also)
                mine = first.lane.second_line.file(crossing)
                assert (mine.closed.outcome, mine.also.outcome) == ("withdrawn", "admitted")
                await until(lambda: alone in {one.crossing for one in first.lane.second_line.queue().cases})

    asyncio.run(main())


def test_ok__a_box_that_lost_its_cases_has_them_back(post: PostOfTwo) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network():
            async with first.lane_runs(), second.lane_runs():
                assert (await second.lane.login(login("Emil"))).taken
                crossing = (await first.cross("hold")).crossing
                await until(lambda: len(second.lane.second_line.cases.open_cases()) == 1)
                await until(lambda: not first.lane.second_line.cases.outgoing())
            for file in (first.home / "data").glob("cases.db*"):
                file.unlink()
            async with first.lane_runs():
                await until(lambda: len(first.lane.second_line.cases.open_cases()) == 1)
                await until(lambda: len(first.lane.second_line.cases.case(crossing).pictures) == 6)

    asyncio.run(main())


def sealed(post: PostOfTwo, kind: str, body: dict, **more) -> bytes:
    """What lane-2 signed for lane-1, whatever it says."""
    first, second = post.boxes
    return seal_item(
        kind,
        body,
        device="lane-2",
        signing_key=second.keys.signing,
        recipients=[first.keys.sealing.public_key],
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=1),
        **more,
    )[0]


def test_fail__items_that_are_none(post: PostOfTwo) -> None:
    """What a box of the post signed, and no lane of this house would."""

    async def main() -> None:
        first = post.boxes[0]
        async with first.lane_runs():
            assert (await first.lane.login(login("Emil"))).taken
            desk = first.lane.second_line.post
            crossing = (await first.cross("hold")).crossing
            facts = to_plain(first.lane.second_line.cases.case(crossing).movement)
            theirs = facts | {"device": "lane-2", "crossing": "theirs"}
            passage = {"crossing": "c", "direction": "entry", "at": "soon", "outcome": "admitted"}
            look = {"index": index_of(INDEX_KEY, "UTO", "X1")}
            for kind, body, more in (
                (CASE, {}, {}),
                (CASE, {"kind": "referred", "facts": {"crossing": "c", "device": "lane-2"}}, {}),
                (CASE, {"kind": "referred", "facts": facts}, {}),  # this box's own crossing
                (CASE, {"kind": "rumour", "facts": theirs}, {}),
                (
                    CASE,
                    {"kind": "referred", "facts": theirs | {"decided": facts["decided"] | {"wall": "soon"}}},
                    {},
                ),
                (
                    CASE,
                    {"kind": "referred", "facts": theirs | {"started": facts["started"] | {"quality": "?"}}},
                    {},
                ),
                (CASE, {"part_of": 7, "name": "portrait", "jpeg": b""}, {}),
                (CASE, {"part_of": crossing, "name": "portrait", "jpeg": b"another's"}, {}),
                (ENTRY, {"passage": {"at": 3}}, look),
                (ENTRY, {"passage": passage}, look),
                (ENTRY, {"passage": passage | {"at": "2026-11-02T08:00:00"}}, look),
                (CLOSED, {"closing": {"outcome": "fine"}}, {"about": bytes(16)}),
            ):
                assert desk._take(sealed(post, kind, body, **more)) is False
            assert desk._take(b"rubbish") is False
            assert [one.crossing for one in first.lane.second_line.queue().cases] == [crossing]
            assert first.lane.second_line.picture(crossing, "portrait") != b"another's"
            assert desk.passages("UTO", "X1") == ()

    asyncio.run(main())


BODIES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["kind", "facts", "pictures", "part_of", "name", "jpeg", "passage", "closing"])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), body=st.dictionaries(NAMES, BODIES, max_size=4))
def test_fail__whatever_another_box_says(desk, kind: str, body: dict) -> None:
    post_desk_, post_of_two = desk
    about = bytes(16) if kind in ABOUT else b""
    index = index_of(INDEX_KEY, "UTO", "X1") if kind == ENTRY else b""
    assert post_desk_._take(sealed(post_of_two, kind, body, about=about, index=index)) in (True, False)
    post_desk_._cases.open_cases()
    post_desk_.passages("UTO", "X1")


@pytest.fixture
def desk(post: PostOfTwo):
    first = post.boxes[0]
    lane = make_lane(load_config(first.config), capture=first.capture, post=Through(first))
    yield lane.second_line.post, post
    lane.close()


def test_fail__a_lane_of_a_post_without_the_post_s_key(post: PostOfTwo) -> None:
    first = post.boxes[0]
    (first.home / "keys" / "post-index.key").unlink()
    with pytest.raises(CannotStart, match=r"post-index\.key"):
        make_lane(load_config(first.config), capture=first.capture, post=Through(first))
    write_key(first.home / "keys" / "post-index.key", HashingKey(bytes(32)))
    make_lane(load_config(first.config), capture=first.capture, post=Through(first)).close()


def test_ok__post_state_names_the_copy(post: PostOfTwo) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network():
            copies = {(await box.uplink.post_state(Nothing())).copy for box in post.boxes}
            assert len(copies) == 2
            assert all(copies)

    asyncio.run(main())
