"""DER written by hand, for certificates and objects that libraries would refuse to make: bad ones among
them."""

import datetime as dt

from appliance.travel_document.lds import der
from appliance.travel_document.lds.tlv import encode

NULL = b"\x05\x00"


def sequence(*parts: bytes) -> bytes:
    return encode(der.SEQUENCE, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    return encode(der.SET, b"".join(sorted(parts)))


def integer(value: int) -> bytes:
    return encode(der.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, signed=value < 0))


def oid(dotted: str) -> bytes:
    return encode(der.OBJECT_IDENTIFIER, der.oid_bytes(dotted))


def octets(value: bytes) -> bytes:
    return encode(der.OCTET_STRING, value)


def bits(value: bytes, unused: int = 0) -> bytes:
    return encode(der.BIT_STRING, bytes((unused,)) + value)


def explicit(number: int, content: bytes) -> bytes:
    return encode(0xA0 | number, content)


def implicit(number: int, content: bytes) -> bytes:
    return encode(0x80 | number, content)


def boolean(value: bool) -> bytes:
    return encode(der.BOOLEAN, b"\xff" if value else b"\x00")


def utf8(text: str) -> bytes:
    return encode(der.UTF8_STRING, text.encode())


def printable(text: str) -> bytes:
    return encode(0x13, text.encode("ascii"))


def time(moment: dt.datetime) -> bytes:
    """UTCTime up to 2049, GeneralizedTime after (RFC 5280, 4.1.2.5)."""
    if moment.year < 2050:
        return encode(der.UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return encode(der.GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())
