"""Recognising devices, over fakes of pyudev's devices and of PC/SC's names."""

import pytest

from hal import discovery, hotplug
from hal.device import DeviceFault
from hal.discovery import enumerate_devices, family_of
from hal.hotplug import Monitor


class Attributes(dict):
    def asstring(self, name):
        return self[name]


class Fake:
    """A device of pyudev, as far as it is used."""

    def __init__(self, subsystem, sys_name, *, node=None, parent=None, attributes=None, properties=None):
        self.subsystem, self.sys_name, self.device_node = subsystem, sys_name, node
        self.device_path = f"/devices/{sys_name}"
        self.parent = parent
        self.attributes = Attributes(attributes or {})
        self.properties = properties or {}

    def find_parent(self, subsystem, device_type=None):
        return self.parent


def usb(vendor, product, *, port="1-1.2", serial=None, **rest):
    attributes = {"idVendor": vendor, "idProduct": product}
    if serial is not None:
        attributes["serial"] = serial
    return Fake("usb", port, attributes=attributes, **rest)


@pytest.fixture
def world(monkeypatch):
    """What is plugged in, and what PC/SC says."""
    monkeypatch.setattr(discovery.pcsc, "reader_names", lambda: ())

    def set_world(*devices, readers=()):
        monkeypatch.setattr(discovery, "_udev_devices", lambda: devices)
        monkeypatch.setattr(discovery.pcsc, "reader_names", lambda: tuple(readers))

    return set_world


def test_ok__a_pcsc_reader_on_the_bus(world):
    world(usb("072F", "223b", serial="AB12"))
    (found,) = enumerate_devices()
    assert (found.kind, found.driver, found.key) == ("document_reader", "pcsc", "usb:072f:223b:AB12")
    assert found.options == {}


def test_ok__a_serial_reader_gives_its_port(world):
    world(Fake("tty", "ttyACM0", node="/dev/ttyACM0", parent=usb("1ac2", "0555")))
    (found,) = enumerate_devices()
    assert (found.driver, found.options) == ("mrz_line", {"port": "/dev/ttyACM0"})
    assert found.key == "usb:1ac2:0555@1-1.2"


def test_ok__a_camera_and_not_its_metadata_node(world):
    parent = usb("046d", "0825", serial="CAM")
    world(
        Fake("video4linux", "video0", node="/dev/video0", parent=parent, attributes={"index": "0"}),
        Fake("video4linux", "video1", node="/dev/video1", parent=parent, attributes={"index": "1"}),
        Fake("video4linux", "video2", parent=parent, properties={"ID_V4L_CAPABILITIES": ":"}),
    )
    (found,) = enumerate_devices()
    assert (found.kind, found.driver, found.options) == ("camera", "v4l2", {"device": "/dev/video0"})


def test_ok__the_daemons_word_on_a_camera_counts(world):
    world(Fake("video4linux", "video9", node="/dev/video9", properties={"ID_V4L_CAPABILITIES": ":capture:"}))
    (found,) = enumerate_devices()
    assert found.key == "video4linux@/devices/video9"  # a camera that is not on USB


@pytest.mark.parametrize(("vendor", "product"), [("05ba", "000a"), ("05ba", "0007"), ("045e", "00ca")])
def test_ok__a_fingerprint_sensor_needs_nothing_configured(world, vendor, product):
    world(usb(vendor, product))
    (found,) = enumerate_devices()
    assert (found.kind, found.driver, found.options) == ("fingerprint_sensor", "uru4500", {})


def test_ok__known_but_not_driven(world):
    world(readers=["ACS ACR39U ICC Reader 00 00"])
    (found,) = enumerate_devices()
    assert (found.kind, found.driver) == ("document_reader", None)


def supply(name, **attributes):
    return Fake("power_supply", name, attributes=attributes)


def test_ok__a_battery_of_the_box_and_not_of_a_mouse(world):
    world(
        supply("AC", type="Mains"),
        supply("BAT0", type="Battery", scope="System"),
        supply("ups", type="UPS"),
        supply("hid-mouse", type="Battery", scope="Device"),
    )
    found = list(enumerate_devices())
    assert [one.key for one in found] == ["power_supply:BAT0", "power_supply:ups"]
    assert [(one.kind, one.driver, one.options["name"]) for one in found] == [
        ("power", "sysfs", "BAT0"),
        ("power", "sysfs", "ups"),
    ]


def test_ok__a_configured_node_is_known_whoever_made_it(tmp_path):
    node, name = tmp_path / "ttyUSB0", tmp_path / "reader"
    node.touch()
    name.symlink_to(node)
    adapter = usb("0403", "6001", serial="A9")
    ports = (("document_reader", "mrz_line", str(name)), ("panel", "gpio", "GPIO17"))
    known = hotplug.at_nodes(ports)
    found = known(Fake("tty", "ttyUSB0", node=str(node), parent=adapter))
    assert (found.kind, found.driver, found.key) == ("document_reader", "mrz_line", "usb:0403:6001:A9")
    links = {"DEVLINKS": f"/dev/x {tmp_path}/other {name}"}
    name.unlink()
    assert known(Fake("tty", "ttyUSB7", node="/dev/ttyUSB7", parent=adapter, properties=links)) is not None
    assert known(Fake("tty", "ttyUSB8", node="/dev/ttyUSB8", parent=adapter)) is None
    assert known(Fake("usb", "1-1")) is None


def test_ok__what_is_not_known_is_not_listed(world):
    world(
        usb("dead", "beef"),
        usb("076b", "3021"),  # OMNIKEY, but a contact reader
        Fake("usb", "1-1:1.0", parent=usb("072f", "223b")),  # an interface of a known device
        Fake("tty", "tty0"),
        Fake(
            "tty", "ttyUSB0", parent=usb("0403", "6001")
        ),  # a plain adapter says nothing of what is behind it
    )
    assert len(enumerate_devices()) == 0


