"""Several workers at a real broker: they share the work, and neither loss nor death doubles or loses any."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from central_common import rows
from test_receiver import Sender, access, until

import central
from appliance.contracts import wire
from central import receiver as receivers
from central.cli import main
from central.receiver import Receiver
from central.store import Store
from central.workers import PARENT

REPOSITORY = str(Path(central.__file__).parents[1])


@pytest.fixture(autouse=True)
def _short_times(monkeypatch):
    monkeypatch.setattr(receivers, "MIN_BACKOFF_SECONDS", 0.1)
    monkeypatch.setattr(receivers, "MAX_BACKOFF_SECONDS", 0.3)


@contextlib.contextmanager
def shared(broker, stores, keys):
    """So many receivers as stores, as threads; what each of them has shown."""
    shown = [[] for _ in stores]
    made = [
        Receiver(
            store=store,
            keys=keys,
            access=access(broker),
            show=lambda *pair, seen=seen: seen.append(pair),
            worker=number,
            workers=len(stores),
        )
        for number, (store, seen) in enumerate(zip(stores, shown, strict=True), 1)
    ]
    threads = [threading.Thread(target=one.run) for one in made]
    for thread in threads:
        thread.start()
    time.sleep(1.0)  # a shared subscription keeps nothing for those who are not there yet
    try:
        yield shown
    finally:
        for one in made:
            one.stop()
        for thread in threads:
            thread.join(15)


def test_ok__they_share_the_work_and_each_record_counts_once(broker, database, keys, make_box) -> None:
    stores = [Store(database), Store(database)]
    boxes = [make_box("box-1"), make_box("box-2")]
    senders = [Sender(broker, box.device) for box in boxes]
    for box in boxes:
        box.register(stores[0])
        box.record(30)
    with shared(broker, stores, keys) as shown:
        for at in range(0, 30, 3):
            for box, sender in zip(boxes, senders, strict=True):
                sender.send(*box.envelopes()[at : at + 3])
        until(lambda: stores[0].counts()["records"] == 60)
        for box, sender in zip(boxes, senders, strict=True):
            while sender.watermark(keys).seq < 30:
                pass
            assert box.device == sender.device
    assert all(shown), [len(seen) for seen in shown]  # each had its share
    assert sum(len(seen) for seen in shown) == 60
    counts = stores[0].counts()
    assert (counts["records"], counts["crossings"], counts["refused"]) == (60, 60, 0)
    for one in (*stores, *senders):
        one.close()


def test_ok__one_worker_is_killed_and_the_others_go_on(broker, tmp_path, keys, make_box) -> None:
    database = tmp_path / "central.db"
    store = Store(str(database))
    box = make_box("box-1")
    box.register(store)
    at = broker.access("central")
    parent = subprocess.Popen(
        [
            *(sys.executable, "-m", "central.cli", "run", "--quiet", "--workers", "3"),
            *("--database", str(database), "--keys", str(tmp_path / "central-keys")),
            *("--host", at.host, "--port", str(at.port), "--ca", str(at.ca)),
            *("--certificate", str(at.certificate), "--key", str(at.key)),
        ],
        cwd=REPOSITORY,
    )
    try:
        until(lambda: len(children(parent.pid)) == 2)
        box.record(60)
        sender = Sender(broker)
        killed = False
        deadline = time.monotonic() + 60
        while store.counts()["records"] < 60:
            # As a box does that has not heard the watermark; and at first it has only half of them.
            for envelope in box.envelopes()[: None if killed else 30]:
                sender._client.publish(wire.topic("box-1", "records"), wire.pack([envelope]), qos=1)
            if not killed and store.counts()["records"]:
                os.kill(children(parent.pid)[0], signal.SIGKILL)
                killed = True
            time.sleep(0.5)
            assert time.monotonic() < deadline
        assert killed
        until(lambda: store.counts()["crossings"] == 60)  # derived behind the acknowledgement
        until(lambda: len(children(parent.pid)) == 2)  # it was started again
        workers = children(parent.pid)
        parent.kill()  # kill -9 of the first leaves no worker behind
        parent.wait()
        until(lambda: not any(Path(f"/proc/{pid}/fd").exists() and alive(pid) for pid in workers))
        sender.close()
    finally:
        parent.kill()
        parent.wait()
    found = rows(database, "SELECT count(*), count(DISTINCT crossing) FROM crossings")
    assert found == [(60, 60)]
    assert store.counts()["refused"] == 0
    store.close()


def children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(status[1]) == pid and status[0] != "Z":
                found.append(int(folder.name))
    return sorted(found)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_ok__a_worker_whose_first_one_is_gone_already_ends(tmp_path) -> None:
    """Killed while the worker was still starting: nobody would tell it any more."""
    arguments = [
        "run",
        "--database",
        str(tmp_path / "x.db"),
        "--keys",
        "x",
        "--worker",
        "2",
        "--workers",
        "2",
    ]
    arguments += ["--host", "x", "--ca", "x", "--certificate", "x", "--key", "x"]
    command = [sys.executable, "-m", "central.cli", *arguments]
    for first, code in (("1", 0), (None, 2)):  # alone, on another machine, it goes on, to the missing keys
        known = {name: value for name, value in os.environ.items() if name != PARENT}
        known |= {} if first is None else {PARENT: first}
        done = subprocess.run(command, cwd=REPOSITORY, env=known, check=False, capture_output=True)
        assert done.returncode == code, done.stderr


def test_fail__no_number_of_workers(tmp_path, capsys) -> None:
    broker = ["--host", "x", "--ca", "x", "--certificate", "x", "--key", "x", "--keys", "x"]
    assert main(["run", "--database", str(tmp_path / "x.db"), "--workers", "0", *broker]) == 2
    assert "--workers is 1 to 32" in capsys.readouterr().err
