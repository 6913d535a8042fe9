import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.contracts.checks import Direction
from appliance.reference_data import store as subject
from appliance.reference_data.package import Reason, Refused
from appliance.reference_data.store import VERSIONS, ReferenceStore
from appliance.screening import Subject, screen

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
NOW = ISSUED + timedelta(hours=6)
MakePackage = Callable[..., bytes]


def install(store: ReferenceStore, data: bytes, *, now: datetime = NOW, quality: str = "rtc") -> bool:
    return store.install(data, now=now, time_quality=quality).installed


def refused(store: ReferenceStore, data: bytes, **settings: object) -> Reason:
    """The package is turned away and the lists stay as they were."""
    before = store.status(now=NOW, time_quality="rtc")
    with pytest.raises(Refused) as caught:
        install(store, data, **settings)
    assert caught.value.sentence.endswith(".")
    assert store.status(now=NOW, time_quality="rtc") == before
    return caught.value.reason


def versions(store: ReferenceStore) -> list[tuple[str, int, int]]:
    return [(one.name, one.version, one.entries) for one in store.status(now=NOW, time_quality="rtc")]


def test_ok__install_and_status(store: ReferenceStore, make_package: MakePackage, tmp_path: Path) -> None:
    assert versions(store) == []
    assert install(store, make_package())
    (one,) = store.status(now=NOW, time_quality="rtc")
    assert (one.name, one.entries, one.age_hours, one.stale, one.readable) == ("persons", 3, 6.0, False, True)
    (view,) = store.ages(now=ISSUED + timedelta(days=9))
    assert (view.name, view.entries, view.age_hours, view.stale) == ("persons", 3, 216.0, True)
    assert all(b"MUHAMMADOV" not in file.read_bytes() for file in (tmp_path / "store").iterdir())
    assert (tmp_path / "store/persons.cose").stat().st_mode & 0o077 == 0


def test_ok__newer_replaces_and_the_same_is_already_there(
    store: ReferenceStore, make_package: MakePackage
) -> None:
    install(store, make_package(version=3))
    assert not install(store, make_package(version=3))  # sealed anew, the same content
    assert install(store, make_package(version=5, entries=4))
    assert versions(store) == [("persons", 5, 4)]
    answer = store.receive(make_package(version=5, entries=4), now=NOW, time_quality="rtc")
    assert (answer.accepted, answer.sentence) == (True, "Version 5 of persons was already here.")


def test_ok__lists_by_different_names(store: ReferenceStore, make_package: MakePackage) -> None:
    install(store, make_package(name="b", version=9))
    install(store, make_package(name="a", version=1))
    assert versions(store) == [("a", 1, 3), ("b", 9, 3)]


def test_ok__a_second_process_sees_what_the_first_installed(
    store: ReferenceStore, make_package: MakePackage, tmp_path: Path
) -> None:
    other = ReferenceStore(tmp_path / "store", verify_keys=store._verify_keys, private_key=store._private_key)
    assert other.open_lists().lists == ()
    install(store, make_package(version=1))
    first = other.open_lists()
    assert first.lists[0].info.version == 1
    assert other.open_lists() is first
    install(store, make_package(version=2))
    assert other.open_lists().lists[0].info.version == 2


def test_ok__a_search_goes_on_while_its_list_is_replaced(
    store: ReferenceStore, make_package: MakePackage
) -> None:
    install(store, make_package(version=1))
    held = store.open_lists()
    person = Subject(primary_identifier="MUHAMMADOV", secondary_identifier="TIMUR")
    wrong: list[str] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            for lists in (held, store.open_lists()):
                *_, found = screen(person, lists, direction=Direction.ENTRY, now=NOW, time_quality="rtc")
                if found.reason != "possible_match":
                    wrong.append(found.reason)

    searchers = [threading.Thread(target=search) for _ in range(2)]
    for searcher in searchers:
        searcher.start()
    for version in range(2, 6):
        assert install(store, make_package(version=version))
    stop.set()
    for searcher in searchers:
        searcher.join()
    assert wrong == []
    assert held.lists[0].info.version == 1


def test_fail__rolled_back(store: ReferenceStore, make_package: MakePackage, tmp_path: Path) -> None:
    install(store, make_package(version=5))
    assert refused(store, make_package(version=4)) is Reason.OLDER
    (tmp_path / "store/persons.cose").unlink()
    assert refused(store, make_package(version=4)) is Reason.OLDER
    assert install(store, make_package(version=5))
    (tmp_path / "store" / VERSIONS).unlink()
    assert refused(store, make_package(version=4)) is Reason.OLDER


def test_fail__swapped(store: ReferenceStore, make_package: MakePackage, tmp_path: Path) -> None:
    install(store, make_package(version=5))
    assert refused(store, make_package(version=5, entries=9)) is Reason.SAME_VERSION
    assert refused(store, make_package(version=6, inside=5)) is Reason.NOT_USABLE
    (tmp_path / "store/other.cose").write_bytes((tmp_path / "store/persons.cose").read_bytes())
    assert [one.name for one in store.open_lists().broken] == ["other"]


