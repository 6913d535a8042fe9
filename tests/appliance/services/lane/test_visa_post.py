"""An application for a visa at one box of the post, decided and labelled at another, and taken back with its
traveller."""

import asyncio
import datetime as dt
from pathlib import Path

import msgspec
import pytest
from second_line_scripted import login
from test_post_erasure import obey
from two_boxes_scripted import Box, PostOfTwo, make_quick, until

from appliance.contracts.cases import CaseOutcome
from appliance.contracts.visas import Fee, IssueLabel, VisaApplication, VisaGrant, VisaTerms
from appliance.records.commands import Action

TERMS = VisaTerms(
    table="north/1",
    rule=1,
    issuing_state="KGZ",
    type="TOURIST",
    document_code="V",
    label="MRV-B",
    purposes=("visit",),
    days=30,
    validity_days=60,
    entries=1,
    fee=Fee(amount="60.00", currency="USD"),
)
APPLICATION = VisaApplication(
    purpose="visit", days=14, address="Hotel Ak-Keme", receipt="R 4711", terms=TERMS, officer="Aida"
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    make_quick(monkeypatch)


@pytest.fixture
def post(tmp_path: Path, keys_and_lists) -> PostOfTwo:
    return PostOfTwo(tmp_path, keys_and_lists[1].first_root)


async def applied(box: Box) -> str:
    """A referred crossing, and one more like it whose traveller has applied for a visa."""
    crossing = (await box.cross("hold")).crossing
    movement = box.lane.second_line.cases.case(crossing).movement
    movement = msgspec.structs.replace(
        movement, crossing="a" * 32, visa_application=APPLICATION, media={}, media_named={}
    )
    await asyncio.to_thread(box.lane.second_line.keep, movement)
    return movement.crossing


def grant() -> VisaGrant:
    today = dt.datetime.now(dt.UTC).date()
    until_ = today + dt.timedelta(days=30)
    return VisaGrant(days=14, entries=1, valid_from=today.isoformat(), valid_until=until_.isoformat())


def label(crossing: str) -> IssueLabel:
    return IssueLabel(crossing=crossing, number="KV1", number_again="KV1")


def test_ok__decided_at_the_other_box_labelled_there_and_erased_with_its_traveller(post: PostOfTwo) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network(), first.lane_runs(), second.lane_runs():
            for box in post.boxes:
                assert (await box.lane.login(login("Emil"))).taken
            crossing = await applied(first)
            here, there = first.lane.second_line, second.lane.second_line
            await until(lambda: there.cases.case(crossing))
            assert there.cases.case(crossing).movement.visa_application == APPLICATION
            assert await second.close(crossing, visa=grant()) == ""
            await until(lambda: here.visas.visas.row(crossing).decision is not None)
            for desk in (here, there):
                row = desk.visas.visas.row(crossing)
                assert (row.decision.grant.days, row.decided_device) == (14, "lane-2")
            assert here.visas.issue(label(crossing)).problem == "elsewhere"
            assert here.visas.file(crossing).here is False
            assert there.visas.issue(label(crossing)).taken
            assert await first.close(crossing, visa=None) == "closed_elsewhere"
            (record,) = await second.closed_records()
            assert record["visa"]["outcome"] == "granted"
            await until(lambda: not there.visas.visas.waiting_acts())
            obey(first, Action.ERASE, crossing)
            assert here.visas.visas.row(crossing) is None
            await until(lambda: there.visas.visas.row(crossing) is None)
            assert there.visas.visas.labels(crossing) == ()
            assert there.visas.visas.was_used("KV1")

    asyncio.run(main())


def test_ok__decided_at_both_while_neither_could_know(post: PostOfTwo) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with second.network(), first.lane_runs(), second.lane_runs():
            async with first.network():
                for box in post.boxes:
                    assert (await box.lane.login(login("Emil"))).taken
                crossing = await applied(first)
                await until(lambda: second.lane.second_line.cases.case(crossing))
            first.uplink = None
            assert await first.close(crossing, outcome=CaseOutcome.WITHDRAWN, visa=None) == ""
            assert await second.close(crossing, visa=grant()) == ""
            async with first.network():
                await until(lambda: first.lane.second_line.file(crossing).also)
                await until(lambda: second.lane.second_line.file(crossing).also)
            outcomes = [box.lane.second_line.visas.visas.row(crossing).decision.outcome for box in post.boxes]
            assert outcomes == ["withdrawn", "granted"], "each keeps its own; the screens show both"
            assert first.lane.second_line.file(crossing).also.visa.outcome == "granted"

    asyncio.run(main())


def test_ok__a_book_that_missed_the_decision_catches_up(post: PostOfTwo) -> None:
    async def main() -> None:
        first, _ = post.boxes
        async with first.lane_runs():
            assert (await first.lane.login(login("Emil"))).taken
            crossing = await applied(first)
            assert await first.close(crossing, visa=grant()) == ""
        for file in (first.home / "data").glob("visas.db*"):
            file.unlink()
        async with first.lane_runs():
            desk = first.lane.second_line
            assert desk.visas.visas.row(crossing) is None
            desk.visas.visas.applied(desk.cases.case(crossing).movement)
            await until(lambda: desk.visas.visas.row(crossing).decision is not None)

    asyncio.run(main())
