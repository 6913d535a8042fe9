"""Where it is killed: one broker, one central, three boxes that send each in its own way."""

import multiprocessing
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from kill_senders import Sender, delivered, main, open_journal, wait_until

from appliance.records.keys import load_box_keys
from appliance.services.uplink.link import Credentials
from appliance.simulation.broker import CENTRAL, PROGRAMS, Broker
from central.keys import create_keys
from central.store import Store

BUILDS = ("uplink", "puback", "bridge")
FORK = multiprocessing.get_context("forkserver")
"""A process that has imported everything makes the others by fork: a kill costs no second of imports."""
FORK.set_forkserver_preload(["kill_senders"])
# Python 3.11's fork server does not take our path over, and passes over what it cannot import.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
)


def save_every_second(folder: Path) -> None:
    """The kindest setting for who trusts a broker's store; mosquitto's own default is half an hour."""
    file = folder / "mosquitto.conf"
    file.write_text(re.sub(r"autosave_interval \d+", "autosave_interval 1", file.read_text()))


class Bridge:
    """A mosquitto on the box, which saves every second and carries its queue to central's broker."""

    def __init__(self, folder: Path, broker: Broker, device: str) -> None:
        from appliance.simulation.broker import _free_port

        folder.mkdir(parents=True)
        self.port = _free_port()
        self._folder = folder
        self._local = Broker(folder / "local", devices=[device])  # its certificates, for TLS as on the box
        access, own = broker.access(device), self._local.access(device)
        self.credentials = Credentials(own.host, self._local.port, own.ca, own.certificate, own.key)
        save_every_second(folder / "local")
        lines = (folder / "local" / "mosquitto.conf").read_text()
        lines += "\n".join(
            (
                "connection central",
                f"address {access.host}:{access.port}",
                f"bridge_cafile {access.ca}",
                f"bridge_certfile {access.certificate}",
                f"bridge_keyfile {access.key}",
                "bridge_protocol_version mqttv50",
                "cleansession false",
                "notifications false",
                "try_private false",
                "restart_timeout 1 1",
                "keepalive_interval 5",
                f"topic borne/v1/{device}/records out 1",
                "",
            )
        )
        (folder / "local" / "mosquitto.conf").write_text(lines)
        acl = folder / "local" / "acl"
        acl.write_text(acl.read_text() + "\nuser central\ntopic readwrite #\n")
        self.start = self._local.start
        self.kill = self._local.kill
        self.stop = self._local.stop


