"""Three boxes, one of them the hub, no broker anywhere: cases and entries go between them."""

import asyncio
import time

import pytest
from post_scripted import HUB, ScriptedPost, publish, running

from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.post import FetchItems, FetchOpen
from appliance.post.items import CASE, CLOSED, ENTRY
from appliance.services.uplink.post import hub_link
from appliance.services.uplink.post import service as services
from appliance.services.uplink.post.store import PostStore, PostStoreError


@pytest.fixture(autouse=True)
def _short_times(monkeypatch) -> None:
    monkeypatch.setattr(hub_link, "MIN_BACKOFF_SECONDS", 0.05)
    monkeypatch.setattr(hub_link, "MAX_BACKOFF_SECONDS", 0.2)
    monkeypatch.setattr(hub_link, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(services, "LISTEN_AGAIN_SECONDS", 0.05)


async def came(service, count: int, after: int = 0):
    async with asyncio.timeout(20):
        while True:
            page = await service.fetch_items(FetchItems(after=after, wait=5.0))
            if len(page.items) >= count:
                return page
            await asyncio.sleep(0.01)


async def until(wanted) -> None:
    async with asyncio.timeout(20):
        while not await wanted():
            await asyncio.sleep(0.02)


def test_ok_a_referred_case_is_at_the_second_line_and_closed_everywhere(post: ScriptedPost) -> None:
    async def main() -> None:
        lane, second = post.boxes["lane-2"], post.boxes["second-line"]
        services_ = [box.service() for box in post.boxes.values()]
        hub, at_lane, at_second = services_
        async with running(*services_):
            await came_up(at_lane, at_second)
            data, case = lane.seal(CASE, {"reasons": ["watchlist.person"]})
            began = time.monotonic()
            await publish(at_lane, data)
            page = await came(at_second, 1)
            assert time.monotonic() - began < 5
            opened = second.open(page.items[0].data)
            assert (opened.header.device, opened.header.kind) == ("lane-2", CASE)
            assert opened.body == {"reasons": ["watchlist.person"]}
            assert page.state.reachable
            assert not page.state.hub
            closing, _ = second.seal(CLOSED, {"outcome": "admitted"}, about=case)
            await publish(at_second, closing)
            for service in services_:

                async def nothing_open(service=service) -> bool:
                    return not (await service.fetch_open(FetchOpen(kind=CASE))).items

                await until(nothing_open)
            assert (await hub.post_state(Nothing())).hub

    asyncio.run(main())


async def came_up(*members) -> None:
    async def all_there() -> bool:
        return all([(await one.post_state(Nothing())).reachable for one in members])

    await until(all_there)


def test_ok_an_exit_finds_its_entry_by_an_index_that_names_nobody(post: ScriptedPost) -> None:
    async def main() -> None:
        services_ = [box.service() for box in post.boxes.values()]
        hub, at_lane, _ = services_
        index = post.index("UTO", "L898902C3")
        async with running(*services_):
            data, entry = post.boxes["lane-2"].seal(ENTRY, {"crossing": "c-1"}, index=index)
            await publish(at_lane, data)
            await came(hub, 1)
            found = (await hub.fetch_open(FetchOpen(kind=ENTRY, index=index))).items
            assert [post.boxes[HUB].open(one.data).body for one in found] == [{"crossing": "c-1"}]
            other = post.index("UTO", "L898902C4")
            assert (await hub.fetch_open(FetchOpen(kind=ENTRY, index=other))).items == ()
            closing, _ = post.boxes[HUB].seal(CLOSED, about=entry)
            await publish(hub, closing)
            assert (await hub.fetch_open(FetchOpen(kind=ENTRY, index=index))).items == ()
        assert b"L898902C3" not in (post.folder / HUB / "post.db").read_bytes()

    asyncio.run(main())


def test_ok_a_hub_that_is_away_delays_and_loses_nothing(post: ScriptedPost) -> None:
    async def main() -> None:
        lane = post.boxes["lane-2"]
        at_lane = lane.service()
        async with running(at_lane):
            data, _ = lane.seal()
            await publish(at_lane, data)
            state = await at_lane.post_state(Nothing())
            assert (state.reachable, state.waiting, state.synchronized_seconds) == (False, 1, None)
            assert state.sentence
            # Its own copy still answers.
            assert len((await at_lane.fetch_open(FetchOpen(kind=CASE))).items) == 1
            hub = post.boxes[HUB].service()
            async with running(hub):
                await came(hub, 1)
                await came_up(at_lane)

                async def told() -> bool:
                    return (await at_lane.post_state(Nothing())).waiting == 0

                await until(told)

            async def noticed() -> bool:
                return not (await at_lane.post_state(Nothing())).reachable

            await until(noticed)
            assert (await at_lane.post_state(Nothing())).synchronized_seconds is not None

    asyncio.run(main())


def test_ok_a_new_hub_gets_everything_from_the_others(post: ScriptedPost) -> None:
    """Also what the old hub itself had said: whoever has an item can bring it."""

    async def main() -> None:
        lane = post.boxes["lane-2"]
        at_lane = lane.service()
        async with running(at_lane):
            hub = post.boxes[HUB].service()
            async with running(hub):
                await publish(hub, post.boxes[HUB].seal(CASE, {"of": "hub"})[0])
                await publish(at_lane, lane.seal(CASE, {"of": "lane"})[0])
                await came(at_lane, 2)
            for file in (post.folder / HUB).glob("post.db*"):
                file.unlink()  # its disk died
            replaced = post.boxes[HUB].service()
            async with running(replaced):
                page = await came(replaced, 2)
                bodies = [post.boxes[HUB].open(one.data).body["of"] for one in page.items]
                assert sorted(bodies) == ["hub", "lane"]

    asyncio.run(main())


def test_ok_a_restart_goes_on_where_it_was(post: ScriptedPost) -> None:
    async def main() -> None:
        for round_ in (1, 2):
            hub, at_second = post.boxes[HUB].service(), post.boxes["second-line"].service()
            async with running(hub, at_second):
                await publish(hub, post.boxes[HUB].seal(CASE, {"n": round_})[0])
                page = await came(at_second, round_)
                assert len(page.items) == round_

    asyncio.run(main())


def test_fail_the_hub_s_address_comes_later(post: ScriptedPost, monkeypatch) -> None:
    """A cable that is plugged in after the start: uplink's other work goes on meanwhile."""

    async def main() -> None:
        hub = post.boxes[HUB].service()
        hub.hub._address = "192.0.2.1"  # of nobody's network card
        task = asyncio.ensure_future(hub.run())

        async def said() -> bool:
            return "cannot listen" in (await hub.post_state(Nothing())).sentence

        await until(said)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_fail_an_item_of_another_box_or_of_no_kind(post: ScriptedPost) -> None:
    async def main() -> None:
        at_lane = post.boxes["lane-2"].service()
        foreign, _ = post.boxes[HUB].seal()
        from appliance.contracts.post import PublishItem

        answer = await at_lane.publish_item(PublishItem(data=foreign))
        assert (answer.taken, answer.sentence) == (False, "The item is another box's.")
        answer = await at_lane.publish_item(PublishItem(data=b"rubbish"))
        assert not answer.taken
        with pytest.raises(ServiceError, match="no such kind"):
            await at_lane.fetch_open(FetchOpen(kind="rumour"))
        at_lane._store.close()
        for ask in (
            at_lane.fetch_items(FetchItems()),
            at_lane.publish_item(PublishItem(data=post.boxes["lane-2"].seal()[0])),
        ):
            with pytest.raises(ServiceError, match="post's items cannot"):
                await ask

    asyncio.run(main())


def test_fail_a_damaged_copy_is_set_aside_and_filled_anew(post: ScriptedPost, tmp_path) -> None:
    file = tmp_path / "post.db"
    file.write_bytes(b"no database at all" * 500)
    store = PostStore.open(file)
    assert store.after(0, limit=9, most_bytes=9) == []
    store.close()
    assert file.with_name("post.db.damaged").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(PostStoreError):
        PostStore.open(tmp_path / "file" / "post.db")
