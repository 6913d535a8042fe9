"""The transport over a libusb in Python: order, cancelling, every status, and a device that goes.

That the real libusb takes the same calls is shown by `test_uru_replay.py`.
"""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from libusb_fake import FakeLibusb

from hal.device import DeviceFault, DeviceGone
from hal.fingerprint_sensor import usb_link
from hal.fingerprint_sensor.usb_link import UsbLink
from hal.fingerprint_sensor.usb_transfer import (
    CANCELLED,
    COMPLETED,
    CONTROL,
    ERROR_NO_DEVICE,
    FAILED,
    NO_DEVICE,
    OVERFLOW,
    STALLED,
    TIMED_OUT,
)


class Hands:
    def __init__(self):
        self.library = FakeLibusb()
        self.let_go = 0
        self.stop = None
        self.link = UsbLink(
            self.library,
            1,
            context=None,
            interrupt_endpoint=0x81,
            bulk_endpoint=0x82,
            check=self.check,
            let_go=self.count,
        )

    def check(self):
        if self.stop is not None:
            raise self.stop

    def count(self):
        self.let_go += 1


@pytest.fixture
def hands():
    one = Hands()
    yield one
    one.stop = None
    one.link.close()
    assert one.let_go == 1
    assert not one.link._events.is_alive()


def test_ok__registers_are_read_and_written(hands):
    hands.library.answers[CONTROL] = [(COMPLETED, b"\x81\x82"), (COMPLETED, b"\x01")]
    assert hands.link.control_in(4, 0x4E, 2) == b"\x81\x82"
    hands.link.control_out(4, 0x2000, b"\x01")
    assert [content.hex(" ") for _, _, content in hands.library.log] == [
        "c0 04 4e 00 00 00 02 00 00 00",
        "40 04 00 20 00 00 01 00 01",
    ]
    assert hands.library.freed == 2


def test_ok__what_is_started_is_outstanding_before_what_comes_after(hands):
    hands.library.answers[CONTROL] = [(COMPLETED, b"x")] * 2
    hands.link.listen()
    hands.link.control_out(4, 1, b"x")
    hands.link.begin_bulk(100)
    hands.link.control_out(4, 2, b"x")
    assert [kind for kind, _, _ in hands.library.log] == [3, 0, 2, 0]


def test_ok__interrupts_are_kept_in_order_and_the_next_is_awaited_at_once(hands):
    hands.link.listen()
    for number in range(3):
        while 3 not in hands.library.outstanding:
            time.sleep(0.005)
        hands.library.complete(3, COMPLETED, bytes([number]))
    assert [hands.link.heard(1.0) for _ in range(3)] == [b"\0", b"\1", b"\2"]
    assert hands.link.heard(0.05) is None


def test_ok__a_device_that_babbles_does_not_fill_the_memory(hands):
    hands.link.listen()
    hands.library.answers[3] = [(COMPLETED, b"x")] * 300
    hands.library.complete(3, COMPLETED, b"x")
    while hands.library.answers[3]:
        time.sleep(0.01)
    assert len(hands.link._heard) <= usb_link.MAX_HEARD


def test_ok__a_bulk_read_may_be_waited_for_twice_and_cancelled(hands):
    hands.link.begin_bulk(10)
    assert hands.link.bulk(0.05) is None
    hands.library.complete(2, COMPLETED, b"picture")
    assert hands.link.bulk(1.0) == b"picture"
    hands.link.begin_bulk(10)
    hands.link.begin_bulk(10)  # takes the place of the first
    hands.link.cancel_bulk()
    hands.link.cancel_bulk()
    assert hands.library.freed == 3


def test_ok__more_than_the_buffer_holds_is_not_believed(hands):
    hands.library.answers[2] = [(COMPLETED, b"0123456789ABC")]
    hands.link.begin_bulk(10)
    assert hands.link.bulk(1.0) == b"0123456789"


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (NO_DEVICE, DeviceGone, "unplugged"),
        (FAILED, DeviceGone, "unplugged"),
        (CANCELLED, DeviceGone, "closed"),
        (STALLED, DeviceFault, "refuses"),
        (OVERFLOW, DeviceFault, "more than"),
        (TIMED_OUT, DeviceFault, "stuck"),
    ],
)
def test_fail__every_status_is_a_typed_error(hands, status, error, says):
    hands.library.answers = {CONTROL: [(status, b"")], 2: [(status, b"")], 3: [(status, b"")]}
    with pytest.raises(error, match=says):
        hands.link.control_in(4, 7, 1)
    hands.link.begin_bulk(5)
    with pytest.raises(error, match=says):
        hands.link.bulk(1.0)
    hands.link.listen()
    for _ in range(2):
        with pytest.raises(error, match=says):
            hands.link.heard(1.0)


@pytest.mark.parametrize(("code", "error"), [(ERROR_NO_DEVICE, DeviceGone), (-1, DeviceFault)])
def test_fail__what_is_not_taken_at_all(hands, code, error):
    hands.library.submit_code = {CONTROL: code, 2: code, 3: code}
    for start in (
        lambda: hands.link.control_out(4, 7, b"x"),
        lambda: hands.link.begin_bulk(5),
        hands.link.listen,
    ):
        with pytest.raises(error):
            start()
    hands.link.cancel_bulk()


def test_fail__gone_between_two_interrupts(hands):
    hands.link.listen()
    hands.library.submit_code[3] = ERROR_NO_DEVICE
    hands.library.complete(3, COMPLETED, b"last")
    assert hands.link.heard(1.0) == b"last"
    with pytest.raises(DeviceGone):
        hands.link.heard(1.0)


def test_fail__fewer_bytes_than_asked_for(hands):
    hands.library.answers[CONTROL] = [(COMPLETED, b"\x01")]
    with pytest.raises(DeviceFault, match="1 bytes where 16"):
        hands.link.control_in(4, 0xF0, 16)


def test_fail__no_answer(hands, monkeypatch):
    monkeypatch.setattr(usb_link, "CONTROL_SECONDS", 0.1)
    with pytest.raises(DeviceFault, match="does not answer"):
        hands.link.control_in(4, 7, 1)
    assert CONTROL not in hands.library.outstanding, "it was cancelled"


@pytest.mark.parametrize("wait", ["control", "bulk", "heard"])
def test_ok__a_wait_ends_when_the_driver_is_closed(hands, wait):
    hands.link.listen()
    hands.link.begin_bulk(5)
    hands.stop = DeviceGone("closed")
    began = time.monotonic()
    with pytest.raises(DeviceGone, match="closed"):
        {
            "control": lambda: hands.link.control_in(4, 7, 1),
            "bulk": lambda: hands.link.bulk(30.0),
            "heard": lambda: hands.link.heard(30.0),
        }[wait]()
    assert time.monotonic() - began < 1.0


def test_ok__what_the_kernel_does_not_give_back_is_not_freed(hands, monkeypatch):
    monkeypatch.setattr(usb_link, "CANCEL_SECONDS", 0.1)
    monkeypatch.setattr(usb_link, "LEFT_TO_THE_KERNEL", [])
    hands.library.ignores_cancel = True
    hands.link.listen()
    hands.link.begin_bulk(5)
    hands.link.cancel_bulk()
    hands.link.close()
    assert hands.library.freed == 0
    assert len(usb_link.LEFT_TO_THE_KERNEL) == 2
    assert not hands.link._events.is_alive()
    hands.let_go = 0  # the fixture closes it once more
