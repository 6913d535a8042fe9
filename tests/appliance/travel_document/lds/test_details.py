"""EF.COM and the data groups of details: known fields by name, unknown ones kept, nothing guessed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.simulation.booth import person_of
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.com import read_com
from appliance.travel_document.lds.contents import describe, unreadable
from appliance.travel_document.lds.details import (
    read_dg7,
    read_dg11,
    read_dg12,
    read_dg13,
    read_dg16,
)
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed
from appliance.travel_document.lds.files import identify

PICTURE = b"\xff\xd8\xff\xe0" + bytes(20)


def group(tag: int, *objects: tuple[int, bytes]) -> bytes:
    return tlv.encode(tag, b"".join(tlv.encode(*one) for one in objects))


DG11 = group(
    0x6B,
    (0x5C, bytes.fromhex("5F0E5F105F2B")),
    (0x5F0E, "ТОКТОГУЛОВ<<БАКЫТ".encode()),
    (0x5F10, b"22706198400123"),
    (0x5F2B, bytes.fromhex("19840627")),
    (
        0xA0,
        tlv.encode(0x02, b"\x02")
        + tlv.encode(0x5F0F, b"A<<B")
        + tlv.encode(0x5F0F, b"C<<D")
        + tlv.encode(0x5F7F, b"x"),
    ),
    (0x5F16, PICTURE),
    (0x5F42, b"1 RD\nTOWN"),
    (0x5F77, b"what a state has added"),
)
DG12 = group(
    0x6C,
    (0x5C, b""),
    (0x5F19, b"UTOPIA"),
    (0x5F26, b"20200105"),
    (0x5F55, b"20200105101112"),
    (0x5F26, b"odd"),
    (0x5F1D, PICTURE),
)


def test_ok__the_holder_in_their_own_script():
    details = read_dg11(DG11)
    assert details.first("full_name") == "ТОКТОГУЛОВ<<БАКЫТ"
    assert details.first("personal_number") == "22706198400123"
    assert details.first("birth_date") == "1984-06-27"
    assert details.fields["other_names"] == ("A<<B", "C<<D")
    assert details.first("address") == "1 RD TOWN"
    assert details.first("title") is None
    assert details.images == {"proof_of_citizenship": PICTURE}
    assert details.unknown == {0x5F7F: b"x", 0x5F77: b"what a state has added"}
    assert "ТОКТОГУЛОВ" not in repr(details)


def test_ok__the_document():
    details = read_dg12(DG12)
    assert details.fields["issue_date"] == ("2020-01-05", "odd")
    assert details.first("personalised_at") == "2020-01-05T10:11:12"
    assert details.first("issuing_authority") == "UTOPIA"


def test_ok__pictures_persons_and_raw():
    assert read_dg7(group(0x67, (0x02, b"\x01"), (0x5F43, PICTURE))) == (PICTURE,)
    person = tlv.encode(0x5F51, b"SMITH<<CHARLES") + tlv.encode(0x5F52, b"1")
    (told,) = read_dg16(group(0x70, (0x02, b"\x01"), (0xA1, person)))
    assert told.fields == {"name": ("SMITH<<CHARLES",), "telephone": ("1",)}
    assert read_dg13(tlv.encode(0x6D, b"\x01\x23")) == b"\x01\x23"


def test_ok__com():
    com = read_com(bytes.fromhex("60145F0104303130375F36063034303030305C026175"))
    assert (com.lds_version, com.unicode_version, com.names, com.numbers) == (
        "0107",
        "040000",
        ("DG1", "DG2"),
        (1, 2),
    )


def test_fail__too_many():
    with pytest.raises(LimitExceeded):
        read_dg7(group(0x67, *[(0x5F43, PICTURE)] * 16))
    with pytest.raises(LimitExceeded):
        read_dg16(group(0x70, *[(0xA1, b"")] * 16))


@pytest.mark.parametrize("read", [read_com, read_dg7, read_dg11, read_dg12, read_dg13, read_dg16])
@pytest.mark.parametrize("content", [b"", b"\x61\x00", b"\x6b\x05\x5f\x0e"])
def test_fail__another_file(read, content: bytes):
    with pytest.raises(Malformed):
        read(content)


def test_ok__everything_described():
    person = person_of(1)
    files = {
        **person.files,
        "DG11": DG11,
        "DG12": DG12,
        "DG13": tlv.encode(0x6D, b"raw"),
        "DG7": group(0x67, (0x5F43, PICTURE)),
        "DG16": group(0x70, (0xA1, tlv.encode(0x5F51, b"A<<B"))),
        "DG15": person_of(3).files["DG15"],
    }
    told = describe(files)
    assert told["DG1"]["lines"] == list(person.lines)
    assert told["DG2"]["kind"] == "image/jpeg"
    assert told["DG11"]["unknown"]["5F77"]
    assert told["DG14"]["chip_authentication"] == [{"protocol": "CA-ECDH-AES-128", "key_id": None}]
    assert told["DG15"] == {"key": "brainpoolP256r1"}
    assert told["DG16"]["persons"] == [{"name": "A<<B"}]
    assert told["CardAccess"]["pace"][0]["protocol"] == "PACE-ECDH-GM-AES-128"
    assert unreadable(files) == {}
    assert set(unreadable({**files, "DG2": b"\x75\x00", "DG1": b"\x61\x00"})) == {"DG1", "DG2"}


@pytest.mark.parametrize("name", ["COM", "SOD", "DG1", "DG2", "DG14", "CardAccess"])
@pytest.mark.parametrize("filler", [b"", bytes(30), b"\xff" * 7])
def test_ok__files_are_known_by_their_tag(name: str, filler: bytes):
    content = person_of(1).files[name]
    assert identify(content + filler) == (name, content)


def test_ok__card_security_and_what_is_no_file():
    content = person_of(2).files["CardSecurity"]
    assert identify(content) == ("CardSecurity", content)
    assert identify(person_of(1).files["SOD"][4:]) is None  # CMS, of another kind
    for other in (
        b"",
        b"\x61",
        b"hello",
        bytes.fromhex("61094F07A0000002471001"),
        person_of(1).files["DG1"] + b"x",
    ):
        assert identify(other) is None


@settings(deadline=None)
@given(
    st.sampled_from([read_com, read_dg7, read_dg11, read_dg12, read_dg13, read_dg16]), st.binary(max_size=100)
)
def test_ok__anything_is_read_or_refused(read, data: bytes):
    for tag in (0x60, 0x67, 0x6B, 0x6C, 0x6D, 0x70):
        try:
            read(tlv.encode(tag, data))
        except EmrtdError:
            continue
