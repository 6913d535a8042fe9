"""PAXLST by hand after the API guidelines' own order of segments, and what strangers may send instead."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.contracts.advance import AdvanceLine
from appliance.paxlst import MAX_BYTES, MAX_SEGMENT, PaxlstError, looks_like_edifact, read_paxlst, segments

HEAD = (
    "UNH+MSG1+PAXLST:D:12B:UN:IATA",
    "BGM+745",
    "NAD+MS+++BUS LINE DESK",
    "COM+022 000:TE",
    "TDT+20+BUS17+3++BL+++01KG123ABC",
    "LOC+125+NRT",
    "DTM+189:2611260600:201",
    "LOC+87+STH",
    "DTM+232:2611261400:201",
)
PEOPLE = (
    "NAD+FL+++ERIKSSON:ANNA:MARIA",
    "ATT+2++F",
    "DTM+329:740812",
    "LOC+174+UTO",
    "NAT+2+UTO",
    "RFF+SEA:14A",
    "DOC+V:110:111+VISA1",
    "DTM+36:270101",
    "LOC+91+KGZ",
    "DOC+P:110:111+L898902C3",
    "DTM+36:310514",
    "LOC+91+UTO",
    "NAD+FM+++O?'NEIL:JO",
    "DTM+329:20000229:102",
)
CNT = ("CNT+42:2",)


def message(*parts: str, una: str = "UNA:+.? '", end: str = "'\n") -> bytes:
    body = [*parts, f"UNT+{len(parts) + 1}+MSG1"]
    whole = ["UNB+UNOA:4+BUSLINE+BORDER+261126:1200+REF1", *body, "UNZ+1+REF1"]
    return (una + end.join(whole) + end).encode()


GOOD = message(*HEAD, *PEOPLE, *CNT)


def test_ok__a_bus_with_a_passenger_and_its_crew() -> None:
    first, second = read_paxlst(GOOD, direction="entry")
    assert first == AdvanceLine(
        number=1,
        list="BUS17",
        kind="bus",
        route="NRT - STH",
        direction="entry",
        expected_date="2026-11-26",
        expected_time="14:00",
        plate="01KG123ABC",
        seat="14A",
        role="passenger",
        document_code="P",
        issuing_state="UTO",
        document_number="L898902C3",
        primary_identifier="ERIKSSON",
        secondary_identifier="ANNA MARIA",
        nationality="UTO",
        birth_date="1974-08-12",
        sex="F",
        expiry_date="2031-05-14",
    )
    assert (second.primary_identifier, second.role, second.birth_date) == ("O'NEIL", "crew", "2000-02-29")
    assert (second.document_number, second.expiry_date, second.seat) == ("", "", "")


def test_ok__other_service_characters_and_none() -> None:
    assert read_paxlst(message(*HEAD, *PEOPLE, *CNT, una=""), direction="entry")[0].seat == "14A"
    other = GOOD.decode()[9:].replace("?'", "\0").replace("+", "|").replace("'", "~").replace("\0", "'")
    assert read_paxlst(b"UNA:|.? ~" + other.encode(), direction="entry")[1].primary_identifier == "O'NEIL"


def test_ok__a_crew_s_list_and_a_kind_that_is_said() -> None:
    head = tuple("BGM+250" if one == "BGM+745" else one for one in HEAD)
    assert read_paxlst(message(*head, *PEOPLE), direction="exit")[0].kind == "crew"
    plane = tuple("TDT+20+XX1+4" if one.startswith("TDT") else one for one in HEAD)
    assert read_paxlst(message(*plane, *PEOPLE), direction="exit", kind="train")[0].kind == "train"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no end"),
        (GOOD[:-20], "cut short"),
        (GOOD.replace(b"UNZ+1+REF1'\n", b""), "no end"),
        (message(*HEAD, *PEOPLE, "CNT+42:3"), "lists 3 people, and lists 2"),
        (GOOD.replace(b"UNT+25", b"UNT+24"), "another number of segments"),
        (message(*HEAD), "with a person"),
        (message(*(one for one in HEAD if not one.startswith("DTM")), *PEOPLE), "when it comes"),
        (message(*(one for one in HEAD if not one.startswith("TDT")), *PEOPLE), "neither rail nor road"),
        (b"UNAAAAAAA" + GOOD[9:], "no service characters"),
        (GOOD.replace(b"BGM", b"B2M"), "tag"),
        (GOOD.replace(b"BUSLINE", b"B" * (MAX_SEGMENT + 1)), "longer than"),
        (b"U" * (MAX_BYTES + 1), "larger than"),
        (GOOD.replace(b"UNT", b"UNH"), "has ended"),
        (GOOD.replace(b"UNH+", b"UNT+"), "not begun"),
        (GOOD.replace(b"PAXLST", b"CUSRES"), "no PAXLST"),
    ],
)
def test_fail__what_is_no_paxlst(data: bytes, says: str) -> None:
    with pytest.raises(PaxlstError, match=says):
        read_paxlst(data, direction="entry")


@pytest.mark.parametrize(
    ("data", "is_one"), [(GOOD, True), (b"UNB+UNOA", True), (b"list,kind", False), (b"", False)]
)
def test_ok__it_is_known_by_its_beginning(data: bytes, is_one: bool) -> None:
    assert looks_like_edifact(data) is is_one


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_ok__no_bytes_break_it(data: bytes) -> None:
    for one in (data, GOOD[:9] + data, GOOD.replace(b"14A", data[:30]), GOOD.replace(b"740812", data[:12])):
        try:
            assert read_paxlst(one, direction="entry")
        except PaxlstError:
            continue


def test_ok__ten_thousand_spoiled_messages_have_typed_answers() -> None:
    chance = random.Random(12)
    odd = [b"'", b"+", b":", b"?", b"\n", b"\0", b"UNA", b"'UNA", b"UNH", b"DTM+329:9999'", b"\xff", b""]
    taken = 0
    for _ in range(10_000):
        data = bytearray(GOOD)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + 1] = chance.choice(odd)
        try:
            taken += bool(read_paxlst(bytes(data), direction="entry"))
        except PaxlstError:
            continue
    assert 0 < taken < 10_000


def test_ok__the_largest_is_read_or_refused_in_seconds() -> None:
    began = time.monotonic()
    with pytest.raises(PaxlstError, match="segments"):
        list(segments("LOC'" * 150_000))
    with pytest.raises(PaxlstError):
        read_paxlst(b"?" * MAX_BYTES, direction="entry")
    assert time.monotonic() - began < 30
