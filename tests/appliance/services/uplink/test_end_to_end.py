"""Journal, uplink, real mosquitto with mutual TLS, central in its own process, its database, and back."""

import asyncio
import contextlib
import datetime as dt
import random
import secrets
import sqlite3
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from nacl.public import PublicKey
from nacl.signing import VerifyKey
from paho.mqtt.enums import CallbackAPIVersion
from uplink_scripted import STAMP, JournalLane, record_movements, until

from appliance.contracts.capture import Nothing
from appliance.contracts.checks import Direction
from appliance.contracts.lane import LiveQuery
from appliance.contracts.uplink import Telemetry
from appliance.key_files import HashingKey, read_key, write_key
from appliance.live_query import LiveSubject, Query, open_answer, seal_query
from appliance.records.journal import Journal
from appliance.records.keys import load_box_keys, load_central_keys
from appliance.screening.build import build_documents
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.lists import ListInfo, ListKind
from appliance.services.uplink.link import Credentials
from appliance.services.uplink.service import Settings, UplinkService
from appliance.simulation.broker import PROGRAMS
from appliance.simulation.world import DEVICE, World

pytestmark = pytest.mark.skipif(
    not any(Path(path).exists() for path in (*PROGRAMS, "/usr/sbin/mosquitto")), reason="mosquitto is missing"
)


@pytest.fixture
def world(tmp_path: Path):
    with World(tmp_path / "world") as world:
        yield world


def lane_of(world: World) -> JournalLane:
    central = world.folder / "central" / "keys"
    journal = Journal.open(
        world.folder / "journal.db",
        keys=load_box_keys(world.keys),
        central=load_central_keys(central / "sealing.pub", central / "watermark.pub"),
        device=DEVICE,
    )
    return JournalLane(journal, device=DEVICE)


@contextlib.asynccontextmanager
async def uplink_of(world: World, lane: JournalLane):
    access = world.broker.access(DEVICE)
    credentials = Credentials(access.host, access.port, access.ca, access.certificate, access.key)
    settings = Settings(DEVICE, credentials, resend_seconds=0.5, min_backoff_seconds=0.05)
    uplink = UplinkService(lane=lane, settings=settings)
    running = asyncio.ensure_future(uplink.run())
    try:
        yield uplink
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def in_database(world: World) -> dict[str, int]:
    """Counted by the test itself, not by central."""
    with sqlite3.connect(world.database) as connection:
        crossings = [name for (name,) in connection.execute("SELECT crossing FROM crossings")]
        numbers = [seq for (seq,) in connection.execute("SELECT seq FROM records")]
        refused = connection.execute("SELECT count(*) FROM refused").fetchone()[0]
    return {
        "crossings": len(crossings),
        "different crossings": len(set(crossings)),
        "records": len(numbers),
        "different records": len(set(numbers)),
        "refused": refused,
    }


def test_ok__kills_of_broker_and_central_lose_and_double_nothing(world: World) -> None:
    lane = lane_of(world)

    async def main() -> None:
        async with uplink_of(world, lane):
            for round_ in range(4):
                record_movements(lane, 40)
                await asyncio.sleep(random.uniform(0.05, 0.3))
                world.broker.kill()
                record_movements(lane, 10)
                if round_ % 2:
                    world.stop_receiver(kill=True)
                await asyncio.to_thread(world.broker.start)
                if round_ % 2:
                    world.start_receiver()
            await until(lambda: lane.journal.status().unsent == 0, seconds=200)

    asyncio.run(main())
    assert lane.journal.status().last_seq == 200
    assert lane.journal.verify().problems == ()
    lane.journal.close()
    world.stop_receiver()
    assert in_database(world) == {
        "crossings": 200,
        "different crossings": 200,
        "records": 200,
        "different records": 200,
        "refused": 0,
    }


def test_ok__status_and_last_will(world: World) -> None:
    lane = lane_of(world)

    def status() -> str:
        with sqlite3.connect(world.database) as connection:
            return str(connection.execute("SELECT status FROM devices").fetchone()[0])

    async def main() -> None:
        async with uplink_of(world, lane):
            await until(lambda: status() == "online")
        await until(lambda: status() == "offline")

    asyncio.run(main())
    lane.journal.close()


def test_ok__lists_arrive(world: World) -> None:
    lane = lane_of(world)

    async def main() -> None:
        async with uplink_of(world, lane):
            await until(lambda: lane.installed)

    asyncio.run(main())
    lane.journal.close()


def test_ok__late_hits_go_first_and_are_counted_once(world: World) -> None:
    lane = lane_of(world)
    record_movements(lane, 5)
    record_movements(lane, 1, alert=True)

    async def main() -> None:
        async with uplink_of(world, lane):
            await until(lambda: lane.journal.status().unsent == 0)

    asyncio.run(main())
    lane.journal.close()
    world.stop_receiver()
    assert in_database(world)["records"] == 6
    with sqlite3.connect(world.database) as connection:
        order = [seq for (seq,) in connection.execute("SELECT seq FROM records ORDER BY rowid")]
        copies = dict(connection.execute("SELECT seq, copies FROM records").fetchall())
    assert order[0] == 6
    assert copies == dict.fromkeys(range(1, 7), 1)


