"""Two boxes of one post over real TLS, with no line to central: cases and passages go between their lanes."""

import asyncio
import contextlib
import datetime as dt
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey
from nacl.signing import SigningKey
from second_line_scripted import HONEST, NEAR, PINS, REASON, LitReader, login, staff

from appliance.config import load_config
from appliance.contracts.capture import Nothing
from appliance.contracts.cases import CaseOutcome, CloseCase
from appliance.contracts.lane import FetchOutbox, Press
from appliance.contracts.movement import to_plain
from appliance.contracts.post import FetchOpen
from appliance.key_files import HashingKey, write_key
from appliance.opening import CannotStart
from appliance.post_items import CASE, CLOSED, ENTRY, index_of, seal_item
from appliance.records import envelope, officers
from appliance.records.keys import load_box_keys
from appliance.services.lane.second_line import post_desk
from appliance.services.uplink.post import hub_link
from appliance.services.uplink.post import service as post_services
from appliance.simulation.certificates import CertificateAuthority
from appliance.wiring import make_lane, make_post

sys.path.insert(0, str(Path(__file__).parents[1] / "uplink" / "post"))
from post_scripted import INDEX_KEY, free_port

CONFIG = """
[box]
device = "{device}"
post = "Test post"
lane = "{lane}"
direction = "{direction}"
profile = "training"
clock = "host"
[paths]
data = "{home}/data"
keys = "{home}/keys"
run = "{home}/run"
policy = "{folder}/policy.toml"
[central]
sealing_key = "{folder}/sealing.pub"
watermark_key = "{folder}/watermark.pub"
reference_root = "{folder}/reference-root.json"
[post]
hub = "lane-1"
address = "127.0.0.1"
port = {port}
ca = "{ca}"
certificate = "{certificate}"
key = "{key}"
members = "{folder}/members"
data = "{home}/uplink"
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    monkeypatch.setattr(officers, "MEMORY", 8192)
    monkeypatch.setattr(officers, "OPS", 1)
    monkeypatch.setattr(hub_link, "MIN_BACKOFF_SECONDS", 0.05)
    monkeypatch.setattr(hub_link, "MAX_BACKOFF_SECONDS", 0.2)
    monkeypatch.setattr(hub_link, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(post_services, "LISTEN_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(post_desk, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(post_desk, "WAIT_SECONDS", 1.0)


class PostOfTwo:
    """lane-1, which is the hub, for entries; lane-2 for exits."""

    def __init__(self, folder: Path, root: bytes) -> None:
        self.folder = folder
        (folder / "members").mkdir()
        (folder / "reference-root.json").write_bytes(root)
        self.central = PrivateKey.generate()
        write_key(folder / "sealing.pub", self.central.public_key)
        write_key(folder / "watermark.pub", SigningKey.generate().verify_key)
        text = Path("appliance/services/lane/policy.toml").read_text("utf-8")
        (folder / "policy.toml").write_text(text.replace("notice_seconds = 7", "notice_seconds = 0"))
        self.authority = CertificateAuthority(folder / "tls")
        self.port = free_port()
        self.boxes = [Box(self, "1", "entry"), Box(self, "2", "exit")]

    def stay_days(self, days: float) -> None:
        path = self.folder / "policy.toml"
        path.write_text(path.read_text().replace("\nstay_days = 0\n", f"\nstay_days = {days}\n"))


class Box:
    """One box of the post, built as systemd's units build it, but for the devices."""

    def __init__(self, post: PostOfTwo, lane: str, direction: str) -> None:
        self.post, self.device = post, f"lane-{lane}"
        self.home = post.folder / self.device
        self.keys = load_box_keys(self.home / "keys")
        write_key(self.home / "keys" / "post-index.key", INDEX_KEY)
        members = post.folder / "members"
        write_key(members / f"{self.device}.signing.pub", self.keys.signing.verify_key)
        write_key(members / f"{self.device}.sealing.pub", self.keys.sealing.public_key)
        certificate, key = post.authority.issue(self.device, server=lane == "1")
        self.config = self.home / "borne.toml"
        self.config.write_text(
            CONFIG.format(
                device=self.device,
                lane=lane,
                direction=direction,
                home=self.home,
                folder=post.folder,
                port=post.port,
                ca=post.authority.certificate,
                certificate=certificate,
                key=key,
            )
        )
        self.capture = LitReader(HONEST)

    @contextlib.asynccontextmanager
    async def network(self):
        """Its uplink's part in the post."""
        self.uplink = make_post(load_config(self.config))
        listening = asyncio.Event() if self.uplink.hub else None
        task = asyncio.create_task(self.uplink.run(listening=listening))
        if listening is not None:
            async with asyncio.timeout(10):
                await listening.wait()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.uplink._store.close()

    @contextlib.asynccontextmanager
    async def lane_runs(self):
        """Its lane, over an uplink that may come and go."""
        (self.home / "data").mkdir(exist_ok=True)
        staff(self.home / "data", self.keys.storage)
        self.lane = make_lane(load_config(self.config), capture=self.capture, post=Through(self))
        task = asyncio.create_task(self.lane.run())
        try:
            yield self
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.lane.close()

    async def until(self, wanted):
        async with asyncio.timeout(60):
            view = self.lane.view()
            while not wanted(view):
                view = await self.lane.wait_for_change(view.revision, 0.5)
            return view

    async def cross(self, event: str):
        """A traveller comes, and the officer presses or holds; the last view of them."""
        before = self.lane.view().crossings
        for step, press in (("waiting", "press"), ("deciding", event)):
            while True:
                view = await self.until(
                    lambda view, step=step: view.step == step and (view.press or view.hold)
                )
                if (await self.lane.press(Press(event=press, revision=view.revision))).taken:
                    break
                await asyncio.sleep(0.01)
        await self.until(lambda view: view.crossings == before + 1 and view.press == "start")
        return view

    async def close(self, crossing: str, name: str = "Emil", **changes) -> str:
        values = {"outcome": CaseOutcome.ADMITTED, "reason": REASON, "pin": PINS[name]}
        request = CloseCase(crossing=crossing, **(values | changes))
        return (await asyncio.to_thread(self.lane.second_line.close, request)).problem

    async def closed_records(self) -> list[dict]:
        page = await self.lane.fetch_outbox(FetchOutbox(after=0, limit=256))
        found = []
        for record in page.records:
            sealed = envelope.verify(
                record.envelope, verify_key_for=lambda _kid: self.keys.signing.verify_key
            )
            opened = envelope.open_(sealed, private_key=self.post.central)
            found += [opened.body] if opened.type == "case_closed" else []
        return found


