"""BAC held to ICAO Doc 9303-11, appendices D.2 and D.3, bit for bit and both ways."""

from collections.abc import Sequence

import pytest

from appliance.chip.bac import (
    Nonces,
    access_cipher,
    authentication_token,
    establish_bac,
    open_token,
    session,
)
from appliance.chip.channel import Channel
from appliance.chip.errors import AccessDenied, AccessUnavailable
from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.errors import SecureMessagingError
from appliance.travel_document.lds.errors import Malformed

MRZ_INFORMATION = "L898902C<369080619406236"
RND_IC = bytes.fromhex("4608F91988702212")
RND_IFD = bytes.fromhex("781723860C06C226")
K_IFD = bytes.fromhex("0B795240CB7049B01C19B33E32804F0B")
K_IC = bytes.fromhex("0B4F80323EB3191CB04970CB4052790B")
COMMAND_DATA = bytes.fromhex(
    "72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A7"
)
RESPONSE_DATA = bytes.fromhex(
    "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D7449"
)
NONCES = Nonces(RND_IC, RND_IFD, K_IFD)


def channel_of(answers: Sequence[bytes], sent: list[bytes] | None = None) -> Channel:
    script = iter(answers)

    def transmit(command: bytes) -> bytes:
        if sent is not None:
            sent.append(command)
        return next(script)

    return Channel(transmit, max_seconds=5)


def draw(count: int) -> bytes:
    return {8: RND_IFD, 16: K_IFD}[count]


def run(*answers: bytes) -> None:
    establish_bac(channel_of(answers), access_cipher(MRZ_INFORMATION), random=draw)


def test_ok__terminals_token_is_the_published_one():
    assert authentication_token(access_cipher(MRZ_INFORMATION), NONCES) == COMMAND_DATA


def test_ok__chips_side_of_the_published_token():
    assert open_token(access_cipher(MRZ_INFORMATION), COMMAND_DATA) == RND_IFD + RND_IC + K_IFD


def test_ok__chips_answer_holds_its_half_of_the_key():
    assert open_token(access_cipher(MRZ_INFORMATION), RESPONSE_DATA) == RND_IC + RND_IFD + K_IC


def test_ok__whole_exchange_then_protected_select():
    sent: list[bytes] = []
    protected_ok = bytes.fromhex("990290008E08FA855A5D4C50A8ED9000")
    channel = channel_of([RND_IC + b"\x90\x00", RESPONSE_DATA + b"\x90\x00", protected_ok], sent)
    establish_bac(channel, access_cipher(MRZ_INFORMATION), random=draw)
    assert channel.send(Command(0x00, 0xA4, 0x02, 0x0C, b"\x01\x1e")) == Response(b"", 0x9000)
    assert sent == [
        bytes.fromhex("0084000008"),
        bytes.fromhex("0082000028") + COMMAND_DATA + b"\x28",
        bytes.fromhex("0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800"),
    ]


@pytest.mark.parametrize("position", [0, 15, 31, 39])
def test_fail__altered_answer(position: int):
    altered = bytearray(RESPONSE_DATA)
    altered[position] ^= 1
    with pytest.raises(SecureMessagingError):
        session(access_cipher(MRZ_INFORMATION), NONCES, bytes(altered))


def test_fail__answer_to_another_challenge():
    with pytest.raises(SecureMessagingError):
        session(access_cipher(MRZ_INFORMATION), Nonces(bytes(8), RND_IFD, K_IFD), RESPONSE_DATA)


def test_fail__short_answer():
    with pytest.raises(SecureMessagingError):
        run(RND_IC + b"\x90\x00", RESPONSE_DATA[:-1] + b"\x90\x00")


@pytest.mark.parametrize("status", ["6300", "6982", "6985", "6988"])
def test_fail__chip_refuses_the_keys(status: str):
    with pytest.raises(AccessDenied) as caught:
        run(RND_IC + b"\x90\x00", bytes.fromhex(status))
    assert not isinstance(caught.value, AccessUnavailable)


@pytest.mark.parametrize("status", ["6A88", "6D00", "6E00"])
def test_fail__chip_does_not_speak_bac(status: str):
    with pytest.raises(AccessUnavailable):
        run(RND_IC + b"\x90\x00", bytes.fromhex(status))


def test_fail__no_challenge():
    with pytest.raises(AccessUnavailable):
        run(bytes.fromhex("6D00"))


def test_fail__challenge_of_wrong_size():
    with pytest.raises(Malformed):
        run(RND_IC[:-1] + b"\x90\x00")
