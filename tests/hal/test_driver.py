"""The life of a handle: taken, dropped after errors, interrupted, and let go by whoever is last."""

import threading

import pytest

from hal import driver as module
from hal.device import (
    Capability,
    DeviceBusy,
    DeviceFault,
    DeviceGone,
    Identity,
    NotSupported,
    State,
    Timeout,
    Unreadable,
)
from hal.driver import Driver


class Thing(Driver):
    capabilities = frozenset({Capability.IMAGE})

    def __init__(self):
        super().__init__(Identity("camera", "thing", "model"))
        self.taken = self.let_go = 0
        self.refusal = None

    def _take_hold(self):
        if self.refusal is not None:
            raise self.refusal
        self.taken += 1

    def _let_go(self):
        self.let_go += 1

    def do(self, work=lambda: None):
        with self._operation():
            work()


def fail(error):
    raise error


@pytest.mark.parametrize("error", [Timeout("x"), Unreadable("x"), NotSupported("x")])
def test_fail__these_keep_the_handle(error):
    thing = Thing()
    with pytest.raises(type(error)):
        thing.do(lambda: fail(error))
    thing.do()
    assert (thing.taken, thing.let_go) == (1, 0)


@pytest.mark.parametrize("error", [DeviceGone("x"), DeviceFault("x"), DeviceBusy("x"), ValueError("x")])
def test_fail__these_drop_it_and_the_next_call_takes_it_anew(error):
    thing = Thing()
    with pytest.raises(type(error)):
        thing.do(lambda: fail(error))
    assert (thing.taken, thing.let_go) == (1, 1)
    thing.do()
    assert thing.taken == 2
    assert thing.state is State.READY


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (DeviceGone("x"), State.ABSENT),
        (DeviceFault("x"), State.FAULT),
        (DeviceBusy("x"), State.FAULT),
        (ZeroDivisionError(), State.FAULT),
    ],
)
def test_fail__what_cannot_be_opened(refusal, state):
    thing = Thing()
    thing.refusal = refusal
    for attempt in (thing.open, thing.do):
        with pytest.raises(type(refusal)):
            attempt()
        assert thing.state is state
    thing.refusal = None
    thing.do()
    assert thing.state is State.READY
    assert thing.let_go == 0


@pytest.mark.parametrize("end", [lambda: None, lambda: fail(Timeout("x"))], ids=["success", "timeout"])
def test_fail__a_call_that_outlives_close_lets_go_itself(end, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.05)
    thing, inside, go_on = Thing(), threading.Event(), threading.Event()
    outcome = []

    def hang():
        inside.set()
        go_on.wait()
        end()

    def call():
        with pytest.raises(DeviceGone):
            thing.do(hang)
        outcome.append(thing.state)

    thread = threading.Thread(target=call)
    thread.start()
    inside.wait()
    thing.close()
    assert thing.let_go == 0  # not under the feet of who is using it
    go_on.set()
    thread.join()
    assert thing.let_go == 1
    assert outcome == [State.ABSENT]
    thing.do()
    assert thing.taken == 2


def test_fail__unplugged_while_in_use():
    thing, inside, go_on = Thing(), threading.Event(), threading.Event()
    outcome = []

    def call():
        with pytest.raises(DeviceGone, match="unplugged"):
            thing.do(lambda: (inside.set(), go_on.wait()))
        outcome.append(thing.state)

    thread = threading.Thread(target=call)
    thread.start()
    inside.wait()
    thing.unplugged()  # returns at once
    assert thing.let_go == 0
    go_on.set()
    thread.join()
    assert (outcome, thing.let_go) == ([State.ABSENT], 1)


def test_ok__unplugged_while_idle():
    thing = Thing()
    thing.open()
    thing.unplugged()
    assert (thing.state, thing.let_go) == (State.ABSENT, 1)
    thing.do()
    assert thing.taken == 2
