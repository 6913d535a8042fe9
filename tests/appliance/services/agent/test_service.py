import asyncio

import pytest

from appliance.config import Box
from appliance.contracts.agent import AgentClient, NoteResults, WatchSelfTest
from appliance.contracts.capture import Devices, DeviceStatus, Nothing
from appliance.contracts.checks import Check
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import LaneStatus, Retained
from appliance.contracts.transport import application, listen_unix, serve
from appliance.services.agent import health
from appliance.services.agent.post_place import PostPlace
from appliance.services.agent.service import AgentService

READER = DeviceStatus(
    kind="fingerprint_sensor",
    driver="zfm",
    key="fingerprint_sensor/zfm//dev/ttyUSB0",
    model="ZFM",
    state="READY",
    since_seconds=5.0,
    simulated=False,
    capabilities=("fingerprint_image", "self_test"),
    successes=3,
    failures=1,
    consecutive_failures=0,
    last_error="Unreadable",
    last_success_seconds=2.0,
    p95_seconds=0.4,
    firmware="1.2",
    attached="usb:0403:6001:A9",
    departures=2,
)


class Others:
    """The three other services, as the agent sees them."""

    def __init__(self, *, broken: bool = False, refusals: int = 0) -> None:
        self.broken = broken
        self.refusals = refusals
        self.sent = []
        self.retained = 0

    async def devices(self, request: Nothing) -> Devices:
        if self.broken:
            raise ServiceError("unreachable", "Nobody answers.")
        return Devices(devices=(READER,))

    async def status(self, request: Nothing) -> LaneStatus:
        if self.broken:
            raise ServiceError("unreachable", "Nobody answers.")
        return LaneStatus(
            epoch="e",
            last_seq=5,
            acknowledged_seq=3,
            unsent=2,
            step="waiting",
            notices=(),
            lists=(),
            time_quality="rtc",
            key_tier="tpm",
        )

    async def retain(self, request: Nothing) -> Retained:
        self.retained += 1
        if self.broken:
            raise ServiceError("unreachable", "Nobody answers.")
        return Retained(records_removed=0, media_dropped=0, bytes_freed=0)

    async def publish_telemetry(self, request) -> Nothing:
        if self.refusals:
            self.refusals -= 1
            raise ServiceError("unreachable", "Nobody answers.", retry=True)
        self.sent.append(request.report)
        return Nothing()


def agent(tmp_path, others: Others, *, retention_seconds: float = 3600.0, **more) -> AgentService:
    box = Box(device="box-1", post="Post")
    return AgentService(
        box=box,
        data=tmp_path,
        capture=others,
        lane=others,
        uplink=others,
        report_seconds=0.01,
        retention_seconds=retention_seconds,
        **more,
    )


def test_ok_the_post_s_place_is_in_the_health_report(tmp_path):
    others, said = Others(), tmp_path / "report.json"
    said.write_text('{"device": "box-1", "state": "member", "until": "2029-02-04", "members": 2}')
    place = PostPlace(lane=others, report=said, restart=tmp_path / "restart")
    run_until(agent(tmp_path, others, post=place), others, 2)
    told = others.sent[-1]
    assert (told["post_state"], told["post_until"], told["post_members"]) == ("member", "2029-02-04", 2)


def run_until(service: AgentService, others: Others, reports: int) -> int:
    rounds = 0

    async def main():
        nonlocal rounds

        def progressed():
            nonlocal rounds
            rounds += 1

        task = asyncio.create_task(service.run(progressed=progressed))
        async with asyncio.timeout(60):
            while len(others.sent) < reports:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    return rounds


def test_ok_the_report_tells_states_and_counts(tmp_path):
    others = Others()
    run_until(agent(tmp_path, others), others, 1)
    report = others.sent[0]
    assert report["device"] == "box-1"
    assert report["records_unsent"] == 2
    assert report["key_tier"] == "tpm"
    assert report["box_disk_total_bytes"] > report["box_disk_free_bytes"] > 0
    told = (report["devices_0_firmware"], report["devices_0_departures"], report["devices_0_p95_seconds"])
    assert told == ("1.2", 2, 0.4)


def test_ok_a_service_that_does_not_answer_is_said_so(tmp_path):
    others = Others(broken=True)
    run_until(agent(tmp_path, others), others, 1)
    assert others.sent[0]["devices_problem"] == "unreachable"
    assert others.sent[0]["records_problem"] == "unreachable"
    assert others.sent[0]["key_tier"] == "unknown"


def test_ok_retention_is_started_at_once_and_again(tmp_path):
    others = Others()
    run_until(agent(tmp_path, others), others, 3)
    assert others.retained == 1
    others = Others()
    run_until(agent(tmp_path, others, retention_seconds=0.001), others, 3)
    assert others.retained >= 2


def test_ok_a_line_that_is_down_is_tried_again(tmp_path):
    others = Others(refusals=2)
    assert run_until(agent(tmp_path, others), others, 1) >= 2


def test_ok_the_hottest_zone_counts_and_a_sensor_that_is_not_there_is_left_out(tmp_path):
    zones = tmp_path / "class/thermal"
    for zone, reading in (("thermal_zone0", "41000\n"), ("thermal_zone1", "52500\n"), ("thermal_zone2", "?")):
        (zones / zone).mkdir(parents=True)
        (zones / zone / "temp").write_text(reading)
    assert health.box_health(tmp_path, system=tmp_path)["temperature_celsius"] == pytest.approx(52.5)
    assert "temperature_celsius" not in health.box_health(tmp_path, system=tmp_path / "nothing")


def test_ok_lane_asks_across_the_socket(tmp_path):
    """Status, a run and its state, and what a technician confirmed, as the technician's page has it."""
    others = Others()

    class Test:
        async def run(self, told):
            told(0, 2, [])
            told(1, 2, [{"id": "box.health", "verdict": "PASS", "reason": "well", "evidence": {"x": 1.5}}])
            return [{"id": "box.health", "verdict": "FAIL", "reason": "too_hot", "evidence": {}}]

    async def main():
        box = Box(device="box-1", post="Post")
        service = AgentService(
            box=box, data=tmp_path, capture=others, lane=others, uplink=others, self_test=Test()
        )
        serving = asyncio.create_task(
            serve(application(service.operations()), listen_unix(tmp_path / "agent.sock"))
        )
        client = AgentClient(tmp_path / "agent.sock")
        try:
            async with asyncio.timeout(60):
                state = await client.run_self_test(Nothing())
                while state.running:
                    state = await client.watch_self_test(WatchSelfTest(after=state.revision, timeout=10.0))
                assert [(one.id, one.verdict) for one in state.results] == [("box.health", "FAIL")]
                assert (state.done, state.total) == (2, 2)
                seen = Check(id="panel.lights", verdict="PASS", reason="seen")
                state = await client.note_results(NoteResults(results=(seen,)))
                assert seen in state.results
                status = await client.status(Nothing())
                assert (status.device, status.self_test) == ("box-1", state)
                assert status.link is None
                assert status.box["disk_total_bytes"] > 0
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await client.close()

    others.status = unreachable
    asyncio.run(main())


async def unreachable(_request):
    raise ServiceError("unreachable", "Nobody answers.")
