"""The AsyncAPI document: held to AsyncAPI's own JSON schema, to the code's topics, and to real telemetry.

asyncapi-3.0.0.schema.json is `schemas/3.0.0-without-$id.json` of npm's @asyncapi/specs 6.11.1 (Apache-2.0),
without its line breaks.
"""

import asyncio
import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import central
from appliance import live_query
from appliance.config import Box, Profile
from appliance.contracts import wire
from appliance.contracts.capture import Devices, DeviceStatus, Nothing
from appliance.contracts.lane import LaneStatus, Retained
from appliance.records import commands, envelope, watermark
from appliance.services.agent.service import AgentService
from central import receiver

WIRE = Path(central.__file__).parents[1] / "docs" / "wire"
SCHEMA = json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text("utf-8"))
TEXT = (WIRE / "asyncapi.yaml").read_text("utf-8")
DOCUMENT = yaml.safe_load(TEXT)
CHECK = jsonschema.Draft7Validator(SCHEMA)


def test_ok__it_is_asyncapi_3() -> None:
    assert list(CHECK.iter_errors(DOCUMENT)) == []


def test_fail__the_schema_would_see_a_fault() -> None:
    for path, value in (
        (("components", "operationBindings", "once", "mqtt", "qos"), 7),
        (("operations", "receiveRecords", "action"), "listen"),
        (("channels", "records", "adress"), "x"),
        (("info",), {}),
    ):
        wrong: Any = copy.deepcopy(DOCUMENT)
        place = wrong
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        assert list(CHECK.iter_errors(wrong)), path


def test_ok__every_reference_leads_somewhere() -> None:
    for path in re.findall(r'\$ref: "#/([^"]+)"', TEXT):
        place: Any = DOCUMENT
        for name in path.split("/"):
            place = place[name]
        assert place


def test_ok__every_topic_of_the_code_and_no_other() -> None:
    documented = {channel["address"] for channel in DOCUMENT["channels"].values()}
    devices = ("records", "watermark", wire.COMMAND, "status", "telemetry", "query", "answer")
    ours = {wire.topic("DEVICE", what).replace("DEVICE", "{device}") for what in devices}
    assert documented == ours | {f"{wire.REFERENCE}/{{name}}"}
    # And the code has none besides: each topic filter and each topic that is named anywhere.
    root = Path(central.__file__).parents[1]
    named = set()
    for file in [*(root / "central").rglob("*.py"), *(root / "appliance" / "services").rglob("*.py")]:
        named |= set(re.findall(r'topic\([^()]*, "([a-z]+)"\)', file.read_text("utf-8")))
    assert named
    assert named <= set(devices)
    readme = (Path(central.__file__).parent / "README.md").read_text("utf-8")
    table = set(re.findall(r"^\| `(borne/v1/[^`]+)` \|", readme, re.MULTILINE))
    assert table == {one.replace("{device}", "DEVICE").replace("{name}", "NAME") for one in documented}


def test_ok__every_channel_has_its_operation_with_qos_and_retain() -> None:
    readme = (Path(central.__file__).parent / "README.md").read_text("utf-8")
    bindings = DOCUMENT["components"]["operationBindings"]
    seen = set()
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"].rsplit("/", 1)[1]
        seen.add(channel)
        binding = bindings[operation["bindings"]["$ref"].rsplit("/", 1)[1]]["mqtt"]
        address = DOCUMENT["channels"][channel]["address"]
        row = address.replace("{device}", "DEVICE").replace("{name}", "NAME")
        _, sender, retained = re.search(
            rf"^\| `({re.escape(row)})` \| (\w+) \| (\w+) \|", readme, re.M
        ).groups()
        assert binding["qos"] == 1
        assert binding["retain"] is (retained == "yes"), channel
        assert (operation["action"] == "receive") is (sender == "box"), channel
    assert seen == set(DOCUMENT["channels"])


