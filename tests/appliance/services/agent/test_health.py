from pathlib import Path

import pytest

from appliance.services.agent.health import box_health, warnings_of


def test_ok__what_the_kernel_says(tmp_path: Path) -> None:
    report = box_health(tmp_path)
    assert 0 < report["disk_free_bytes"] <= report["disk_total_bytes"]
    assert report["peak_rss_bytes"] > 1_000_000
    assert report["load_1_minute"] >= 0


def test_fail__a_disk_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    # The agent may be up before lane has made its folder, and outlives a card that was pulled out.
    report = box_health(tmp_path / "not yet")
    assert not {name for name in report if name.startswith("disk")}
    assert "load_1_minute" in report


class Kernel:
    """A sysfs and a proc of files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir()

    def says(self, **files: str | bytes) -> "Kernel":
        for name, content in files.items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    @property
    def report(self) -> dict:
        return box_health(self.data, system=self.folder / "sys", processes=self.folder / "proc")


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def test_ok_a_box_on_a_bad_day(kernel: Kernel) -> None:
    report = kernel.says(
        sys__class__thermal__thermal_zone0__temp="81250\n",
        sys__class__thermal__thermal_zone1__temp="40000\n",
        sys__class__hwmon__hwmon0__name="cpu_thermal\n",
        sys__class__hwmon__hwmon1__name="rpi_volt\n",
        sys__class__hwmon__hwmon1__in0_lcrit_alarm="1\n",
        sys__class__power_supply__AC__type="Mains\n",
        sys__class__power_supply__AC__online="0\n",
        sys__class__power_supply__BAT0__type="Battery\n",
        sys__class__power_supply__BAT0__capacity="19\n",
        sys__block__mmcblk0__device__life_time="0x08 0x02\n",
        proc__meminfo="MemTotal:        1000000 kB\nMemFree: 5 kB\nMemAvailable:      90000 kB\n",
        proc__uptime="123.45 200.00\n",
    ).report
    assert report["temperature_celsius"] == 81.25
    assert report["under_voltage"] is True
    assert report["mains"] is False
    assert report["battery_percent"] == 19
    assert report["card_worn_percent"] == 80
    assert report["memory_available_bytes"] == 90_000 * 1024
    assert report["uptime_seconds"] == 123.45
    assert set(report["warnings"]) >= {
        *("too_hot", "under_voltage", "on_battery", "battery_low", "card_worn", "memory_almost_full"),
    }


def test_ok_a_winter_night(kernel: Kernel) -> None:
    assert "too_cold" in kernel.says(sys__class__thermal__thermal_zone0__temp="-4000\n").report["warnings"]


def test_ok_a_good_day_warns_of_nothing() -> None:
    report = {
        "temperature_celsius": 50.0,
        "under_voltage": False,
        "mains": True,
        "battery_percent": 100,
        "card_worn_percent": 10,
        "disk_total_bytes": 100,
        "disk_free_bytes": 50,
        "memory_total_bytes": 100,
        "memory_available_bytes": 50,
    }
    assert warnings_of(report) == []
    assert warnings_of({}) == []  # a box without sensors
    assert warnings_of(report | {"disk_free_bytes": 9}) == ["disk_almost_full"]


@pytest.mark.parametrize("said", ["", "nonsense\n", b"\xff\xfe", "9" * 300, "101 102"])
def test_fail_a_sensor_that_says_nothing_is_left_out_and_never_zero(kernel: Kernel, said) -> None:
    report = kernel.says(
        sys__class__thermal__thermal_zone0__temp=said if said != "9" * 300 else "x",
        sys__class__hwmon__hwmon1__name="rpi_volt\n",
        sys__class__hwmon__hwmon1__in0_lcrit_alarm=said,
        sys__class__power_supply__AC__type="Mains\n",
        sys__class__power_supply__AC__online=said if said != "9" * 300 else "x",
        sys__class__power_supply__BAT0__type="Battery\n",
        sys__class__power_supply__BAT0__capacity=said,
        sys__block__mmcblk0__device__life_time="zz",
        proc__meminfo=b"MemTotal: \xff kB\n",
        proc__uptime="soon\n",
    ).report
    absent = {"temperature_celsius", "mains", "battery_percent", "card_worn_percent", "memory_total_bytes"}
    assert not absent & report.keys()
    assert "uptime_seconds" not in report


def test_ok_a_card_that_does_not_define_its_life_says_none(kernel: Kernel) -> None:
    assert "card_worn_percent" not in kernel.says(sys__block__mmcblk0__device__life_time="0x00 0x00\n").report
    assert (
        kernel.says(sys__block__mmcblk0__device__life_time="0x0b 0x01\n").report["card_worn_percent"] == 100
    )