class Through:
    """`Post` of the uplink that runs now: unreachable while none does."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def __getattr__(self, operation: str):
        async def call(request):
            from appliance.contracts.errors import ServiceError

            uplink = getattr(self._box, "uplink", None)
            if uplink is None:
                raise ServiceError("unreachable", "No uplink.", retry=True)
            return await getattr(uplink, operation)(request)

        return call


async def until(wanted, seconds: float = 30.0):
    async with asyncio.timeout(seconds):
        while not (found := wanted()):
            await asyncio.sleep(0.02)
        return found


@pytest.fixture
def post(tmp_path: Path, keys_and_lists) -> PostOfTwo:
    return PostOfTwo(tmp_path, keys_and_lists[1].first_root)


def entry_at(box: Box):
    """Whether it knows of an entry that no exit has ended."""
    return box.lane.second_line.cases._do("SELECT 1 FROM entries").fetchone()


def check(view, id_: str = "history.crossings"):
    return next(one for one in view.checks if one.id == id_)


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
@given(kind=st.sampled_from([CASE, ENTRY, CLOSED]), body=st.dictionaries(NAMES, BODIES, max_size=4))
def test_fail__whatever_another_box_says(desk, kind: str, body: dict) -> None:
    post_desk_, post_of_two = desk
    about = bytes(16) if kind == CLOSED else b""
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
