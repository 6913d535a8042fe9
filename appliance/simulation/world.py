"""The world around one box: a broker, central's receiver, signed lists, and the box's own papers.

For the demo, training and tests. Everything lies in one folder: kept, the next world goes on in it.
"""

import datetime as dt
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from appliance.key_files import KeyFileError, read_key
from appliance.records.keys import load_box_keys
from appliance.reference_data.sealed import ContentType
from appliance.simulation import leash
from appliance.simulation.broker import CENTRAL, Broker
from appliance.simulation.chip.authority import trust_store_for
from appliance.simulation.travellers import ISSUING_STATES
from appliance.simulation.watchlists import (
    DOCUMENT_LIST,
    PERSON_LIST,
    demo_reference_data,
    demo_register,
)

DEVICE = "demo-1"
STOP_SECONDS = 10.0
GATEWAY_SECONDS = 20.0
LISTS_AGE = dt.timedelta(hours=3)
"""The demo's lists are not quite fresh, so that their age is seen."""


class WorldUnavailable(Exception):
    """Central cannot be had here, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class DeviceTable:
    """One [[device]] of the box's configuration."""

    kind: str
    driver: str
    options: Mapping[str, Any]
    use: str | None = None


class World:
    """Everything outside the box. Use it as a context manager."""

    def __init__(self, folder: Path, *, device: str = DEVICE, database: str | None = None) -> None:
        self.folder = folder
        self.device = device
        self.database = database or str(folder / "central" / "central.db")
        """Central's: SQLite in the folder, unless a PostgreSQL URL is given."""
        self.broker = Broker(folder / "broker", devices=[device])
        self._central_keys = folder / "central" / "keys"
        self._receiver: subprocess.Popen[bytes] | None = None
        self._gateway: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "World":
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self) -> None:
        (self.folder / "central").mkdir(parents=True, exist_ok=True)
        self.broker.start()
        self._central("keys", "--missing", "--folder", str(self._central_keys))
        try:
            keys = load_box_keys(self.keys)
        except KeyFileError as error:
            raise WorldUnavailable(str(error)) from error
        self._central(
            "register",
            "--database",
            self.database,
            self.device,
            str(self.keys / "signing.pub"),
            "--sealing",
            str(self.keys / "sealing.pub"),
        )
        self.start_receiver()
        issued_at = dt.datetime.now(dt.UTC) - LISTS_AGE
        signing_key = read_key(self._central_keys / "reference.key", SigningKey)
        self.start_gateway(
            demo_register(self.folder / "central" / "register", issued_at=issued_at, signing_key=signing_key)
        )
        # The authorities of the travellers' states: our own, and named so.
        trust = trust_store_for(ISSUING_STATES, now=dt.datetime.now(dt.UTC), crl_age=LISTS_AGE)
        repository = demo_reference_data(
            self.folder / "central" / "reference",
            issued_at=issued_at,
            signing_key=signing_key,
            recipients=[keys.sealing.public_key],
            trust=trust.to_bytes(),
        )
        (self._central_keys / "reference-root.json").write_bytes(repository.first_root)
        # All at once: each process of central's takes its second to start.
        names = (ContentType.TRUST_ANCHORS.value, DOCUMENT_LIST, PERSON_LIST)
        reference = str(self.folder / "central" / "reference")
        self._central("publish", *names, reference, *self._broker_arguments())

    def __exit__(self, *_: object) -> None:
        self.stop_receiver()
        self._stop(self._gateway)
        self.broker.stop()

    @property
    def keys(self) -> Path:
        """The box's own keys."""
        return self.folder / "box" / "keys"

    @property
    def receiver_pid(self) -> int | None:
        return self._receiver.pid if self._receiver else None

    def start_receiver(self) -> None:
        """Start central's receiver, or start it again."""
        log = self.folder / "central" / "receiver.log"
        with log.open("ab") as output:
            self._receiver = subprocess.Popen(
                [
                    *_CENTRAL,
                    "run",
                    "--json",
                    "--database",
                    self.database,
                    "--keys",
                    str(self._central_keys),
                    *self._broker_arguments(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        leash.hold(self._receiver)

    def start_gateway(self, *registers: str) -> None:
        """Start central's gateway, or another in its place, with registers as `borne-central gateway
        --register` takes them; it listens when this returns.

        Raises:
            WorldUnavailable: it does not.
        """
        self._stop(self._gateway)
        named = [word for one in registers for word in ("--register", one)]
        log = self.folder / "central" / "gateway.log"
        with log.open("wb") as output:
            self._gateway = subprocess.Popen(
                [
                    *_CENTRAL,
                    "gateway",
                    "--database",
                    self.database,
                    "--keys",
                    str(self._central_keys),
                    *named,
                    *self._broker_arguments(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        leash.hold(self._gateway)

        until = time.monotonic() + GATEWAY_SECONDS
        while b"listening" not in (said := log.read_bytes()):
            if self._gateway.poll() is not None or time.monotonic() > until:
                lines = said.decode(errors="replace").strip().splitlines()
                raise WorldUnavailable(f"Central's gateway: {lines[-1] if lines else 'it does not come up.'}")
            time.sleep(0.02)

    def _stop(self, process: "subprocess.Popen[bytes] | None") -> None:
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop_receiver(self, *, kill: bool = False) -> None:
        """Ask it to end, or kill it as a power cut would."""
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        receiver.kill() if kill else receiver.terminate()
        try:
            receiver.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            receiver.kill()
            receiver.wait()

    def count(self) -> dict[str, int]:
        """What is in central's database: records, crossings, refused, duplicates."""
        answer = self._central("count", "--json", "--database", self.database)
        counted = json.loads(answer)
        assert isinstance(counted, dict)
        return counted

    def write_configuration(
        self,
        devices: tuple[DeviceTable, ...],
        *,
        kiosk_port: int,
        language: str,
        policy: Path | None = None,
        unattended: bool = False,
    ) -> Path:
        """The box's configuration file, as a technician would write it.

        `unattended`: nobody reads, so that no time is given to read the notice before the portrait.
        """
        access = self.broker.access(self.device)
        box = self.folder / "box"
        if policy is None and unattended:
            policy = box / "policy.toml"
            policy.write_text(policy_with(notice_seconds=0), "utf-8")
        tables: list[tuple[str, dict[str, Any]]] = [
            (
                "[box]",
                {
                    "device": self.device,
                    "post": "Demo post",
                    "profile": "demo",
                    "clock": "host",
                },
            ),
            (
                "[paths]",
                {"data": str(box / "data"), "keys": str(self.keys), "run": str(box / "run")}
                | ({"policy": str(policy)} if policy else {}),
            ),
            (
                "[central]",
                {
                    "sealing_key": str(self._central_keys / "sealing.pub"),
                    "watermark_key": str(self._central_keys / "watermark.pub"),
                    "operator_key": str(self._central_keys / "operator.pub"),
                    "reference_root": str(self._central_keys / "reference-root.json"),
                    "gateway_sealing_key": str(self._central_keys / "gateway-sealing.pub"),
                    "gateway_signing_key": str(self._central_keys / "gateway-signing.pub"),
                },
            ),
            (
                "[broker]",
                {
                    "host": access.host,
                    "port": access.port,
                    "ca": str(access.ca),
                    "certificate": str(access.certificate),
                    "key": str(access.key),
                },
            ),
            ("[kiosk]", {"port": kiosk_port, "language": language}),
        ]
        tables += [
            (
                "[[device]]",
                {"kind": one.kind, "driver": one.driver, "options": dict(one.options)}
                | ({} if one.use is None else {"use": one.use}),
            )
            for one in devices
        ]
        path = box / "borne.toml"
        path.write_text("\n".join(toml_lines(tables)) + "\n", "utf-8")
        return path

    def _broker_arguments(self) -> list[str]:
        access = self.broker.access(CENTRAL)
        return [
            "--host",
            access.host,
            "--port",
            str(access.port),
            "--ca",
            str(access.ca),
            "--certificate",
            str(access.certificate),
            "--key",
            str(access.key),
        ]

    def _central(self, *arguments: str) -> str:
        done = subprocess.run([*_CENTRAL, *arguments], capture_output=True, check=False, text=True)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise WorldUnavailable(f"borne-central {arguments[0]}: {said[-1] if said else done.returncode}")
        return done.stdout


_CENTRAL = (sys.executable, "-m", "central.cli")
"""A process of its own, as central is; nothing of it is imported here."""


def policy_with(**pace: float | str) -> str:
    """The policy that ships, with these words of its [pace] changed: for runs in which nobody reads."""
    changed = (resources.files("appliance.services.lane") / "policy.toml").read_text("utf-8")
    for name, value in pace.items():
        changed, times = re.subn(rf'(?m)^{name} = (\d+|"\w+")', f"{name} = {json.dumps(value)}", changed)
        assert times == 1, f"the policy that ships has no {name}"
    return changed


def toml_lines(tables: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """A configuration file of these tables, each with its header."""
    for header, values in tables:
        yield f"\n{header}"
        for name, value in values.items():
            yield f"{name} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    # Strings, numbers and booleans are written alike, but for DEL, which JSON takes as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
