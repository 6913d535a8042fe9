"""The demo's officers: other PINs at every start, the second line's roles, and nowhere but there."""

import datetime as dt
from pathlib import Path

import pytest

from appliance.config import load_config
from appliance.contracts.officers import Role
from appliance.opening import officers_book
from appliance.records.keys import load_box_keys
from appliance.simulation.demo_officers import OFFICERS, name_officers
from appliance.simulation.world import WorldUnavailable

NOW = dt.datetime.now(dt.UTC)


def config_of(folder: Path, profile: str):
    load_box_keys(folder / "keys")
    (folder / "data").mkdir(exist_ok=True)
    path = folder / "borne.toml"
    path.write_text(
        f'[box]\ndevice = "d"\npost = "p"\nprofile = "{profile}"\nclock = "host"\n[paths]\n'
        f'data = "{folder}/data"\nkeys = "{folder}/keys"\n'
        f'[central]\nsealing_key = "{folder}/s.pub"\nwatermark_key = "{folder}/w.pub"\n'
    )
    return load_config(path)


def test_ok__their_pins_open_and_are_others_at_the_next_start(tmp_path: Path) -> None:
    config = config_of(tmp_path, "demo")
    before, pins = name_officers(config), name_officers(config)
    book = officers_book(config)
    roles = {name: book.check(name, pin, now=NOW).roles for name, pin in pins.items()}
    assert roles == OFFICERS
    assert {Role.SECOND_LINE, Role.SUPERVISOR} <= frozenset().union(*roles.values())
    assert before != pins
    assert book.check("Simulated supervisor", before["Simulated supervisor"], now=NOW) is None


@pytest.mark.parametrize("profile", ["training", "production"])
def test_fail__a_box_that_is_no_demo(tmp_path: Path, profile: str) -> None:
    with pytest.raises(WorldUnavailable, match=profile):
        name_officers(config_of(tmp_path, profile))
    config = load_config(tmp_path / "borne.toml")
    assert officers_book(config).all() == ()


def test_fail__a_disk_that_does_not_take_the_book(tmp_path: Path) -> None:
    config = config_of(tmp_path, "demo")
    (tmp_path / "data" / "officers.sealed").mkdir()
    with pytest.raises(WorldUnavailable, match="book of officers"):
        name_officers(config)
