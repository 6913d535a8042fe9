"""The acknowledgement waits for nothing derived; and what is derived catches up, once, after any kill."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import sqlalchemy as sa
from central_common import DOCUMENT, STAMP, acknowledged, movement
from msgspec.structs import replace
from nacl.public import PrivateKey
from paho.mqtt.enums import CallbackAPIVersion
from test_receiver import Sender, access, receiving, until

import central
from appliance.contracts import wire
from appliance.contracts.checks import Direction
from appliance.contracts.movement import to_plain
from central import deriving, waiting
from central.deriving import Deriver, catch_up
from central.fleet.alerts import open_alerts
from central.ingest import ingest
from central.keys import Keys
from central.merge.tables import REVIEWS, STAYS
from central.receiver import Receiver
from central.rights.erase import erase
from central.statistics.tables import FACTS
from central.store import Store
from central.tables import CROSSINGS

REPOSITORY = str(Path(central.__file__).parents[1])
EPOCH = "20261102T080000Z-00000000"


def commit(store: Store, keys: Keys, device: str, *messages: bytes):
    """What the receiver does before it acknowledges."""
    with store.batch() as batch:
        return ingest(batch, device=device, messages=messages, keys=keys)


def counted(store: Store) -> dict[str, int]:
    """Rows of what is derived, and of what waits."""
    with store.reading() as batch:
        found = {
            table.name: batch.connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (CROSSINGS, FACTS, STAYS, REVIEWS)
        }
        return found | {"waiting": waiting.count(batch.connection)}


def there_and_back(box, number: int) -> list[bytes]:
    """One traveller, in and out."""
    who = replace(DOCUMENT, primary_identifier=f"N{number}", document_number=f"L{number}")
    out = replace(STAMP, wall="2026-11-05T08:00:00.000+00:00")
    return [
        box.cross(f"{box.device}-in{number}", document=who),
        box.cross(f"{box.device}-out{number}", document=who, decided=out, direction=Direction.EXIT),
    ]


def test_ok__committed_first_and_derived_later_and_once(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    for number in range(5):
        commit(either, keys, "box-1", *there_and_back(box, number))
    assert acknowledged(either, "box-1", box.epoch) == 10
    assert counted(either) == {"crossings": 0, "facts": 0, "stays": 0, "reviews": 0, "waiting": 10}
    assert catch_up(either, keys) == 10
    everything = {"crossings": 10, "facts": 10, "stays": 5, "reviews": 0, "waiting": 0}
    assert counted(either) == everything
    assert catch_up(either, keys) == 0
    assert not commit(either, keys, "box-1", *box.envelopes()).sources  # copies wait for nothing
    assert catch_up(either, keys) == 0
    assert counted(either) == everything


def test_ok__what_was_just_opened_is_not_opened_again(store, keys, box, monkeypatch) -> None:
    deriver = Deriver(keys)
    monkeypatch.setattr(deriving, "REMEMBERED_RECORDS", 3)
    opened: list[bytes] = []
    again = deriving.open_again
    monkeypatch.setattr(deriving, "open_again", lambda *pair: (opened.append(pair[0]), again(*pair))[1])
    deriver.remember(commit(store, keys, "box-1", *box.record(5)).sources)
    assert deriver.run(store).records == 5
    assert opened == box.envelopes()[3:]
    deriver.remember(commit(store, keys, "box-1", *box.record(5)[5:]).sources)  # there is room again
    assert deriver.run(store).records == 5
    assert len(opened) == 4


def test_fail__a_step_that_breaks_off_leaves_nothing(either, keys, make_box, monkeypatch) -> None:
    box = make_box()
    box.register(either)
    commit(either, keys, "box-1", *there_and_back(box, 1), *there_and_back(box, 2))
    with monkeypatch.context() as patched:
        patched.setattr(deriving, "settle", lambda *_: 1 / 0)
        assert Deriver(keys).run(either).records == 1  # there may be others that can be derived from
        assert counted(either) == {"crossings": 0, "facts": 0, "stays": 0, "reviews": 0, "waiting": 4}
    assert catch_up(either, keys) == 4
    assert counted(either) == {"crossings": 4, "facts": 4, "stays": 2, "reviews": 0, "waiting": 0}


def test_fail__one_that_cannot_be_derived_from_holds_up_no_other(either, keys, make_box, monkeypatch) -> None:
    box, other = make_box("box-1"), make_box("box-2")
    for one in (box, other):
        one.register(either)
    commit(either, keys, "box-1", *there_and_back(box, 1))
    commit(either, keys, "box-2", *there_and_back(other, 2))
    add = deriving.add_facts

    def fails_at_one(connection, movements, *, link_key):
        if any(one.crossing == "box-1-in1" for one in movements):
            # As a database does that refuses a value: PostgreSQL takes nothing more in this transaction.
            connection.execute(sa.text("SELECT no_such_function()"))
        return add(connection, movements, link_key=link_key)

    deriver = Deriver(keys)
    with monkeypatch.context() as patched:
        patched.setattr(deriving, "add_facts", fails_at_one)
        patched.setattr(deriving, "_AWAY", (ZeroDivisionError,))  # SQLite's word for it is OperationalError
        while counted(either)["crossings"] < 3:
            deriver.run(either)
        for _ in range(3):
            deriver.run(either)
        with either.reading() as batch:
            assert [(one.kind, one.device, one.seq) for one in open_alerts(batch.connection)] == [
                ("underived", "box-1", 1)
            ]
        assert counted(either)["waiting"] == 1
        commit(either, keys, "box-2", *there_and_back(other, 3))  # nor what comes after it
        deriver.run(either)
        assert counted(either)["crossings"] == 5
    assert catch_up(either, keys) == 1
    assert counted(either) == {"crossings": 6, "facts": 6, "stays": 3, "reviews": 0, "waiting": 0}


def test_fail__no_key_of_central_s_opens_it_any_more(store, keys, box) -> None:
    commit(store, keys, "box-1", *there_and_back(box, 1))
    stranger = Keys(sealing=PrivateKey.generate(), watermark=keys.watermark)
    for _ in range(8):
        Deriver(stranger).run(store)
    assert counted(store)["waiting"] == 2
    with store.reading() as batch:
        assert {one.kind for one in open_alerts(batch.connection)} == {"underived"}
    assert catch_up(store, keys) == 2  # the key is back


def test_ok__erased_while_it_waits(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    deriver = Deriver(keys)
    deriver.remember(commit(either, keys, "box-1", *there_and_back(box, 1)).sources)
    with either.batch() as batch:
        assert erase(batch.connection, "box-1", box.epoch, [1]) == 1
    while deriver.run(either).records:
        pass
    with either.reading() as batch:
        left = batch.connection.execute(sa.select(CROSSINGS.c.crossing)).scalars().all()
    assert left == ["box-1-out1"]
    assert counted(either)["waiting"] == 0


def test_ok__the_same_name_twice_in_one_step(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    first = box.sealed(body=to_plain(movement("same", "box-1")))
    second = box.sealed(body=to_plain(movement("same", "box-1")), seq=2, prev=box.chain_hash(first))
    commit(either, keys, "box-1", first, second)
    assert catch_up(either, keys) == 2
    assert counted(either) == {"crossings": 1, "facts": 1, "stays": 1, "reviews": 1, "waiting": 0}
    with either.reading() as batch:
        task = batch.connection.execute(sa.select(REVIEWS)).one()
    assert (task.rule, f"box-1/{EPOCH}/2" in task.crossings) == ("crossing_twice", True)


def test_ok__several_derive_at_once(database, keys, make_box) -> None:
    stores = [Store(database) for _ in range(3)]
    for name in ("box-1", "box-2", "box-3", "box-4"):
        box = make_box(name)
        box.register(stores[0])
        commit(stores[0], keys, name, *(one for number in range(6) for one in there_and_back(box, number)))
    errors: list[BaseException] = []

    def work(store: Store) -> None:
        try:
            deriver, deadline = Deriver(keys), time.monotonic() + 60
            while counted(store)["waiting"]:
                with store.batch() as batch:
                    deriver.step(batch, limit=3)
                assert time.monotonic() < deadline
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    # Six travellers, of whom each entered and left at four posts in the same moments: 24 of both.
    assert counted(stores[0])["crossings"] == counted(stores[0])["facts"] == 48
    with stores[0].reading() as batch:
        ends = batch.connection.execute(sa.select(STAYS.c.entry, STAYS.c.exit)).all()
    known = [name for pair in ends for name in pair if name is not None]
    assert len(known) == len(set(known)) == 48
    for store in stores:
        store.close()


WRITER = """
import sys
from pathlib import Path
from central.deriving import Deriver
from central.ingest import ingest
from central.keys import load_keys
from central.store import Store
from appliance.contracts import wire

