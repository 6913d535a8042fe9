#!/usr/bin/env python3
"""The updater on a started box without Borne's services: installed, refused, tried, kept, given back, cut.

    .venv/bin/python image-build/slots.py BOARD [--cuts N]

`updating.py` has the whole box do it; here the box starts to systemd's basic.target and root's own commands
come from a stick, so that an emulated start takes a tenth. RAUC, its verity bundles through the
device-mapper, the boot backend, the slots and the first stage are the box's own. After each cut the journal
on its partition is verified on this machine, and the next start must come from a slot that is whole.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, TextIO

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
sys.path[:0] = [str(HERE), str(REPOSITORY)]

from acceptance import fresh_disk
from board import Board, board_names, load_board
from host import NotAccepted
from nacl.public import PrivateKey
from nacl.signing import SigningKey
from qemu import Line, Machine, make_stick
from signer import make_signer
from updating import MISHAPS, Bundles, copy_partition, partition_of, primary_of

from appliance.contracts.movement import Stamp
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys

START_SECONDS, WORK_SECONDS = 2400.0, 1800.0
ASK = "while ! [ -e /run/borne/stick/go ]; do sleep 1; done; . /run/borne/stick/go"
WORDS = (
    f"systemd.run=\"/bin/sh -c '{ASK}'\"",
    "systemd.unit=kernel-command-line.target",  # or /etc's default.target goes before the generator's
    "systemd.default_timeout_start_sec=900",  # of a machine that is emulated, and shared
    "systemd.journald.forward_to_console=1",
    # What no update needs, left out of twenty emulated starts.
    *(f"systemd.mask={name}" for name in ("systemd-networkd.service", "systemd-networkd.socket")),
    *(f"systemd.mask={name}" for name in ("systemd-resolved.service", "nftables.service")),
)
# RAUC is started here, because the bus gives a service that it starts itself 25 seconds.
ALIVE = 'systemctl start dbus.socket rauc.service\necho "SLOTS alive $(cat /run/borne/slot)"\n'
INSTALL = (
    'echo "SLOTS begins"\n'
    'if said=$(rauc install /run/borne/stick/{file} 2>&1); then echo "SLOTS installed"\n'
    'else echo "SLOTS refused $(echo "$said" | grep -i -m 1 -E "LastError|failed|invalid")"; fi\n'
)
KEEP = 'echo "SLOTS keeps"\nrauc status mark-good >/dev/null 2>&1 && echo "SLOTS kept"\n'
CUTS = ("install", "install", "install", "install", "trial", "trial", "keep", "keep")
"""What is cut, eight times: four installations, two trial starts, two commits."""
SHARES = (0.1, 0.4, 0.7, 0.95)
STAMP = Stamp(boot_id="boot", monotonic_ns=1, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
RECORDS = 3


class Slots:
    """One run; `figures` is what was measured."""

    def __init__(self, board: Board, out: Path, folder: Path, console: TextIO | None) -> None:
        self._board, self._folder, self._console = board, folder, console
        built = out / board.name
        self._disk = folder / "disk.img"
        self._began = self._disk.exists()
        if not self._began:
            fresh_disk(built / f"borne-{board.name}.img", self._disk)
        shutil.rmtree(folder / "bundles", ignore_errors=True)
        self._bundles = Bundles(board, built, out / "signer", folder / "bundles")
        self._stick = folder / "stick.img"
        self._keys = load_box_keys(folder / "keys")
        self._central = CentralKeys(PrivateKey.generate().public_key, SigningKey.generate().verify_key)
        self.figures: dict[str, Any] = {"board": board.name}

    def run(self, cuts: int) -> None:
        """Raises:
        NotAccepted: what did not come about.
        """
        self._put_journal()
        for step in (self._refusals_and_a_good_one, self._kept, self._given_back):
            step()
            print(f"slots: {step.__name__[1:]}: {json.dumps(self.figures)}", file=sys.stderr, flush=True)
        self._cuts(cuts)

    def _put_journal(self) -> None:
        """A first start makes the partitions; then a journal with records lies on the box's own."""
        if not self._began:
            make_stick(self._stick)
            self._does(ALIVE, "alive A")
        path = self._folder / "journal.db"
        with contextlib.closing(self._open_journal(path)) as journal:
            for number in range(RECORDS):
                journal.commit(f"c{number}", "movement", {"crossing": f"c{number}"}, STAMP)
        part = self._folder / "outbox.ext4"
        start, size = copy_partition(self._disk, "outbox", part)
        subprocess.run(["e2fsck", "-fy", str(part)], check=False, capture_output=True)
        asked = ["debugfs", "-w", "-R", f"write {path} journal.db", str(part)]
        subprocess.run(asked, check=True, capture_output=True)
        with self._disk.open("r+b") as disk:
            disk.seek(start)
            disk.write(part.read_bytes()[:size])
        self._verify_journal()

    def _refusals_and_a_good_one(self) -> None:
        """In one start: a foreign signature and one flipped byte are refused, a good one is installed."""
        _, cert, key = make_signer(self._folder, "foreign")
        foreign = self._bundles.make("foreign", signer=(cert, key))
        good = self._bundles.make("good")
        flipped = self._folder / "bundles/flipped.raucb"
        data = bytearray(good.read_bytes())
        data[len(data) // 2] ^= 1
        flipped.write_bytes(data)
        self.figures["bundle_bytes"] = len(data)
        make_stick(self._stick, foreign, flipped, good)
        script = ALIVE + "".join(INSTALL.format(file=one.name) for one in (foreign, flipped, good))
        installed = self._does(script, "installed", first="alive A")[-1]
        refused = [line.text for line in self._said if "SLOTS refused" in line.text]
        if len(refused) != 2:
            raise NotAccepted(f"Not refused twice: {refused}")
        self.figures["refused"] = [one.partition("SLOTS refused ")[2] for one in refused]
        begun = [line.at for line in self._said if "SLOTS begins" in line.text]
        self.figures["install_seconds"] = round(installed.at - begun[-1], 1)
        self._starts_with(2)

    def _kept(self) -> None:
        lines = self._does(ALIVE + KEEP, "kept", first="alive B")
        self.figures["start_to_kept_seconds"] = round(lines[0].at, 1)
        self._starts_with(3)
        self._verify_journal()

    def _given_back(self) -> None:
        """Installed again, into A; its trial says nothing of itself, and B starts again."""
        self._does(ALIVE + INSTALL.format(file="good.raucb"), "installed", first="alive B")
        self._does(ALIVE, "alive A")
        self._does(ALIVE, "alive B")
        self._starts_with(3)

    def _cuts(self, cuts: int) -> None:
        done: list[dict[str, Any]] = []
        self.figures["cuts"] = done
        whole = self.figures["install_seconds"]
        install = INSTALL.format(file="good.raucb")
        for number in range(cuts):
            what = CUTS[number % len(CUTS)]
            if what == "install":
                self._cut(ALIVE + install, "SLOTS begins", whole * SHARES[number % 4])
            else:
                self._does(ALIVE + install, "installed")
                if what == "trial":
                    self._cut(ALIVE + KEEP, None, 20.0 + 40.0 * (number % 2))
                else:
                    self._cut(ALIVE + KEEP, "SLOTS keeps", 0.3 + 1.2 * (number % 2))
            done.append({"cut": what, "starts_with": primary_of(self._disk, self._board)})
            self._verify_journal()
            print(f"slots: cut {number + 1}: {done[-1]}", file=sys.stderr, flush=True)
        slot = "A" if primary_of(self._disk, self._board) == 2 else "B"
        self._does(ALIVE, "alive")
        self._does(ALIVE, f"alive {slot}")  # and no trial is left after the last

    # Steps

    def _start(self, script: str) -> Machine:
        go = self._folder / "go"
        go.write_text(script)
        asked = ["mcopy", "-o", "-i", str(self._stick), str(go), "::go"]
        subprocess.run(asked, check=True, capture_output=True)
        options = ("-device", "qemu-xhci,id=usb", "-drive", f"if=none,id=stick,file={self._stick},format=raw")
        return Machine(
            self._disk, self._board, words=WORDS, options=(*options, "-device", "usb-storage,drive=stick"),
            console=self._console,
        )  # fmt: skip

    def _does(self, script: str, word: str, *, first: str = "alive", times: int = 1) -> list[Line]:
        """The script's words, once it has said this one so often; the box then goes down by itself."""
        with self._start(script) as machine:
            self._wait(machine, f"SLOTS {first}", START_SECONDS)
            found = [line for line in machine.lines if f"SLOTS {word}" in line.text][:times]
            while len(found) < times:
                found.append(self._wait(machine, f"SLOTS {word}", WORK_SECONDS))
            for _ in machine.follow(WORK_SECONDS):
                pass
            self._said = machine.lines
        return found

    def _cut(self, script: str, word: str | None, seconds: float) -> None:
        with self._start(script) as machine:
            if word is not None:
                self._wait(machine, word, START_SECONDS)
            for _ in machine.follow(seconds):
                pass

    def _starts_with(self, number: int) -> None:
        if primary_of(self._disk, self._board) != number:
            raise NotAccepted(f"The next start is not from partition {number}.")

    def _verify_journal(self) -> None:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        part = folder / "outbox.ext4"
        copy_partition(self._disk, "outbox", part)
        partition_of(part, folder)
        with contextlib.closing(self._open_journal(folder / "journal.db")) as journal:
            report, notices = journal.verify(), journal.notices
        if (report.records, report.problems, notices) != (RECORDS, (), ()):
            raise NotAccepted(f"The journal is not as it was left: {report} {notices}")

    def _open_journal(self, path: Path) -> Journal:
        return Journal.open(path, keys=self._keys, central=self._central, device="box-1")

    def _wait(self, machine: Machine, word: str, seconds: float) -> Line:
        for line in machine.follow(seconds):
            if word in line.text:
                return line
        last = machine.lines[-1].text if machine.lines else "nothing"
        raise NotAccepted(f"The box did not say {word}; its last line: {last}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="slots", description="The updater on a started image.")
    parser.add_argument("board", choices=[name for name in board_names() if name.startswith("qemu-")])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build/image-test")
    parser.add_argument("--cuts", type=int, default=8)
    parser.add_argument("--console", type=Path, help="keep what the box said here")
    parser.add_argument("--began", type=Path, help="a folder with a disk that was started: go on from there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="borne-slots-") as folder:
        slots: Slots | None = None
        code = 0
        try:
            console = chosen.console.open("w") if chosen.console else None
            if chosen.began is not None:
                shutil.copytree(chosen.began, folder, dirs_exist_ok=True)
            slots = Slots(load_board(chosen.board), chosen.out, Path(folder), console)
            slots.run(chosen.cuts)
        except MISHAPS as error:
            print(f"slots: {error}", file=sys.stderr)
            code = 1
        if slots is not None:
            print(json.dumps(slots.figures))
    return code


if __name__ == "__main__":
    sys.exit(main())
