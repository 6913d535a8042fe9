"""The contract itself: states after errors, latency, and the sentence's absence from health."""

import pytest

from hal.device import (
    Capability,
    ChipRemoved,
    Device,
    DeviceBusy,
    DeviceFault,
    DeviceGone,
    Identity,
    NotSupported,
    State,
    Timeout,
    Unreadable,
)


class Thing(Device):
    capabilities = frozenset({Capability.IMAGE})
    opened = 0

    def open(self):
        self.opened += 1

    def close(self):
        self._become(State.ABSENT)

    def do(self, error=None):
        with self._operation():
            if error is not None:
                raise error


@pytest.fixture
def thing():
    return Thing(Identity("camera", "thing", "model", port="1-2"))


@pytest.mark.parametrize(
    ("error", "state", "failures"),
    [
        (Timeout("x"), State.READY, 0),
        (Unreadable("x"), State.READY, 1),
        (ChipRemoved("x"), State.READY, 1),
        (NotSupported("x"), State.READY, 1),
        (DeviceGone("x"), State.ABSENT, 1),
        (DeviceBusy("x"), State.FAULT, 1),
        (DeviceFault("x"), State.FAULT, 1),
        (ValueError("x"), State.FAULT, 0),
    ],
)
def test_fail__the_state_after_every_error(thing, error, state, failures):
    with pytest.raises(type(error)):
        thing.do(error)
    assert thing.state is state
    assert thing.health.failures == failures


def test_ok__opens_itself_when_absent_or_faulty(thing):
    thing.do()
    thing.do()
    assert thing.opened == 1
    with pytest.raises(DeviceFault):
        thing.do(DeviceFault("x"))
    thing.do()
    assert thing.opened == 2
    assert thing.health.consecutive_failures == 0


def test_ok__health_keeps_the_class_and_not_the_sentence(thing):
    with pytest.raises(Unreadable):
        thing.do(Unreadable("P<UTOERIKSSON"))
    assert thing.health.last_error == "Unreadable"
    assert "ERIKSSON" not in repr(thing.health)


def test_ok__key_prefers_serial_then_port_then_model():
    assert Identity("camera", "x", "m", serial="s", port="p").key == "camera/x/s"
    assert Identity("camera", "x", "m", port="p").key == "camera/x/p"
    assert Identity("camera", "x", "m").key == "camera/x/m"


def test_fail__no_self_test_unless_declared():
    thing = Thing(Identity("camera", "thing", "model"))
    assert thing.health.firmware is None
    with pytest.raises(NotSupported, match="no self-test"):
        thing.self_test()
