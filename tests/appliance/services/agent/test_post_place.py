"""The box's place in its post: what health says of it, and the start after a new certificate."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import LaneStatus
from appliance.contracts.post_joining import PostReport
from appliance.services.agent.post_place import PostPlace

MEMBER = PostReport(
    device="lane-2", state="member", until="2029-02-04", authority="1A2B 3C4D 5E6F 7A8B", members=3,
    event="taken", sentence="lane-2.post.json on the stick: its certificate of North is taken.",
    new_certificate_at=1000.0,
)  # fmt: skip


class Lane:
    """Somebody is at the box, or nobody, or it does not answer."""

    step: str | None = "waiting"

    async def status(self, request: Nothing) -> LaneStatus:
        if self.step is None:
            raise ServiceError("unreachable", "Nobody answers.")
        return LaneStatus(
            epoch="e", last_seq=5, acknowledged_seq=3, unsent=2, step=self.step, notices=(), lists=(),
            time_quality="rtc", key_tier="tpm",
        )  # fmt: skip


class Box:
    def __init__(self, folder: Path) -> None:
        self.now, self.lane = 900.0, Lane()
        self.file, self.restart = folder / "report.json", folder / "restart"
        self.place = PostPlace(lane=self.lane, report=self.file, restart=self.restart, clock=lambda: self.now)

    def say(self, report: PostReport) -> None:
        self.file.write_bytes(msgspec.json.encode(report))

    def look(self, now: float, *, may_restart: bool = True) -> bool:
        self.now = now
        asyncio.run(self.place.look(may_restart=may_restart))
        return self.restart.exists()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_ok_health_says_where_it_stands(box) -> None:
    assert not box.look(1001)
    assert box.place.telemetry() == {}
    box.say(MEMBER)
    box.look(1001)
    told = box.place.telemetry()
    assert (told["state"], told["until"], told["members"], told["event"]) == (
        "member",
        "2029-02-04",
        3,
        "taken",
    )
    assert "request" not in told
    assert "authority" not in told
    box.file.write_bytes(b"[")
    box.look(1001)
    assert box.place.telemetry() == {}


def test_ok_it_starts_again_when_nobody_has_been_there_for_two_minutes(box) -> None:
    box.say(MEMBER)
    assert not box.look(1001)
    assert not box.look(1119)
    box.lane.step = "portrait"
    assert not box.look(1130)
    box.lane.step = None
    assert not box.look(1160)
    box.lane.step = "waiting"
    assert not box.look(1279)
    assert box.look(1281)
    box.restart.unlink()
    assert not box.look(1500), "asked for once"


def test_ok_not_for_a_certificate_that_was_there_before_nor_for_a_list(box) -> None:
    for report in (
        msgspec.structs.replace(MEMBER, new_certificate_at=899.0),
        msgspec.structs.replace(MEMBER, new_certificate_at=None),
    ):
        box.say(report)
        assert not box.look(5000)


def test_ok_an_update_that_is_tried_is_not_cut_short(box) -> None:
    box.say(MEMBER)
    assert not box.look(5000, may_restart=False)
    assert not box.look(5100)
    assert box.look(5121)


def test_fail_no_place_to_ask_for_it(box) -> None:
    box.say(MEMBER)
    box.place._restart = box.restart / "nowhere"
    with pytest.raises(OSError, match="nowhere"):
        box.look(5000)
