"""ASN.1 in DER, and in the BER that issuers have been seen to write (ITU-T X.690): read, with every size
bounded.

Certificates, security objects and lists come from strangers and from states whose tools bend the rules:
lengths in long form, indefinite lengths (New Zealand's SOD), negative serial numbers, data after the end of a
structure. All of that is read; nothing of it is believed before a signature over the very bytes holds.
"""

import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.travel_document.lds.errors import LimitExceeded, Malformed

MAX_BYTES = 64 * 1024 * 1024
"""A complete LDIF of the ICAO PKD is the largest thing read; what is in it is far smaller."""
MAX_DEPTH = 24
"""A certificate in a security object nests eleven deep."""
MAX_CHILDREN = 200_000
"""Entries of the longest revocation list; everything else has some hundred."""
MAX_OID_BYTES = 40
MAX_INTEGER_BYTES = 2_100
"""RSA of 16,384 bits, with a sign byte."""

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
UTF8_STRING = 0x0C
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31

_CONSTRUCTED = 0x20
_INDEFINITE = -1
_UTF16_STRING = 0x1E
_UTF32_STRING = 0x1C


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag byte, what is in it, and all its bytes as they stood (`raw`)."""

    tag: int
    content: bytes
    raw: bytes
    depth: int = 0

    @property
    def constructed(self) -> bool:
        return bool(self.tag & _CONSTRUCTED)

    def expect(self, *tags: int) -> "Element":
        """Itself, if it has one of these tags.

        Raises:
            Malformed: it has another.
        """
        if self.tag not in tags:
            raise Malformed(f"An element {tags[0]:02X} was expected where {self.tag:02X} stands.")
        return self

    def children(self) -> tuple["Element", ...]:
        """The elements inside."""
        return tuple(self.iterate())

    def iterate(self) -> Iterator["Element"]:
        """The elements inside, one at a time."""
        if not self.constructed:
            raise Malformed(f"The element {self.tag:02X} is primitive and holds no others.")
        if self.depth + 1 >= MAX_DEPTH:
            raise LimitExceeded(f"Elements are nested deeper than {MAX_DEPTH} levels.")
        position, count, content = 0, 0, self.content
        while position < len(content):
            count += 1
            if count > MAX_CHILDREN:
                raise LimitExceeded(f"More than {MAX_CHILDREN} elements stand side by side.")
            element = _read(content, position, self.depth + 1)
            position += len(element.raw)
            yield element

    def fields(self, tag: int = SEQUENCE) -> "Fields":
        """The elements inside, to be taken in order."""
        self.expect(tag)
        return Fields(self.children())

    def explicit(self) -> "Element":
        """The one element inside an explicit tag."""
        inside = self.children()
        if len(inside) != 1:
            raise Malformed(f"The element {self.tag:02X} does not hold exactly one other.")
        return inside[0]

    def integer(self) -> int:
        if self.tag & 0x1F != INTEGER and self.tag < 0x80:
            self.expect(INTEGER)
        if not 0 < len(self.content) <= MAX_INTEGER_BYTES:
            raise Malformed("An integer has no bytes, or too many.")
        return int.from_bytes(self.content, signed=True)

    def unsigned(self) -> int:
        """An integer that cannot be negative, whatever its first bit: some writers leave the zero out."""
        self.integer()
        return int.from_bytes(self.content)

    def oid(self) -> str:
        """An object identifier in dotted form."""
        if self.tag < 0x80:
            self.expect(OBJECT_IDENTIFIER)
        return dotted(self.content)

    def octets(self) -> bytes:
        """An octet string's bytes; BER may have cut it into pieces."""
        if not self.constructed:
            return self.content
        return b"".join(
            piece.expect(OCTET_STRING, OCTET_STRING | _CONSTRUCTED).octets() for piece in self.iterate()
        )

    def bits(self) -> bytes:
        """A bit string's bytes, without the count of unused bits."""
        self.expect(BIT_STRING)
        if not self.content or self.content[0] > 7:
            raise Malformed("A bit string has no valid count of unused bits.")
        return self.content[1:]

    def text(self) -> str:
        """A string of any of ASN.1's kinds; what is not of its alphabet becomes U+FFFD."""
        encoding = {_UTF16_STRING: "utf-16-be", _UTF32_STRING: "utf-32-be", UTF8_STRING: "utf-8"}
        return self.content.decode(encoding.get(self.tag, "utf-8"), errors="replace")

    def time(self) -> dt.datetime:
        """UTCTime or GeneralizedTime; seconds may lack, and an offset may stand for Z."""
        self.expect(UTC_TIME, GENERALIZED_TIME)
        return parse_time(self.content, generalized=self.tag == GENERALIZED_TIME)


