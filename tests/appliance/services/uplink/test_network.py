"""The kernel's network interfaces, from a folder like its own."""

from pathlib import Path

from appliance.contracts.uplink import NetworkLink
from appliance.services.uplink.network import MOST, network_links


def test_ok_each_interface_but_the_loopback_and_whether_it_has_a_carrier(tmp_path: Path) -> None:
    for name, carrier in (("lo", "1"), ("eth0", "1"), ("wlan0", "0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "carrier").write_text(f"{carrier}\n")
    (tmp_path / "eth1").mkdir()  # switched off: the kernel refuses the question
    found = network_links(tmp_path)
    assert found == tuple(
        NetworkLink(name=name, up=up) for name, up in (("eth0", True), ("eth1", False), ("wlan0", False))
    )


def test_ok_a_kernel_that_says_nothing_or_too_much(tmp_path: Path) -> None:
    assert network_links(tmp_path / "none") == ()
    for number in range(MOST * 2):
        (tmp_path / f"veth{number}").mkdir()
    assert len(network_links(tmp_path)) == MOST
