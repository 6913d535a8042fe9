#!/usr/bin/env python3
"""`make update-test WHOLE=1`: updates on a started box in QEMU, and the power cut while they go on.

    .venv/bin/python image-build/updating.py BOARD [--cuts N] [--json]

By network: central publishes a signed offer, uplink fetches the bundle over HTTPS with the box's certificate,
agent installs it, the trial start is kept. By stick: a foreign signature, a flipped byte and an older version
are refused; a version that is not well is tried and given back. Then the power is cut N times while bundles
are installed, tried and kept: after each cut the journal is verified on this machine from a copy of the
box's disk, and the box must come back.
"""

import argparse
import datetime as dt
import hashlib
import http.server
import json
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
sys.path[:0] = [str(HERE), str(REPOSITORY)]

from acceptance import LOG, SECOND_SECONDS, Acceptance, Reader
from board import Board, BoardError, board_names, load_board
from bundle import BundleError, make_bundle
from host import HOST, Central, NotAccepted
from qemu import Line, Machine, QemuError, boot_partition, make_stick, read_fat
from signer import make_signer

from appliance.services.agent.toml_text import toml_text
from appliance.simulation.broker import BrokerUnavailable

MISHAPS = (
    BoardError,
    BrokerUnavailable,
    BundleError,
    NotAccepted,
    OSError,
    QemuError,
    subprocess.SubprocessError,
)
INSTALLS = "is being installed"
INSTALLED = "is installed; the next start tries it"
KEPT = "is well and is kept"
TRIMMED = (
    "systemd.mask=pcscd.socket",
    "systemd.mask=polkit.service",
    "systemd.mask=systemd-resolved.service",
)
"""What no update needs, left out of the many emulated starts; the first two starts are whole."""
OF_NO_JOURNAL = {"clock_unsure", "no_list", "support_access"}
"""What lane may notice on a box whose journal is as it was left; support's hour may not be over."""
UNWELL = "systemd.mask=borne-capture.service systemd.mask=borne-capture.socket"
"""On the kernel's command line of a boot partition: a version that cannot read a document."""


