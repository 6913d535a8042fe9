"""The time daemon's lines from the configuration; no name can bring a line of its own."""

import contextlib
import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from appliance import cli
from appliance.config import TimeSources
from appliance.services.agent.time_sources import AUTHORITY, chrony_lines, write_time_sources
from appliance.simulation import time_server as time_server_module
from appliance.simulation.certificates import CertificateAuthority
from appliance.simulation.time_server import TimeServer, TimeServerUnavailable, chronyd

CONFIG = """
[box]
device = "box-1"
post = "North"
{time}
[central]
sealing_key = "a"
watermark_key = "b"
"""
BROKER = """
[broker]
host = "central.example.org"
ca = "{ca}"
certificate = "c"
key = "d"
"""
PROVED = '[time]\nnts = ["127.0.0.1"]'


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


def test_ok_central_s_authority_goes_with_them(tmp_path) -> None:
    """The daemon may not look into /etc/borne, so it is handed a copy."""
    run, ca = tmp_path / "run", tmp_path / "ca.pem"
    run.mkdir()
    ca.write_text("pem")
    configuration = tmp_path / "borne.toml"
    configuration.write_text(CONFIG.format(time=PROVED) + BROKER.format(ca=ca))
    write_time_sources(configuration, run)
    assert f"ntstrustedcerts {run / AUTHORITY}" in (run / "borne.conf").read_text().splitlines()
    assert (run / AUTHORITY).read_text() == "pem"
    assert (run / AUTHORITY).stat().st_mode & 0o777 == 0o644
    ca.unlink()  # public authorities are trusted all the same
    write_time_sources(configuration, run)
    assert "ntstrustedcerts" not in (run / "borne.conf").read_text()
    assert not (run / AUTHORITY).exists()


# The real daemon, at both ends


needs_chrony = pytest.mark.skipif(
    not (chronyd() and shutil.which("chronyc")), reason="Debian's chrony is not installed"
)


@contextlib.contextmanager
def following(folder: Path, ca: Path, port: int) -> Iterator[Path]:
    """The box's chronyd with the box's lines, and this test's port for the proof; `-x`: it does all but
    set this machine's clock."""
    run = folder / "run"
    run.mkdir(mode=0o700)
    (folder / "borne.toml").write_text(CONFIG.format(time=PROVED) + BROKER.format(ca=ca))
    write_time_sources(folder / "borne.toml", run)
    lines = (run / "borne.conf").read_text()
    (run / "borne.conf").write_text(lines.replace("iburst nts", f"iburst nts ntsport {port}"))
    own = f"port 0\ncmdport 0\nbindcmdaddress {run}/cmd\npidfile {run}/pid\nconfdir {run}\n"
    (folder / "chrony.conf").write_text(own)
    words = [str(chronyd()), "-x", "-U", "-d", "-u", getpass.getuser(), "-f", str(folder / "chrony.conf")]
    daemon = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield run / "cmd"
    finally:
        daemon.terminate()
        daemon.wait(30)


def asked(at: Path, what: str) -> list[list[str]]:
    done = subprocess.run(
        ["chronyc", "-c", "-n", "-h", str(at), what], capture_output=True, text=True, check=False
    )
    return [line.split(",") for line in done.stdout.splitlines()]


def awaited(holds) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def proof(at: Path, column: int) -> int:
    """Of `authdata`: 6 how often a proof was asked for, 8 the cookies for the next questions."""
    return next((int(line[column]) for line in asked(at, "authdata") if line[1] == "NTS"), 0)


class Served(NamedTuple):
    port: int
    authority: Path


@pytest.fixture
def time_server(tmp_path) -> Iterator[Served]:
    authority = CertificateAuthority(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TimeServer(*authority.issue("time", server=True), nts_port=port):
        yield Served(port, authority.certificate)


@needs_chrony
def test_ok_the_real_daemon_follows_a_server_that_central_s_authority_vouches_for(
    tmp_path, time_server
) -> None:
    with following(tmp_path, time_server.authority, time_server.port) as at:
        awaited(lambda: any(line[0] == "7F000001" and line[-1] == "Normal" for line in asked(at, "tracking")))
        assert proof(at, 8) > 0


@needs_chrony
def test_fail_the_real_daemon_follows_no_server_of_another_authority(tmp_path, time_server) -> None:
    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other").certificate
    with following(tmp_path, other, time_server.port) as at:
        awaited(lambda: proof(at, 6) > 0)
        time.sleep(3)  # longer than the first answers of a server that is believed take
        assert proof(at, 8) == 0
        assert [line[-1] for line in asked(at, "tracking")] == ["Not synchronised"]


@needs_chrony
def test_fail_a_port_that_is_somebody_else_s(tmp_path, time_server) -> None:
    keys = CertificateAuthority(tmp_path / "second").issue("time", server=True)
    with (
        pytest.raises(TimeServerUnavailable, match="somebody else"),
        TimeServer(*keys, nts_port=time_server.port),
    ):
        pass


@needs_chrony
def test_fail_a_time_server_without_a_certificate(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(time_server_module, "START_SECONDS", 1.0)
    nothing = tmp_path / "none.pem"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        pytest.raises(TimeServerUnavailable, match="does not answer"),
        TimeServer(nothing, nothing, nts_port=port),
    ):
        pass
