"""The update's boot backend: one trial at a time, committed by the slot that runs, whole at every cut."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from boot import AUTOBOOT
from qemu import boot_partition

BACKEND = Path(__file__).parents[2] / "image-build/update/bootchooser"
STEPS = ("sync", "mv", "rm", "cat")
"""What the backend calls: a cut before each of them is tried."""


class Box:
    """The configuration partition and what runs, as folders."""

    def __init__(self, folder: Path, *, running: str = "A") -> None:
        self.card, self.run, self.word = folder / "card", folder / "run", folder / "reboot-param"
        self.programs = folder / "bin"
        for one in (self.card, self.run, self.programs):
            one.mkdir(parents=True, exist_ok=True)
        (self.card / "autoboot.txt").write_text(AUTOBOOT)
        self.runs(running)

    def runs(self, slot: str) -> None:
        (self.run / "slot").write_text(f"{slot}\n")

    def ask(self, *words: str, check: bool = True, path: str | None = None) -> str:
        environment = {
            "PATH": path or os.environ["PATH"],
            "BORNE_CARD": str(self.card),
            "BORNE_RUN": str(self.run),
            "BORNE_REBOOT_WORD": str(self.word),
        }
        done = subprocess.run([BACKEND, *words], env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip() if done.returncode == 0 else done.stderr

    def ask_until(self, cut: int, *words: str) -> bool:
        """The same, killed before its so-many-th step; whether it came so far."""
        count = self.programs / "count"
        count.write_text("0")
        for step in STEPS:
            program = self.programs / step
            program.write_text(
                f"#!/bin/sh\nread -r n <{count}\nn=$((n + 1))\necho $n >{count}\n"
                f'[ $n -ge {cut} ] && kill -9 $PPID && exit 1\nexec {shutil.which(step)} "$@"\n'
            )
            program.chmod(0o755)
        self.ask(*words, check=False, path=f"{self.programs}:{os.environ['PATH']}")
        return int(count.read_text()) >= cut

    @property
    def armed(self) -> bool:
        return (self.card / "trial").exists()

    def start(self) -> str:
        """The first stage: which slot starts, the trial spent."""
        trial = self.armed
        (self.card / "trial").unlink(missing_ok=True)
        self.word.unlink(missing_ok=True)
        number = boot_partition((self.card / "autoboot.txt").read_text(), trial=trial)
        slot = {2: "A", 3: "B"}[number]
        self.runs(slot)
        return slot


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path)


def test_ok_an_update_is_tried_once_and_kept_when_it_is_well(box) -> None:
    assert box.ask("get-primary") == "A"
    assert box.ask("get-state", "B") == "bad"  # it has not proved itself
    box.ask("set-primary", "B")
    assert box.ask("get-primary") == "A"  # nothing is committed
    assert box.word.read_text() == "0 tryboot"
    assert box.start() == "B"
    assert box.ask("get-state", "B") == "good"
    box.ask("set-state", "B", "good")
    assert box.ask("get-primary") == "B"
    assert box.start() == box.start() == "B"
    # and back again
    box.ask("set-primary", "A")
    assert box.start() == "A"
    box.ask("set-state", "A", "good")
    assert box.start() == "A"
    assert (box.card / "autoboot.txt").read_text() == AUTOBOOT


def test_ok_a_trial_that_says_nothing_goes_back_by_itself(box) -> None:
    box.ask("set-primary", "B")
    assert box.start() == "B"
    assert box.start() == "A"


def test_ok_a_trial_that_failed_is_given_up(box) -> None:
    box.ask("set-primary", "B")
    box.ask("set-state", "B", "bad")
    assert not box.armed
    assert box.start() == "A"


def test_ok_back_to_the_primary_disarms(box) -> None:
    box.ask("set-primary", "B")
    box.ask("set-primary", "A")
    assert not box.armed
    assert not box.word.exists()


def test_fail_a_slot_that_does_not_run_cannot_be_committed(box) -> None:
    box.ask("set-primary", "B")
    assert "slot B does not run" in box.ask("set-state", "B", "good", check=False)
    assert box.ask("get-primary") == "A"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "usage"),
        (("fly",), "usage"),
        (("set-primary", "C"), "no slot C"),
        (("get-state", "../x"), "no slot"),
        (("set-state", "A", "fine"), "good or bad"),
        (("set-state", "A"), "good or bad"),
    ],
)
def test_fail_words_that_are_none(box, words, says) -> None:
    assert says in box.ask(*words, check=False)
    assert box.start() == "A"


def test_fail_an_autoboot_that_names_nothing(box) -> None:
    (box.card / "autoboot.txt").write_text("[all]\n")
    assert "names no partition" in box.ask("get-primary", check=False)


@pytest.mark.parametrize("running", ["A", "B"])
def test_ok_a_cut_at_every_step_leaves_something_that_starts(tmp_path, running) -> None:
    """Arming and commit, killed before each step: the next start is a whole old or a whole new one."""
    words = ("set-primary", "B") if running == "A" else ("set-state", "B", "good")
    cuts = 0
    for cut in range(1, 20):
        box = Box(tmp_path / str(cut), running=running)
        if running == "B":
            box.ask("set-primary", "B")
            box.start()
        came = box.ask_until(cut, *words)
        text = (box.card / "autoboot.txt").read_text()
        assert text.startswith("[all]\ntryboot_a_b=1\nboot_partition=")
        assert text.endswith("\n")
        first = box.start()
        assert first in {"A", "B"}
        if not box.armed:
            assert box.start() == box.ask("get-primary")  # steady from the second start on
        if not came:
            break
        cuts += 1
    assert cuts >= 3
