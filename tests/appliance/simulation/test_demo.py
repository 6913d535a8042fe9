"""The demo as a person or a test bench starts it: a process, four travellers, central's word on each."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.simulation.chip import pcscd
from appliance.simulation.demo import Demo, DemoSettings
from appliance.simulation.world import DeviceTable

OTHERS = "Another demo or test is using the virtual reader."


def demo(folder: Path, travellers: int) -> tuple[list[dict], str]:
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "demo", "--headless", "--json"]
        + ["--travellers", str(travellers), "--data", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Path, list[dict], str]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, *demo(folder, 4)


def test_ok__four_travellers(first) -> None:
    _, rows, _ = first
    assert [row["traveller"] for row in rows] == [1, 2, 3, 4]
    assert [row["recommendation"] for row in rows] == ["GREEN", "AMBER", "RED", "AMBER"]
    assert [row["reasons"] for row in rows] == [
        [],
        ["watchlist.person"],
        ["watchlist.document"],
        ["mrz.document_number_check_digit", "mrz.composite_check_digit"],
    ]
    assert all(row["committed"] and row["acknowledged"] for row in rows)
    assert all(0 < row["seconds"] < 30 for row in rows)


@pytest.mark.skipif(not pcscd.PROGRAM.exists() or os.geteuid() != 0, reason="pcscd cannot be had here")
def test_ok__through_the_pcsc_daemon(first) -> None:
    _, rows, said = first
    if OTHERS in said:
        pytest.skip(OTHERS)
    assert {row["transport"] for row in rows} == {"pcscd"}


def test_ok__central_has_them_and_the_next_run_goes_on(first) -> None:
    folder, _, _ = first
    rows, _ = demo(folder, 1)
    assert [(row["traveller"], row["acknowledged"]) for row in rows] == [(5, True)]
    done = subprocess.run(
        [sys.executable, "-m", "central.cli", "count", "--json"]
        + ["--database", str(folder / "central" / "central.db")],
        capture_output=True,
        text=True,
        check=True,
    )
    counted = json.loads(done.stdout)
    assert (counted["records"], counted["crossings"], counted["refused"]) == (5, 5, 0)
    journal = sqlite3.connect(f"file:{folder / 'box' / 'data' / 'journal.db'}?mode=ro", uri=True)
    meta = dict(journal.execute("SELECT name, value FROM meta"))
    journal.close()
    assert (meta["last_seq"], meta["acknowledged_seq"]) == (5, 5)


# What stands in for what


def kinds(tables: tuple[DeviceTable, ...]) -> list[tuple[str, str]]:
    return [(table.kind, table.driver) for table in tables]


def test_ok__everything_simulated_unless_named() -> None:
    assert kinds(Demo(DemoSettings()).devices(None)) == [
        ("document_reader", "simulated"),
        ("camera", "simulated"),
        ("panel", "simulated"),
    ]


def test_ok__real_devices_by_name(tmp_path: Path) -> None:
    settings = DemoSettings(serial="/dev/ttyUSB7", reader="Some Reader", camera="/dev/video3")
    tables = Demo(settings).devices(None)
    assert kinds(tables) == [
        ("document_reader", "pcsc"),
        ("document_reader", "mrz_line"),
        ("camera", "v4l2"),
        ("panel", "simulated"),
    ]
    assert tables[0].options == {"reader_name": "Some Reader"}
    assert tables[1].options == {"port": "/dev/ttyUSB7"}
    assert tables[2].options == {"device": "/dev/video3"}
    tables = Demo(DemoSettings(camera=str(tmp_path / "face.jpg"))).devices(None)
    assert tables[1] == DeviceTable("camera", "file", {"path": str(tmp_path / "face.jpg")})


def test_ok__realistic_devices_take_their_time() -> None:
    tables = Demo(DemoSettings(realistic=True)).devices(None)
    assert all(table.options["delay"] > 0 for table in tables[:2])
