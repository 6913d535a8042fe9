"""Drivers that are not ours: the documented example as it stands, and everything that is refused."""

import ctypes
import importlib
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hal.device import DeviceBusy, DeviceFault, DeviceGone, State, Timeout, Unreadable
from hal.drivers import ConfigurationError, make_device
from hal.fingerprint_sensor import FingerprintSensor
from hal.vendor import protocols_of

DOCUMENT = Path(__file__).parents[2] / "docs/vendor-sdk.md"
BLOCKS = dict(re.findall(r"```(c|python)\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("acme")
    (folder / "acme.c").write_text(BLOCKS["c"])
    command = ["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", "libacme.so", "acme.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "libacme.so"


class Maker:
    """Writes packages that only this test sees."""

    def __init__(self, folder):
        self.folder = folder
        self.number = 0

    def __call__(self, source):
        self.number += 1
        name = f"vendor_made_{self.number}"
        (self.folder / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return name


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    yield Maker(tmp_path)
    for name in [name for name in sys.modules if name.startswith("vendor_made_")]:
        del sys.modules[name]


@pytest.fixture
def scanner(package, library):
    device = make_device(
        "fingerprint_sensor", package(BLOCKS["python"]) + ":AcmeScanner", {"library": str(library)}
    )
    yield device
    device.close()


@pytest.fixture
def sdk_says(monkeypatch):
    """The library reads the C environment, which os.environ writes through."""
    return lambda state: monkeypatch.setenv("ACME_STATE", state)


def test_ok__the_documented_example_takes_pictures(scanner, sdk_says):
    assert isinstance(scanner, FingerprintSensor)
    sdk_says("finger")
    first, second = scanner.capture(1.0), scanner.capture(1.0)
    assert first.pixels[0, :3].tolist() == [1, 2, 3]
    assert second.pixels[0, :3].tolist() == [2, 3, 4]
    assert (first.width, first.height, first.dpi) == (8, 4, 500)
    assert scanner.identity.key == "fingerprint_sensor/acme/Acme One"


@pytest.mark.parametrize(
    ("state", "error", "after"),
    [
        ("dry", Unreadable, State.READY),
        ("odd", DeviceFault, State.FAULT),
        ("none", Timeout, State.READY),
        ("unplugged", DeviceGone, State.ABSENT),
        ("busy", DeviceBusy, State.FAULT),
    ],
)
def test_fail__the_sdk_s_codes_are_our_errors(scanner, sdk_says, state, error, after):
    sdk_says(state)
    with pytest.raises(error):
        scanner.capture(0.2)
    assert scanner.state is after
    sdk_says("finger")
    assert scanner.capture(1.0).width == 8


def test_ok__closing_ends_its_wait(scanner, sdk_says):
    sdk_says("none")
    scanner.open()
    thread = threading.Thread(target=lambda: pytest.raises(DeviceGone, scanner.capture, 30.0))
    thread.start()
    time.sleep(0.2)
    closed = time.monotonic()
    scanner.close()
    thread.join()
    assert time.monotonic() - closed < 1.0


def test_fail__the_library_is_missing(package):
    device = make_device(
        "fingerprint_sensor", package(BLOCKS["python"]) + ":AcmeScanner", {"library": "/no.so"}
    )
    with pytest.raises(DeviceFault, match="another processor"):
        device.open()


def test_fail__its_options_are_held_to_like_ours(package):
    name = package(BLOCKS["python"]) + ":AcmeScanner"
    with pytest.raises(ConfigurationError, match="Did you mean `library`") as caught:
        make_device("fingerprint_sensor", name, {"libary": "x"})
    assert caught.value.key == "options.libary"
    with pytest.raises(ConfigurationError):
        make_device("fingerprint_sensor", name, {})


DRIVER = """
import msgspec
from hal.device import Device, Identity
class One(Device):
    capabilities = frozenset()
    class Options(msgspec.Struct): pass
    def __init__(self, options): super().__init__(Identity(kind={kind!r}, driver={driver!r}, model="m"))
    def open(self): pass
    def close(self): pass
"""


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("", "One", "no class"),
        ("One = 5", "One", "no class"),
        ("class One: pass", "One", "no class"),
        ("raise OSError('no libacme')", "One", r"cannot be imported \(OSError\)"),
        ("def f(", "One", r"cannot be imported \(SyntaxError\)"),
        (
            DRIVER.format(kind="camera", driver="x").replace("class Options(msgspec.Struct): pass", ""),
            "One",
            "`Options`",
        ),
        (DRIVER.format(kind="panel", driver="x"), "One", "is of kind panel"),
        (DRIVER.format(kind="camera", driver="v4l2"), "One", "one of this house's"),
        (DRIVER.format(kind="camera", driver="x"), "One", "all that Camera asks for"),
    ],
)
def test_fail__what_does_not_keep_the_contract(package, source, name, says):
    with pytest.raises(ConfigurationError, match=says) as caught:
        make_device("camera", f"{package(source)}:{name}", {})
    assert caught.value.key == "driver"


@pytest.mark.parametrize("name", ["a:", ":A", "a b:C", "../x:Y", "a:B:C", "a.:B", "os;x:Y"])
def test_fail__a_name_that_is_none(name):
    with pytest.raises(ConfigurationError, match=r"package\.module:Class"):
        make_device("camera", name, {})


def test_fail__our_own_are_named_by_their_file():
    with pytest.raises(ConfigurationError, match="named by their file"):
        make_device("camera", "hal.camera.simulated:SimulatedCamera", {})


def test_fail__not_installed():
    with pytest.raises(ConfigurationError, match="is its package installed"):
        make_device("camera", "no_such_vendor.sdk:Camera", {})


def test_ok__every_kind_has_its_protocols():
    from hal.families import drivers

    for kind, names in drivers().items():
        assert protocols_of(kind), kind
        device = make_device(kind, "simulated", {}) if "simulated" in names else None
        assert device is None or isinstance(device, protocols_of(kind))
    assert {one.__name__ for one in protocols_of("document_reader")} == {"MrzLineReader", "ChipReader"}


def test_ok__the_library_is_what_the_document_shows(library):
    assert ctypes.CDLL(str(library)).acme_open is not None
