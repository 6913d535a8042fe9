"""A service that has used up its starts: bounded restarts of the whole box, then patience."""

import os
import subprocess
from pathlib import Path

import pytest

RECOVER = Path(__file__).parents[2] / "systemd/recover"
UNIT = "borne-lane.service"


class Box:
    """A box of folders: its systemctl writes down what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.count = folder / "restarts"
        self._asked = folder / "asked"
        programs = folder / "bin"
        programs.mkdir()
        systemctl = programs / "systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$*" >>{self._asked}\n')
        systemctl.chmod(0o755)
        self._path = f"{programs}:{os.environ['PATH']}"

    def recover(self, *, uptime: int = 300) -> list[str]:
        """What systemctl was asked this time."""
        self._asked.unlink(missing_ok=True)
        environment = {
            "PATH": self._path,
            "BORNE_RECOVER_COUNT": str(self.count),
            "BORNE_RECOVER_WAIT": "0",
            "BORNE_RECOVER_UPTIME": str(uptime),
        }
        subprocess.run([RECOVER, UNIT], env=environment, check=True, capture_output=True, timeout=20)
        return self._asked.read_text().splitlines()


TRIED_ON = [f"reset-failed {UNIT}", f"--no-block start {UNIT}"]


def test_ok_the_box_is_started_again_twice_and_then_only_the_service_is(tmp_path: Path) -> None:
    box = Box(tmp_path)
    assert box.recover() == ["reboot"]
    assert box.recover() == ["reboot"]
    assert box.recover() == TRIED_ON
    assert box.recover() == TRIED_ON
    assert box.count.read_text() == "2\n"


def test_ok_a_box_that_ran_for_six_hours_has_earned_both_again(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.count.write_text("2\n")
    assert box.recover(uptime=6 * 3600 - 1) == TRIED_ON
    assert box.recover(uptime=6 * 3600) == ["reboot"]
    assert box.count.read_text() == "1\n"


@pytest.mark.parametrize("damaged", ["", "nonsense\n", "-1\n", "1; reboot\n"])
def test_fail_a_damaged_count_allows_no_start_of_the_box(tmp_path: Path, damaged: str) -> None:
    box = Box(tmp_path)
    box.count.write_text(damaged)
    assert box.recover() == TRIED_ON


def test_fail_a_count_that_cannot_be_written_allows_none_either(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.count = tmp_path / "no such folder" / "restarts"
    assert box.recover() == TRIED_ON


@pytest.mark.parametrize(("running", "asked"), [("A", []), ("B", ["reboot"])])
def test_ok_a_trial_that_nobody_confirmed_ends(tmp_path: Path, running: str, asked: list[str]) -> None:
    box = Box(tmp_path)
    (tmp_path / "slot").write_text(f"{running}\n")
    bootchooser = tmp_path / "bootchooser"
    bootchooser.write_text('#!/bin/sh\n[ "$1" = get-primary ] && echo A\n')
    bootchooser.chmod(0o755)
    box._asked.touch()
    environment = {"PATH": box._path, "BORNE_RUN": str(tmp_path), "BORNE_BOOTCHOOSER": str(bootchooser)}
    subprocess.run([RECOVER.parent / "trial-over"], env=environment, check=True, timeout=20)
    assert box._asked.read_text().splitlines() == asked
