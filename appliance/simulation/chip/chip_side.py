"""The chip's side of BAC and of secure messaging (ICAO Doc 9303-11, 4.3 and 9.8)."""

from appliance.chip.bac import RND_BYTES, Nonces, open_token, seal_token, session_keys
from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.ciphers import SessionCipher, TripleDesCipher, equal, pad, unpad
from appliance.secure_messaging.session import (
    DO_CRYPTOGRAM,
    DO_CRYPTOGRAM_ODD,
    DO_LE,
    DO_MAC,
    DO_STATUS,
    PADDING_INDICATOR,
    cryptogram,
)
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import Malformed


class ProtectionFailed(Exception):
    """A command is not protected as it must be; the chip gives up the session."""


class ChipSession:
    """Opens the terminal's commands and protects the answers."""

    def __init__(self, cipher: SessionCipher, ssc: bytes) -> None:
        self._cipher = cipher
        self._ssc = int.from_bytes(ssc)
        self._ssc_bytes = len(ssc)

    def unprotect(self, command: Command) -> Command:
        ssc = self._next_ssc()
        try:
            objects = {found.tag: found.value for found in tlv.decode(command.data)}
        except Malformed as error:
            raise ProtectionFailed from error
        mac = objects.pop(DO_MAC, b"")
        block = self._cipher.block_bytes
        body = command.data[: -len(tlv.encode(DO_MAC, mac))]
        authenticated = pad(command.header, block) + (pad(body, block) if body else b"")
        if not equal(mac, self._cipher.mac(ssc, authenticated)):
            raise ProtectionFailed
        le = objects.get(DO_LE)
        return Command(
            command.cla & 0xF0,
            command.ins,
            command.p1,
            command.p2,
            self._decrypt(ssc, objects),
            None if le is None else int.from_bytes(le) or 1 << 8 * len(le),
        )

    def protect(self, command: Command, answer: Response, *, with_status: bool = True) -> Response:
        """The answer to `command` as it is sent; `with_status` False leaves DO99 out, as no chip may."""
        ssc = self._next_ssc()
        block = self._cipher.block_bytes
        objects = b""
        if answer.data:
            objects += cryptogram(command.ins, self._cipher.encrypt(ssc, pad(answer.data, block)))
        if with_status:
            objects += tlv.encode(DO_STATUS, answer.status.to_bytes(2))
        objects += tlv.encode(DO_MAC, self._cipher.mac(ssc, pad(objects, block)))
        return Response(objects, answer.status)

    def _decrypt(self, ssc: bytes, objects: dict[int, bytes]) -> bytes:
        encrypted = objects.get(DO_CRYPTOGRAM_ODD)
        if encrypted is None:
            encrypted = objects.get(DO_CRYPTOGRAM, PADDING_INDICATOR)
            if not encrypted.startswith(PADDING_INDICATOR):
                raise ProtectionFailed
            encrypted = encrypted[1:]
        if not encrypted:
            return b""
        if len(encrypted) % self._cipher.block_bytes:
            raise ProtectionFailed
        plain = unpad(self._cipher.decrypt(ssc, encrypted), self._cipher.block_bytes)
        if plain is None:
            raise ProtectionFailed
        return plain

    def _next_ssc(self) -> bytes:
        self._ssc = (self._ssc + 1) % (1 << 8 * self._ssc_bytes)
        return self._ssc.to_bytes(self._ssc_bytes)


def answer_bac(
    cipher: TripleDesCipher, *, rnd_ic: bytes, k_ic: bytes, token: bytes
) -> tuple[bytes, ChipSession] | None:
    """The chip's proof and its session; None when the terminal does not know the keys."""
    plain = open_token(cipher, token)
    if plain is None or not equal(plain[RND_BYTES : 2 * RND_BYTES], rnd_ic):
        return None
    nonces = Nonces(rnd_ic, plain[:RND_BYTES], plain[2 * RND_BYTES :])
    proof = seal_token(cipher, nonces.rnd_ic + nonces.rnd_ifd + k_ic)
    return proof, ChipSession(*session_keys(nonces, k_ic))
