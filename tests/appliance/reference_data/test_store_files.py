"""The store's files: power cuts, a stick pulled out, damage; the old list still hits, the reason in one
sentence."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests_reference import (
    INDEX_KEY,
    NOW,
    Central,
    MakeStore,
    hits,
    refused,
    take,
    versions,
)

from appliance.reference_data.delivery import (
    FolderDelivery,
)
from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.store import ReferenceStore
from appliance.screening import Subject, screen

# What happens to the files


@pytest.mark.parametrize("step", range(14))
def test_fail__the_power_goes_while_it_is_written(
    make_store: MakeStore, central: Central, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Whatever rename or sync is the last that happens, the box comes back with one of the two lists."""
    central.persons()
    central.documents()
    take(make_store(), central.message)
    central.persons(2)
    central.documents(2)

    class PowerCut(BaseException):
        pass

    left = step
    real_replace, real_fsync = Path.replace, os.fsync

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise PowerCut

    monkeypatch.setattr(Path, "replace", lambda self, target: (count(), real_replace(self, target))[1])
    monkeypatch.setattr(os, "fsync", lambda handle: (count(), real_fsync(handle))[1])
    with pytest.raises(PowerCut):
        take(make_store(), central.message)
    monkeypatch.undo()
    store = make_store()
    assert set(versions(store)) == {"persons", "documents"}
    assert hits(store) == {"watchlist.document", "watchlist.person"}
    take(store, central.message)
    assert versions(store) == {"persons": 2, "documents": 2}
    leftovers = [path.name for path in store._folder.iterdir() if path.name.endswith((".new", ".sealing"))]
    assert leftovers == []


def test_fail__the_stick_is_pulled_out(
    store: ReferenceStore, central: Central, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    central.documents()
    take(store, central.message)
    central.documents(2, count=60)
    stick = tmp_path / "central" / "repository"

    class Pulled(FolderDelivery):
        def read(self, name: str):
            blocks = super().read(name)
            return blocks if blocks is None or not name.startswith("targets") else self._half(blocks)

        def _half(self, blocks):
            yield next(blocks)[:1000]
            raise OSError(5, "Input/output error")

    with pytest.raises(Refused) as caught:
        store.install(Pulled(stick), now=NOW, time_quality="rtc")
    assert caught.value.reason is Reason.STORAGE
    assert versions(store) == {"documents": 1}
    assert hits(store) == {"watchlist.document"}
    with pytest.raises(Refused, match="no signed"):
        FolderDelivery(tmp_path / "empty")
    with pytest.raises(Refused, match="cannot be read"):
        store.bring(tmp_path / "not there", now=NOW, time_quality="rtc")


def test_fail__a_stick_that_points_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "stick" / "metadata").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "stick" / "metadata" / "link.json").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "stick" / "metadata" / "pipe.json")
    stick = FolderDelivery(tmp_path / "stick")
    for name in (
        "../secret",
        "metadata/../../secret",
        "metadata/pipe.json",
        "metadata",
        "",
        "x" * 999,
        "none",
    ):
        assert stick.read(name) is None
    with pytest.raises(OSError):
        stick.read("metadata/link.json")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7), which=st.integers(0, 5))
def test_fail__a_file_that_changes_behind_the_boxs_back(
    make_store: MakeStore, central: Central, tmp_path: Path, at: int, bit: int, which: int
) -> None:
    store = make_store()
    if not central.repository.targets():
        central.persons()
        central.documents()
    take(store, central.message)
    files = sorted(
        path for path in (tmp_path / "store").iterdir() if path.suffix in (".sealed", ".key", ".idx")
    )
    files.append(tmp_path / "store" / "installed.json")
    file = files[which % len(files)]
    good = file.read_bytes()
    bad = bytearray(good)
    bad[at % len(bad)] ^= 1 << bit
    file.write_bytes(bad)
    try:
        again = make_store()
        checks = screen(
            Subject(primary_identifier="MUHAMMADOV<<TIMUR", issuing_state="UTO", document_number="AB0000007"),
            again.open_lists(),
            direction=None,
            now=NOW,
            time_quality="rtc",
        )
        assert all(check.verdict in ("FAIL", "CANNOT", "NOT_DONE") for check in checks), file.name
    finally:
        file.write_bytes(good)


def test_fail__the_disk_does_not_let_us(
    store: ReferenceStore, central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    central.persons()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("appliance.reference_data.floor.write_whole", full)
    assert refused(store, central.message) is Reason.STORAGE


def test_ok__plain_names_stay_off_the_disk(store: ReferenceStore, central: Central, tmp_path: Path) -> None:
    central.persons()
    central.documents()
    take(store, central.message)
    store.open_lists()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("store/**/*") if path.is_file())
    assert b"MUHAMMADOV" not in everything
    assert b"AB0000007" not in everything
    assert INDEX_KEY not in everything
