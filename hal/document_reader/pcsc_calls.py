"""The calls of PC/SC that the driver needs, each raising what its result code means for a device."""

from typing import NoReturn

from smartcard import scard

from hal.device import ChipRemoved, DeviceBusy, DeviceFault, DeviceGone, Unreadable

# What the daemon's result codes mean here.
_SERVICE_GONE = {scard.SCARD_E_NO_SERVICE, scard.SCARD_E_SERVICE_STOPPED}
_READER_GONE = {
    scard.SCARD_E_READER_UNAVAILABLE,
    scard.SCARD_E_UNKNOWN_READER,
    scard.SCARD_E_NO_READERS_AVAILABLE,
    scard.SCARD_E_INVALID_HANDLE,
}
_CHIP_REMOVED = {
    scard.SCARD_W_REMOVED_CARD,
    scard.SCARD_W_RESET_CARD,
    scard.SCARD_E_NO_SMARTCARD,
    # What drivers say when the chip leaves during an exchange.
    scard.SCARD_E_NOT_TRANSACTED,
    scard.SCARD_E_COMM_DATA_LOST,
    scard.SCARD_F_COMM_ERROR,
    scard.SCARD_W_UNPOWERED_CARD,
}
_BUSY = {scard.SCARD_E_SHARING_VIOLATION, scard.SCARD_E_SERVER_TOO_BUSY}
_UNREADABLE = {scard.SCARD_W_UNRESPONSIVE_CARD, scard.SCARD_W_UNSUPPORTED_CARD, scard.SCARD_E_PROTO_MISMATCH}

_GET_FEATURE_REQUEST = 3400
_FEATURE_GET_TLV_PROPERTIES = 0x12
_MAX_APDU_DATA_SIZE = 0x0A
_SHORT_APDU_BYTES = 256


def establish() -> int:
    """A context of the daemon's, to be released."""
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if result != scard.SCARD_S_SUCCESS:
        fail(result)
    return int(context)


def release(context: int) -> None:
    """Give the context back; one that the daemon does not know any more is gone already."""
    scard.SCardReleaseContext(context)


def list_readers(context: int) -> tuple[str, ...]:
    """The names of all readers that are plugged in."""
    result, names = scard.SCardListReaders(context, [])
    if result == scard.SCARD_E_NO_READERS_AVAILABLE:
        return ()
    if result != scard.SCARD_S_SUCCESS:
        fail(result)
    return tuple(names)


def connect(context: int, reader: str) -> tuple[int, int, bytes]:
    """Handle, protocol and ATR of the chip in this reader."""
    result, card, protocol = scard.SCardConnect(
        context, reader, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    )
    if result != scard.SCARD_S_SUCCESS:
        fail(result)
    result, _, _, _, atr = scard.SCardStatus(card)
    if result != scard.SCARD_S_SUCCESS:
        disconnect(card)
        fail(result)
    return int(card), int(protocol), bytes(atr)


def max_apdu_data(card: int) -> int | None:
    """dwMaxAPDUDataSize (PC/SC part 10, 2.6.14); None where the driver does not say. 0 means short APDUs
    only."""
    result, features = scard.SCardControl(card, scard.SCARD_CTL_CODE(_GET_FEATURE_REQUEST), [])
    if result != scard.SCARD_S_SUCCESS:
        return None
    code = _properties(bytes(features)).get(_FEATURE_GET_TLV_PROPERTIES)
    if code is None:
        return None
    result, answer = scard.SCardControl(card, int.from_bytes(code), [])
    if result != scard.SCARD_S_SUCCESS:
        return None
    value = _properties(bytes(answer)).get(_MAX_APDU_DATA_SIZE)
    if value is None:
        return None
    # The features' codes are big-endian, the properties' values little-endian: so the standard has it.
    size = int.from_bytes(value, "little")
    return size if size > _SHORT_APDU_BYTES else _SHORT_APDU_BYTES


def _properties(data: bytes) -> dict[int, bytes]:
    """Tag, length, value, each of one byte but the value; what is cut short is left out."""
    found: dict[int, bytes] = {}
    position = 0
    while position + 2 <= len(data):
        tag, length = data[position], data[position + 1]
        value = data[position + 2 : position + 2 + length]
        if len(value) == length:
            found.setdefault(tag, value)
        position += 2 + length
    return found


def disconnect(card: int) -> None:
    """Let go of the chip as it is."""
    # Not with a reset: when that fails because the chip has just left, pcscd 1.9 calls the reader empty
    # without having seen the chip leave, and then does not notice it coming back within half a second.
    # The daemon powers an unused chip down by itself, and nobody else has the keys of its session.
    scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)


def fail(result: int) -> NoReturn:
    """The error that a PC/SC result code stands for."""
    said = scard.SCardGetErrorMessage(result).strip()
    if result in _CHIP_REMOVED:
        raise ChipRemoved("The chip left the reader's field.")
    if result in _UNREADABLE:
        raise Unreadable(f"What lies on the reader does not answer as a chip: {said}")
    if result in _SERVICE_GONE:
        raise DeviceGone("The PC/SC daemon (pcscd) does not run.")
    if result in _READER_GONE:
        raise DeviceGone(f"The reader is not there: {said}")
    if result in _BUSY:
        raise DeviceBusy(f"Another program holds the reader: {said}")
    raise DeviceFault(f"PC/SC says: {said}")
