"""What every device must keep, run against every line of `conformance/table.py`.

Each check runs once for each case, in order; `make devices` writes what came out into docs/devices.md. After
every check no thread and no descriptor may be left.
"""

import gc
import os
import runpy
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conformance.case import Case
from conformance.hardware import real_cases
from conformance.results import GIVES, RESULTS_FILE, take_over
from conformance.table import CASES

from hal.barcode_reader import BarcodeReader
from hal.camera import Camera
from hal.device import (
    Capability,
    DeviceBusy,
    DeviceGone,
    HalError,
    NotSupported,
    State,
    Timeout,
    Unreadable,
)
from hal.document_reader import ChipReader, MrzLineReader
from hal.fingerprint_sensor import FingerprintSensor
from hal.illumination import Illumination
from hal.panel import Panel, Signal
from hal.power import PowerSupply
from hal.printer import Printer

ONLY = os.environ.get("BORNE_CASE")
"""Set in the process of its own in which a case with a wrapper runs."""
WRAPPED_SECONDS = 240
EXTRA = os.environ.get("BORNE_CASES")
"""A file of `CASES` to run instead: those of a driver outside this tree, or of docs/writing-a-driver.md."""
HARDWARE = os.environ.get("BORNE_HARDWARE")
"""A configuration whose devices are really plugged in, and somebody stands there: `-m hardware -s`."""
if EXTRA is not None:
    CASES = runpy.run_path(EXTRA)["CASES"]
WRAPPED = [case for case in CASES if case.wrapper is not None and ONLY is None]
HERE = [case for case in CASES if (case.wrapper is None if ONLY is None else case.name == ONLY)]
REAL = [pytest.param(case, marks=pytest.mark.hardware) for case in real_cases(HARDWARE)]

PROTOCOLS = {
    Capability.MRZ_LINES: MrzLineReader,
    Capability.CHIP: ChipReader,
    Capability.IMAGE: Camera,
    Capability.FINGERPRINT_IMAGE: FingerprintSensor,
    Capability.BARCODE: BarcodeReader,
    Capability.ILLUMINATION: Illumination,
    Capability.POWER_STATE: PowerSupply,
    Capability.BUTTON: Panel,
    Capability.PRINT: Printer,
}
"""What a device that declares the capability must offer."""


def open_files():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def nothing_left(threads, files):
    """Threads may take a moment to end: a driver that was interrupted does not wait for them."""
    deadline = time.monotonic() + 5
    while (left := set(threading.enumerate()) - threads) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, "threads left behind"
    assert open_files() <= files, "files left open"


@pytest.fixture(params=[*HERE, *REAL], ids=lambda case: case.name)
def case(request) -> Case:
    return request.param


@pytest.fixture
def bench(case, request, tmp_path):
    check = request.function.__name__.partition("__")[2]
    if check in case.bench.not_applicable:
        pytest.skip(f"n/a: {case.bench.not_applicable[check]}")
    for program in case.needs:
        if shutil.which(program) is None:
            pytest.skip(f"not here: {program} is not installed")
    for fixture in case.fixtures:
        request.getfixturevalue(fixture)
    threads, files = set(threading.enumerate()), open_files()
    one = case.bench(tmp_path)
    yield one
    one.tear_down()
    nothing_left(threads, files)


def work(bench, number=0):
    with bench.providing(number):
        return bench.operate(10.0)


def test_ok__identity(case, bench):
    before = bench.device.identity
    assert isinstance(bench.device, bench.protocol)
    assert (before.kind, before.driver) == (case.kind, case.driver)
    assert bench.device.state is State.ABSENT
    work(bench)
    assert bench.device.identity == before
    assert before.key.startswith(f"{before.kind}/{before.driver}/")
    assert bench.device.simulated == bench.simulated
    bench.device.close()
    work(bench)
    assert bench.device.identity == before


def test_ok__capabilities(case, bench):
    declared = bench.device.capabilities
    GIVES[case.name] = tuple(sorted(declared))
    assert declared
    assert declared <= set(Capability)
    for capability in declared & set(PROTOCOLS):
        assert isinstance(bench.device, PROTOCOLS[capability])
    if Capability.LIGHTS in declared:
        for signal in Signal:
            bench.device.show(signal)
    if Capability.SELF_TEST in declared:
        bench.make_well()
        findings = bench.device.self_test()
        assert findings
        assert all(finding.passed and finding.name for finding in findings)
    else:
        with pytest.raises(NotSupported):
            bench.device.self_test()
    work(bench)
    assert bench.device.capabilities == declared


def test_ok__open_and_close(bench):
    for _ in range(2):
        bench.device.open()
        bench.device.open()
        assert bench.device.state is State.READY
        bench.device.close()
        bench.device.close()
        assert bench.device.state is State.ABSENT


def test_ok__health(bench):
    work(bench)
    bench.device.close()
    work(bench)  # unopened
    health = bench.device.health
    assert (health.state, health.successes, health.failures) == (State.READY, 2 * bench.counted, 0)
    assert health.last_error is None
    assert health.last_success is not None
    assert health.p95_seconds is not None


