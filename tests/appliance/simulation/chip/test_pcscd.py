"""The daemon: had, shared in turns, given back; and each reason why it cannot be had in a plain sentence."""

import socket
from pathlib import Path
from typing import Any

import pytest
from smartcard import scard

from appliance.simulation.chip import pcscd
from appliance.simulation.chip.pcscd import LOCK_PATH, PcscdUnavailable, virtual_reader
from appliance.simulation.chip.vpcd import InsertedChip


class Chip:
    atr = bytes.fromhex("3B80800101")

    def reset(self) -> None: ...
    def transmit(self, message: bytes) -> bytes:
        return b"\x90\x00"


@pytest.fixture
def no_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """As on a machine where no daemon runs; the lock is another, so that nobody waits for this test."""
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda scope: (scard.SCARD_E_NO_SERVICE, 0))
    monkeypatch.setattr(pcscd, "PORT", _free_port())
    return {"lock_path": tmp_path / "lock", "wait_seconds": 0.0}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def script(folder: Path, text: str) -> Path:
    program = folder / "daemon"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return program


def test_ok__had_twice_in_turns():
    try:
        with virtual_reader() as reader:
            assert reader.name.startswith("Virtual PCD")
            with reader.inserted(Chip()):
                pass
            with pytest.raises(PcscdUnavailable, match="Another"), virtual_reader(wait_seconds=0.1):
                pass
        with virtual_reader() as again:
            assert again.name == reader.name
    except PcscdUnavailable as error:
        pytest.skip(str(error))


def test_fail__foreign_chip(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pcscd, "SETTLE_SECONDS", 1.0)
    try:
        with virtual_reader() as reader, InsertedChip(Chip()):
            _wait_until_present(reader.name)
            with pytest.raises(PcscdUnavailable, match="not ours"):
                reader.insert(Chip())
    except PcscdUnavailable as error:
        pytest.skip(str(error))


def _wait_until_present(name: str) -> None:
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    scard.SCardGetStatusChange(context, 3000, [(name, scard.SCARD_STATE_EMPTY)])
    scard.SCardReleaseContext(context)


def test_fail__not_installed(no_daemon: dict[str, Any], tmp_path: Path):
    with pytest.raises(PcscdUnavailable, match="not installed"):
        virtual_reader(program=tmp_path / "nowhere", **no_daemon).__enter__()


def test_fail__no_library(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(pcscd.importlib, "import_module", missing)
    with pytest.raises(PcscdUnavailable, match="libpcsclite1"):
        virtual_reader().__enter__()


def test_fail__not_permitted(no_daemon: dict[str, Any], tmp_path: Path):
    program = script(tmp_path, "")
    program.chmod(0o644)
    with pytest.raises(PcscdUnavailable, match="Permission denied"):
        virtual_reader(program=program, **no_daemon).__enter__()


def test_fail__ends_at_once(no_daemon: dict[str, Any], tmp_path: Path):
    with pytest.raises(PcscdUnavailable, match="ended at once: no socket for you"):
        virtual_reader(program=script(tmp_path, "echo no socket for you; exit 1"), **no_daemon).__enter__()


def test_fail__ends_without_a_word(no_daemon: dict[str, Any], tmp_path: Path):
    with pytest.raises(PcscdUnavailable, match="exit status 3"):
        virtual_reader(program=script(tmp_path, "exit 3"), **no_daemon).__enter__()


def test_fail__does_not_answer(no_daemon: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pcscd, "START_SECONDS", 0.2)
    with pytest.raises(PcscdUnavailable, match="does not answer"):
        virtual_reader(program=script(tmp_path, "exec sleep 60"), **no_daemon).__enter__()


def test_fail__stubborn_daemon_is_ended_all_the_same(
    no_daemon: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pcscd, "START_SECONDS", 0.3)
    monkeypatch.setattr(pcscd, "STOP_SECONDS", 0.2)
    pid = tmp_path / "pid"
    program = script(tmp_path, f"trap '' TERM; echo $$ > {pid}; while :; do sleep 0.1; done")
    with pytest.raises(PcscdUnavailable):
        virtual_reader(program=program, **no_daemon).__enter__()
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


def test_fail__port_taken(no_daemon: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(pcscd, "PORT", other.getsockname()[1])
        with pytest.raises(PcscdUnavailable, match="taken"):
            virtual_reader(program=script(tmp_path, "exit 0"), **no_daemon).__enter__()


def test_fail__refused(no_daemon: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda scope: (scard.SCARD_E_NO_ACCESS, 0))
    with pytest.raises(PcscdUnavailable, match="refuses"):
        virtual_reader(**no_daemon).__enter__()


def test_fail__daemon_without_the_virtual_reader(no_daemon: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pcscd, "SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda scope: (scard.SCARD_S_SUCCESS, 0))
    monkeypatch.setattr(scard, "SCardReleaseContext", lambda context: scard.SCARD_S_SUCCESS)
    monkeypatch.setattr(scard, "SCardListReaders", lambda context, groups: (scard.SCARD_S_SUCCESS, ["Other"]))
    with pytest.raises(PcscdUnavailable, match="vsmartcard-vpcd"):
        virtual_reader(**no_daemon).__enter__()


def test_fail__lock_is_a_link(no_daemon: dict[str, Any], tmp_path: Path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PcscdUnavailable, match="lock file"):
        virtual_reader(**no_daemon).__enter__()
    assert not (tmp_path / "elsewhere").exists()


def test_ok__lock_is_the_same_for_everybody():
    assert Path("/tmp/borne-virtual-reader.lock") == LOCK_PATH
