"""Secure messaging held to ICAO Doc 9303-11, appendix D.4, bit for bit; then what an attacker may send."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.ciphers import TripleDesCipher, pad
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded
from appliance.secure_messaging.session import SecureMessaging, cryptogram
from appliance.travel_document.lds import tlv

KS_ENC = bytes.fromhex("979EC13B1CBFE9DCD01AB0FED307EAE5")
KS_MAC = bytes.fromhex("F1CB1F1FB5ADF208806B89DC579DC1F8")
SSC = bytes.fromhex("887022120C06C226")
CIPHER = TripleDesCipher(KS_ENC, KS_MAC)

EXCHANGES = [
    (
        "00A4020C02011E",
        "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
        "990290008E08FA855A5D4C50A8ED9000",
        "",
    ),
    (
        "00B0000004",
        "0CB000000D9701048E08ED6705417E96BA5500",
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
        "60145F01",
    ),
    (
        "00B0000412",
        "0CB000040D9701128E082EA28A70F3C7B53500",
        "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000",
        "04303130365F36063034303030305C026175",
    ),
]


def session() -> SecureMessaging:
    """A session whose next answer is the second one of its counter: a command has gone out."""
    opened = SecureMessaging(CIPHER, SSC)
    opened.protect(Command(0, 0xB0, 0, 0, le=4))
    return opened


def protected(objects: bytes, *, status: int = 0x9000) -> Response:
    """An answer with a right MAC over whatever objects."""
    ssc = (int.from_bytes(SSC) + 2).to_bytes(8)
    return Response(objects + tlv.encode(0x8E, CIPHER.mac(ssc, pad(objects, 8))), status)


def test_ok__published_exchanges():
    opened = SecureMessaging(CIPHER, SSC)
    for plain, sent, answer, data in EXCHANGES:
        command = Command.decode(bytes.fromhex(plain))
        assert opened.protect(command).encode().hex().upper() == sent
        inside = opened.unprotect(Response.decode(bytes.fromhex(answer)))
        assert inside == Response(bytes.fromhex(data), 0x9000)


def test_ok__status_inside_is_the_one_that_counts():
    assert session().unprotect(protected(bytes.fromhex("99026A82"), status=0x9000)).status == 0x6A82


def test_ok__odd_instruction_has_no_padding_indicator():
    encrypted = CIPHER.encrypt(b"", pad(b"\x53\x02ab", 8))
    answer = protected(cryptogram(0xB1, encrypted) + bytes.fromhex("99029000"))
    assert session().unprotect(answer).data == b"\x53\x02ab"


def test_ok__odd_command_is_object_85():
    command = SecureMessaging(CIPHER, SSC).protect(Command(0, 0xB1, 0, 0, b"\x54\x02\x80\x00", 4))
    assert command.data[0] == 0x85


@pytest.mark.parametrize("le", [257, 4096, 65536])
def test_ok__long_answers_are_asked_for_in_extended_form(le: int):
    command = SecureMessaging(CIPHER, SSC).protect(Command(0, 0xB0, 0, 0, le=le))
    assert command.data.startswith(b"\x97\x02" + (le % 65536).to_bytes(2))
    assert command.encode().endswith(b"\x00\x00")


def test_ok__counter_wraps_round():
    opened = SecureMessaging(CIPHER, b"\xff" * 8)
    assert opened.protect(Command(0, 0xB0, 0, 0, le=4)).encode()


@pytest.mark.parametrize("status", [0x6988, 0x6987, 0x6700, 0x6A82, 0x6982])
def test_fail__bare_error_ends_the_session(status: int):
    with pytest.raises(SessionEnded) as caught:
        session().unprotect(Response(b"", status))
    assert caught.value.status_word == status


@pytest.mark.parametrize("status", [0x9000, 0x6282, 0x6300, 0x6110])
def test_fail__bare_success_is_an_attack(status: int):
    with pytest.raises(SecureMessagingError) as caught:
        session().unprotect(Response(b"", status))
    assert not isinstance(caught.value, SessionEnded)


@pytest.mark.parametrize("status", [0x9000, 0x6A82])
def test_fail__plain_data_is_an_attack(status: int):
    with pytest.raises(SecureMessagingError) as caught:
        session().unprotect(Response(b"\x60\x14\x5f\x01", status))
    assert not isinstance(caught.value, SessionEnded)


def test_fail__any_flipped_bit():
    whole = bytes.fromhex(EXCHANGES[1][2])[:-2]
    for bit in range(8 * len(whole)):
        answer = bytearray(whole)
        answer[bit // 8] ^= 1 << bit % 8
        opened = SecureMessaging(CIPHER, (int.from_bytes(SSC) + 2).to_bytes(8))
        opened.protect(Command(0, 0xB0, 0, 0, le=4))
        with pytest.raises(SecureMessagingError):
            opened.unprotect(Response(bytes(answer), 0x9000))


def test_fail__answer_played_again():
    opened = SecureMessaging(CIPHER, SSC)
    answer = Response.decode(bytes.fromhex(EXCHANGES[0][2]))
    opened.protect(Command(0, 0xA4, 2, 0x0C, b"\x01\x1e"))
    opened.unprotect(answer)
    opened.protect(Command(0, 0xA4, 2, 0x0C, b"\x01\x1e"))
    with pytest.raises(SecureMessagingError):
        opened.unprotect(answer)


ENCRYPTED = CIPHER.encrypt(b"", pad(b"secret", 8))
UNPADDED = CIPHER.encrypt(b"", b"no padding here!")


@pytest.mark.parametrize(
    "objects",
    [
        cryptogram(0xB0, ENCRYPTED),  # no DO99
        b"",  # MAC alone
        bytes.fromhex("9900"),  # empty DO99
        bytes.fromhex("9903900000"),  # long DO99
        bytes.fromhex("99029000") + cryptogram(0xB0, ENCRYPTED),  # wrong order
        bytes.fromhex("990290009902" + "9000"),  # two
        bytes.fromhex("870099029000"),  # empty cryptogram
        bytes.fromhex("87010199029000"),  # padding indicator alone
        tlv.encode(0x87, b"\x02" + ENCRYPTED) + bytes.fromhex("99029000"),  # unknown padding
        tlv.encode(0x87, b"\x01" + ENCRYPTED[:-1]) + bytes.fromhex("99029000"),  # half a block
        cryptogram(0xB0, UNPADDED) + bytes.fromhex("99029000"),
    ],
)
def test_fail__rightly_authenticated_but_wrongly_built(objects: bytes):
    with pytest.raises(SecureMessagingError):
        session().unprotect(protected(objects))


def test_fail__mac_of_wrong_size():
    with pytest.raises(SecureMessagingError):
        session().unprotect(Response(bytes.fromhex("990290008E0411223344"), 0x9000))


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_fail__nothing_made_up_is_accepted(data: bytes, status: int):
    with pytest.raises(SecureMessagingError):
        session().unprotect(Response(data, status))
