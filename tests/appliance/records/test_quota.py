"""Levels of the disk, and a real small disk that fills."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.records.quota import Disk, Level, measure

GB = 10**9


@pytest.mark.parametrize(
    ("available", "reusable", "level"),
    [
        (30 * GB, 0, Level.ROOM),
        (int(20.1 * GB), 0, Level.ROOM),
        (int(19.9 * GB), 0, Level.ALARM),
        (10 * GB, 10 * GB + GB, Level.ROOM),
        (int(5.1 * GB), 0, Level.ALARM),
        (int(4.9 * GB), 0, Level.TIGHT),
        (GB, 0, Level.TIGHT),
        (GB, 8 * GB, Level.ALARM),
        (60 * 1024 * 1024, 0, Level.FULL),
        (0, 50 * GB, Level.FULL),
        (20 * 1024 * 1024, 60 * 1024 * 1024, Level.TIGHT),
    ],
)
def test_ok_levels(available: int, reusable: int, level: Level) -> None:
    assert Disk(total=100 * GB, available=available, reusable=reusable).level is level


def test_ok_what_is_wanted_ends_the_tightness_in_steps() -> None:
    assert Disk(total=100 * GB, available=10 * GB, reusable=0).wanted == 0
    disk, steps = Disk(total=100 * GB, available=2 * GB, reusable=0), 0
    while disk.wanted:
        assert disk.wanted <= 32 * 1024 * 1024
        disk = Disk(total=disk.total, available=disk.available, reusable=disk.reusable + disk.wanted)
        steps += 1
    assert disk.level is Level.ALARM
    assert 80 < steps < 200
    # The log must have room for what is overwritten.
    assert Disk(total=100 * GB, available=100_000_000, reusable=0).wanted == 25_000_000


def test_ok_a_small_disk_has_a_small_reserve() -> None:
    assert Disk(total=100_000_000, available=3_000_000, reusable=0).level is Level.TIGHT
    assert Disk(total=100_000_000, available=1_000_000, reusable=0).level is Level.FULL
    assert Disk(total=0, available=0, reusable=0).share_used == 1.0


def test_ok_this_disk(tmp_path: Path) -> None:
    disk = measure(tmp_path, reusable=0)
    assert 0 < disk.available <= disk.total


FILL = """
import datetime as dt, sys
from pathlib import Path
from nacl.public import PrivateKey
from nacl.signing import SigningKey
from appliance.contracts.movement import Stamp
from appliance.records.errors import StorageFull
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.quota import Level
from appliance.records.chain import hash_of
from appliance.records.watermark import Watermark, sign_watermark

folder = Path(sys.argv[1])
stamp = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
sealing, word = PrivateKey.generate(), SigningKey.generate()
journal = Journal.open(
    folder / "journal.db", keys=load_box_keys(folder / "keys"),
    central=CentralKeys(sealing.public_key, word.verify_key), device="box",
)

def crossing(n):
    journal.room_to_begin()
    journal.commit(f"c{n}", "movement", {"n": n}, stamp, media={"portrait": bytes(300_000)})

def acknowledge(seq):
    envelope = journal.page(seq - 1, 1)[0].envelope
    journal.acknowledge(sign_watermark(Watermark(
        device="box", epoch=journal.status().epoch, seq=seq, chain=hash_of(envelope),
        issued_at="2026-11-02T09:00:00+00:00"), signing_key=word))

n, seen = 0, []
def fill_until(level):
    global n
    while journal.disk().level < level:
        n += 1
        crossing(n)
    seen.append((n, journal.disk().level.name))

fill_until(Level.ALARM)
fill_until(Level.TIGHT)
assert journal.make_room(journal.disk().wanted, stamp=stamp).media_dropped == 0  # nothing is central's yet
half = journal.status().last_seq // 2
acknowledge(half)
unsent_before = [one.envelope for one in journal.page(half, 256)]
while journal.disk().wanted:
    done = journal.make_room(journal.disk().wanted, stamp=stamp)
    assert done.media_dropped and done.bytes_freed > 250_000, done
assert journal.disk().level < Level.TIGHT
assert [one.envelope for one in journal.page(half, len(unsent_before))] == unsent_before
fill_until(Level.TIGHT)  # what was given up is used again
while journal.disk().level < Level.FULL:
    n += 1
    crossing(n)
last = journal.status().last_seq
try:
    crossing(n + 1)
    raise SystemExit("a new traveller was begun on a full disk")
except StorageFull:
    pass
assert journal.status().last_seq == last
assert journal.verify().problems == ()
print(seen)
"""


def test_ok_on_a_real_disk_that_fills_nothing_unsent_is_given_up(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is missing")
    probe = [unshare, "--mount", "--map-root-user"]
    if subprocess.run([*probe, "mount", "-t", "tmpfs", "none", str(tmp_path)], check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    inside = 'mount -t tmpfs -o size=96m none "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [*probe, "sh", "-c", inside, "sh", str(tmp_path), sys.executable, FILL],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "ALARM" in done.stdout
    assert "TIGHT" in done.stdout
