"""The cases of devices that are really plugged in; here a pty stands in for person and reader."""

import os
import threading
import tty

import pytest
from conformance.documents import lines_of
from conformance.hardware import Supply, real_cases

from hal.device import Timeout
from hal.document_reader import MrzLineReader
from hal.drivers import ConfigurationError


@pytest.fixture
def config(tmp_path):
    def write(text):
        file = tmp_path / "borne.toml"
        file.write_text(text)
        return str(file)

    return write


def test_ok__without_a_configuration_there_are_none():
    assert real_cases(None) == []


def test_ok__simulated_devices_and_those_that_nothing_can_be_asked_of_are_left_out(config):
    cases = real_cases(
        config(
            '[[device]]\nkind = "panel"\ndriver = "simulated"\n'
            '[[device]]\nkind = "illumination"\ndriver = "gpio"\noptions = { white_pin = 5 }\n'
            '[[device]]\nkind = "power"\ndriver = "sysfs"\n'
        )
    )
    assert [(case.name, issubclass(case.bench, Supply)) for case in cases] == [
        ("power-sysfs-hardware-2", True)
    ]


def test_fail__a_wrong_configuration_is_said(config):
    with pytest.raises(ConfigurationError):
        real_cases(config('[[device]]\nkind = "panel"\ndriver = "telepathy"\n'))


def test_ok__a_person_is_told_what_to_do(config, tmp_path, pseudo_terminals):
    master, slave = os.openpty()
    tty.setraw(slave)
    (case,) = real_cases(
        config(
            '[[device]]\nkind = "document_reader"\ndriver = "mrz_line"\n'
            f'options = {{ port = "{os.ttyname(slave)}" }}\n'
        )
    )
    bench = case.bench(tmp_path)
    told = []

    def person(words):
        told.append(words.strip())
        frame = b"\x02" + "\r".join(lines_of(1)).encode() + b"\r\x03"
        if words.strip().startswith("Put"):
            threading.Timer(0.2, os.write, [master, frame]).start()

    bench.say = bench.wait = person
    assert bench.protocol is MrzLineReader
    with bench.providing(1):
        assert bench.operate(10.0).lines == lines_of(1)
    bench.unplug()
    bench.replug()
    key = bench.device.identity.key
    assert told[0] == f"Put document 1 on {key}"
    assert told[1].startswith(f"Unplug {key}")
    assert told[2].startswith(f"Plug {key} in again")
    bench.device.close()
    with pytest.raises(Timeout):  # a time-out that is asked for is not stretched
        bench.operate(0.2)
    bench.tear_down()
    for fd in (master, slave):
        os.close(fd)