def test_fail__forged_truncated_or_for_another(store: ReferenceStore, make_package: MakePackage) -> None:
    install(store, make_package(version=1))
    good = make_package(version=2)
    assert refused(store, make_package(version=2, signer=SigningKey(bytes(32)))) is Reason.UNKNOWN_SIGNER
    assert (
        refused(store, make_package(version=2, box=PrivateKey(bytes(range(1, 33)))))
        is Reason.NOT_FOR_THIS_BOX
    )
    assert refused(store, good[:-1]) is Reason.NOT_SIGNED
    assert refused(store, good[: len(good) // 2]) is Reason.NOT_SIGNED
    assert refused(store, b"") is Reason.NOT_SIGNED
    assert refused(store, make_package(version=2, content=b"no list")) is Reason.NOT_USABLE
    answer = store.receive(b"", now=NOW, time_quality="rtc")
    assert (answer.accepted, answer.sentence) == (False, "The message is no COSE_Sign1.")


def test_fail__expired_on_a_sure_clock_only(store: ReferenceStore, make_package: MakePackage) -> None:
    late = ISSUED + timedelta(days=31)
    assert refused(store, make_package(), now=late) is Reason.EXPIRED
    for version, quality in enumerate(("unsure", "carried"), start=1):
        report = store.install(make_package(version=version), now=late, time_quality=quality)
        assert report.expiry_unchecked
        assert "unchecked" in report.sentence


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(at=st.integers(0, 2**20), bit=st.integers(0, 7))
def test_fail__a_damaged_file_is_a_list_that_cannot_be_used(
    store: ReferenceStore, make_package: MakePackage, tmp_path: Path, at: int, bit: int
) -> None:
    file = tmp_path / "store/persons.cose"
    if not file.exists():
        install(store, make_package())
    good = file.read_bytes()
    damaged = bytearray(good)
    damaged[at % len(good)] ^= 1 << bit
    file.write_bytes(damaged)
    try:
        lists = store.open_lists()
        assert (lists.lists, [one.name for one in lists.broken]) == ((), ["persons"])
        (one,) = store.status(now=NOW, time_quality="rtc")
        assert (one.readable, one.stale, one.age_hours) == (False, True, None)
    finally:
        file.write_bytes(good)


def test_ok__a_damaged_file_is_replaced_by_the_same_version(
    store: ReferenceStore, make_package: MakePackage, tmp_path: Path
) -> None:
    install(store, make_package(version=2))
    (tmp_path / "store/persons.cose").write_bytes(b"damaged")
    assert versions(store) == [("persons", 0, 0)]
    assert install(store, make_package(version=2))
    assert versions(store) == [("persons", 2, 3)]


def test_fail__damaged_versions_open_no_door(
    store: ReferenceStore, make_package: MakePackage, tmp_path: Path
) -> None:
    install(store, make_package(version=2))
    (tmp_path / "store" / VERSIONS).write_bytes(b"{")
    assert refused(store, make_package(version=3)) is Reason.STORAGE


def test_fail__too_many_lists(
    store: ReferenceStore, make_package: MakePackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "MAX_LISTS", 1)
    install(store, make_package(name="a"))
    assert refused(store, make_package(name="b")) is Reason.NOT_USABLE
    assert install(store, make_package(name="a", version=2))


def test_fail__disk(
    store: ReferenceStore, make_package: MakePackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(store, make_package(version=1))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert refused(store, make_package(version=2)) is Reason.STORAGE


def test_ok__killed_at_any_moment_there_is_one_whole_list(
    store: ReferenceStore, make_package: MakePackage, tmp_path: Path
) -> None:
    """A child installs versions until it is killed; what it leaves opens, and goes on from there."""
    install(store, make_package(version=1))
    packages = tmp_path / "packages"
    packages.mkdir()
    for version in range(2, 12):
        (packages / f"{version:02}").write_bytes(make_package(version=version))
    child = (
        "import sys, datetime, pathlib\n"
        "from nacl.public import PrivateKey; from nacl.signing import SigningKey\n"
        "from appliance.cose import key_id\n"
        "from appliance.reference_data.store import ReferenceStore\n"
        "key = SigningKey(bytes(range(32))).verify_key\n"
        "store = ReferenceStore(pathlib.Path(sys.argv[1]), verify_keys={key_id(key): key},"
        " private_key=PrivateKey(bytes(range(32))))\n"
        "for file in sorted(pathlib.Path(sys.argv[2]).iterdir()):\n"
        "    store.install(file.read_bytes(), now=datetime.datetime(2027, 3, 1, 6, tzinfo=datetime.UTC),"
        " time_quality='rtc')\n"
        "    print(file.name, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", child, str(tmp_path / "store"), str(packages)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    ((_, version, entries),) = versions(store)
    assert 2 <= version <= 11
    assert entries == 3
    assert install(store, make_package(version=12))
