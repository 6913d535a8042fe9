"""The chip's side held to ICAO Doc 9303-11, appendices D.3 and D.4, bit for bit."""

import pytest

from appliance.chip.bac import access_cipher
from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.ciphers import TripleDesCipher, pad
from appliance.simulation.chip.chip_side import ChipSession, ProtectionFailed, answer_bac
from appliance.travel_document.lds import tlv

CIPHER = TripleDesCipher(
    bytes.fromhex("979EC13B1CBFE9DCD01AB0FED307EAE5"), bytes.fromhex("F1CB1F1FB5ADF208806B89DC579DC1F8")
)
SSC = bytes.fromhex("887022120C06C226")
TOKEN = bytes.fromhex("72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A7")
PROOF = bytes.fromhex("46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D7449")
RND_IC = bytes.fromhex("4608F91988702212")
K_IC = bytes.fromhex("0B4F80323EB3191CB04970CB4052790B")

EXCHANGES = [
    (
        "00A4020C02011E",
        "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
        "",
        "990290008E08FA855A5D4C50A8ED",
    ),
    (
        "00B0000004",
        "0CB000000D9701048E08ED6705417E96BA5500",
        "60145F01",
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED",
    ),
    (
        "00B0000412",
        "0CB000040D9701128E082EA28A70F3C7B53500",
        "04303130365F36063034303030305C026175",
        "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D74",
    ),
]


def replay(session: ChipSession) -> None:
    for plain, sent, data, answer in EXCHANGES:
        command = session.unprotect(Command.decode(bytes.fromhex(sent)))
        assert command == Command.decode(bytes.fromhex(plain))
        protected = session.protect(command, Response(bytes.fromhex(data), 0x9000))
        assert protected == Response(bytes.fromhex(answer), 0x9000)


def test_ok__published_exchanges():
    replay(ChipSession(CIPHER, SSC))


def test_ok__published_authentication_leads_into_them():
    accepted = answer_bac(access_cipher("L898902C<369080619406236"), rnd_ic=RND_IC, k_ic=K_IC, token=TOKEN)
    assert accepted is not None
    proof, session = accepted
    assert proof == PROOF
    replay(session)


@pytest.mark.parametrize("token", [b"", TOKEN[:-1], TOKEN[:-1] + b"\x00"])
def test_fail__wrong_token(token: bytes):
    cipher = access_cipher("L898902C<369080619406236")
    assert answer_bac(cipher, rnd_ic=RND_IC, k_ic=K_IC, token=token) is None


def test_fail__token_for_another_challenge():
    cipher = access_cipher("L898902C<369080619406236")
    assert answer_bac(cipher, rnd_ic=bytes(8), k_ic=K_IC, token=TOKEN) is None


def authenticated(objects: bytes) -> Command:
    header = bytes((0x0C, 0xB0, 0, 0))
    ssc = (int.from_bytes(SSC) + 1).to_bytes(8)
    mac = CIPHER.mac(ssc, pad(header, 8) + pad(objects, 8))
    return Command(0x0C, 0xB0, 0, 0, objects + tlv.encode(0x8E, mac), 256)


@pytest.mark.parametrize(
    "command",
    [
        Command(0x0C, 0xB0, 0, 0, b"\x8e"),  # no data object
        Command(0x0C, 0xB0, 0, 0, bytes.fromhex("9701048E080000000000000000")),  # wrong code
        Command(0x0C, 0xB0, 0, 0, bytes.fromhex("970104")),  # no code
        authenticated(tlv.encode(0x87, b"\x02" + bytes(8))),  # unknown padding
        authenticated(tlv.encode(0x87, b"\x01" + bytes(7))),  # half a block
        authenticated(tlv.encode(0x87, b"\x01" + CIPHER.encrypt(b"", b"unpadded"))),
    ],
)
def test_fail__unprotected_command(command: Command):
    with pytest.raises(ProtectionFailed):
        ChipSession(CIPHER, SSC).unprotect(command)