@pytest.mark.parametrize(
    ("name", "driver", "family"),
    [
        ("ACS ACR122U PICC Interface 00 00", "pcsc", "contactless slot"),
        ("ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00", "pcsc", "contactless slot"),
        ("ACS ACR1252 Dual Reader [ACR1252 Dual Reader SAM] 01 00", None, "security module slot"),
        ("Identive CLOUD 4510 F Contactless + SAM Reader 00 00", "pcsc", "contactless slot"),
        ("OMNIKEY CardMan 5x21-CL 0", "pcsc", "contactless slot"),
        ("HID Global OMNIKEY 5022 Smart Card Reader 00 00", "pcsc", "HID OMNIKEY contactless"),
        ("HID Global OMNIKEY 3x21 Smart Card Reader 00 00", None, "contact slot"),
        ("ELYCTIS CL reader 00 00", "pcsc", "contactless slot"),
        ("Access IS ePassport Reader 00 00", "pcsc", "e-passport reader"),
        ("ACS ACR39U ICC Reader 00 00", None, "contact slot"),
        ("Virtual PCD 00 00", "pcsc", "virtual reader (demo, training, tests)"),
        ("Brand new reader 00 00", "pcsc", "PC/SC reader of unknown kind"),
    ],
)
def test_ok__pcsc_names(world, name, driver, family):
    world(readers=[name])
    (found,) = enumerate_devices()
    assert (found.driver, found.family.name) == (driver, family)
    assert found.options == {"reader_name": name}


def test_ok__a_serial_number_is_what_the_device_chose_so_it_is_cleaned(world):
    world(usb("072f", "223b", serial="a/b\n" + "x" * 500))
    (found,) = enumerate_devices()
    assert found.key.startswith("usb:072f:223b:a_b")
    assert len(found.key) < 100


def test_fail__without_pcscd_it_says_so_and_finds_the_rest(world, monkeypatch):
    world(usb("072f", "223b"))

    def refuse():
        raise DeviceFault("The PC/SC daemon (pcscd) does not run.")

    monkeypatch.setattr(discovery.pcsc, "reader_names", refuse)
    inventory = enumerate_devices()
    assert len(inventory.found) == 1
    assert inventory.reasons == ("PC/SC readers could not be listed: The PC/SC daemon (pcscd) does not run.",)


def test_fail__without_libudev_it_says_so(world, monkeypatch):
    def refuse():
        raise ImportError("No library named udev")

    world(readers=["ELYCTIS CL reader 00 00"])
    monkeypatch.setattr(discovery, "_udev_devices", refuse)
    inventory = enumerate_devices()
    assert len(inventory.found) == 1
    assert inventory.reasons == ("USB devices could not be listed: ImportError.",)


def test_ok__runs_on_this_computer_as_it_is():
    for found in enumerate_devices():
        assert found.key


class Source:
    """Events by hand."""

    def __init__(self, *devices):
        self.there = list(devices)
        self.on_event = None
        self.during_listing = None

    def start(self, on_event):
        self.on_event = on_event

    def stop(self):
        self.on_event = None

    def devices(self):
        if self.during_listing:
            self.on_event("add", self.during_listing)
        return self.there


@pytest.fixture
def watch():
    def _watch(source):
        seen = []
        monitor = Monitor(
            on_add=lambda found: seen.append(("add", found.key)),
            on_remove=lambda found: seen.append(("remove", found.key)),
            source=source,
        )
        monitor.start()
        return monitor, seen

    return _watch


READER = usb("072f", "223b", serial="1")
KEY = "usb:072f:223b:1"


def test_ok__plugged_before_the_start_is_reported_once(watch):
    _, seen = watch(Source(READER, READER))
    assert seen == [("add", KEY)]


def test_ok__plugged_during_the_start_is_reported_once(watch):
    source = Source(READER)
    source.during_listing = READER
    _, seen = watch(source)
    assert seen == [("add", KEY)]


def test_ok__comes_and_goes_and_comes(watch):
    source = Source()
    _, seen = watch(source)
    gone = Fake("usb", "1-1.2")  # when it goes, /sys says nothing any more
    for action, device in (
        ("add", READER),
        ("bind", READER),
        ("remove", gone),
        ("remove", gone),
        ("add", READER),
    ):
        source.on_event(action, device)
    assert seen == [("add", KEY), ("remove", KEY), ("add", KEY)]


def test_ok__unknown_devices_are_passed_over(watch):
    source = Source()
    _, seen = watch(source)
    source.on_event("add", usb("dead", "beef"))
    source.on_event("remove", usb("dead", "beef"))
    assert seen == []


def test_fail__a_listener_that_fails_does_not_end_hot_plug(caplog):
    seen = []

    def fail_once(found):
        seen.append(found.key)
        if len(seen) == 1:
            raise RuntimeError("listener")

    source = Source(READER, usb("072f", "2200", port="1-3"))
    Monitor(on_add=fail_once, on_remove=seen.append, source=source).start()
    assert seen == [KEY, "usb:072f:2200@1-3"]
    assert "listener failed" in caplog.text


def test_ok__stops(watch):
    source = Source()
    monitor, _ = watch(source)
    monitor.stop()
    assert source.on_event is None


def test_ok__the_real_source_starts_and_stops_here():
    events = hotplug.UdevEvents()
    events.start(lambda action, device: None)
    list(map(family_of, events.devices()))
    events.stop()
    events.stop()
