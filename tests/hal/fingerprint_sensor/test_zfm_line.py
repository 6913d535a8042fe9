"""The line of a ZFM module below the driver: bytes that never end, never fit, or are hostile."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from zfm_emulator import packet
from zfm_ports import Babble, Scripted

from hal.device import DeviceFault, DeviceGone, HalError, Unreadable
from hal.fingerprint_sensor.zfm_line import MAX_IMAGE_BYTES, Code, ZfmLine
from hal.fingerprint_sensor.zfm_module import ZfmModule


def test_fail__a_line_that_is_never_silent(monkeypatch):
    monkeypatch.setattr("hal.fingerprint_sensor.zfm_line.DRAIN_SECONDS", 0.3)
    line = ZfmLine(Babble(b"\xef" * 9), address=0xFFFFFFFF, check=lambda: None)
    with pytest.raises(DeviceFault, match="never silent"):
        line.drain()
    with pytest.raises(DeviceFault, match="damaged"):
        line.command(Code.GET_IMAGE, wait=0.1)
    data = ZfmLine(Babble(packet(2, bytes(128))), address=0xFFFFFFFF, check=lambda: None)
    with pytest.raises(DeviceGone, match="No fingerprint module"):
        data.command(Code.GET_IMAGE, tries=1)


def test_fail__an_upload_that_is_broken_off_or_without_end():
    broken_off = ZfmLine(Babble(packet(7, b"\x00")), address=0xFFFFFFFF, check=lambda: None)
    with pytest.raises(Unreadable, match="broke off"):
        broken_off.transfer(packet_bytes=128)


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=600), max_size=6))
def test_ok__hostile_answers_give_typed_errors_or_an_image(answers):
    port = Scripted(*answers, *(packet(7, b"\x00") + one for one in answers))
    line = ZfmLine(port, address=0xFFFFFFFF, check=lambda: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hal.fingerprint_sensor.zfm_line.SILENCE_SECONDS", 0.01)
        module = ZfmModule(line)
        for step in (
            module.system_parameters,
            module.product_information,
            lambda: module.upload_image(packet_bytes=128),
        ):
            patch.setattr(ZfmLine.command, "__kwdefaults__", {"wait": 0.01, "tries": 2})
            try:
                found = step()
            except HalError:
                continue
            assert not isinstance(found, bytes) or len(found) <= MAX_IMAGE_BYTES
