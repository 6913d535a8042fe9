"""Secure messaging (ICAO Doc 9303-11, 9.8): commands encrypted and authenticated, answers checked."""

from appliance.secure_messaging.apdu import (
    CLA_SECURE_MESSAGING,
    MAX_EXTENDED_LE,
    MAX_SHORT_DATA,
    MAX_SHORT_LE,
    Command,
    Response,
)
from appliance.secure_messaging.ciphers import MAC_BYTES, SessionCipher, equal, pad, unpad
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import Malformed

DO_CRYPTOGRAM_ODD = 0x85
"""For odd instructions: the content is BER-TLV and there is no padding indicator."""
DO_CRYPTOGRAM = 0x87
DO_LE = 0x97
DO_STATUS = 0x99
DO_MAC = 0x8E
PADDING_INDICATOR = b"\x01"


class SecureMessaging:
    """One protected session: its keys and its counter; a session that failed stays dead."""

    def __init__(self, cipher: SessionCipher, ssc: bytes) -> None:
        self._cipher = cipher
        self._ssc = int.from_bytes(ssc)
        self._ssc_bytes = len(ssc)

    def protect(self, command: Command) -> Command:
        """The command as it is sent; counts the counter up."""
        ssc = self._next_ssc()
        block = self._cipher.block_bytes
        cla = command.cla | CLA_SECURE_MESSAGING
        header = bytes((cla, command.ins, command.p1, command.p2))
        objects = b""
        if command.data:
            encrypted = self._cipher.encrypt(ssc, pad(command.data, block))
            objects += cryptogram(command.ins, encrypted)
        if command.le is not None:
            size = 1 if command.le <= MAX_SHORT_LE else 2
            objects += tlv.encode(DO_LE, (command.le % (1 << 8 * size)).to_bytes(size))
        authenticated = pad(header, block) + (pad(objects, block) if objects else b"")
        objects += tlv.encode(DO_MAC, self._cipher.mac(ssc, authenticated))
        extended = len(objects) > MAX_SHORT_DATA or (command.le or 0) > MAX_SHORT_LE
        le = MAX_EXTENDED_LE if extended else MAX_SHORT_LE
        return Command(cla, command.ins, command.p1, command.p2, objects, le)

    def unprotect(self, response: Response) -> Response:
        """The answer inside; counts the counter up.

        Raises:
            SessionEnded: a bare error status came.
            SecureMessagingError: anything else that is not protected as it must be.
        """
        ssc = self._next_ssc()
        if not response.data and not response.claims_success:
            raise SessionEnded(response.status)
        encrypted, padding_indicated, status, mac = _parse(response.data)
        authenticated = response.data[: -len(tlv.encode(DO_MAC, mac))]
        if not equal(mac, self._cipher.mac(ssc, pad(authenticated, self._cipher.block_bytes))):
            raise SecureMessagingError("The chip's answer has a wrong authentication code.")
        data = self._decrypt(ssc, encrypted, padding_indicated) if encrypted else b""
        return Response(data, status)

    def _decrypt(self, ssc: bytes, encrypted: bytes, padding_indicated: bool) -> bytes:
        if padding_indicated:
            if encrypted[:1] != PADDING_INDICATOR:
                raise SecureMessagingError("The chip's answer names a padding that the standard does not.")
            encrypted = encrypted[1:]
        if not encrypted or len(encrypted) % self._cipher.block_bytes:
            raise SecureMessagingError("The chip's encrypted answer is not a whole number of blocks.")
        plain = unpad(self._cipher.decrypt(ssc, encrypted), self._cipher.block_bytes)
        if plain is None:
            raise SecureMessagingError("The chip's decrypted answer has no valid padding.")
        return plain

    def _next_ssc(self) -> bytes:
        self._ssc = (self._ssc + 1) % (1 << 8 * self._ssc_bytes)
        return self._ssc.to_bytes(self._ssc_bytes)


def cryptogram(ins: int, encrypted: bytes) -> bytes:
    """The data object that carries encrypted data for this instruction."""
    if ins & 1:
        return tlv.encode(DO_CRYPTOGRAM_ODD, encrypted)
    return tlv.encode(DO_CRYPTOGRAM, PADDING_INDICATOR + encrypted)


def _parse(data: bytes) -> tuple[bytes, bool, int, bytes]:
    """Cryptogram, whether it has a padding indicator, status, MAC: in this order, nothing else."""
    try:
        objects = list(tlv.decode(data))
    except Malformed as error:
        raise SecureMessagingError("The chip's answer is not protected.") from error
    encrypted, padding_indicated = b"", False
    if objects and objects[0].tag in (DO_CRYPTOGRAM, DO_CRYPTOGRAM_ODD):
        padding_indicated = objects[0].tag == DO_CRYPTOGRAM
        encrypted = objects.pop(0).value
        if not encrypted:
            raise SecureMessagingError("The chip's answer has an empty cryptogram.")
    if [found.tag for found in objects] != [DO_STATUS, DO_MAC]:
        raise SecureMessagingError("The chip's answer lacks a protected status or an authentication code.")
    status, mac = objects[0].value, objects[1].value
    if len(status) != 2 or len(mac) != MAC_BYTES:
        raise SecureMessagingError("The chip's answer has a status or authentication code of wrong size.")
    return encrypted, padding_indicated, int.from_bytes(status), mac
