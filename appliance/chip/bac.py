"""Basic Access Control (ICAO Doc 9303-11, 4.3): both sides prove that they know the MRZ."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from appliance.chip.channel import Channel
from appliance.chip.errors import AccessDenied, AccessUnavailable
from appliance.secure_messaging.apdu import Command, Ins, Response, Status
from appliance.secure_messaging.ciphers import MAC_BYTES, TripleDesCipher, equal, pad
from appliance.secure_messaging.errors import SecureMessagingError
from appliance.secure_messaging.key_derivation import KSEED_BYTES, derive_3des_keys, password_seed
from appliance.secure_messaging.session import SecureMessaging
from appliance.travel_document.lds.errors import Malformed

RND_BYTES = 8
KEY_BYTES = 16
TOKEN_BYTES = 2 * RND_BYTES + KEY_BYTES + MAC_BYTES
"""Two random numbers and half a key, encrypted, and the MAC over them."""

_NOT_SPOKEN_HERE = (
    Status.REFERENCED_DATA_NOT_FOUND,  # newer German passports, which speak PACE only
    Status.UNKNOWN_INSTRUCTION,
    Status.UNKNOWN_CLASS,
)


@dataclass(frozen=True, slots=True, repr=False)
class Nonces:
    """What each run of the protocol draws or is given; secret, hence without repr."""

    rnd_ic: bytes
    rnd_ifd: bytes
    k_ifd: bytes


def access_cipher(mrz_information: str) -> TripleDesCipher:
    """The document's basic access keys, ready for use (4.3.2)."""
    return TripleDesCipher(*derive_3des_keys(password_seed(mrz_information)[:KSEED_BYTES]))


def establish_bac(
    channel: Channel, cipher: TripleDesCipher, *, random: Callable[[int], bytes] = os.urandom
) -> None:
    """Run BAC on the selected application and put the channel under its session keys.

    Raises:
        AccessDenied: the chip does not accept the keys.
        AccessUnavailable: the chip does not speak BAC.
        SecureMessagingError: the chip could not prove that it knows the keys.
    """
    challenge = channel.send(Command(0x00, Ins.GET_CHALLENGE, 0, 0, le=RND_BYTES))
    if not challenge.ok:
        raise AccessUnavailable(f"The chip gives no challenge for BAC (status {challenge.status:04X}).")
    if len(challenge.data) != RND_BYTES:
        raise Malformed("The chip's challenge has the wrong size.")
    nonces = Nonces(challenge.data, random(RND_BYTES), random(KEY_BYTES))
    answer = channel.send(
        Command(0x00, Ins.EXTERNAL_AUTHENTICATE, 0, 0, authentication_token(cipher, nonces), TOKEN_BYTES)
    )
    _check_accepted(answer)
    channel.protect_with(session(cipher, nonces, answer.data))


def authentication_token(cipher: TripleDesCipher, nonces: Nonces) -> bytes:
    """E.IFD || M.IFD, the terminal's proof."""
    return seal_token(cipher, nonces.rnd_ifd + nonces.rnd_ic + nonces.k_ifd)


def session(cipher: TripleDesCipher, nonces: Nonces, answer: bytes) -> SecureMessaging:
    """Check the chip's proof and make the session from both halves of the key."""
    plain = open_token(cipher, answer)
    if plain is None or not equal(plain[: 2 * RND_BYTES], nonces.rnd_ic + nonces.rnd_ifd):
        raise SecureMessagingError("The chip could not prove that it knows the access keys.")
    return SecureMessaging(*session_keys(nonces, plain[2 * RND_BYTES :]))


def session_keys(nonces: Nonces, k_ic: bytes) -> tuple[TripleDesCipher, bytes]:
    """The session's cipher and counter, the same on both sides (9.7.1, 9.8)."""
    seed = bytes(a ^ b for a, b in zip(nonces.k_ifd, k_ic, strict=True))
    counter = nonces.rnd_ic[4:] + nonces.rnd_ifd[4:]
    return TripleDesCipher(*derive_3des_keys(seed)), counter


def seal_token(cipher: TripleDesCipher, plain: bytes) -> bytes:
    """Either side's proof: encrypted, then authenticated; no padding in it, no counter yet."""
    encrypted = cipher.encrypt(b"", plain)
    return encrypted + cipher.mac(b"", pad(encrypted, cipher.block_bytes))


def open_token(cipher: TripleDesCipher, token: bytes) -> bytes | None:
    """What is in the other side's proof; None when it was not made with these keys."""
    if len(token) != TOKEN_BYTES:
        return None
    encrypted, mac = token[:-MAC_BYTES], token[-MAC_BYTES:]
    if not equal(mac, cipher.mac(b"", pad(encrypted, cipher.block_bytes))):
        return None
    return cipher.decrypt(b"", encrypted)


def _check_accepted(answer: Response) -> None:
    if answer.status in _NOT_SPOKEN_HERE:
        raise AccessUnavailable(
            f"The chip does not speak BAC (status {answer.status:04X}); it may ask for PACE."
        )
    if not answer.ok:
        raise AccessDenied(f"The chip does not open with this MRZ (status {answer.status:04X}).")
