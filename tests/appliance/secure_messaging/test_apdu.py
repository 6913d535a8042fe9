"""Commands and responses: every form of ISO/IEC 7816-4 there and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.secure_messaging.apdu import Command, Response, Status
from appliance.travel_document.lds.errors import Malformed

BYTE = st.integers(0, 255)


@settings(deadline=None)
@given(
    BYTE,
    BYTE,
    BYTE,
    BYTE,
    st.one_of(st.binary(max_size=260), st.binary(min_size=65_530, max_size=65_535)),
    st.one_of(st.none(), st.integers(1, 65_536)),
)
def test_ok__round_trip(cla: int, ins: int, p1: int, p2: int, data: bytes, le: int | None):
    command = Command(cla, ins, p1, p2, data, le)
    assert Command.decode(command.encode()) == command


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Command(0, 0xA4, 2, 0x0C), "00A4020C"),
        (Command(0, 0xB0, 0, 0, le=4), "00B0000004"),
        (Command(0, 0xB0, 0, 0, le=256), "00B0000000"),
        (Command(0, 0xB0, 0, 0, le=257), "00B00000000101"),
        (Command(0, 0xB0, 0, 0, le=65_536), "00B00000000000"),
        (Command(0, 0xA4, 2, 0x0C, b"\x01\x1e"), "00A4020C02011E"),
        (Command(0, 0x82, 0, 0, b"\xab", 40), "0082000001AB28"),
        (Command(0, 0x82, 0, 0, b"\xab", 300), "00820000000001AB012C"),
    ],
)
def test_ok__encodings(command: Command, message: str):
    assert command.encode().hex().upper() == message


@pytest.mark.parametrize("command", [Command(0, 0, 0, 0, bytes(65_536)), Command(0, 0, 0, 0, le=0)])
def test_fail__cannot_be_encoded(command: Command):
    with pytest.raises(ValueError, match="65,535"):
        command.encode()


@pytest.mark.parametrize("message", ["", "00A402", "00A4020C020101010101", "00A4020C0000030101"])
def test_fail__no_command(message: str):
    with pytest.raises(Malformed):
        Command.decode(bytes.fromhex(message))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_ok__any_bytes_are_a_command_or_refused(message: bytes):
    try:
        command = Command.decode(message)
    except Malformed:
        return
    assert Command.decode(command.encode()) == command


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_ok__any_answer_is_a_response_or_refused(message: bytes):
    if len(message) < 2:
        with pytest.raises(Malformed):
            Response.decode(message)
    else:
        assert Response.decode(message).encode() == message


def test_fail__answer_too_long():
    with pytest.raises(Malformed):
        Response.decode(bytes(65_539))


def test_ok__success_is_claimed_by_warnings_too():
    assert Response(b"", Status.END_OF_FILE).claims_success
    assert not Response(b"", Status.END_OF_FILE).ok
    assert not Response(b"", Status.FILE_NOT_FOUND).claims_success
