"""Central and its broker on this machine, for a box started in QEMU: all by the operators' own commands."""

import contextlib
import datetime as dt
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from nacl.public import PublicKey
from nacl.signing import SigningKey

from appliance.contracts.provisioning import Request, fingerprint
from appliance.key_files import write_key
from appliance.simulation import leash
from appliance.simulation.broker import CENTRAL, Broker
from appliance.simulation.chip.authority import trust_store_for
from appliance.simulation.time_server import TimeServer, TimeServerUnavailable, chronyd
from central import claims

REPOSITORY = Path(__file__).resolve().parent.parent
NAME = "image-test-1"
HOST = "10.0.2.2"
"""This machine, as a guest on QEMU's own network sees it."""
DOCUMENT_NUMBER = "L898902C3"
"""Of ICAO 9303-4's own specimen."""
LIST = "image-test"
OFFICER = "Image Test"
ENTRIES = f"number,issuing_state,status\n{DOCUMENT_NUMBER},UTO,stolen\n"


class NotAccepted(Exception):
    """What did not come about, in one plain sentence."""


class Central:
    """Broker, receiver and enrolment on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder / "broker", devices=[], also_at=[HOST])
        self._keys, self._claims, self._database = folder / "keys", folder / "claims", folder / "central.db"
        self.box = folder / "box.pub"
        """Its sealing key, from its request."""
        self._running: list[subprocess.Popen[bytes]] = []
        self._door: tuple[str, Path] | None = None
        self._held = contextlib.ExitStack()
        self._update_version = 0

    def __enter__(self) -> "Central":
        self.broker.start()
        self.make_keys()
        if self.has_time:
            certificate, key = self.broker.authority.issue("time", server=True, also_at=[HOST])
            try:
                self._held.enter_context(TimeServer(certificate, key))
            except TimeServerUnavailable as error:
                raise NotAccepted(str(error)) from error
        return self

    @property
    def has_time(self) -> bool:
        """Whether a time server that proves who it is can be had on this machine."""
        return chronyd() is not None

    def make_keys(self) -> None:
        """Central's own, and those of the repository from which boxes take what is signed."""
        self._central("keys", "--folder", str(self._keys))
        self._central("support-key", str(self.folder / "support"))
        shutil.copy(self.folder / "support/support.pub", self._keys)
        for name in ("root", "publisher"):
            write_key(self._keys / f"{name}.key", SigningKey.generate())
        self._central(
            *("trust", "init", str(self.folder / "repository"), "--root-key", str(self._keys / "root.key")),
            *("--issuer-key", str(self._keys / "reference.key")),
            *("--publisher-key", str(self._keys / "publisher.key"), "--root-file", str(self._root_file)),
        )

    @property
    def _root_file(self) -> Path:
        return self.folder / "reference-root.json"

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.terminate()
            process.wait(10)
        self._held.close()
        self.broker.stop()

    def open_door(self) -> None:
        """Where boxes ask by network; claims name it from then on."""
        certificate, key = self.broker.authority.issue("door", server=True, also_at=[HOST])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            *(sys.executable, "-m", "central.cli", "serve-enrolment", "--claims", str(self._claims)),
            *("--host", "127.0.0.1", "--port", str(port), "--database", str(self._database)),
            *("--certificate", str(certificate), "--key", str(key)),
        ]
        self._start("door", command)
        self._door = f"{HOST}:{port}", certificate

    def claim(self) -> str:
        door = (
            () if self._door is None else ("--door", self._door[0], "--door-certificate", str(self._door[1]))
        )
        return self._central("claim", "--claims", str(self._claims), "--keys", str(self._keys), *door, NAME)

    def enrol(self, request: Path, answer: Path) -> None:
        """Answer what was brought on the card."""
        asked = msgspec.json.decode(request.read_bytes(), type=Request)
        self._know(asked)
        self._central("enrol", str(request), str(answer), *self._answering(fingerprint(asked)))

    def asked(self) -> bool:
        """Whether the box has asked at the door, and waits."""
        rows = json.loads(self._central("asked", "--json", "--claims", str(self._claims)))["asked"]
        return any(row["device"] == NAME and row["state"] == "waits" for row in rows)

    def approve(self, letters: str) -> None:
        """Answer what came by network, as a person who reads the box's letters does."""
        self._know(claims.waiting_request(self._claims, NAME).request)
        self._central("approve", NAME, *self._answering(letters))

    def _answering(self, letters: str) -> tuple[str, ...]:
        authority = self.folder / "ca.key"
        self.broker.authority.write_key(authority)
        return (
            *("--claims", str(self._claims), "--keys", str(self._keys), "--database", str(self._database)),
            *("--broker", f"{HOST}:{self.broker.port}", "--reference-root", str(self._root_file)),
            *("--ca", str(self.broker.authority.certificate), "--ca-key", str(authority)),
            *("--fingerprint", letters),
        )

    def _know(self, request: Request) -> None:
        if not self.box.exists():
            write_key(self.box, PublicKey(bytes.fromhex(request.sealing_key)))

    def receive(self) -> None:
        access = self.broker.access(CENTRAL)
        command = [
            *(sys.executable, "-m", "central.cli", "run", "--json", "--keys", str(self._keys)),
            *("--database", str(self._database), "--host", access.host, "--port", str(access.port)),
            *("--ca", str(access.ca), "--certificate", str(access.certificate), "--key", str(access.key)),
        ]
        self._start("receiver", command)

    def publish_update(self, source: Path) -> None:
        """Sign these offers of software for the box, and give them to the broker."""
        self._update_version += 1
        self._sign(source, "--type", "update", "--list-version", str(self._update_version))
        self._publish("update")

    def publish_lists(self) -> None:
        """Sign trust anchors, and a list with the document that is going to be swept, for the box, and give
        them to the broker."""
        anchors, entries, listed = (self.folder / name for name in ("trust.store", "entries.csv", LIST))
        anchors.write_bytes(
            trust_store_for(["UTO"], now=dt.datetime.now(dt.UTC), crl_age=dt.timedelta(hours=1)).to_bytes()
        )
        entries.write_text(ENTRIES, "utf-8")
        hashing = self.folder / "index.key"
        self._run(
            *("appliance.cli", "list", "build", str(entries), str(listed), "--name", LIST),
            *("--kind", "documents", "--list-version", "1", "--index-key", str(hashing), "--epoch", "1"),
            *("--owner", "Image test", "--legal-basis", "none", "--contact", "nobody", "--action", "none"),
        )
        self._sign(listed, "--index-key", str(hashing))
        self._sign(anchors, "--type", "trust_anchors", "--list-version", "1")
        self._publish("trust_anchors", LIST)

    def _sign(self, source: Path, *words: str) -> None:
        self._run(
            *("appliance.cli", "list", "sign", str(source), str(self.folder / "repository"), *words),
            *("--for", str(self.box), "--key", str(self._keys / "reference.key")),
            *("--publisher-key", str(self._keys / "publisher.key")),
        )

    def _publish(self, *names: str) -> None:
        access = self.broker.access(CENTRAL)
        self._central(
            *("publish", *names, str(self.folder / "repository")),
            *("--host", access.host, "--port", str(access.port)),
            *("--ca", str(access.ca), "--certificate", str(access.certificate), "--key", str(access.key)),
        )

    def appoint(self, out: Path) -> str:
        """The box's first supervisor; the code that proves who that is."""
        return self._central(
            *("appoint", OFFICER, str(out), "--device", NAME, "--keys", str(self._keys)),
            *("--database", str(self._database), "--by", "image test", "--purpose", "image test"),
        ).strip()

    def let_support_in(self) -> None:
        """Both keys, for an hour: the box is to send its state, and what its services logged."""
        boxes = json.loads(self._central("fleet", "--json", "--database", str(self._database)))["boxes"]
        epoch = next(one["epoch"] for one in boxes if one["device"] == NAME)
        grant = self.folder / "grant"
        self._central(
            *("grant-support", NAME, str(grant), "--support-key", str(self.folder / "support/support.key")),
            *("--epoch", epoch, "--hours", "1", "--reason", "image test"),
        )
        self._central(
            *("support", str(grant), "--database", str(self._database), "--keys", str(self._keys)),
            *("--by", "image test", "--purpose", "image test"),
        )

    def diagnostics(self) -> list[dict[str, Any]]:
        """What the box has told support."""
        words = ("--database", str(self._database), "--keys", str(self._keys))
        command = ("diagnostics", NAME, *words, "--by", "image test", "--purpose", "image test")
        done = self._called("central.cli", *command)
        return [json.loads(line)["told"] for line in done.stdout.splitlines()]

    def counts(self) -> dict[str, int]:
        counted = json.loads(self._central("count", "--json", "--database", str(self._database)))
        assert isinstance(counted, dict)
        return counted

    def telemetry(self) -> dict[str, Any]:
        """The box's last health report; empty before the first."""
        with contextlib.closing(sqlite3.connect(self._database)) as database:
            rows = database.execute("select telemetry from devices where device = ?", (NAME,)).fetchall()
        return json.loads(rows[0][0]) if rows and rows[0][0] else {}

    def document_numbers(self) -> list[str]:
        with contextlib.closing(sqlite3.connect(self._database)) as database:
            return [row[0] for row in database.execute("select document_number from crossings")]

    def _central(self, *words: str) -> str:
        return self._run("central.cli", *words)

    def _start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True
            )
        leash.hold(process)
        self._running.append(process)

    def _called(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", program, *words]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def _run(self, program: str, *words: str) -> str:
        done = self._called(program, *words)
        if done.returncode != 0:
            raise NotAccepted(f"{program} {words[0]}: {done.stderr.strip()[-200:]}")
        return done.stdout