class Fields:
    """A structure's elements, taken in order; optional ones by their tag."""

    def __init__(self, elements: tuple[Element, ...]) -> None:
        self._elements = elements
        self._next = 0

    def __bool__(self) -> bool:
        return self._next < len(self._elements)

    def take(self, *tags: int) -> Element:
        """The next element, which must be there, of one of these tags if any are given."""
        if not self:
            raise Malformed("A structure ends before its last field.")
        element = self._elements[self._next]
        if tags:
            element.expect(*tags)
        self._next += 1
        return element

    def maybe(self, *tags: int) -> Element | None:
        """The next element if it has one of these tags."""
        if self and self._elements[self._next].tag in tags:
            self._next += 1
            return self._elements[self._next - 1]
        return None

    def rest(self) -> tuple[Element, ...]:
        """All that is left."""
        left, self._next = self._elements[self._next :], len(self._elements)
        return left


def parse(data: bytes) -> Element:
    """The one element that `data` is; only zero bytes may stand behind it, as some issuers fill up with them.

    Raises:
        Malformed: it is not.
        LimitExceeded: it is larger or deeper than anything honest.
    """
    element, rest = parse_first(data)
    if rest.strip(b"\x00"):
        raise Malformed("Something stands behind the end of a structure.")
    return element


def parse_first(data: bytes) -> tuple[Element, bytes]:
    """The first element in `data`, and what stands behind it."""
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"More than {MAX_BYTES} bytes are not read.")
    element = _read(data, 0, 0)
    return element, data[len(element.raw) :]


def parse_time(content: bytes, *, generalized: bool) -> dt.datetime:
    """YY[YY]MMDDhhmm[ss[.f]](Z|+hhmm) as an aware moment (RFC 5280, 4.1.2.5: two digits from 50 on are
    19xx)."""
    try:
        text = content.decode("ascii")
        year_digits = 4 if generalized else 2
        year = int(text[:year_digits])
        if not generalized:
            year += 1900 if year >= 50 else 2000
        rest = text[year_digits:]
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        zone = rest[len(digits) :]
        if zone.startswith("."):
            zone = zone[1:].lstrip("0123456789")
        month, day, hour, minute = (int(digits[at : at + 2]) for at in (0, 2, 4, 6))
        second = int(digits[8:10] or "0")
        moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
        if zone not in ("", "Z"):
            sign = {"+": 1, "-": -1}[zone[0]]
            moment -= sign * dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    except (ValueError, KeyError, OverflowError) as error:
        raise Malformed("A moment is not written as a date and time.") from error
    return moment


@functools.lru_cache(maxsize=1024)
def dotted(content: bytes) -> str:
    """An object identifier's bytes in dotted form."""
    if not 0 < len(content) <= MAX_OID_BYTES or content[-1] & 0x80:
        raise Malformed("An object identifier is not whole.")
    arcs: list[int] = []
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def oid_bytes(oid: str) -> bytes:
    """The bytes of an object identifier in dotted form, without tag and length."""
    first, second, *rest = map(int, oid.split("."))
    out = bytearray()
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        out += bytes(reversed(septets))
    return bytes(out)


def _read(data: bytes, position: int, depth: int) -> Element:
    if depth >= MAX_DEPTH:
        raise LimitExceeded(f"Elements are nested deeper than {MAX_DEPTH} levels.")
    start, length = _read_header(data, position)
    if length == _INDEFINITE:
        return _read_indefinite(data, position, start, depth)
    end = start + length
    if end > len(data):
        raise Malformed("An element ends before its length.")
    return Element(data[position], data[start:end], data[position:end], depth)


def _read_indefinite(data: bytes, position: int, start: int, depth: int) -> Element:
    """An element that ends with two zero bytes (X.690, 8.1.3.6)."""
    if not data[position] & _CONSTRUCTED:
        raise Malformed("A primitive element has no end.")
    end, count = start, 0
    while data[end : end + 2] != b"\x00\x00":
        count += 1
        if count > MAX_CHILDREN:
            raise LimitExceeded(f"More than {MAX_CHILDREN} elements stand side by side.")
        end += len(_read(data, end, depth + 1).raw)
    return Element(data[position], data[start:end], data[position : end + 2], depth)


def _read_header(data: bytes, position: int) -> tuple[int, int]:
    """Where the content begins, and its length."""
    if position + 2 > len(data):
        raise Malformed("An element ends within its header.")
    if data[position] & 0x1F == 0x1F:
        raise Malformed("An element has a tag of more than one byte, which no certificate has.")
    first = data[position + 1]
    if first < 0x80:
        return position + 2, first
    if first == 0x80:
        return position + 2, _INDEFINITE
    count = first & 0x7F
    start = position + 2 + count
    if count > 4:
        raise LimitExceeded(f"An element claims a length of {count} bytes' worth.")
    if start > len(data):
        raise Malformed("An element ends within its header.")
    return start, int.from_bytes(data[position + 2 : start])
