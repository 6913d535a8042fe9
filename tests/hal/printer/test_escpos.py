import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from escpos_emulator import EscposEmulator

from hal.device import Capability, DeviceFault, DeviceGone, NotSupported, State, Timeout, Unreadable
from hal.drivers import make_device
from hal.printer import MAX_ROWS
from hal.printer.escpos import Options, create


@pytest.fixture
def emulator(tmp_path, pseudo_terminals):
    emulator = EscposEmulator(tmp_path / "port")
    yield emulator
    emulator.close()


@pytest.fixture
def printer(emulator):
    printer = create(Options(port=str(emulator.port), baud=115200))
    yield printer
    printer.close()


def page(rows=150, dots=576, seed=1):
    return np.random.default_rng(seed).random((rows, dots)) < 0.3


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 300])
def test_ok__every_dot_is_where_it_was(emulator, printer, rows):
    printer.print_page(page(rows), 20.0)
    (printed,) = emulator.pages
    assert (printed == page(rows)).all()
    assert printer.state is State.READY


def test_ok__a_narrow_roll_without_a_cutter(tmp_path, pseudo_terminals):
    emulator = EscposEmulator(tmp_path / "narrow", dots=384)
    options = {"port": str(emulator.port), "baud": 115200, "dots": 384, "cutter": False}
    printer = make_device("printer", "escpos", options)
    assert Capability.PRINT in printer.capabilities
    printer.print_page(page(100, 384), 20.0)
    assert (np.array(emulator._rows) == page(100, 384)).all()
    printer.close()
    emulator.close()


def test_ok__it_waits_for_paper_that_is_being_loaded(emulator, printer):
    emulator.paper = False
    timer = threading.Timer(0.3, emulator.load)
    timer.start()
    printer.print_page(page(), 20.0)
    timer.join()
    assert len(emulator.pages) == 1


def test_fail__paper_ends_in_the_middle_and_the_rest_is_never_printed(emulator, printer):
    printer.open()
    cleared, emulator.paper_for = emulator.cleared, 100
    with pytest.raises(Timeout, match="no paper"):
        printer.print_page(page(400), 1.0)
    deadline = time.monotonic() + 10
    while emulator.cleared == cleared and time.monotonic() < deadline:
        time.sleep(0.01)
    emulator.load()
    printer.print_page(page(50, seed=2), 20.0)
    (printed,) = emulator.pages
    assert printed.shape == (50, 576), "nothing of the page before"
    assert (printed == page(50, seed=2)).all()


@pytest.mark.parametrize(
    ("trouble", "error", "sentence"),
    [
        ("cover_open", Timeout, "cover is open"),
        ("broken", DeviceFault, "error of its own"),
        ("silent", DeviceFault, "does not answer"),
        ("rubbish", Unreadable, "no printer says"),
    ],
)
def test_fail__a_printer_in_trouble_is_told_and_comes_back(emulator, printer, trouble, error, sentence):
    printer.open()
    setattr(emulator, trouble, True)
    with pytest.raises(error, match=sentence):
        printer.print_page(page(), 0.3)
    assert emulator.pages == []
    setattr(emulator, trouble, False)
    printer.print_page(page(), 20.0)
    assert len(emulator.pages) == 1


def test_fail__what_is_on_the_line_is_no_printer(emulator, printer, tmp_path):
    emulator.silent = True
    with pytest.raises(DeviceFault, match=r"no ESC/POS printer"):
        printer.open()
    with pytest.raises(DeviceGone, match="no receipt printer"):
        create(Options(port=str(tmp_path / "none"))).open()


@pytest.mark.parametrize("shape", [(10, 384), (0, 576), (MAX_ROWS + 1, 576)])
def test_fail__a_page_that_does_not_fit(emulator, printer, shape):
    with pytest.raises(NotSupported, match="576 dots"):
        printer.print_page(np.zeros(shape, dtype=bool), 1.0)
    with pytest.raises(NotSupported):
        printer.print_page(np.zeros((10, 576), dtype=np.uint8), 1.0)


def test_ok__the_self_test_says_what_a_person_can_mend(emulator, printer):
    assert all(one.passed for one in printer.self_test())
    emulator.paper, emulator.cover_open = False, True
    failed = {one.name for one in printer.self_test() if not one.passed}
    assert failed == {"has paper", "cover is closed"}
