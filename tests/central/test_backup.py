"""Backup and restore; a central put back from yesterday asks boxes for what it lacks, and gets it."""

import contextlib
import datetime as dt
import json
import sqlite3
import threading
import time

import paho.mqtt.client as mqtt
import pytest
from central_common import STAMP, rows, take
from nacl.signing import SigningKey
from paho.mqtt.enums import CallbackAPIVersion
from test_receiver import access, heard, until

from appliance.contracts import wire
from appliance.key_files import read_key
from appliance.records.commands import read_message
from appliance.records.errors import RecordsError
from central import receiver as receivers
from central.backup import CannotBackUp, backup, restore
from central.cli import main
from central.fleet.alerts import open_alerts
from central.fleet.commands import given
from central.receiver import Receiver
from central.store import Store


class Line:
    """A box's line: its real journal at the real broker; sends what is not acknowledged, obeys commands."""

    def __init__(self, broker, box) -> None:
        self.box = box
        self._stop = threading.Event()
        self._heard: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"line-{box.device}", protocol=mqtt.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        access(broker, box.device).secure(self._client)
        filters = [(wire.topic(box.device, what), 1) for what in ("watermark", wire.COMMAND)]
        self._client.on_connect = lambda client, *_: client.subscribe(filters)
        self._client.on_message = lambda _client, _data, message: self._hear(message)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _hear(self, message) -> None:
        with self._lock:
            self._heard.append((message.topic.rsplit("/", 1)[1], bytes(message.payload)))

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            with self._lock:
                heard, self._heard = self._heard, []
            for what, payload in heard:
                with contextlib.suppress(RecordsError):
                    if what == "watermark":
                        self.box.journal.acknowledge(payload)
                    for command in read_message(payload) if what == wire.COMMAND else ():
                        now = dt.datetime.now(dt.UTC)
                        self.box.journal.command(command, stamp=STAMP, now=now, local=lambda *_: {})
            page = self.box.journal.page(self.box.journal.status().acknowledged_seq, 32)
            if page:
                envelopes = [one.envelope for one in page]
                self._client.publish(wire.topic(self.box.device, "records"), wire.pack(envelopes), qos=1)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def receiving(broker, store, keys, operator):
    receiver = Receiver(store=store, keys=keys, access=access(broker), operator=operator)
    thread = threading.Thread(target=receiver.run)
    with heard("listening"):
        thread.start()
    try:
        yield
    finally:
        receiver.stop()
        thread.join(15)


@pytest.fixture(autouse=True)
def _short_times(monkeypatch):
    monkeypatch.setattr(receivers, "MIN_BACKOFF_SECONDS", 0.1)
    monkeypatch.setattr(receivers, "COMMAND_SECONDS", 0.1)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_ok__put_back_from_yesterday_and_nothing_is_missing(
    broker, keys, make_box, tmp_path, kind, request
) -> None:
    operator = read_key(tmp_path / "central-keys" / "operator.key", SigningKey)
    url = str(tmp_path / "day.db") if kind == "sqlite" else request.getfixturevalue("postgresql")
    copy = tmp_path / "yesterday.backup"
    boxes = [make_box("box-1"), make_box("box-2")]
    store = Store(url)
    for box in boxes:
        box.register(store)
        box.record(10)
    lines = [Line(broker, box) for box in boxes]
    try:
        with receiving(broker, store, keys, operator):
            until(lambda: all(box.journal.status().unsent == 0 for box in boxes))
            backup(url, copy)
            for box in boxes:
                box.record(15)
            until(lambda: all(box.journal.status().unsent == 0 for box in boxes))
            drained(store)  # or the broker would give the next receiver what this one has lost
        store.close()
        new = str(tmp_path / "new.db") if kind == "sqlite" else fresh(request)
        assert main(["restore", "--database", new, str(copy)]) == 0
        store = Store(new)
        assert store.counts()["records"] == 20
        with receiving(broker, store, keys, operator):
            until(lambda: store.counts()["crossings"] == 50)
            until(lambda: all(box.journal.status().unsent == 0 for box in boxes))
        # A resync of each box, recorded by it and done; and every record of both journals is here.
        with store.reading() as batch:
            assert sorted((one.device, one.kind) for one in given(batch.connection)) == [
                *(("box-1", "resync"), ("box-2", "resync")),
            ]
            assert {alert.kind for alert in open_alerts(batch.connection)} == {"lacking"}
            for box in boxes:
                status = box.journal.status()
                assert batch.acknowledged(box.device, box.epoch) == status.last_seq == 26
                assert box.journal.verify().problems == ()
        assert (store.counts()["records"], store.counts()["refused"]) == (52, 0)
    finally:
        for line in lines:
            line.close()
        store.close()


