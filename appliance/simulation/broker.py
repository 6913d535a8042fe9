"""Debian's mosquitto on a free loopback port, with mutual TLS: the demo's and the tests' broker."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.simulation import leash
from appliance.simulation.certificates import CertificateAuthority

PROGRAMS = ("mosquitto", "/usr/sbin/mosquitto")
START_SECONDS = 30.0
STOP_SECONDS = 5.0
CENTRAL = "central"
"""The receiver's name at the broker."""


class BrokerUnavailable(Exception):
    """The broker cannot be had here, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a client needs to come in."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path


class Broker:
    """One mosquitto; a device may write only under its own name and read only what is for it."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, *, devices: Iterable[str], also_at: Iterable[str] = ()) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # As root mosquitto drops to its own user, which must then reach its store.
        folder.chmod(0o755)
        (folder / "store").mkdir(exist_ok=True)
        (folder / "store").chmod(0o777)
        authority = CertificateAuthority(folder / "certificates")
        (folder / "certificates").chmod(0o755)
        self._server = authority.issue("broker", server=True, also_at=also_at)
        self._server[1].chmod(0o644)
        self._clients = {name: authority.issue(name) for name in (CENTRAL, *devices)}
        self.authority = authority
        self._ca = authority.certificate
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._write_configuration()

    def access(self, name: str) -> Access:
        """How the client of this name comes in."""
        certificate, key = self._clients[name]
        return Access(self.host, self.port, self._ca, certificate, key)

    def start(self) -> None:
        """Start, or start again on the same port and store.

        Raises:
            BrokerUnavailable: mosquitto is not installed, or does not come up.
        """
        program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
        if program is None:
            raise BrokerUnavailable("The MQTT broker (package mosquitto) is not installed.")
        log = self._folder / "mosquitto.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [program, "-c", str(self._folder / "mosquitto.conf")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        leash.hold(self._process)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerUnavailable(f"The MQTT broker ended at once; its log is {log}.")
            if self._answers():
                return
            time.sleep(0.05)
        self.stop()
        raise BrokerUnavailable(f"The MQTT broker does not answer; its log is {log}.")

    def stop(self) -> None:
        """Ask it to end, and see to it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        certificate, key = self._clients[CENTRAL]
        context = ssl.create_default_context(cafile=str(self._ca))
        context.load_cert_chain(certificate, key)
        try:
            with (
                socket.create_connection((self.host, self.port), timeout=1) as plain,
                context.wrap_socket(plain, server_hostname="localhost"),
            ):
                return True
        except OSError:
            return False

    def _write_configuration(self) -> None:
        certificate, key = self._server
        lines = [
            f"listener {self.port} {self.host}",
            f"cafile {self._ca}",
            f"certfile {certificate}",
            f"keyfile {key}",
            "require_certificate true",
            "use_identity_as_username true",
            "allow_anonymous false",
            f"acl_file {self._folder / 'acl'}",
            "persistence true",
            f"persistence_location {self._folder / 'store'}/",
            "autosave_interval 10",
            "max_packet_size 33554432",
        ]
        if os.geteuid() == 0:
            lines.append("user root")
        (self._folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        acl = [
            f"user {CENTRAL}",
            "topic readwrite borne/v1/#",
            "",
            "pattern write borne/v1/%u/records",
            "pattern write borne/v1/%u/telemetry",
            "pattern write borne/v1/%u/status",
            "pattern write borne/v1/%u/query",
            "pattern read borne/v1/%u/answer",
            "pattern read borne/v1/%u/watermark",
            "pattern read borne/v1/%u/command",
            "pattern read borne/v1/reference/+",
        ]
        acl_file = self._folder / "acl"
        acl_file.touch(mode=0o600)
        acl_file.write_text("\n".join(acl) + "\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