def test_fail__time_out(bench):
    bench.device.open()
    began = time.monotonic()
    with pytest.raises(Timeout):
        bench.operate(0.3)
    assert 0.25 < time.monotonic() - began < 2.0
    assert bench.device.state is State.READY
    assert bench.device.health.failures == 0
    work(bench)


def test_fail__cancel(bench):
    bench.device.open()
    ended = []

    def wait():
        with pytest.raises(DeviceGone):
            bench.operate(30.0)
        ended.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    while bench.device.state is not State.BUSY:
        time.sleep(0.01)
    closed = time.monotonic()
    bench.device.close()
    thread.join()
    assert ended[0] - closed < 1.0
    assert bench.device.state is State.ABSENT


def test_fail__one_at_a_time(bench):
    bench.device.open()
    outcome = []

    def wait():
        with pytest.raises(Timeout):
            bench.operate(0.6)
        outcome.append("timeout")

    thread = threading.Thread(target=wait)
    thread.start()
    while bench.device.state is not State.BUSY:
        time.sleep(0.01)
    with pytest.raises(DeviceBusy):
        bench.operate(0.1)
    assert bench.device.state is State.BUSY
    thread.join()
    assert outcome == ["timeout"]


def test_fail__unplugged_and_back(bench):
    work(bench)
    bench.unplug()
    with pytest.raises(DeviceGone):
        bench.operate(5.0)
    assert bench.device.state is State.ABSENT
    assert bench.device.health.last_error == "DeviceGone"
    assert bench.device.health.consecutive_failures == 1
    with pytest.raises(DeviceGone):
        bench.device.open()
    bench.replug()
    work(bench)
    assert bench.device.state is State.READY
    assert bench.device.health.consecutive_failures == 0


def test_fail__unplugged_waiting(bench):
    bench.device.open()
    timer = threading.Timer(0.2, bench.unplug)
    timer.start()
    began = time.monotonic()
    with pytest.raises(DeviceGone):
        bench.operate(10.0)
    assert time.monotonic() - began < 5.0
    assert bench.device.state is State.ABSENT
    timer.join()


def test_fail__unplugged_at_every_exchange(bench):
    for exchange in range(bench.exchanges):
        bench.device.open()
        threads, files = set(threading.enumerate()), open_files()
        pulling = bench.arm_unplug(exchange)
        began = time.monotonic()
        with pytest.raises(HalError) as caught:
            bench.operate(10.0)
        pulling.join()
        assert not isinstance(caught.value, Timeout), f"exchange {exchange}"
        assert time.monotonic() - began < 5.0
        with pytest.raises(DeviceGone):
            bench.device.open()
        assert bench.device.state is State.ABSENT
        nothing_left(threads, files)
        bench.replug()
        work(bench)


def test_ok__nothing_stale(bench):
    for number in (0, 1, 0):
        if bench.lies:
            bench.provide(number)
        assert bench.number_of(work(bench, number)) == number
    if bench.stale_after is None:
        return
    bench.provide(0)  # while nobody asks
    time.sleep(bench.stale_after)
    timer = threading.Timer(0.2, bench.provide, [1])
    timer.start()
    late = bench.operate(10.0)
    timer.join()
    assert bench.number_of(late) == 1


def test_ok__results_share_no_data(bench):
    first, second = work(bench), work(bench)
    if isinstance(first, np.ndarray):
        assert not np.shares_memory(first, second)
        kept = second.copy()
        first[:] = 0
        assert (second == kept).all()
        assert second.dtype == np.uint8
    elif hasattr(first, "transmit"):
        assert first is not second


def until_it_comes(bench, end):
    """A camera shows what it sees until the damaged picture comes."""
    while time.monotonic() < end:
        bench.operate(5.0)
        time.sleep(0.01)


def test_fail__malformed(bench):
    bench.device.open()
    timer = threading.Timer(0.1, bench.malform)
    began = time.monotonic()
    timer.start()
    with pytest.raises(Unreadable):
        until_it_comes(bench, began + 5)
    timer.join()
    assert bench.device.state is State.READY
    bench.mend()
    work(bench)
    assert bench.device.health.consecutive_failures == 0


@pytest.mark.parametrize("wrapped", WRAPPED, ids=lambda case: case.name)
def test_ok__in_a_process_of_its_own(wrapped, tmp_path):
    """All of the checks above, for a device that only a preloaded library can pretend."""
    for program in wrapped.needs:
        if shutil.which(program) is None:
            pytest.skip(f"not here: {program} is not installed")
    results = tmp_path / "results.json"
    done = subprocess.run(
        [*wrapped.wrapper(), sys.executable, "-m", "pytest", __file__, "-q", "-p", "no:cacheprovider"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"BORNE_CASE": wrapped.name, RESULTS_FILE: str(results)},
        capture_output=True,
        text=True,
        timeout=WRAPPED_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    take_over(results)
