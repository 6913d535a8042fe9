"""The time daemon's lines from the configuration; no name can bring a line of its own."""

import contextlib
import fcntl
import getpass
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from appliance import cli
from appliance.config import TimeSources
from appliance.services.agent.time_sources import AUTHORITY, chrony_lines, write_time_sources
from appliance.simulation.certificates import CertificateAuthority
from appliance.simulation.time_server import NTS_PORT, TimeServer, chronyd

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
def following(folder: Path, ca: Path) -> Iterator[Path]:
    """The box's chronyd with the box's lines; `-x`: it does all but set this machine's clock."""
    run = folder / "run"
    run.mkdir(mode=0o700)
    (folder / "borne.toml").write_text(CONFIG.format(time=PROVED) + BROKER.format(ca=ca))
    write_time_sources(folder / "borne.toml", run)
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


@pytest.fixture
def time_server(tmp_path) -> Iterator[Path]:
    """One at a time: a box knows no other port."""
    authority = CertificateAuthority(tmp_path)
    with (Path(tempfile.gettempdir()) / "borne-nts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", NTS_PORT))
            except OSError:
                pytest.skip(f"port {NTS_PORT} is somebody else's")
        with TimeServer(*authority.issue("time", server=True)):
            yield authority.certificate


@needs_chrony
def test_ok_the_real_daemon_follows_a_server_that_central_s_authority_vouches_for(
    tmp_path, time_server
) -> None:
    with following(tmp_path, time_server) as at:
        awaited(lambda: any(line[0] == "7F000001" and line[-1] == "Normal" for line in asked(at, "tracking")))
        assert proof(at, 8) > 0


@needs_chrony
def test_fail_the_real_daemon_follows_no_server_of_another_authority(tmp_path, time_server) -> None:
    (tmp_path / "other").mkdir()
    with following(tmp_path, CertificateAuthority(tmp_path / "other").certificate) as at:
        awaited(lambda: proof(at, 6) > 0)
        time.sleep(3)  # longer than the first answers of a server that is believed take
        assert proof(at, 8) == 0
        assert [line[-1] for line in asked(at, "tracking")] == ["Not synchronised"]
