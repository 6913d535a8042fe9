"""Lets this room's tests import the conformance suite's table, and keeps what the suite finds."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conformance import results
from conformance.fingers import libfprint_is_here
from conformance.testbed import testbed

from appliance.simulation.chip.pcscd import PcscdUnavailable, virtual_reader


@pytest.fixture(scope="session")
def virtual_reader_here():
    """PC/SC's virtual reader may be missing, or not be ours to have."""
    try:
        with virtual_reader():
            pass
    except PcscdUnavailable as error:
        pytest.skip(f"not here: {error}")


@pytest.fixture(scope="session")
def libfprint_here():
    if not libfprint_is_here():
        pytest.skip("not here: python3-gi or gir1.2-fprint-2.0 is not installed")


@pytest.fixture(scope="session")
def pretended_bus():
    """umockdev's testbed, made before anybody counts descriptors."""
    return testbed()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    case = getattr(item, "callspec", None) and item.callspec.params.get("case")
    if item.path.name == "test_conformance.py" and case:
        check = item.function.__name__.partition("__")[2]
        if report.failed:
            results.note(case.name, check, "fail")
        elif report.skipped:
            results.note(case.name, check, str(report.longrepr[2]).removeprefix("Skipped: "))
        elif report.when == "call":
            results.note(case.name, check, "pass")
    return report


def pytest_sessionfinish(session):
    results.write()
