"""Making devices: every mistake in the configuration is named."""

import pytest

from hal.device import Device
from hal.discovery import ConfigurationError, make_device
from hal.families import FAMILIES, Configured, drivers

SMALLEST = {
    ("document_reader", "pcsc"): {"reader_name": "x"},
    ("document_reader", "mrz_line"): {"port": "/dev/ttyUSB0"},
    ("document_reader", "wedge"): {"device": "/dev/input/event3"},
    ("barcode_reader", "serial_line"): {"port": "/dev/ttyUSB0"},
    ("barcode_reader", "wedge"): {"device": "/dev/input/event3"},
    ("illumination", "gpio"): {"white_pin": 5},
    ("fingerprint_sensor", "zfm"): {"port": "/dev/ttyUSB0"},
    ("power", "gpio"): {"pin": 26},
    ("printer", "escpos"): {"port": "/dev/ttyUSB0"},
    ("camera", "file"): {"path": "picture.png"},
}


@pytest.mark.parametrize(
    ("kind", "driver"), [(kind, name) for kind, names in drivers().items() for name in names]
)
def test_ok__every_driver_of_the_table_is_a_file_that_keeps_the_contract(kind, driver):
    device = make_device(kind, driver, SMALLEST.get((kind, driver), {}))
    assert isinstance(device, Device)
    assert (device.identity.kind, device.identity.driver) == (kind, driver)
    device.close()


def test_ok__options_reach_the_driver():
    device = make_device("document_reader", "mrz_line", {"port": "/dev/x", "framing": "desko", "bytesize": 7})
    assert device.identity.port == "/dev/x"
    simulated = make_device("camera", "simulated", {"faults": {"2": "unplug"}, "name": "lane 2"})
    assert simulated.identity.serial == "lane 2"
    assert make_device("panel", "gpio", {"rgb_pins": [5, 6, 13]}).capabilities


@pytest.mark.parametrize(
    ("kind", "driver", "options", "key", "meant", "allowed"),
    [
        ("camera", "v4l", {}, "driver", "v4l2", "simulated"),
        ("cameras", "v4l2", {}, "kind", "camera", "panel"),
        ("camera", "xyzzy", {}, "driver", None, "file"),
        ("camera", "v4l2", {"widht": 640}, "options.widht", "width", "height"),
        ("document_reader", "mrz_line", {}, "options.port", None, None),
        ("document_reader", "mrz_line", {"port": 5}, "options.port", None, None),
        (
            "document_reader",
            "mrz_line",
            {"port": "x", "framing": "desco"},
            "options.framing",
            "desko",
            "auto",
        ),
        ("document_reader", "mrz_line", {"port": "x", "bytesize": 6}, "options.bytesize", None, "7"),
        ("panel", "gpio", {"button_pin": 5, "buzzer_pin": 5}, "options", None, None),
        ("illumination", "gpio", {}, "options", None, None),
        ("illumination", "gpio", {"white_pin": 5, "oblique_pin": 5}, "options", None, None),
    ],
)
def test_fail__named_with_what_is_allowed_and_what_was_meant(kind, driver, options, key, meant, allowed):
    with pytest.raises(ConfigurationError) as caught:
        make_device(kind, driver, options)
    error = caught.value
    assert error.key == key
    assert error.did_you_mean == meant
    assert allowed is None or allowed in error.allowed
    if meant:
        assert f"Did you mean `{meant}`?" in str(error)
    assert len(str(error).splitlines()) == 1


def test_fail__a_driver_name_is_no_path():
    for name in ("../device", "__init__", "framing", "signals"):
        with pytest.raises(ConfigurationError):
            make_device("document_reader", name, {})


def test_ok__every_family_has_a_source_and_sane_ids():
    for family in FAMILIES:
        assert family.source
        ids = [getattr(family.rule, "vendor", None), *getattr(family.rule, "products", ())]
        for one in filter(None, ids):
            assert len(one) == 4
            assert int(one, 16) >= 0
            assert one == one.lower()
    assert any(isinstance(family.rule, Configured) for family in FAMILIES)