def test_ok__the_signing_key_is_changed_on_the_line(world: World) -> None:
    """With history before it that central has not seen; nothing is refused, and reports are the box's."""
    lane = lane_of(world)
    record_movements(lane, 30)
    lane.journal.change_key(reason="test", stamp=STAMP)
    record_movements(lane, 10)

    async def main() -> None:
        async with uplink_of(world, lane) as uplink:
            await until(lambda: lane.journal.status().unsent == 0, seconds=100)
            lane.journal.change_key(reason="once more", stamp=STAMP)
            record_movements(lane, 10)
            await until(lambda: lane.journal.status().unsent == 0, seconds=100)
            await uplink.publish_telemetry(Telemetry(report={"version": "9"}))
            await until(lambda: ("telemetry", "signed") in reports(world), seconds=60)

    asyncio.run(main())
    lane.journal.close()
    world.stop_receiver()
    found = in_database(world)
    assert (found["records"], found["refused"]) == (52, 0)
    with sqlite3.connect(world.database) as connection:
        (key,) = connection.execute("SELECT signing_key FROM devices").fetchone()
    assert key == bytes(lane.journal.signing_key.verify_key)


def reports(world: World) -> list[tuple[str, str]]:
    with sqlite3.connect(world.database) as connection:
        return connection.execute("SELECT what, taken FROM reports").fetchall()


def test_ok__a_live_query_there_and_back(world: World) -> None:
    entry = DocumentEntry(number="ST0481516", issuing_state="UTO", status=DocumentStatus.STOLEN)
    about = ListInfo(
        name="r",
        kind=ListKind.DOCUMENTS,
        version=1,
        issued_at=dt.datetime.now(dt.UTC),
        owner="o",
        legal_basis="l",
        contact="desk",
        action="keep",
        stale_after_hours=1.0,
    )
    register = world.folder / "register"
    build_documents(register, [entry], info=about, master_key=bytes(32), epoch="")
    write_key(world.folder / "index.key", HashingKey(bytes(32)))
    world.start_gateway(f"Stolen documents={register},{world.folder / 'index.key'}")
    lane = lane_of(world)
    keys, central = load_box_keys(world.keys), world.folder / "central" / "keys"
    signing = read_key(central / "gateway-signing.pub", VerifyKey)

    def asked() -> LiveQuery:
        id_ = secrets.token_bytes(16)
        query = Query(
            id=id_,
            device=DEVICE,
            asked_at="",
            direction=Direction.ENTRY,
            subject=LiveSubject(document_number="ST0481516", issuing_state="UTO"),
        )
        recipient = read_key(central / "gateway-sealing.pub", PublicKey)
        return LiveQuery(id=id_, data=seal_query(query, signing_key=keys.signing, recipient=recipient))

    async def main() -> None:
        async with uplink_of(world, lane):
            async with asyncio.timeout(60):
                while not lane.answers:  # the gateway is another process, and comes when it comes
                    lane.queries.put_nowait(asked())
                    await asyncio.sleep(0.5)

    asyncio.run(main())
    lane.journal.close()
    answer = open_answer(lane.answers[0], device=DEVICE, verify_key=signing, private_key=keys.sealing)
    (said,) = answer.registers
    assert (said.register, said.reached) == ("Stolen documents", True)
    assert [(hit.reason, hit.contact, hit.action) for hit in said.hits] == [("stolen", "desk", "keep")]


def test_ok__a_restart_of_the_box_goes_on_where_it_was(world: World) -> None:
    async def main(lane: JournalLane) -> None:
        async with uplink_of(world, lane):
            await until(lambda: lane.journal.status().unsent == 0)

    for _ in range(2):
        lane = lane_of(world)
        record_movements(lane, 5)
        asyncio.run(main(lane))
        lane.journal.close()
    world.stop_receiver()
    assert in_database(world)["crossings"] == 10


def test_ok__a_backlog_drains(world: World, record_property) -> None:
    lane = lane_of(world)
    record_movements(lane, 2000, media=1000)

    async def main() -> float:
        began = time.monotonic()
        async with uplink_of(world, lane):
            await until(lambda: lane.journal.status().unsent == 0, seconds=200)
        return time.monotonic() - began

    seconds = asyncio.run(main())
    record_property("records_per_second", round(2000 / seconds))
    print(f"{2000 / seconds:.0f} records/s")
    lane.journal.close()
    world.stop_receiver()
    assert in_database(world)["records"] == 2000


def test_ok__a_thief_who_takes_over_the_connection_delays_and_loses_nothing(world: World) -> None:
    """With the box's certificate and name at the broker: each time the box is pushed off, and comes back."""
    lane = lane_of(world)
    record_movements(lane, 150)
    access = world.broker.access(DEVICE)

    def push_off() -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"borne-{DEVICE}", protocol=mqtt.MQTTv5)
        client.tls_set(str(access.ca), str(access.certificate), str(access.key))
        client.connect(access.host, access.port)
        client.loop_start()
        time.sleep(0.3)
        client.disconnect()
        client.loop_stop()

    async def main() -> int:
        async with uplink_of(world, lane) as uplink:
            for _ in range(5):
                await until(lambda: uplink._link is not None)
                await asyncio.to_thread(push_off)
                record_movements(lane, 10)
            await until(lambda: lane.journal.status().unsent == 0, seconds=100)
            return (await uplink.status(Nothing())).reconnects

    assert asyncio.run(main()) >= 3
    lane.journal.close()
    world.stop_receiver()
    assert in_database(world)["different crossings"] == 200