database, folder, parcels = sys.argv[1:4]
store, keys = Store(database), load_keys(Path(folder))
deriver = Deriver(keys)
print("ready", flush=True)
for path in sorted(Path(parcels).glob("*")):
    with store.batch() as batch:
        result = ingest(batch, device="box-1", messages=wire.unpack(path.read_bytes()), keys=keys)
    deriver.remember(result.sources)
    with store.batch() as batch:
        deriver.step(batch, limit=3)
while True:
    with store.batch() as batch:
        if not deriver.step(batch, limit=3).records:
            break
print("done", flush=True)
"""


def test_ok__kill_9_at_any_moment(database, keys, make_box, tmp_path) -> None:
    """Twelve times; each next one begins again at the first parcel, as a box does that has heard nothing."""
    from appliance.contracts import wire

    store, box, dice = Store(database), make_box(), random.Random(7)
    box.register(store)
    envelopes = [one for number in range(20) for one in there_and_back(box, number)]
    parcels = tmp_path / "parcels"
    parcels.mkdir()
    for at in range(0, len(envelopes), 4):
        (parcels / f"{at:03}").write_bytes(wire.pack(envelopes[at : at + 4]))
    command = [sys.executable, "-c", WRITER, database, str(tmp_path / "central-keys"), str(parcels)]
    left: set[int] = set()
    for _ in range(12):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(dice.uniform(0.0, 0.25))
        child.kill()
        child.wait()
        child.stdout.close()
        left.add(counted(store)["waiting"])
    assert len(left) > 1, "these kills met nothing under way"
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.stdout.split() == ["ready", "done"], done.stderr
    assert store.counts()["records"] == 40
    assert counted(store) == {"crossings": 40, "facts": 40, "stays": 20, "reviews": 0, "waiting": 0}
    store.close()


def test_ok__a_backlog_s_acknowledgement_does_not_wait(broker, store, keys, box, monkeypatch) -> None:
    sender = Sender(broker)
    box.record(120)
    with monkeypatch.context() as patched, receiving(broker, store, keys):
        patched.setattr(Receiver, "_derive", lambda _: None)
        sender.send(*box.envelopes())
        assert sender.watermark(keys).seq == 120
        assert counted(store)["crossings"] == 0
    with receiving(broker, store, keys):  # the next start finds what waits
        until(lambda: counted(store)["crossings"] == 120)
    assert counted(store)["waiting"] == 0
    sender.close()


def test_ok__in_daily_work_it_is_there_when_the_box_is_told(broker, store, keys, box) -> None:
    sender = Sender(broker)
    with receiving(broker, store, keys):
        for number in range(1, 6):
            sender.send(box.record(1)[-1])
            assert sender.watermark(keys).seq == number
            assert counted(store)["crossings"] == number
    sender.close()


def test_ok__what_boxes_say_of_themselves_has_nothing_derived(store, keys, box, broker) -> None:
    """Or a crowd that comes back is told nothing while central derives once for each that says so."""
    receiver = Receiver(store=store, keys=keys, access=access(broker))
    commit(store, keys, "box-1", *box.record(2))
    client = mqtt.Client(CallbackAPIVersion.VERSION2)  # not connected: nobody hears what it publishes
    for what, payload, left in (("telemetry", b"{}", 2), ("records", wire.pack(box.record(1)), 0)):
        message = mqtt.MQTTMessage(topic=f"borne/v1/box-1/{what}".encode())
        message.payload = payload
        receiver._take(client, [message])
        assert counted(store)["waiting"] == left
    assert counted(store)["crossings"] == 3


def test_ok__what_waits_is_derived_from_at_the_end(broker, store, keys, box) -> None:
    receiver = Receiver(store=store, keys=keys, access=access(broker))
    commit(store, keys, "box-1", *box.record(300))
    receiver.stop()
    receiver.run()
    assert (counted(store)["crossings"], counted(store)["waiting"]) == (300, 0)
