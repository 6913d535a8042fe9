"""A box without a network: its records to central and central's word back by stick, both real commands."""

import datetime as dt
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from appliance import cli
from appliance.carry.stick import Stick
from appliance.config import load_config
from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, Stamp, to_plain
from appliance.key_files import read_key
from appliance.records.journal import Journal
from appliance.records.keys import load_box_keys
from appliance.simulation.watchlists import demo_reference_data
from appliance.wiring import open_journal
from central import cli as central_cli
from central.keys import create_keys
from central.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "services" / "uplink"))

from uplink_scripted import movement_of

DEVICE = "box-1"
STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")


@dataclass(frozen=True)
class Place:
    """One box and one central, and nothing between them."""

    folder: Path
    config: Path
    database: Path
    central_keys: Path
    repository: Path

    @property
    def central(self) -> tuple[str, ...]:
        return ("--database", str(self.database), "--keys", str(self.central_keys))

    def count(self) -> dict[str, int]:
        store = Store(str(self.database))
        counts = store.counts()
        store.close()
        return counts


@pytest.fixture
def place(tmp_path: Path) -> Place:
    keys, database = tmp_path / "central-keys", tmp_path / "central.db"
    create_keys(keys)
    box = load_box_keys(tmp_path / "keys")
    store = Store(str(database))
    with store.batch() as batch:
        batch.register(DEVICE, bytes(box.signing.verify_key), bytes(box.sealing.public_key))
    store.close()
    repository = demo_reference_data(
        tmp_path / "repository",
        issued_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1),
        signing_key=read_key(keys / "reference.key", SigningKey),
        recipients=[box.sealing.public_key],
    )
    (tmp_path / "reference-root.json").write_bytes(repository.first_root)
    config = tmp_path / "borne.toml"
    config.write_text(
        f'[box]\ndevice = "{DEVICE}"\npost = "p"\nprofile = "demo"\nclock = "host"\n'
        f'[paths]\ndata = "{tmp_path}/data"\nkeys = "{tmp_path}/keys"\nrun = "{tmp_path}/run"\n'
        f'[central]\nsealing_key = "{keys}/sealing.pub"\nwatermark_key = "{keys}/watermark.pub"\n'
        f'reference_root = "{tmp_path}/reference-root.json"\n[kiosk]\nport = 0\n'
    )
    return Place(tmp_path, config, database, keys, tmp_path / "repository")


Command = Callable[..., tuple[int, list[dict], str]]


@pytest.fixture
def run(capsys) -> Callable[..., tuple[int, list[dict], str]]:
    """A command in this process: exit code, JSON lines, standard error."""

    def call(main: Callable[[list[str]], int], *words: object) -> tuple[int, list[dict], str]:
        code = main([str(word) for word in words])
        out, error = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines() if line.startswith("{")], error

    return call


@pytest.fixture
def borne(run) -> Command:
    return lambda *words: run(cli.main, *words)


@pytest.fixture
def central(run) -> Command:
    return lambda *words: run(central_cli.main, *words)


def record(journal: Journal, count: int) -> None:
    for _ in range(count):
        movement = movement_of(DEVICE, media=300)
        journal.commit(movement.crossing, RECORD_TYPE_MOVEMENT, to_plain(movement), STAMP)


