"""The whole demo on PostgreSQL by one option: box, broker, receiver, central's database."""

import json
import subprocess
import sys

import sqlalchemy as sa

from central.cli import main
from central.store import Store


def test_ok__the_demo_on_postgresql(postgresql, tmp_path, capsys) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "appliance.cli", "demo", "--headless", "--json", "--travellers", "3"),
            *("--data", str(tmp_path / "demo"), "--database", postgresql),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["acknowledged"] for row in rows] == [True] * 3
    assert not list(tmp_path.glob("demo/central/*.db"))
    store = Store(postgresql)
    with store.reading() as batch:
        query = sa.text("SELECT recommendation FROM crossings ORDER BY decided_at")
        found = batch.connection.execute(query).scalars().all()
        views = batch.connection.execute(sa.text("SELECT count(*) FROM facts WHERE simulated")).scalar()
    store.close()
    assert found == [row["recommendation"] for row in rows]
    assert views == 3
    assert main(["fleet", "--database", postgresql, "--json"]) == 0
    (box,) = json.loads(capsys.readouterr().out)["boxes"]
    assert (box["device"], box["profile"]) == ("demo-1", "demo")
    assert box["status"] in ("online", "offline")  # its goodbye may find central gone already
    assert box["version"]
    assert box["clock_offset_seconds"] is not None
    assert main(["alerts", "--database", postgresql, "--json"]) == 0
    kinds = {alert["kind"] for alert in json.loads(capsys.readouterr().out)["alerts"]}
    assert kinds == {"hit", "red"}
