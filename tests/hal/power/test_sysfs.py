"""The kernel's power supplies, as laptops, UPS hats and USB UPSs show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.device import DeviceFault, DeviceGone, HalError, Unreadable
from hal.power import PowerState
from hal.power.sysfs import MAX_MINUTES, Options, create


@pytest.fixture
def write(tmp_path):
    def _write(supply, **attributes):
        folder = tmp_path / supply
        folder.mkdir(exist_ok=True)
        for name, value in attributes.items():
            (folder / name).write_bytes(value if isinstance(value, bytes) else f"{value}\n".encode())

    return _write


@pytest.fixture
def read(tmp_path):
    return lambda name=None: create(Options(folder=str(tmp_path), name=name)).read_power()


MAINS = {"type": "Mains", "online": 1}
BATTERY = {"type": "Battery", "scope": "System", "present": 1, "status": "Discharging", "capacity": 60}


def test_ok__on_mains_and_charging(write, read):
    write("AC", **MAINS)
    write("BAT0", **BATTERY | {"status": "Charging", "capacity": 40})
    assert read() == PowerState(on_mains=True, charge_percent=40, charging=True)


@pytest.mark.parametrize(
    ("left", "minutes"),
    [
        ({"time_to_empty_now": 5400}, 90),
        ({"energy_now": 20_000_000, "power_now": 10_000_000}, 120),
        ({"charge_now": 1_000_000, "current_now": -2_000_000}, 30),
        ({"energy_now": 20_000_000, "power_now": 0}, None),
        ({"energy_now": 10**15, "power_now": 1}, None),
        ({"time_to_empty_now": 10**12}, MAX_MINUTES),
        ({}, None),
    ],
)
def test_ok__on_battery_and_how_long(write, read, left, minutes):
    write("AC", **MAINS | {"online": 0})
    write("BAT0", **BATTERY | left)
    assert read() == PowerState(on_mains=False, charge_percent=60, charging=False, minutes_left=minutes)


def test_ok__a_ups_hat_alone_says_it_by_its_status(write, read):
    write("ups", type="UPS", status="Discharging", capacity=80)
    assert read() == PowerState(on_mains=False, charge_percent=80, charging=False)
    write("ups", status="Full")
    assert read() == PowerState(on_mains=True, charge_percent=80, charging=False)
    write("ups", status="Unknown")
    assert read() == PowerState(on_mains=None, charge_percent=80, charging=False)


def test_ok__the_emptiest_counts_and_a_mouse_does_not(write, read):
    write("BAT0", **BATTERY)
    write("BAT1", **BATTERY | {"capacity": 30, "time_to_empty_now": 600})
    write("BAT2", **BATTERY | {"present": 0, "capacity": 0})
    write("hid-mouse", **BATTERY | {"scope": "Device", "capacity": 3})
    assert (read().charge_percent, read().minutes_left) == (30, 10)
    assert read("BAT0").charge_percent == 60


def test_fail__nothing_there(read, write):
    with pytest.raises(DeviceGone):
        read()
    write("BAT0", **BATTERY)
    with pytest.raises(DeviceGone, match="BAT7"):
        read("BAT7")
    with pytest.raises(DeviceGone):
        create(Options(folder="/nowhere")).open()


def test_fail__neither_mains_nor_battery(write, read):
    write("x", type="Something")
    with pytest.raises(DeviceFault):
        read()


@pytest.mark.parametrize("wrong", [{"capacity": 101}, {"capacity": -1}, {"capacity": "full"}])
def test_fail__what_cannot_be(write, read, wrong):
    write("BAT0", **BATTERY | wrong)
    with pytest.raises(Unreadable):
        read()


ATTRIBUTES = ("online", "present", "status", "capacity", "time_to_empty_now", "energy_now", "power_now")


@given(values=st.dictionaries(st.sampled_from(ATTRIBUTES), st.binary(max_size=300)))
def test_fail__hostile_attributes(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("power")
    (folder / "BAT0").mkdir()
    (folder / "BAT0" / "type").write_bytes(b"Battery")
    for name, value in values.items():
        (folder / "BAT0" / name).write_bytes(value)
    try:
        state = create(Options(folder=str(folder))).read_power()
    except HalError:
        return
    assert state.charge_percent is None or 0 <= state.charge_percent <= 100
    assert state.minutes_left is None or 0 <= state.minutes_left <= MAX_MINUTES
