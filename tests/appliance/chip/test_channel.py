"""The channel: counts, time, and that nothing unprotected passes once a session failed."""

import pytest

from appliance.chip.channel import Channel
from appliance.chip.errors import ChipGone, ChipTimeout
from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.ciphers import TripleDesCipher
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded
from appliance.secure_messaging.session import SecureMessaging
from appliance.travel_document.lds.errors import Malformed
from hal.device import ChipRemoved, DeviceGone, Timeout

COMMAND = Command(0, 0x84, 0, 0, le=8)


def raising(error: Exception):
    def transmit(_: bytes) -> bytes:
        raise error

    return transmit


def test_ok__counts():
    channel = Channel(lambda _: b"12345678\x90\x00", max_seconds=5)
    assert channel.send(COMMAND) == Response(b"12345678", 0x9000)
    assert (channel.apdus, channel.bytes_sent, channel.bytes_received) == (1, 5, 10)


def test_fail__time_is_over():
    now = [100.0]
    channel = Channel(lambda _: b"\x90\x00", max_seconds=5, clock=lambda: now[0])
    channel.send(COMMAND)
    now[0] = 105.1
    with pytest.raises(ChipTimeout):
        channel.send(COMMAND)
    assert channel.apdus == 1


def test_fail__chip_left():
    with pytest.raises(ChipGone):
        Channel(raising(ChipRemoved("gone")), max_seconds=5).send(COMMAND)


def test_fail__chip_fell_silent():
    with pytest.raises(ChipTimeout):
        Channel(raising(Timeout("silent")), max_seconds=5).send(COMMAND)


def test_fail__reader_is_the_readers_own_error():
    with pytest.raises(DeviceGone):
        Channel(raising(DeviceGone("unplugged")), max_seconds=5).send(COMMAND)


def test_fail__no_response():
    with pytest.raises(Malformed):
        Channel(lambda _: b"\x90", max_seconds=5).send(COMMAND)


def protected_channel(answer: bytes) -> Channel:
    channel = Channel(lambda _: answer, max_seconds=5)
    channel.protect_with(SecureMessaging(TripleDesCipher(bytes(16), bytes(16)), bytes(8)))
    return channel


@pytest.mark.parametrize(
    ("answer", "error"), [(b"\x69\x88", SessionEnded), (b"data\x90\x00", SecureMessagingError)]
)
def test_fail__nothing_goes_out_in_the_clear_after_a_failed_session(answer: bytes, error: type[Exception]):
    channel = protected_channel(answer)
    with pytest.raises(error):
        channel.send(COMMAND)
    with pytest.raises(SecureMessagingError):
        channel.send(COMMAND)
    assert channel.apdus == 1


def test_ok__starting_over_is_a_decision():
    channel = protected_channel(b"\x69\x88")
    with pytest.raises(SessionEnded):
        channel.send(COMMAND)
    channel.start_over()
    assert channel.send(COMMAND).status == 0x6988