def test_ok_weeks_without_a_network(place: Place, borne: Command, central: Command, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    where, config = place.central, place.config
    journal = open_journal(load_config(config))
    record(journal, 600)
    journal.close()

    # Pulled out in the middle, put in again: only what is missing is copied.
    code, (out,), _ = borne("records", "carry", "out", stick / "borne", "--config", place.config, "--json")
    assert (code, out["written"], out["there"], out["full"]) == (0, 600, 0, False)
    files = list(Stick(stick / "borne").batches())
    assert [(one.name.first, one.name.last) for one in files] == [(1, 256), (257, 512), (513, 600)]
    files[1].path.write_bytes(files[1].path.read_bytes()[:5000])
    files[2].path.rename(files[2].path.with_name(files[2].path.name + ".part"))
    code, (out,), _ = borne("records", "carry", "out", stick / "borne", "--config", place.config, "--json")
    assert (code, out["written"], out["there"]) == (0, 344, 256)

    # Nothing readable on the way, and nothing delivered by lying there.
    assert not any(b"ERIKSSON" in one.path.read_bytes() for one in files if one.path.exists())
    journal = open_journal(load_config(config))
    assert journal.status().acknowledged_seq == 0
    journal.close()

    code, (came,), _ = central("carry", "in", stick / "borne", *where, "--json")
    assert (code, came["records"], came["refused"], came["damaged"]) == (0, 600, [], [])
    assert [(one["device"], one["seq"]) for one in came["acknowledged"]] == [(DEVICE, 600)]
    assert place.count()["records"] == 600
    code, (came,), _ = central("carry", "in", stick / "borne", *where, "--json")
    assert (code, place.count()["records"], place.count()["duplicates"]) == (0, 600, 600)
    code, (went,), _ = central(
        "carry", "out", stick / "borne", *where, "--repository", place.repository, "--json"
    )
    assert code == 0
    assert went["watermarks"] == 1
    assert went["references"] >= 2

    code, rows, _ = borne("records", "carry", "in", stick / "borne", "--config", place.config, "--json")
    assert code == 0, rows
    assert {row["kind"] for row in rows} == {"watermark", "reference"}
    assert all(row["accepted"] for row in rows)
    journal = open_journal(load_config(config))
    assert journal.status().acknowledged_seq == 600
    record(journal, 2)
    journal.close()
    code, (out,), _ = borne("records", "carry", "out", stick / "borne", "--config", place.config, "--json")
    assert (code, out["written"]) == (0, 2)
    # What central has committed makes room.
    assert [one.name.first for one in Stick(stick / "borne").batches()] == [601]


def test_ok_beside_a_lane_that_runs(place: Place, borne: Command, tmp_path: Path) -> None:
    config = place.config
    journal = open_journal(load_config(config))
    record(journal, 3)
    journal.close()
    lane = subprocess.Popen([sys.executable, "-m", "appliance.cli", "run", "lane", "--config", str(config)])
    try:
        deadline = time.monotonic() + 30
        socket = load_config(config).paths.run / "lane.sock"
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        code, (out,), error = borne(
            "records", "carry", "out", tmp_path / "stick", "--config", place.config, "--json"
        )
        assert (code, out["written"]) == (0, 3), error
        code, rows, error = borne(
            "records", "carry", "in", tmp_path / "stick", "--config", place.config, "--json"
        )
        assert (code, rows) == (2, [])
        assert "There is nothing for this box" in error
    finally:
        lane.send_signal(signal.SIGTERM)
        lane.wait(20)


def test_fail_what_is_not_central_s_is_refused(
    place: Place, borne: Command, central: Command, tmp_path: Path
) -> None:
    stick = Stick(tmp_path)
    stick.write_word(DEVICE, "e.watermark", b"rubbish")
    stick.write_reference("persons", b"rubbish")
    code, rows, _ = borne("records", "carry", "in", tmp_path, "--config", place.config, "--json")
    assert code == 1
    assert [(row["kind"], row["accepted"]) for row in rows] == [("watermark", False), ("reference", False)]


def test_fail_central_says_what_is_damaged(place: Place, central: Command, tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    stick.write_batch("stranger", "e", 1, 1, b"\x81\x41x")
    stick.write_batch(DEVICE, "e", 1, 1, b"no batch")
    torn = stick.write_batch(DEVICE, "e", 2, 2, b"\x81\x41x")
    torn.path.write_bytes(b"")
    where = place.central
    code, (came,), _ = central("carry", "in", tmp_path, *where, "--json")
    assert code == 1
    assert came["damaged"] == [f"{DEVICE}/e/{torn.name}"]
    assert sorted(came["refused"]) == ["The batch is not CBOR.", "The device is not registered."]
    assert came["acknowledged"] == []
    assert central("carry", "in", tmp_path / "absent", *where)[0] == 2


def test_fail_no_stick(place: Place, borne: Command, tmp_path: Path) -> None:
    absent = tmp_path / "media" / "stick" / "borne"
    for way in ("out", "in"):
        code, _, error = borne("records", "carry", way, absent, "--config", place.config)
        assert code == 2
        assert "is the stick in?" in error
    shutil.rmtree(place.folder / "central-keys")
    code, _, error = borne("records", "carry", "out", tmp_path / "s", "--config", place.config)
    assert code == 2
    assert "borne:" in error