class Server:
    """The bundles over HTTPS, for whoever shows a certificate of the broker's authority; in parts too."""

    def __init__(self, folder: Path, central: Central) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                path = folder / Path(self.path).name
                size = path.stat().st_size
                begin = int((self.headers.get("Range") or "bytes=0-")[6:-1])
                asked.append(f"{path.name} from {begin}")
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
                self.send_header("Content-Length", str(size - begin))
                self.end_headers()
                with path.open("rb") as file:
                    file.seek(begin)
                    shutil.copyfileobj(file, self.wfile)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        certificate, key = central.broker.authority.issue("updates", server=True, also_at=[HOST])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(central.broker.authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"https://{HOST}:{self._server.server_address[1]}/{name}"

    def close(self) -> None:
        self._server.shutdown()


class Bundles:
    """What is offered: the built image again under other versions, well and unwell."""

    def __init__(self, board: Board, built: Path, signer: Path, folder: Path) -> None:
        self._board, self._built, self._signer, self.folder = board, built, signer, folder
        folder.mkdir()
        self._unwell = folder / "unwell.vfat"
        shutil.copyfile(built / "boot.vfat", self._unwell)
        words = self._mtools("mtype", "::cmdline.txt").decode().strip()
        changed = folder / "cmdline.txt"
        changed.write_text(f"{words} {UNWELL}\n")
        self._mtools("mcopy", "-o", str(changed), "::cmdline.txt")

    def _mtools(self, program: str, *words: str) -> bytes:
        return subprocess.run(
            [program, "-i", str(self._unwell), *words], check=True, capture_output=True
        ).stdout

    def make(self, version: str, *, well: bool = True, signer: tuple[Path, Path] | None = None) -> Path:
        cert, key = signer or (self._signer / "lab-signer.pem", self._signer / "lab-signer.key")
        return make_bundle(
            self._built / "root.squashfs", self._built / "boot.vfat" if well else self._unwell,
            board=self._board, cert=cert, key=key, out=self.folder / f"{version}.raucb", version=version,
        )  # fmt: skip


def primary_of(disk: Path, board: Board) -> int:
    """The boot partition's number that the box starts from when nothing is tried."""
    return boot_partition(read_fat(disk, board, 1, "autoboot.txt").decode(), trial=False)


def copy_partition(disk: Path, name: str, target: Path) -> tuple[int, int]:
    """The partition of this name as a file; returns where it begins and how large it is, in bytes."""
    listed = subprocess.run(["sfdisk", "-J", str(disk)], check=True, capture_output=True).stdout
    parts = json.loads(listed)["partitiontable"]["partitions"]
    one = next(one for one in parts if one.get("name") == name)
    start, size = one["start"] * 512, one["size"] * 512
    with disk.open("rb") as source, target.open("wb") as file:
        source.seek(start)
        file.write(source.read(size))
    return start, size


def partition_of(part: Path, folder: Path) -> None:
    """The files of an ext4 as the power cut left it, its log played."""
    subprocess.run(["e2fsck", "-fy", str(part)], check=False, capture_output=True)
    subprocess.run(["debugfs", "-R", f"rdump / {folder}", str(part)], check=True, capture_output=True)


class Updating:
    """One run; `figures` is what was measured."""

    def __init__(self, board: Board, out: Path, folder: Path, console: TextIO | None) -> None:
        self._board, self._folder, self._console = board, folder, console
        built = out / board.name
        self.acceptance = Acceptance(board, built / f"borne-{board.name}.img", folder, console)
        self.disk = self.acceptance.disk
        self.bundles = Bundles(board, built, out / "signer", folder / "bundles")
        self.figures: dict[str, Any] = {"board": board.name}

    def run(self, central: Central, cuts: int) -> None:
        """Raises:
        NotAccepted: what did not come about.
        """
        self.acceptance.enrol_by_network(central)
        server = Server(self.bundles.folder, central)
        self.acceptance.cross(central, lambda machine: self.by_network(central, machine, server))
        self.kept_by_itself(central)
        server.close()
        self.by_stick(central)
        self.cut(central, cuts)

    # What is expected

    def by_network(self, central: Central, machine: Machine, server: Server) -> None:
        self.figures |= self.acceptance.figures
        bundle = self.bundles.make("2.0")
        self.figures["bundle_bytes"] = bundle.stat().st_size
        self.offer(central, bundle, "2.0", server)
        offered = machine.now
        self._wait(machine, f"2.0 {INSTALLS}", 900)
        fetched = machine.now
        self._wait(machine, f"2.0 {INSTALLED}", 900)
        self.figures["by_network"] = {
            "fetch_seconds": round(fetched - offered, 1), "install_seconds": round(machine.now - fetched, 1),
            "asked": server.asked,
        }  # fmt: skip
        self._ends(machine, 900)
        self._says(primary=2)

    def kept_by_itself(self, central: Central) -> None:
        with self._start() as machine:
            self._wait(machine, KEPT, SECOND_SECONDS)
            self.figures["by_network"]["start_to_kept_seconds"] = round(machine.now, 1)
            for _ in self._patiently(machine, SECOND_SECONDS, "Central does not hear of slot B."):
                if self._told(central).get("update_slot") == "B":
                    break
        self._says(primary=3)

    def by_stick(self, central: Central) -> None:
        _, cert, key = make_signer(self._folder, "foreign")
        foreign = self.bundles.make("9.0", signer=(cert, key))
        flipped = self.bundles.make("8.0")
        data = bytearray(flipped.read_bytes())
        data[len(data) // 2] ^= 1
        flipped.write_bytes(data)
        stick = make_stick(
            self._folder / "stick.img",
            foreign,
            flipped,
            self.bundles.make("1.0"),
            self.bundles.make("3.0", well=False),
        )
        with self._start(*stick) as machine:
            said = self._wait(machine, "9.0.raucb is not taken", SECOND_SECONDS).text
            self._wait(machine, f"8.0 {INSTALLS}", 600)
            refused = self._wait(machine, "8.0 is not installed", 900).text
            self._wait(machine, f"3.0 {INSTALLED}", 900)
            self._ends(machine, 900)
        self.figures["refused"] = [re.sub(r"^.*borne\[\d+\]: ", "", one)[-200:] for one in (said, refused)]
        self._says(primary=3)
        began = time.time()
        with self._start(reader=False) as machine:  # the trial, in slot A; nobody says that it is well
            for _ in self._patiently(machine, 1800, "A trial without capture tells nothing."):
                told = self._told(central, since=began)
                if "devices_unreachable" in str(told.get("update_missing_0")):
                    break
        self.figures["unwell"] = {name: told[name] for name in told if name.startswith("update")}
        self._says(primary=3)
        began = time.time()
        with self._start() as machine:
            self._healthy(central, machine, since=began)
        if self._told(central).get("update_slot") != "B":
            raise NotAccepted("An unwell version was not given back.")

    def cut(self, central: Central, cuts: int) -> None:
        """Installations, trial starts and commits, each cut; the box is held to coming back after each."""
        done: list[dict[str, Any]] = []
        self.figures["cuts"] = done
        whole = self.figures["by_network"]["install_seconds"]
        moments = [INSTALLS] * 4 + ["trial"] * 2 + [KEPT] * 2
        for number in range(cuts):
            moment = moments[number % len(moments)]
            version = f"{10 + number}.0"
            stick = make_stick(self._folder / "stick.img", self.bundles.make(version))
            began = time.time()
            with self._start(*stick) as machine:
                self._healthy(central, machine, since=began)  # what the cut before left
                self._wait(machine, f"{version} {INSTALLS}", 900)
                if moment == INSTALLS:
                    self._pass(machine, whole * (0.1 + 0.25 * (number % 4)))
                else:
                    self._wait(machine, f"{version} {INSTALLED}", 900)
                    self._ends(machine, 900)
            if moment != INSTALLS:
                with self._start() as machine:
                    if moment == "trial":
                        self._pass(machine, 20.0 + 40.0 * (number % 2))
                    else:
                        self._wait(machine, KEPT, SECOND_SECONDS)
                        self._pass(machine, 0.0 if number % 2 else 0.5)
            done.append({"moment": moment, "records": self.verify_journal(), "primary": self._primary()})
            self._say(f"cut {number + 1}: {done[-1]}")
        began = time.time()
        with self._start() as machine:
            self._healthy(central, machine, since=began)

    # Steps

    def offer(self, central: Central, bundle: Path, version: str, server: Server) -> None:
        """Sign what central offers, and publish it."""
        data = bundle.read_bytes()
        offers = [
            {"compatible": self._board.compatible, "version": version, "url": server.url(bundle.name),
             "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        ]  # fmt: skip
        source = self._folder / "update.json"
        source.write_text(json.dumps({"updates": offers}))
        central.publish_update(source)

    def _start(self, *options: str, reader: bool = True) -> "Started":
        return Started(self.disk, self._board, self._folder, options, self._console, plugged=reader)

    def _healthy(self, central: Central, machine: Machine, *, since: float = 0.0) -> None:
        """Until the box's own report is well: devices ready, journal as it was left, central heard."""
        began = machine.now
        for _ in self._patiently(machine, SECOND_SECONDS, "The box does not come back to work."):
            told = self._told(central, since=since or None)
            ready = {
                told.get(f"devices_{n}_kind")
                for n in range(4)
                if told.get(f"devices_{n}_state") in ("READY", "BUSY")
            }
            if {"document_reader", "camera"} <= ready and told.get("records_unsent") == 0:
                said = {value for name, value in told.items() if name.startswith("records_notices_")}
                if not said <= OF_NO_JOURNAL:
                    raise NotAccepted(f"The journal is not as it was left: {told}")
                self.figures.setdefault("start_to_health_seconds", []).append(round(machine.now, 1))
                return
        raise AssertionError(began)

    def _told(self, central: Central, *, since: float | None = None) -> dict[str, Any]:
        """The last health report; empty when it is older than `since`."""
        told = central.telemetry()
        if since is not None and told and dt.datetime.fromisoformat(told["time"]).timestamp() < since:
            return {}
        return told

    def verify_journal(self) -> int:
        """Verify the chain of a copy of the box's disk as it lies there now; returns how many records."""
        copy = self._folder / "looked-at"
        shutil.rmtree(copy, ignore_errors=True)
        for name in ("identity", "outbox"):
            (copy / name).mkdir(parents=True)
            part = copy / f"{name}.ext4"
            copy_partition(self.disk, name, part)
            partition_of(part, copy / name)
        tables = tomllib.loads((copy / "identity/borne.toml").read_text())
        tables["paths"] = {"data": str(copy / "outbox"), "keys": str(copy / "identity/keys")}
        config = copy / "borne.toml"
        config.write_text(toml_text(tables).replace("/etc/borne/", f"{copy}/identity/"))
        command = [sys.executable, "-m", "appliance.cli", "records", "verify", "--json"]
        command += ["--config", str(config)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotAccepted(f"The journal is not whole: {done.stdout}{done.stderr[-300:]}")
        records: int = json.loads(done.stdout)["records"]
        return records

    def _primary(self) -> int:
        return primary_of(self.disk, self._board)

    def _says(self, *, primary: int) -> None:
        if self._primary() != primary:
            raise NotAccepted(f"autoboot.txt names partition {self._primary()}, not {primary}.")

    def _wait(self, machine: Machine, word: str, seconds: float) -> Line:
        return self.acceptance.wait(machine, word, seconds)

    def _ends(self, machine: Machine, seconds: float) -> None:
        for _ in machine.follow(seconds):
            pass
        if not machine.ended:
            raise NotAccepted("The box does not start into its update.")

    def _pass(self, machine: Machine, seconds: float) -> None:
        for _ in machine.follow(seconds):
            pass

    def _patiently(self, machine: Machine, seconds: float, sentence: str) -> Iterator[None]:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not machine.ended:
            for _ in machine.follow(3):
                pass
            yield
        raise NotAccepted(sentence)

    def _say(self, text: str) -> None:
        print(f"updating: {text}", file=sys.stderr, flush=True)


class Started(Machine):
    """A start with the document reader's line at its USB, plugged in once its page is served."""

    def __init__(
        self,
        disk: Path,
        board: Board,
        folder: Path,
        options: tuple[str, ...],
        console: TextIO | None,
        *,
        plugged: bool,
    ) -> None:
        self._reader = Reader(folder)
        self._plugged = plugged
        super().__init__(
            disk, board, words=(*LOG, *TRIMMED), options=(*self._reader.options, *options), console=console
        )

    def __enter__(self) -> "Started":
        super().__enter__()
        if self._plugged:
            self._reader.plug()
        return self


def main() -> int:
    parser = argparse.ArgumentParser(prog="updating", description="Updates on a started image.")
    parser.add_argument("board", choices=[name for name in board_names() if name.startswith("qemu-")])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build/image-test")
    parser.add_argument("--cuts", type=int, default=8)
    parser.add_argument("--console", type=Path, help="keep what the box said here")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="borne-update-") as folder:
        Path(folder).chmod(0o755)
        updating: Updating | None = None
        code = 0
        try:
            console = chosen.console.open("w") if chosen.console else None
            updating = Updating(load_board(chosen.board), chosen.out, Path(folder), console)
            with Central(Path(folder) / "central") as central:
                updating.run(central, chosen.cuts)
        except MISHAPS as error:
            print(f"updating: {error}", file=sys.stderr)
            code = 1
        if updating is not None:
            print(
                json.dumps(updating.figures)
                if chosen.json
                else "\n".join(f"{k:<24} {v}" for k, v in updating.figures.items())
            )
    return code


if __name__ == "__main__":
    sys.exit(main())