def drained(store: Store) -> None:
    """Until nothing has come for a second."""
    before, since = None, time.monotonic()
    while time.monotonic() - since < 1.0:
        now = store.counts()
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(0.05)


def fresh(request) -> str:
    from postgres_server import new_database

    return new_database(request.getfixturevalue("postgresql_server"), f"restored_{time.time_ns()}")


def test_fail__without_the_operator_s_key_a_person_is_told(broker, keys, make_box, tmp_path) -> None:
    box = make_box("box-1")
    store, yesterday = Store(str(tmp_path / "a.db")), Store(str(tmp_path / "b.db"))
    for one in (store, yesterday):
        box.register(one)
    line = Line(broker, box)
    with receiving(broker, store, keys, None):
        box.record(3)
        until(lambda: box.journal.status().unsent == 0)
    line.close()
    take(yesterday, keys, "box-1", *box.envelopes()[:1])
    with receiving(broker, yesterday, keys, None):

        def told() -> bool:
            with yesterday.reading() as batch:
                return bool(open_alerts(batch.connection))

        until(told)
    with yesterday.reading() as batch:
        (alert,) = open_alerts(batch.connection)
        assert given(batch.connection) == ()
    assert alert.sentence == ("Records 2 to 3 were acknowledged and are not here: borne-central resync.")
    for one in (store, yesterday):
        one.close()


def test_ok__the_copy_is_whole_and_private(store, keys, box, tmp_path, capsys) -> None:
    take(store, keys, "box-1", *box.record(3))
    database, copy = str(tmp_path / "central.db"), tmp_path / "copy"
    assert main(["backup", "--database", database, str(copy)]) == 0
    assert copy.stat().st_mode & 0o077 == 0
    assert rows(copy, "SELECT count(*) FROM crossings") == [(3,)]
    assert main(["backup", "--database", database, str(copy)]) == 2  # never overwritten
    assert main(["restore", "--database", database, str(copy)]) == 2  # nor is a database
    assert "is there already" in capsys.readouterr().err
    assert main(["restore", "--database", str(tmp_path / "new.db"), str(copy)]) == 0
    assert (tmp_path / "new.db").stat().st_mode & 0o077 == 0
    assert main(["count", "--database", str(tmp_path / "new.db"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["crossings"] == 3


def test_fail__what_is_no_backup(tmp_path) -> None:
    with pytest.raises(CannotBackUp, match="There is no"):
        restore(str(tmp_path / "x.db"), tmp_path / "missing")
    (tmp_path / "garbage").write_bytes(b"something else" * 1000)
    with pytest.raises(CannotBackUp, match="not put back"):
        restore(str(tmp_path / "x.db"), tmp_path / "garbage")
    whole = sqlite3.connect(tmp_path / "whole")
    whole.execute("CREATE TABLE t (x TEXT UNIQUE)")
    whole.executemany("INSERT INTO t VALUES (?)", [(str(n) * 50,) for n in range(400)])
    whole.commit()
    whole.close()
    damaged = bytearray((tmp_path / "whole").read_bytes())
    damaged[8192:8300] = bytes(108)
    (tmp_path / "damaged").write_bytes(damaged)
    with pytest.raises(CannotBackUp, match="damaged|not put back"):
        restore(str(tmp_path / "x.db"), tmp_path / "damaged")
    assert not (tmp_path / "x.db").exists()
    with pytest.raises(CannotBackUp, match="not made"):
        backup(str(tmp_path / "no.db"), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_fail__postgresql_that_is_not_there(tmp_path, monkeypatch) -> None:
    pytest.importorskip("psycopg")
    nowhere = "postgresql+psycopg://nobody:secret@127.0.0.1:1/x"
    with pytest.raises(CannotBackUp, match="pg_dump") as caught:
        backup(nowhere, tmp_path / "copy")
    assert "secret" not in str(caught.value)
    (tmp_path / "there").write_bytes(b"x")
    with pytest.raises(CannotBackUp, match="pg_restore"):
        restore(nowhere, tmp_path / "there")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBackUp, match="not installed"):
        backup(nowhere, tmp_path / "copy")
