"""What all panels share: the table of signals, the events, the simulated panel."""

import threading
import time

import pytest

from hal.device import DeviceGone, Timeout
from hal.panel import ButtonEvent, Signal, button
from hal.panel.button import ButtonQueue
from hal.panel.signals import LOOKS
from hal.panel.simulated import Options, SimulatedPanel, create


def never():
    return None


def test_ok__every_signal_has_one_look_and_no_two_look_alike():
    assert set(LOOKS) == set(Signal)
    assert len({(look.lights, look.blink) for look in LOOKS.values()}) == len(Signal)
    assert len({(look.colour, look.blink) for look in LOOKS.values()}) == len(Signal)


def test_ok__no_signal_and_no_colour_speaks_of_a_verdict():
    words = {"pass", "fail", "hit", "alarm", "green", "amber", "red", "refuse", "accept", "verdict"}
    assert not words & {signal.value for signal in Signal}
    for look in LOOKS.values():
        red, green, _ = look.colour
        assert look.colour not in ((1, 0, 0), (0, 1, 0), (1, 1, 0)), "a traveller reads these as a verdict"
        assert not (red or green) or look.colour[2], "nothing shines without blue in it"


def test_ok__only_these_sound():
    assert {signal for signal, look in LOOKS.items() if look.sound} == {
        Signal.READY,
        Signal.DONE,
        Signal.ATTENTION,
    }
    assert all(look.sound.times is not None for look in LOOKS.values() if look.sound), "no endless sound"


def test_ok__events_in_order():
    events = ButtonQueue()
    events.put(ButtonEvent.HOLD)
    events.put(ButtonEvent.PRESS)
    assert [events.get(1.0, never), events.get(1.0, never)] == [ButtonEvent.HOLD, ButtonEvent.PRESS]


def test_fail__an_old_press_does_not_accept_the_next_traveller(monkeypatch):
    monkeypatch.setattr(button, "FRESH_SECONDS", 0.05)
    events = ButtonQueue()
    events.put(ButtonEvent.PRESS)
    time.sleep(0.1)
    with pytest.raises(Timeout):
        events.get(0.1, never)


def test_ok__cleared():
    events = ButtonQueue()
    events.put(ButtonEvent.PRESS)
    events.clear()
    with pytest.raises(Timeout):
        events.get(0.05, never)


def test_ok__the_simulated_panel_remembers_what_it_showed():
    panel = create(Options())
    panel.show(Signal.READY)
    panel.show(Signal.WORKING)
    times, signals = zip(*panel.shown, strict=True)
    assert signals == (Signal.READY, Signal.WORKING)
    assert list(times) == sorted(times)


def test_ok__press_and_hold():
    panel = SimulatedPanel()
    panel.press()
    panel.hold()
    assert panel.wait_for_button(1.0) is ButtonEvent.PRESS
    assert panel.wait_for_button(1.0) is ButtonEvent.HOLD


def test_ok__shows_while_another_thread_waits_for_the_button():
    panel = SimulatedPanel()
    events = []
    thread = threading.Thread(target=lambda: events.append(panel.wait_for_button(5.0)))
    thread.start()
    panel.show(Signal.OFFICER)
    panel.press()
    thread.join()
    assert events == [ButtonEvent.PRESS]
    assert panel.shown[-1][1] is Signal.OFFICER


def test_fail__showing_on_an_unplugged_panel():
    panel = SimulatedPanel()
    panel.show(Signal.READY)
    panel.unplug()
    with pytest.raises(DeviceGone):
        panel.show(Signal.WORKING)
