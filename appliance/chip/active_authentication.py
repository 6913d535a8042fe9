"""INTERNAL AUTHENTICATE (ICAO Doc 9303-11, 6.1.3): the chip signs a challenge; who made it judges the
answer."""

from dataclasses import dataclass

from appliance.chip.blocks import SAFE_BLOCKS
from appliance.chip.channel import Channel
from appliance.secure_messaging.apdu import MAX_SHORT_LE, Command, Ins
from appliance.travel_document.authentication.active import CHALLENGE_BYTES, read_dg15, response_bytes
from appliance.travel_document.lds.errors import EmrtdError

USUAL_BYTES = 128
"""What is expected of a key that cannot be read here; whoever judges will say so."""


@dataclass(frozen=True, slots=True, repr=False)
class SignedChallenge:
    """The challenge, and what the chip answered."""

    challenge: bytes
    response: bytes
    status_word: int


def sign_challenge(channel: Channel, challenge: bytes, dg15: bytes, *, extended: bool) -> SignedChallenge:
    """Have the chip sign.

    A short command first: chips were seen to answer nothing to the longest Le (China). An answer that is cut
    short (Australia, long keys) is asked for again by its exact length, which the key in DG15 says.
    """
    if len(challenge) != CHALLENGE_BYTES:
        raise ValueError(f"A challenge has {CHALLENGE_BYTES} bytes.")
    try:
        expected = response_bytes(read_dg15(dg15))
    except EmrtdError:
        expected = USUAL_BYTES
    answer = None
    if expected <= SAFE_BLOCKS[0] + 8 or not extended:
        answer = channel.send(_command(challenge, MAX_SHORT_LE))
    if extended and (answer is None or (answer.ok and len(answer.data) < min(expected, MAX_SHORT_LE))):
        answer = channel.send(_command(challenge, expected))
    assert answer is not None
    return SignedChallenge(challenge, answer.data, answer.status)


def _command(challenge: bytes, le: int) -> Command:
    return Command(0x00, Ins.INTERNAL_AUTHENTICATE, 0, 0, challenge, le)
