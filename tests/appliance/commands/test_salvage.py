"""`borne records salvage` against a real broker and receiver: the box's keys stay where they are."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from appliance.contracts.lane import SealedRecord
from appliance.contracts.movement import Stamp
from appliance.key_files import read_key, write_key
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.watermark import Watermark, sign_watermark
from appliance.services.uplink.link import Credentials, LinkError
from appliance.services.uplink.salvage import Deliverer
from appliance.simulation.broker import CENTRAL, Broker
from appliance.simulation.world import World

STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
RECORDS = 70


@pytest.fixture
def world(tmp_path: Path):
    with World(tmp_path / "world") as running:
        yield running


def dead_box(world: World, disk: Path) -> None:
    """Its disk, with records that nobody has heard of; its keys are not on it."""
    keys = world.folder / "central" / "keys"
    central = CentralKeys(
        read_key(keys / "sealing.pub", PublicKey), read_key(keys / "watermark.pub", VerifyKey)
    )
    box = Journal.open(
        world.folder / "journal.db", keys=load_box_keys(world.keys), central=central, device=world.device
    )
    for number in range(RECORDS):
        box.commit(f"c{number}", "test", {"x": bytes(9000)}, STAMP)
    disk.mkdir()
    for tail in ("", "-wal"):
        shutil.copy(world.folder / f"journal.db{tail}", disk)
    box.close()


def arguments(world: World, disk: Path, **changes: object) -> list[object]:
    access = world.broker.access(CENTRAL)
    named = {
        "broker": f"{access.host}:{access.port}",
        "ca": access.ca,
        "certificate": access.certificate,
        "key": access.key,
        "watermark-key": world.folder / "central" / "keys" / "watermark.pub",
    } | changes
    flags = [word for name, value in named.items() for word in (f"--{name}", value)]
    return ["records", "salvage", disk, *flags]


def test_ok__delivered_once_and_signed_for(borne, world: World, tmp_path: Path) -> None:
    dead_box(world, tmp_path / "disk")
    before = {file.name: file.read_bytes() for file in (tmp_path / "disk").iterdir()}
    answer = borne(*arguments(world, tmp_path / "disk"), "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["sent"], answer.json["acknowledged"], answer.json["unreadable"]) == (70, 70, [])
    counted = world.count()
    assert (counted["records"], counted["refused"]) == (RECORDS, 0)
    again = borne(*arguments(world, tmp_path / "disk"))
    assert (again.code, f"signed for {RECORDS} of {RECORDS}" in again.out) == (0, True)
    assert world.count()["records"] == RECORDS
    assert {file.name: file.read_bytes() for file in (tmp_path / "disk").iterdir()} == before


def test_fail__not_everything(borne, could_not, world: World, tmp_path: Path) -> None:
    dead_box(world, tmp_path / "disk")
    write_key(tmp_path / "other.pub", SigningKey.generate().verify_key)
    # Nobody's word but central's is believed.
    answer = borne(
        *arguments(world, tmp_path / "disk", **{"watermark-key": tmp_path / "other.pub"}), "--patience", "2"
    )
    assert (answer.code, "signed for 0 of 70" in answer.out) == (1, True)
    box = world.broker.access(world.device)
    strangers = {"certificate": box.ca, "key": box.key}
    assert "certificates" in could_not(*arguments(world, tmp_path / "disk", **strangers))
    assert "cannot be reached" in could_not(*arguments(world, tmp_path / "disk", broker="127.0.0.1:1"))
    assert "HOST:PORT" in could_not(*arguments(world, tmp_path / "disk", broker="127.0.0.1:x"))
    assert "no journal" in could_not(*arguments(world, tmp_path / "world" / "broker"))
    assert "cannot be read" in could_not(
        *arguments(world, tmp_path / "disk", **{"watermark-key": tmp_path / "nowhere"})
    )


def test_fail__the_broker_does_not_take_them(could_not, tmp_path: Path, monkeypatch) -> None:
    """The certificate of another box, which the broker lets speak for itself alone."""
    (tmp_path / "disk").mkdir()
    write_key(tmp_path / "watermark.pub", SigningKey.generate().verify_key)
    keys = load_box_keys(tmp_path / "keys")
    central = CentralKeys(keys.sealing.public_key, keys.signing.verify_key)
    box = Journal.open(tmp_path / "disk" / "journal.db", keys=keys, central=central, device="box-1")
    box.commit("c1", "test", {}, STAMP)
    box.close()
    broker = Broker(tmp_path / "broker", devices=["other"])
    broker.start()
    try:
        access = broker.access("other")
        said = could_not(
            "records", "salvage", tmp_path / "disk", "--broker", f"{access.host}:{access.port}",
            "--ca", access.ca, "--certificate", access.certificate, "--key", access.key,
            "--watermark-key", tmp_path / "watermark.pub", "--patience", "5",
        )  # fmt: skip
        assert "does not take" in said
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("packet", "said"), [(PacketTypes.CONNACK, "refuses this laptop"), (PacketTypes.SUBACK, "does not let")]
)
def test_fail__refused(tmp_path: Path, monkeypatch, packet: int, said: str) -> None:
    monkeypatch.setattr("paho.mqtt.client.Client.tls_set", lambda *_: None)
    outbox = SimpleNamespace(device="box-1", epoch="e", last_seq=1, acknowledged_seq=0)
    nowhere = Credentials("127.0.0.1", 1, tmp_path, tmp_path, tmp_path)
    key = SigningKey.generate()
    deliverer = Deliverer(outbox, nowhere, watermark_key=key.verify_key, patience=0.05)
    client = deliverer._client()
    refused = ReasonCode(packet, identifier=0x87)
    if packet == PacketTypes.CONNACK:
        client.on_connect(client, None, None, refused, None)
    else:
        client.on_subscribe(client, None, 1, [refused], None)
    with pytest.raises(LinkError, match=said):
        deliverer._take(1.0)
    with pytest.raises(LinkError, match="does not answer"):
        deliverer._wait_for("subscribed")


def test_ok__a_word_for_another_box_is_none(tmp_path: Path) -> None:
    outbox = SimpleNamespace(device="box-1", epoch="e", last_seq=9, acknowledged_seq=0)
    nowhere = Credentials("127.0.0.1", 1, tmp_path, tmp_path, tmp_path)
    key = SigningKey.generate()
    deliverer = Deliverer(outbox, nowhere, watermark_key=key.verify_key)
    for device, epoch, seq in (("box-2", "e", 9), ("box-1", "f", 9), ("box-1", "e", 3)):
        word = Watermark(
            device=device, epoch=epoch, seq=seq, chain=bytes(32), issued_at="2026-11-02T08:00:00+00:00",
            gaps=((5, 6),) if seq == 3 else (),
        )  # fmt: skip
        deliverer._hear(sign_watermark(word, signing_key=key))
    assert (deliverer._reached, deliverer._gaps) == (3, ((5, 6),))
    outbox.records = lambda after: [SealedRecord(seq=n, envelope=b"") for n in range(after + 1, 10)]
    assert [record.seq for record in deliverer._wanted()] == [5, 6, 7, 8, 9]
