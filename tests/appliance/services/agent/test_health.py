from pathlib import Path

from appliance.services.agent.health import box_health


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
