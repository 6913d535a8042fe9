"""The keyboard panel on a pty: keys, repeats, lights, and the terminal as it was."""

import os
import select
import termios
import threading
import time

import pytest

from hal.device import Capability, DeviceFault, DeviceGone, Timeout
from hal.panel import ButtonEvent, Signal
from hal.panel import keyboard as module
from hal.panel.keyboard import KeyboardPanel, Options, create


class Terminal:
    def __init__(self):
        self.master, self.slave = os.openpty()
        self.path = os.ttyname(self.slave)

    def type(self, keys):
        os.write(self.master, keys)

    def type_later(self, keys, after=0.15):
        threading.Timer(after, self.type, [keys]).start()

    def screen(self):
        text = b""
        while select.select([self.master], [], [], 0.1)[0]:
            text += os.read(self.master, 4096)
        return text.decode()

    def settings(self):
        return termios.tcgetattr(self.slave)

    def close(self):
        fds, self.master, self.slave = (self.master, self.slave), None, None
        for fd in fds:
            if fd is not None:
                os.close(fd)


@pytest.fixture
def terminal(pseudo_terminals):
    one = Terminal()
    yield one
    one.close()


@pytest.fixture
def panel(terminal):
    one = KeyboardPanel(Options(terminal=terminal.path))
    yield one
    one.close()


@pytest.mark.parametrize(
    ("keys", "event"), [(b" ", ButtonEvent.PRESS), (b"h", ButtonEvent.HOLD), (b"xyz\nH", ButtonEvent.HOLD)]
)
def test_ok__keys(panel, terminal, keys, event):
    panel.open()
    terminal.type_later(keys)
    assert panel.wait_for_button(5.0) is event


def test_ok__a_key_held_down_is_one_press(panel, terminal):
    panel.open()
    terminal.type_later(b"     ")
    assert panel.wait_for_button(5.0) is ButtonEvent.PRESS
    with pytest.raises(Timeout):
        panel.wait_for_button(0.3)


def test_ok__two_presses_with_a_pause(panel, terminal, monkeypatch):
    monkeypatch.setattr(module, "REPEAT_SECONDS", 0.05)
    panel.open()
    terminal.type_later(b" ")
    assert panel.wait_for_button(5.0) is ButtonEvent.PRESS
    time.sleep(0.1)
    terminal.type(b" ")  # soon after the last wait: not lost
    assert panel.wait_for_button(1.0) is ButtonEvent.PRESS


def test_fail__what_was_typed_before_does_not_count(panel, terminal):
    panel.open()
    terminal.type(b" ")
    time.sleep(0.1)
    with pytest.raises(Timeout):
        panel.wait_for_button(0.2)


def test_ok__the_terminal_is_as_it_was(panel, terminal):
    before = terminal.settings()
    panel.open()
    assert terminal.settings() != before
    panel.close()
    assert terminal.settings() == before


def test_ok__lights_and_bell(panel, terminal):
    panel.show(Signal.READY)
    panel.show(Signal.WORKING)
    assert panel.capabilities == {Capability.BUTTON, Capability.LIGHTS, Capability.BUZZER}
    text = terminal.screen()
    assert "[* . .] ready\a" in text
    assert text.endswith("[. * .] working")


def test_ok__without_lights_nothing_is_written(terminal):
    panel = create(Options(terminal=terminal.path, lights=False))
    panel.show(Signal.READY)
    assert terminal.screen() == ""
    assert panel.capabilities == {Capability.BUTTON}
    panel.close()


def test_ok__a_stopped_terminal_stops_nothing(panel, terminal):
    panel.open()
    termios.tcflow(terminal.slave, termios.TCOOFF)
    began = time.monotonic()
    panel.show(Signal.READY)
    assert time.monotonic() - began < 1.0
    termios.tcflow(terminal.slave, termios.TCOON)


def test_fail__hung_up(panel, terminal):
    panel.open()
    terminal.close()
    with pytest.raises(DeviceGone):
        panel.show(Signal.READY)
    with pytest.raises(DeviceGone):
        panel.wait_for_button(1.0)


def test_fail__no_terminal(tmp_path, monkeypatch):
    with pytest.raises(DeviceGone):
        create(Options(terminal=str(tmp_path / "none"))).open()
    (tmp_path / "plain").touch()
    with pytest.raises(DeviceFault, match="not a terminal"):
        create(Options(terminal=str(tmp_path / "plain"))).open()

    def refuse(path, flags):
        raise PermissionError(13, "refused")

    monkeypatch.setattr(module.os, "open", refuse)
    with pytest.raises(DeviceFault, match="may not be opened"):
        create(Options()).open()
