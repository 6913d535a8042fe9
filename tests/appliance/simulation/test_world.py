"""The world around a box: central's keys, the box's registration, signed lists, and its configuration."""

import os
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.config import Profile, load_config
from appliance.records.keys import load_central_keys
from appliance.services.lane.policy import load_policy
from appliance.simulation import world as worlds
from appliance.simulation.world import DeviceTable, World, WorldUnavailable

DEVICES = (
    DeviceTable("document_reader", "simulated", {"delay": 0.5}),
    DeviceTable("camera", "file", {"path": '/a "quoted" \\ path/Ёлка.jpg'}),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("w"), device="box-7") as world:
        yield world


def test_ok__a_configuration_that_the_box_reads(world: World, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    config = load_config(world.write_configuration(DEVICES, kiosk_port=0, language="ru", policy=policy))
    assert (config.box.device, config.box.profile) == ("box-7", Profile.DEMO)
    assert [(one.kind, one.driver, one.options) for one in config.device] == [
        (one.kind, one.driver, one.options) for one in DEVICES
    ]
    assert (config.kiosk.port, config.kiosk.language, config.paths.policy) == (0, "ru", policy)
    assert config.broker.port == world.broker.port
    load_central_keys(config.central.sealing_key, config.central.watermark_key)
    for file in (config.broker.ca, config.broker.certificate, config.broker.key):
        assert file.is_file()


def test_ok__without_a_policy_the_box_takes_its_own(world: World) -> None:
    assert load_config(world.write_configuration((), kiosk_port=0, language="en")).paths.policy is None


def test_ok__where_nobody_reads_the_notice_takes_no_time_and_nothing_else_changes(world: World) -> None:
    config = load_config(world.write_configuration((), kiosk_port=0, language="en", unattended=True))
    unattended, shipped = load_policy(config.paths.policy), load_policy(None)
    assert unattended.pace.notice_seconds == 0.0 < shipped.pace.notice_seconds
    pace = msgspec.structs.replace(unattended.pace, notice_seconds=shipped.pace.notice_seconds)
    assert msgspec.structs.replace(unattended, pace=pace) == shipped


def test_ok__central_is_there_and_comes_again_after_a_kill(world: World) -> None:
    assert world.count()["records"] == 0
    first = world.receiver_pid
    os.kill(first, 0)
    world.stop_receiver(kill=True)
    world.stop_receiver()
    assert world.receiver_pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    world.start_receiver()
    assert world.receiver_pid != first


def test_ok__two_lists_and_trust_anchors_for_the_box(world: World) -> None:
    targets = list((world.folder / "central" / "reference" / "targets").iterdir())
    assert sorted(target.name.rpartition(".")[2] for target in targets) == [
        "trust_anchors",
        "watchlist",
        "watchlist",
    ]
    assert all(target.stat().st_size > 5_000 for target in targets)
    assert (world.folder / "central" / "keys" / "reference-root.json").exists()


def test_ok__kept_the_next_world_goes_on_in_it(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        with World(tmp_path) as world:
            receiver = world.receiver_pid
            keys.append((tmp_path / "central" / "keys" / "watermark.pub").read_bytes())
            keys.append((world.keys / "signing.pub").read_bytes())
        assert (world.receiver_pid, world.broker.pid) == (None, None)
        with pytest.raises(ProcessLookupError):
            os.kill(receiver, 0)
    assert keys[:2] == keys[2:]


def test_fail__central_says_no(world: World) -> None:
    with pytest.raises(WorldUnavailable, match=r"borne-central count: .+"):
        world._central("count", "--json", "--database", "/nowhere/central.db")


def test_fail__a_damaged_key_leaves_nothing_running(tmp_path: Path) -> None:
    keys = tmp_path / "box" / "keys"
    keys.mkdir(parents=True)
    (keys / "storage.key").touch(mode=0o600)
    world = World(tmp_path)
    with pytest.raises(WorldUnavailable, match="holds no key"):
        world.__enter__()
    assert (world.broker.pid, world.receiver_pid) == (None, None)


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@example({"one": "\x7f"})
@given(st.dictionaries(st.sampled_from(["one", "two"]), VALUES))
def test_ok__any_value_comes_back(values: dict) -> None:
    text = "\n".join(worlds.toml_lines([("[table]", values)]))
    assert tomllib.loads(text) == {"table": values}