def test_ok__content_types_and_limits_are_the_code_s() -> None:
    messages = DOCUMENT["components"]["messages"]
    for name, kind in (
        ("batch", envelope.CONTENT_TYPE),
        ("watermark", watermark.CONTENT_TYPE),
        ("commands", commands.CONTENT_TYPE),
        ("query", live_query.QUERY_TYPE),
        ("answer", live_query.ANSWER_TYPE),
    ):
        assert (
            f"{kind};" in messages[name]["summary"]
            or f"{kind}." in messages[name]["summary"]
            or (f"{kind}, " in messages[name]["summary"])
        ), name
    assert f"at most {watermark.MAX_WATERMARK_BYTES} bytes" in messages["watermark"]["summary"]
    assert f"At most {commands.MAX_COMMANDS} commands" in messages["commands"]["summary"]
    assert f"and {wire.MAX_BATCH_RECORDS} envelopes" in messages["batch"]["summary"]
    broker = DOCUMENT["servers"]["broker"]["bindings"]["mqtt"]
    assert broker["sessionExpiryInterval"] == receiver.SESSION_SECONDS
    assert broker["maximumPacketSize"] == receiver.MAX_PACKET_BYTES
    assert broker["clientId"] == receiver.CLIENT_ID
    assert broker["keepAlive"] == receiver.KEEPALIVE_SECONDS
    assert messages["status"]["payload"]["enum"] == [wire.ONLINE.decode(), wire.OFFLINE.decode()]


class House:
    """The agent's three neighbours, with a device and a notice."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def devices(self, _request: Nothing) -> Devices:
        return Devices(devices=(device(),))

    async def status(self, _request: Nothing) -> LaneStatus:
        return LaneStatus(
            epoch="e",
            last_seq=5,
            acknowledged_seq=3,
            unsent=2,
            step="waiting",
            notices=("clock_unsure",),
            lists=(),
            time_quality="rtc",
        )

    async def retain(self, _request: Nothing) -> Retained:
        return Retained(records_removed=0, media_dropped=0, bytes_freed=0)

    async def publish_telemetry(self, request: Any) -> Nothing:
        self.sent.append(request.report)
        return Nothing()


def device() -> DeviceStatus:
    return DeviceStatus(
        kind="camera",
        driver="simulated",
        key="k",
        model="m",
        state="READY",
        since_seconds=1.5,
        simulated=True,
        capabilities=("STILL",),
        last_error=None,
        successes=3,
        failures=0,
        consecutive_failures=0,
        last_success_seconds=2.0,
        p95_seconds=None,
    )


def test_ok__what_the_agent_sends_is_what_the_document_says(tmp_path) -> None:
    house = House()
    agent = AgentService(
        box=Box(device="box-1", post="Post", profile=Profile.DEMO),
        data=tmp_path,
        capture=house,
        lane=house,
        uplink=house,
        report_seconds=0.01,
    )

    async def once() -> None:
        running = asyncio.ensure_future(agent.run())
        async with asyncio.timeout(30):
            while not house.sent and not running.done():
                await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(once())
    schema = DOCUMENT["components"]["schemas"]["telemetry"]
    check = jsonschema.Draft7Validator(schema)
    report = json.loads(json.dumps(house.sent[0]))
    assert list(check.iter_errors(report)) == []
    assert report["devices_0_kind"] == "camera"
    assert report["records_notices_0"] == "clock_unsure"
    known = set(schema["properties"])
    undocumented = {
        name
        for name in report
        if name not in known and not any(re.match(p, name) for p in schema["patternProperties"])
    }
    assert undocumented == set()
    assert list(check.iter_errors(report | {"records": {"unsent": 2}}))  # nothing nested


@pytest.mark.parametrize("name", ["time", "device"])
def test_fail__telemetry_that_lacks_what_is_required(name: str) -> None:
    check = jsonschema.Draft7Validator(DOCUMENT["components"]["schemas"]["telemetry"])
    whole = {"version": "1", "device": "b", "profile": "demo", "key_tier": "software", "time": "x"}
    assert not list(check.iter_errors(whole))
    del whole[name]
    assert list(check.iter_errors(whole))
