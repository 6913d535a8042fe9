"""The emulator satisfies adafruit-circuitpython-fingerprint, unmodified: it keeps to the protocol, not to us.

The package is installed without its board support (Blinka), of which it uses a type's name and an identity
function: both stand here when Blinka is missing.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import serial

sys.path.insert(0, str(Path(__file__).parent))

from zfm_emulator import SHAPES, ZfmEmulator, finger

pytestmark = [
    pytest.mark.usefixtures("pseudo_terminals"),
    pytest.mark.skipif(
        importlib.util.find_spec("adafruit_fingerprint") is None,
        reason="adafruit-circuitpython-fingerprint is not installed (`make setup` installs it)",
    ),
]


@pytest.fixture
def adafruit(monkeypatch):
    for name, what in (("busio", {"UART": serial.Serial}), ("micropython", {"const": lambda value: value})):
        if importlib.util.find_spec(name) is None:
            module = ModuleType(name)
            vars(module).update(what)
            monkeypatch.setitem(sys.modules, name, module)
    import adafruit_fingerprint

    return adafruit_fingerprint


@pytest.fixture(params=["zfm20", "r503"])
def module(request, tmp_path):
    emulator = ZfmEmulator(tmp_path / "port", model=request.param)
    yield emulator
    emulator.close()


def test_ok__it_finds_takes_and_reads(adafruit, module):
    with serial.Serial(str(module.port), baudrate=57600, timeout=1) as uart:
        sensor = adafruit.Adafruit_Fingerprint(uart)
        assert (sensor.system_id, sensor.library_size, sensor.data_packet_size, sensor.baudrate) == (
            9,
            200,
            2,
            6,
        )
        assert sensor.check_module()
        assert sensor.get_image() == adafruit.NOFINGER
        module.present(7)
        assert sensor.get_image() == adafruit.OK
        data = bytes(sensor.get_fpdata("image"))
        pixels = [nibble for byte in data for nibble in (byte >> 4, byte & 15)]
        assert pixels == finger(7, SHAPES[module.model]).reshape(-1).tolist()


def test_ok__it_enrols_and_finds_again(adafruit, module):
    with serial.Serial(str(module.port), baudrate=57600, timeout=1) as uart:
        sensor = adafruit.Adafruit_Fingerprint(uart)
        module.present(3)
        steps = [sensor.get_image(), sensor.image_2_tz(1), sensor.get_image(), sensor.image_2_tz(2)]
        assert [*steps, sensor.create_model(), sensor.store_model(5)] == [adafruit.OK] * 6
        assert sensor.count_templates() == adafruit.OK
        assert sensor.template_count == 1
        assert sensor.read_templates() == adafruit.OK
        assert sensor.templates == [5]
        assert sensor.finger_search() == adafruit.OK
        assert (sensor.finger_id, sensor.confidence) == (5, 100)
        assert len(sensor.get_fpdata("char")) == 512
        module.present(4)
        sensor.get_image()
        assert sensor.finger_fast_search() == adafruit.NOTFOUND
        assert sensor.empty_library() == adafruit.OK
        lit = sensor.set_led(color=2, mode=1)
        assert (lit == adafruit.OK) == (module.model == "r503")


def test_fail__another_password(adafruit, module):
    module.password = 1
    with serial.Serial(str(module.port), baudrate=57600, timeout=1) as uart:
        with pytest.raises(RuntimeError, match="wiring"):
            adafruit.Adafruit_Fingerprint(uart)
        assert adafruit.Adafruit_Fingerprint(uart, passwd=(0, 0, 0, 1)).system_id == 9
