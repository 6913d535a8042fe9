"""The time daemon's lines from the configuration; no name can bring a line of its own."""

import msgspec
import pytest

from appliance import cli
from appliance.config import TimeSources
from appliance.services.agent.time_sources import chrony_lines

CONFIG = """
[box]
device = "box-1"
post = "North"
{time}
[central]
sealing_key = "a"
watermark_key = "b"
"""


def test_ok_servers_that_prove_who_they_are_stand_alone() -> None:
    assert chrony_lines(TimeSources(nts=("t1.example.org", "192.0.2.7"))).splitlines() == [
        "server t1.example.org iburst nts",
        "server 192.0.2.7 iburst nts",
        "authselectmode require",
        "nocerttimecheck 1",
    ]
    assert chrony_lines(TimeSources(ntp=("2001:db8::1",))) == "server 2001:db8::1 iburst\n"
    assert chrony_lines(TimeSources()) == ""


@pytest.mark.parametrize(
    "values",
    [
        {"nts": ["a\nmailonchange x"]},
        {"nts": ["a b"]},
        {"ntp": ["-x"]},
        {"nts": [""]},
        {"nts": ["a"] * 9},
        {"nts": ["a"], "ntp": ["b"]},
    ],
)
def test_fail_names_that_are_none(values) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, TimeSources)


def test_ok_they_are_written_at_every_start_of_a_provisioned_box(tmp_path, capsys) -> None:
    for name in ("card", "identity", "chrony"):
        (tmp_path / name).mkdir()
    words = ["provision", "card", "--card", str(tmp_path / "card"), "--identity", str(tmp_path / "identity")]
    words += ["--time-sources", str(tmp_path / "chrony")]
    assert cli.main(words) == 1  # nothing to go by
    assert list((tmp_path / "chrony").iterdir()) == []
    (tmp_path / "identity/borne.toml").write_text(CONFIG.format(time='[time]\nnts = ["t.example.org"]'))
    assert cli.main(words) == 0
    assert (tmp_path / "chrony/borne.conf").read_text().startswith("server t.example.org iburst nts\n")
    assert (tmp_path / "chrony/borne.conf").stat().st_mode & 0o777 == 0o644
    (tmp_path / "identity/borne.toml").write_text(CONFIG.format(time="[time]\nnts = [7]"))
    assert cli.main(words) == 2
    assert "nts" in capsys.readouterr().err
