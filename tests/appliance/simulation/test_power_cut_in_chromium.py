"""Scenario 8: the box is killed between chip and portrait, and comes back into the same traveller."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KIOSK_TESTS = Path(__file__).parents[1] / "services" / "lane" / "kiosk"
sys.path[:0] = [str(KIOSK_TESTS), str(Path(__file__).parent)]

from box_to_cut import CHIP_WORDS  # noqa: E402
from kiosk_browser import CHROMIUM, DRIVER, SIZES, Kiosk, chromium, wait_until  # noqa: E402
from scenario_hands import BOOK, Officer, decide, keep_picture, what_it_says  # noqa: E402
from scenario_pages import HOW, PAGES, settle, writing  # noqa: E402

ID = "ordinary-passport"
ABOUT = (
    "The box's process is killed (SIGKILL) when the chip has been read and the portrait has not been taken, "
    "and is begun again on the same disk. Power that goes is more than a killed process: what a disk does to "
    "the last writes, and cuts at random moments, are the business of `tests/soak`."
)
START_SECONDS = 180.0
"""Of a box on a machine that does much else."""

pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()), reason="chromium is not installed"
)


class CutBox:
    """The process, which can be cut and begun again on the same disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        program = Path(__file__).with_name("box_to_cut.py")
        command = [sys.executable, str(program), str(self._folder), str(self._port), ID]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == self.address

    def cut(self) -> None:
        """No signal that it could take notice of."""
        if self._process is not None:
            self._process.kill()
            assert self._process.wait() == -signal.SIGKILL
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    @property
    def chip_words(self) -> int:
        return (self._folder / CHIP_WORDS).stat().st_size

    @property
    def movements(self) -> int:
        """Records of crossings; opened to read, nothing is repaired by it."""
        with sqlite3.connect(f"file:{self._folder}/data/journal.db?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM records WHERE class = 'facts'").fetchone()[0]


@contextmanager
def a_box(folder: Path) -> Iterator[CutBox]:
    box = CutBox(folder)
    try:
        box.start()
        yield box
    finally:
        box.cut()


def step(kiosk: Kiosk) -> str:
    """The name of the step that the track shows as the one being done."""
    return kiosk.text(".track [aria-current]")


def document(kiosk: Kiosk) -> list[str]:
    script = "return [...document.querySelectorAll('.document [data-field]')].map(e => e.innerText)"
    return kiosk.driver.execute_script(script)


def test_ok__the_same_traveller_after_a_cut_between_chip_and_portrait(tmp_path: Path) -> None:
    pictures = PAGES if writing() else tmp_path / "pictures"
    with a_box(tmp_path / "box") as box, chromium() as kiosk:
        kiosk.open(box.address, size=SIZES["small"])
        officer = Officer(kiosk)
        wait_until(lambda: "Start" in kiosk.text(".button"), START_SECONDS)
        officer.press()
        wait_until(lambda: step(kiosk) == "Photo", START_SECONDS)
        before, words = document(kiosk), box.chip_words
        assert BOOK[ID].document.number in " ".join(before)
        assert words > 0
        keep_picture(kiosk, pictures / "08-before-the-cut.png")

        box.cut()
        cut = time.monotonic()
        wait_until(lambda: kiosk.phase == "lost")
        keep_picture(kiosk, pictures / "08-cut.png")
        assert box.movements == 0
        box.start()
        wait_until(lambda: kiosk.phase in ("working", "deciding"), START_SECONDS)
        back = time.monotonic() - cut
        assert step(kiosk) == "Photo", "the step that was not finished is done again, and no other"
        assert document(kiosk) == before
        keep_picture(kiosk, pictures / "08-after-the-cut.png")

        wait_until(lambda: kiosk.phase == "deciding", START_SECONDS)
        seen = what_it_says(kiosk)
        keep_picture(kiosk, pictures / "08-decided.png")
        assert box.chip_words == words, "what the chip said was on disk: it is not asked again"
        assert seen["colour"] == BOOK[ID].right.box.value
        how = decide(kiosk, officer, "admit")
        wait_until(lambda: "Admitted" in kiosk.text(".stage"))
        assert box.movements == 1
        presses = officer.presses
    settle("08-power-cut", page(how, seen, presses, back))


def page(how: str, seen: dict, presses: int, back: float) -> str:
    return "\n".join(
        (
            "# 8. Power cut mid-capture",
            "",
            ABOUT,
            "",
            HOW,
            "",
            "## Before",
            "Document and chip are done and on disk; the portrait is next.",
            "",
            "![Before the cut](08-before-the-cut.png)",
            "",
            "## Cut",
            "The screen shows nobody any more, and takes no press.",
            "",
            "![The box is away](08-cut.png)",
            "",
            "## The same traveller",
            "Document and chip are there, and the chip is not spoken to again; the portrait is begun anew.",
            "",
            "![The same traveller](08-after-the-cut.png)",
            "",
            "![The decision](08-decided.png)",
            "",
            "| | |",
            "|---|---|",
            f"| from the cut to the same traveller on the screen | {back:.1f} s |",
            "| commands to the chip after the cut | 0 |",
            f"| the box says | **{seen['colour']}**: {seen['detail']} |",
            f"| the officer | {how} |",
            "| records of the crossing before, after | 0, 1 |",
            f"| button presses | {presses} |",
            "",
        )
    )
