"""A device's place: when it is looked for, which life this is, what on the bus is it."""

import pytest

from hal.device import Device, Identity, State
from hal.discovery import Found
from hal.families import Configured, Family
from hal.panel.simulated import SimulatedPanel
from hal.slot import FIRST_PROBE_SECONDS, MOST_PROBE_SECONDS, RETURN_SECONDS, SETTLE_SECONDS, Slot


class Thing(Device):
    capabilities = frozenset()

    def __init__(self, **identity):
        super().__init__(
            Identity(**({"kind": "document_reader", "driver": "mrz_line", "model": "m"} | identity))
        )

    def open(self): ...
    def close(self): ...


def found(key="usb:1ac2:0555:SN", *, node=None, driver="mrz_line", kind="document_reader", **options):
    return Found(Family(kind, driver, "a family", Configured(), "a test"), key, node, options)


def test_ok__pauses_double_up_to_a_most_and_begin_anew():
    slot, pauses, now = Slot(Thing()), [], 100.0
    for _ in range(8):
        slot.missed(now=now)
        pauses.append(slot.due - now)
        now = slot.due
    assert pauses[:3] == [FIRST_PROBE_SECONDS, 2 * FIRST_PROBE_SECONDS, 4 * FIRST_PROBE_SECONDS]
    assert pauses[-1] == MOST_PROBE_SECONDS
    slot.came(found(), now=now)
    assert slot.due == now + SETTLE_SECONDS
    slot.missed(now=now)
    assert slot.due == now + FIRST_PROBE_SECONDS


def test_ok__every_life_has_its_generation():
    thing = Thing()
    slot = Slot(thing)
    seen = []
    for state in (
        State.PROBING,
        State.READY,
        State.BUSY,
        State.READY,
        State.ABSENT,
        State.PROBING,
        State.READY,
    ):
        thing._state = state
        seen.append((slot.note_state(now=1.0), slot.generation))
    assert seen == [(False, 0), (True, 0), (False, 0), (False, 0), (True, 1), (False, 1), (True, 1)]


def test_ok__what_is_told():
    thing = Thing()
    slot = Slot(thing)
    thing._state = State.PROBING
    assert slot.told is State.PROBING  # nothing is known yet
    slot.missed(now=1.0)
    assert slot.told is State.ABSENT  # later looks are nobody's business
    thing._state = State.BUSY
    slot.note_state(now=2.0)
    assert (slot.told, slot.shown) == (State.BUSY, State.READY)


def test_ok__returning_for_a_while():
    thing = Thing()
    slot = Slot(thing)
    assert not slot.returning(now=0.0)  # it never was there
    for state in (State.READY, State.ABSENT):
        thing._state = state
        slot.note_state(now=5.0)
    assert slot.returning(now=5.0 + RETURN_SECONDS / 2)
    assert not slot.returning(now=5.0 + RETURN_SECONDS)


def test_ok__a_node_is_known_by_where_the_lasting_name_led(tmp_path):
    node, name = tmp_path / "ttyACM0", tmp_path / "document-reader"
    node.touch()
    name.symlink_to(node)
    thing = Thing(port=str(name))
    slot = Slot(thing)
    assert slot.is_it(found(node=str(node)))
    assert not slot.is_it(found(node=str(tmp_path / "ttyACM1")))
    thing._state = State.READY
    slot.note_state(now=1.0)
    name.unlink()  # by the time it goes, its lasting name is gone
    assert slot.is_it(found(node=str(node)))


@pytest.mark.parametrize(
    ("identity", "one", "is_it"),
    [
        (
            {"driver": "pcsc", "model": "ACS ACR1252"},
            found(driver="pcsc", reader_name="ACS ACR1252 00 00"),
            True,
        ),
        (
            {"driver": "pcsc", "model": "ACS ACR1252"},
            found(driver="pcsc", reader_name="HID 5022 00 00"),
            False,
        ),
        ({"serial": "SN"}, found(), True),
        ({"serial": "OTHER"}, found(), False),
        ({}, found(), True),  # the only one of its driver
        ({}, found(driver="wedge"), False),
        ({}, found(kind="camera"), False),
    ],
)
def test_ok__other_ways_to_tell(identity, one, is_it):
    assert Slot(Thing(**identity)).is_it(one) is is_it


def test_ok__without_a_port_it_stays_the_one_that_came():
    slot = Slot(Thing())
    slot.came(found("usb:05ba:000a@1-1"), now=1.0)
    assert slot.is_it(found("usb:05ba:000a@1-1"))
    assert not slot.is_it(found("usb:05ba:000a@1-2"))


def test_ok__a_simulated_device_has_a_place_too():
    panel = SimulatedPanel()
    slot = Slot(panel)
    panel.open()
    assert slot.note_state(now=1.0)
    assert not slot.away
