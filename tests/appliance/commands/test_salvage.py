"""`borne records salvage` against a real broker and receiver: the box's keys stay where they are."""

import asyncio
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance.contracts import wire
from appliance.contracts.lane import FetchOutbox, SealedRecord
from appliance.contracts.movement import Stamp
from appliance.key_files import read_key, write_key
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.watermark import Watermark, sign_watermark
from appliance.services.uplink.link import Credentials, LinkError
from appliance.services.uplink.salvage import Deliverer, Shelf
from appliance.simulation.broker import CENTRAL, Broker
from appliance.simulation.world import World

sys.path.insert(0, str(Path(__file__).parents[1] / "services" / "uplink"))

from broker_scripted import Connection, ScriptedBroker

STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
RECORDS = 70
CONNACK_REFUSED, SUBACK_REFUSED = "connack", "suback"


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


def test_ok__a_damaged_journal_to_its_end(borne, world: World, tmp_path: Path) -> None:
    """What cannot be read stops nothing behind it, and the end says so."""
    dead_box(world, tmp_path / "disk")
    with sqlite3.connect(tmp_path / "disk" / "journal.db") as connection:
        connection.execute("DELETE FROM records WHERE seq IN (1, 30, 31, 32, 69)")
    connection.close()
    answer = borne(*arguments(world, tmp_path / "disk"), "--patience", "20")
    assert answer.code == 1
    assert "65 records sent, 5 unreadable" in answer.out
    assert "everything that can still be read" in answer.out
    assert world.count()["records"] == 65
    again = borne(*arguments(world, tmp_path / "disk"), "--json")
    assert (again.code, again.json["sent"], again.json["undelivered"]) == (1, 0, 0), "central has it"
    assert again.json["unreadable"] == [1, 30, 31, 32, 69]


@pytest.mark.parametrize(
    ("reason", "said"), [(CONNACK_REFUSED, "refuses this box"), (SUBACK_REFUSED, "does not let")]
)
def test_fail__refused(tmp_path: Path, reason: str, said: str) -> None:
    def refuses(connection: Connection) -> None:
        if reason == CONNACK_REFUSED:
            connection.welcome(reason=0x87)
            return
        connection.welcome()
        packet = connection.receive()
        connection.send(9, packet.body[:2] + b"\x00\x87")
        connection.receive()

    with ScriptedBroker(tmp_path / "broker", refuses) as broker, pytest.raises(LinkError, match=said):
        deliverer(shelf_of(3)._outbox, broker.credentials).deliver()


def test_ok__the_line_is_lost_and_comes_back(tmp_path: Path) -> None:
    outbox = shelf_of(40)._outbox
    lines = []

    def behave(connection: Connection) -> None:
        lines.append(len(lines))
        connection.welcome()
        for batch in connection.batches():
            if lines[-1] < 2:
                return  # taken by the broker, and never seen by central
            last = int(batch[-1])
            connection.publish(wire.topic("box-1", "watermark"), word(last))

    with ScriptedBroker(tmp_path / "broker", behave) as broker:
        done = deliverer(outbox, broker.credentials).deliver()
    assert (done.acknowledged_seq, done.undelivered, len(lines)) == (40, 0, 3)


def test_fail__central_says_nothing(tmp_path: Path) -> None:
    """Sent again with ever longer waits, and not without end."""
    batches = []

    def behave(connection: Connection) -> None:
        connection.welcome()
        batches.extend(connection.batches())

    with ScriptedBroker(tmp_path / "broker", behave) as broker:
        began = time.monotonic()
        done = deliverer(shelf_of(5)._outbox, broker.credentials, patience=4.0, resend=0.2).deliver()
    assert (done.acknowledged_seq, done.undelivered) == (0, 5)
    assert 4 <= time.monotonic() - began < 12
    assert 2 <= len(batches) <= 5, "0.2, 0.4, 0.8, 1.6 seconds: not as often as it can"


CENTRAL_S = SigningKey(bytes(range(32)))


class Disk:
    """So many records, some of which cannot be read."""

    device, epoch, acknowledged_seq = "box-1", "e", 0

    def __init__(self, last_seq: int, missing: tuple[int, ...]) -> None:
        self.last_seq = last_seq
        self.seqs = tuple(n for n in range(1, last_seq + 1) if n not in missing)

    def records(self, after: int) -> Iterator[SealedRecord]:
        return (SealedRecord(seq=n, envelope=str(n).encode()) for n in self.seqs if n > after)


def deliverer(outbox: Disk, credentials: Credentials, **settings: float) -> Deliverer:
    return Deliverer(outbox, credentials, watermark_key=CENTRAL_S.verify_key, **settings)


def shelf_of(last_seq: int, missing: tuple[int, ...] = ()) -> Shelf:
    return Shelf(Disk(last_seq, missing), watermark_key=CENTRAL_S.verify_key)


def word(
    seq: int,
    *gaps: tuple[int, int],
    top: int | None = None,
    device: str = "box-1",
    epoch: str = "e",
    key: SigningKey = CENTRAL_S,
) -> bytes:
    said = Watermark(
        device=device, epoch=epoch, seq=seq, chain=bytes(32), issued_at="2026-11-02T08:00:00+00:00",
        gaps=gaps, top=top,
    )  # fmt: skip
    return sign_watermark(said, signing_key=key)


def test_fail__a_word_for_another_box_is_none() -> None:
    shelf = shelf_of(9)
    shelf.hear(word(9, device="box-2"))
    shelf.hear(word(9, epoch="f"))
    shelf.hear(word(9, key=SigningKey.generate()))
    shelf.hear(b"no word")
    assert (shelf.reached, shelf.heard.is_set()) == (0, False)


@pytest.mark.parametrize(
    ("missing", "said", "held", "gaps", "waiting"),
    [
        ((), word(3), 3, (), 6),
        ((), word(3, (5, 6), top=9), 4, ((5, 6),), 2),
        ((5, 6), word(4, (5, 6), top=8), 8, (), 1),
        ((5, 6), word(4, (5, 6)), 7, (), 2),  # an older central: only that 7 is there
        ((5,), word(4, (5, 6), (8, 8), top=9), 5, ((5, 6), (8, 8)), 2),
        ((5, 6), word(4, (5, 6), (8, 8), top=9), 7, ((8, 8),), 1),
        ((5, 6, 9), word(4, (5, 6), top=8), 8, (), 0),
        ((), word(9), 9, (), 0),
    ],
)
def test_ok__what_central_lacks(missing, said, held, gaps, waiting) -> None:
    shelf = shelf_of(9, missing)
    shelf.hear(said)
    page = asyncio.run(shelf.fetch_outbox(FetchOutbox(after=held, limit=64)))
    assert (page.send_from, page.gaps, shelf.waiting_records) == (held + 1, gaps, waiting)
    assert shelf.waits == (waiting > 0)
    assert [record.seq for record in page.records] == [n for n in range(held + 1, 10) if n not in missing]
