"""Finding and opening a USB device, over a fake of PyUSB's backend."""

import errno
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import usb.backend.libusb1
import usb.core

sys.path.insert(0, str(Path(__file__).parent))

from libusb_fake import FakeLibusb

from hal.device import DeviceBusy, DeviceError, DeviceFault, DeviceGone
from hal.fingerprint_sensor import usb_bus
from hal.fingerprint_sensor.usb_bus import find, open_link


def usb_error(number):
    return usb.core.USBError("x", None, number)


class FakeBackend:
    """PyUSB's interface to libusb, as far as it is used."""

    def __init__(self, devices, *, fails=None, interfaces=((255, 255, 255),)):
        self.devices, self.fails, self.interfaces = devices, fails or {}, interfaces
        self.ctx, self.lib = None, SimpleNamespace(_name="libusb-1.0.so.0")
        self.closed = 0

    def enumerate_devices(self):
        self._fail("list")
        return range(len(self.devices))

    def get_device_descriptor(self, number):
        vendor, product, ports = self.devices[number]
        return SimpleNamespace(idVendor=vendor, idProduct=product, bus=1, port_numbers=ports)

    def get_configuration_descriptor(self, device, number):
        return SimpleNamespace(bNumInterfaces=len(self.interfaces))

    def get_interface_descriptor(self, device, number, alternate, configuration):
        one = self.interfaces[number]
        return SimpleNamespace(
            bInterfaceClass=one[0],
            bInterfaceSubClass=one[1],
            bInterfaceProtocol=one[2],
            bInterfaceNumber=number,
        )

    def open_device(self, device):
        self._fail("open")
        return SimpleNamespace(handle=1)

    def claim_interface(self, handle, interface):
        assert self.interfaces[interface] == (255, 255, 255)
        self._fail("claim")

    def release_interface(self, handle, interface):
        self._fail("release")

    def close_device(self, handle):
        self.closed += 1

    def _fail(self, step):
        if step in self.fails:
            raise usb_error(self.fails[step])


@pytest.fixture
def bus(monkeypatch, tmp_path):
    def make(*devices, **how):
        backend = FakeBackend(devices, **how)
        monkeypatch.setattr(usb.backend.libusb1, "get_backend", lambda: backend)
        monkeypatch.setattr(usb_bus, "SYSFS", tmp_path)
        monkeypatch.setattr(usb_bus, "_library", lambda _backend: FakeLibusb())
        return backend

    return make


def opened(ids):
    return open_link(ids, interrupt_endpoint=0x81, bulk_endpoint=0x82, check=lambda: None)


def test_ok__the_wanted_one_is_found_with_its_serial_number(bus, tmp_path):
    (tmp_path / "1-1.4").mkdir()
    (tmp_path / "1-1.4/serial").write_text("{A}\n")
    bus((1, 2, None), (3, 4, (1, 4)), interfaces=((3, 1, 1), (255, 255, 255)))
    found = find(lambda ids: ids.vendor == 3)
    assert (found.port, found.serial) == ("1-1.4", "{A}")
    assert find(lambda ids: ids.serial == "B") is None
    link = opened(found)
    link.close()


@pytest.mark.parametrize("step", ["open", "claim"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EBUSY, DeviceBusy),
        (errno.EACCES, DeviceFault),
        (errno.ENODEV, DeviceGone),
        (errno.EIO, DeviceFault),
    ],
)
def test_fail__why_it_cannot_be_opened(bus, step, number, error):
    backend = bus((3, 4, (1,)), fails={step: number})
    with pytest.raises(error) as caught:
        opened(find(lambda _ids: True))
    assert type(caught.value) is error
    assert backend.closed == (1 if step == "claim" else 0)


def test_fail__gone_before_it_is_opened(bus):
    bus((3, 4, (1,)))
    ids = find(lambda _ids: True)
    bus()
    with pytest.raises(DeviceGone):
        opened(ids)


def test_ok__an_unplugged_device_is_let_go_of(bus):
    backend = bus((3, 4, (1,)), fails={"release": errno.ENODEV})
    opened(find(lambda _ids: True)).close()
    assert backend.closed == 1


def test_fail__no_interface_of_the_maker_s(bus):
    bus((3, 4, (1,)), interfaces=((3, 1, 1),))
    with pytest.raises(DeviceFault, match="no interface"):
        opened(find(lambda _ids: True))


def test_fail__no_bus(bus):
    bus(fails={"list": errno.EIO})
    with pytest.raises(DeviceFault, match="cannot be listed"):
        find(lambda _ids: True)


def test_fail__no_libusb(monkeypatch):
    monkeypatch.setattr(usb.backend.libusb1, "get_backend", lambda: None)
    with pytest.raises(DeviceError, match="not installed"):
        find(lambda _ids: True)
