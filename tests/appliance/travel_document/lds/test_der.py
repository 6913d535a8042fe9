"""ASN.1: what issuers write is read, and nothing has no end."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.travel_document.lds import der
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed


def h(text: str) -> bytes:
    return bytes.fromhex(text)


def test_ok__a_structure_is_taken_apart():
    element = der.parse(h("300B 020105 0C0161 A003 0201FF"))
    fields = element.fields()
    assert fields.take(der.INTEGER).integer() == 5
    assert fields.maybe(der.SET) is None
    assert fields.take().text() == "a"
    assert fields.maybe(0xA0).explicit().integer() == -1
    assert not fields
    assert element.children()[0].raw == h("020105")


def test_ok__rest_and_unsigned():
    fields = der.parse(h("3006 0201FF 020100")).fields()
    assert fields.take().unsigned() == 255
    assert [one.integer() for one in fields.rest()] == [0]


def test_ok__indefinite_lengths_and_pieces():
    element = der.parse(h("3080 2480 04026162 040163 0000 0000"))
    assert element.children()[0].octets() == b"abc"
    assert element.raw == h("3080 2480 04026162 040163 0000 0000")


def test_ok__zeros_behind_the_end_are_passed_over():
    assert der.parse(h("0500 0000")).raw == h("0500")
    assert der.parse_first(h("0500 0101")) == (der.parse(h("0500")), h("0101"))


@pytest.mark.parametrize(
    ("dotted", "encoded"),
    [
        ("1.2.840.113549.1.7.2", "2A864886F70D010702"),
        ("2.23.136.1.1.1", "678108010101"),
        ("0.4.0.127.0.7", "04007F0007"),
    ],
)
def test_ok__object_identifiers(dotted: str, encoded: str):
    assert der.dotted(h(encoded)) == dotted
    assert der.oid_bytes(dotted) == h(encoded)


@pytest.mark.parametrize(
    ("content", "generalized", "expected"),
    [
        (b"260102030405Z", False, dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        (b"9901020304Z", False, dt.datetime(1999, 1, 2, 3, 4, tzinfo=dt.UTC)),
        (b"20510102030405Z", True, dt.datetime(2051, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        (b"20260102030405.25Z", True, dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        (b"260102030405+0200", False, dt.datetime(2026, 1, 2, 1, 4, 5, tzinfo=dt.UTC)),
        (b"260102030405-0130", False, dt.datetime(2026, 1, 2, 4, 34, 5, tzinfo=dt.UTC)),
    ],
)
def test_ok__moments(content: bytes, generalized: bool, expected: dt.datetime):
    assert der.parse_time(content, generalized=generalized) == expected


@pytest.mark.parametrize(
    "content", [b"", b"Z", b"261302030405Z", b"26010203XX05Z", b"2601020304056*", b"\xff" * 13]
)
def test_fail__not_a_moment(content: bytes):
    with pytest.raises(Malformed, match="moment"):
        der.parse_time(content, generalized=False)


def test_ok__text_of_every_kind():
    assert der.parse(h("1E04 00410042")).text() == "AB"
    assert der.parse(h("1C04 00000041")).text() == "A"
    assert der.parse(h("0C02 C3A9")).text() == "é"
    assert der.parse(h("1301 FF")).text() == "\ufffd"


@pytest.mark.parametrize(
    "data",
    ["", "30", "3005 0201", "3081", "3084FFFFFF", "1F8101", "0580", "3080 0201", "0500 01", "3003 020500"],
)
def test_fail__malformed(data: str):
    with pytest.raises(Malformed):
        der.parse(h(data)).children() if data.startswith("3003") else der.parse(h(data))


def test_fail__too_much():
    with pytest.raises(LimitExceeded):
        der.parse(h("30 85 0000000001 00"))
    with pytest.raises(LimitExceeded):
        der.parse(bytes(der.MAX_BYTES + 1))
    deep = b""
    for _ in range(40):
        deep = b"\x30" + (bytes((len(deep),)) if len(deep) < 128 else b"\x81" + bytes((len(deep),))) + deep
    element = der.parse(deep)
    for _ in range(der.MAX_DEPTH - 1):
        (element,) = element.children()
    with pytest.raises(LimitExceeded):
        element.children()
    with pytest.raises(LimitExceeded):
        der.parse(b"\x30\x80" * 40)


def test_fail__too_many(monkeypatch):
    monkeypatch.setattr(der, "MAX_CHILDREN", 3)
    with pytest.raises(LimitExceeded):
        der.parse(h("3008 0500 0500 0500 0500")).children()
    with pytest.raises(LimitExceeded):
        der.parse(h("3080 0500 0500 0500 0500 0000"))


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ("0500", lambda one: one.children()),
        ("3004 0500 0500", lambda one: one.explicit()),
        ("0500", lambda one: one.integer()),
        ("0200", lambda one: one.integer()),
        ("0500", lambda one: one.oid()),
        ("0600", lambda one: one.oid()),
        ("060181", lambda one: one.oid()),
        ("0500", lambda one: one.bits()),
        ("0300", lambda one: one.bits()),
        ("030109", lambda one: one.bits()),
        ("0500", lambda one: one.time()),
        ("3002 0500", lambda one: one.fields().take(der.INTEGER)),
        ("3000", lambda one: one.fields().take()),
        ("2403 020105", lambda one: one.octets()),
    ],
)
def test_fail__not_what_was_asked_for(data: str, read):
    with pytest.raises(Malformed):
        read(der.parse(h(data)))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_ok__anything_is_read_or_refused(data: bytes):
    try:
        waiting = [der.parse(data)]
        while waiting:
            one = waiting.pop()
            if one.constructed:
                waiting += one.children()
    except EmrtdError:
        return