class KillWorld:
    """Everything that can be killed, by name."""

    def __init__(self, folder: Path, *, per_second: float, builds: tuple[str, ...] = BUILDS) -> None:
        self.folder = folder
        self.builds = builds
        self.database = folder / "central.db"
        self._keys = folder / "central-keys"
        devices = {build: f"soak-{build}" for build in builds}
        self.broker = Broker(folder / "broker", devices=devices.values())
        save_every_second(folder / "broker")
        create_keys(self._keys)
        store = Store(str(self.database))
        self.senders: dict[str, Sender] = {}
        self.bridge = (
            Bridge(folder / "bridge-broker", self.broker, "soak-bridge") if "bridge" in builds else None
        )
        for build, device in devices.items():
            keys = load_box_keys(folder / build / "keys")
            with store.batch() as batch:
                batch.register(device, bytes(keys.signing.verify_key), bytes(keys.sealing.public_key))
            access = self.broker.access(device)
            credentials = Credentials(access.host, access.port, access.ca, access.certificate, access.key)
            if build == "bridge" and self.bridge is not None:
                credentials = self.bridge.credentials
            self.senders[build] = Sender(build, device, folder / build, self._keys, credentials, per_second)
        store.close()
        self._processes: dict[str, ForkServerProcess] = {}
        self._receiver: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "KillWorld":
        self.broker.start()
        if self.bridge is not None:
            self.bridge.start()
        self.start_receiver()
        for build in self.builds:
            self.start_sender(build)
        return self

    def __exit__(self, *_: object) -> None:
        for build in self.builds:
            self.kill_sender(build)
        self.stop_receiver()
        if self.bridge is not None:
            self.bridge.stop()
        self.broker.stop()

    def start_sender(self, build: str, *, per_second: float | None = None) -> None:
        sender = self.senders[build]
        if per_second is not None:
            sender = Sender(**{**sender.__dict__, "per_second": per_second})
        process = FORK.Process(target=main, args=(sender,), daemon=True)
        process.start()
        self._processes[build] = process

    def kill_sender(self, build: str) -> None:
        process = self._processes.pop(build, None)
        if process is not None:
            process.kill()
            process.join()

    def start_receiver(self) -> None:
        access = self.broker.access(CENTRAL)
        with (self.folder / "receiver.log").open("ab") as log:
            self._receiver = subprocess.Popen(
                [
                    sys.executable, "-m", "central.cli", "run", "--quiet", "--database", str(self.database),
                    "--keys", str(self._keys), "--host", access.host, "--port", str(access.port), "--ca",
                    str(access.ca), "--certificate", str(access.certificate), "--key", str(access.key),
                ],
                stdout=log, stderr=log,
            )  # fmt: skip

    def stop_receiver(self) -> None:
        if self._receiver is not None:
            self._receiver.kill()
            self._receiver.wait()
            self._receiver = None

    def kill(self, victim: str, dice: random.Random) -> None:
        """kill -9, and begin it again."""
        if victim == "process":
            for build in self.builds:
                if build == "bridge" and self.bridge is not None and dice.random() < 0.5:
                    self.bridge.kill()
                    self.bridge.start()
                else:
                    self.kill_sender(build)
                    self.start_sender(build)
        elif victim == "broker":
            self.broker.kill()
            time.sleep(dice.uniform(0.0, 0.3))
            self.broker.start()
        else:
            self.stop_receiver()
            self.start_receiver()

    def settle(self, seconds: float) -> None:
        """No more kills and no more records: until each build says that it has delivered everything."""
        for build in self.builds:
            self.kill_sender(build)
        last = {build: self._last(build) for build in self.builds}
        for build in self.builds:
            self.start_sender(build, per_second=0.0)

        def all_delivered() -> bool:
            return all(self._delivered(build) >= last[build] for build in self.builds)

        if not wait_until(all_delivered, seconds):
            raise AssertionError(
                f"not delivered after {seconds} s: "
                + str({build: (self._delivered(build), last[build]) for build in self.builds})
            )
        # A bridge says nothing of its queue: it has had its time when central hears nothing new.
        quiet, before = time.monotonic(), -1
        while time.monotonic() - quiet < 20:
            now = sum(len(self.at_central(build)) for build in self.builds)
            if now != before or self.waiting():
                quiet, before = time.monotonic(), now
            time.sleep(0.5)

    def waiting(self) -> int:
        """Records that central has committed and has nothing derived from yet."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as connection:
            return int(connection.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def committed(self, build: str) -> dict[str, int]:
        """Crossing -> number, as its journal has committed them."""
        with sqlite3.connect(
            f"file:{self.senders[build].folder / 'journal.db'}?mode=ro", uri=True
        ) as connection:
            return dict(connection.execute("SELECT crossing, seq FROM records"))

    def at_central(self, build: str) -> list[str]:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as connection:
            query = "SELECT crossing FROM crossings WHERE device = ?"
            return [row[0] for row in connection.execute(query, (f"soak-{build}",))]

    def copies(self, build: str) -> int:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as connection:
            query = "SELECT coalesce(sum(copies - 1), 0) FROM records WHERE device = ?"
            return int(connection.execute(query, (f"soak-{build}",)).fetchone()[0])

    def refused(self) -> int:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as connection:
            return int(connection.execute("SELECT count(*) FROM refused").fetchone()[0])

    def problems(self, build: str) -> tuple[str, ...]:
        """What a walk along the build's chain finds; its process must have ended."""
        self.kill_sender(build)
        journal = open_journal(self.senders[build])
        try:
            return journal.verify().problems
        finally:
            journal.close()

    def _last(self, build: str) -> int:
        return max(self.committed(build).values(), default=0)

    def _delivered(self, build: str) -> int:
        if build != "uplink":
            return delivered(self.senders[build])
        with sqlite3.connect(
            f"file:{self.senders[build].folder / 'journal.db'}?mode=ro", uri=True
        ) as connection:
            return int(
                connection.execute("SELECT value FROM meta WHERE name = 'acknowledged_seq'").fetchone()[0]
            )


def mosquitto_is_here() -> bool:
    return any(shutil.which(name) for name in PROGRAMS)
