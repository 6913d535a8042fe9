"""Chip Authentication's terminal half: its commands, and the proof that only the chip could give."""

import pytest

from appliance.secure_messaging.apdu import Command, Ins, Response
from appliance.secure_messaging.chip_authentication import ChipAuthentication, begin
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded
from appliance.simulation.chip.chip_side import ChipSession
from appliance.simulation.chip.protocols import ChipAuthenticationSide
from appliance.simulation.chip.secrets import ChipSecrets, StaticKey, chip_authentication_info
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.security_infos import SecurityInfos, read_dg14

READ = Command(0x00, Ins.READ_BINARY, 0x81, 0, le=223)


def secrets_with(cipher: str, number: int, key_id: int | None = None) -> ChipSecrets:
    return ChipSecrets(
        chip_authentication=(chip_authentication_info(cipher, number, key_id),),
        static_keys=(StaticKey.generate(number, key_id),),
    )


def agreed(secrets: ChipSecrets) -> tuple[ChipAuthentication, ChipSession]:
    """A run, and the chip's session after its commands."""
    run = begin(read_dg14(secrets.dg14()))
    side = ChipAuthenticationSide(secrets)
    commands = run.commands()
    if len(commands) == 1:
        answer = side.set_key_agreement_template(commands[0].data)
    else:
        assert side.set_template(commands[0].data).ok
        answer = side.authenticate(commands[1].data)
    assert answer.ok
    return run, side.next_session


@pytest.mark.parametrize("number", [0, 2, 12, 13, 18])
@pytest.mark.parametrize("cipher", ["3DES", "AES-128", "AES-192", "AES-256"])
def test_ok__the_chip_that_has_the_key_proves_it(cipher: str, number: int):
    run, chip = agreed(secrets_with(cipher, number))
    sent = run.first_command(READ)
    command = chip.unprotect(Command.decode(sent.encode()))
    assert (command.ins, command.p1) == (READ.ins, READ.p1)
    answer = chip.protect(command, Response(b"data", 0x9000))
    assert run.proof(answer.encode()) == Response(b"data", 0x9000)
    again = run.keys.session()
    assert again.protect(READ).encode() == sent.encode(), "who is handed the keys goes on from the same state"
    assert again.unprotect(answer).data == b"data"


def test_ok__commands_by_cipher_and_key_number():
    (kat,) = begin(read_dg14(secrets_with("3DES", 12).dg14())).commands()
    assert (kat.ins, kat.p1, kat.p2, kat.data[0], kat.le) == (0x22, 0x41, 0xA6, 0x91, None)
    at, general = begin(read_dg14(secrets_with("AES-128", 12, 195).dg14())).commands()
    assert (at.ins, at.p1, at.p2, at.le) == (0x22, 0x41, 0xA4, None)
    assert at.data.endswith(bytes.fromhex("8401C3"))
    assert (general.ins, general.data[0], general.le) == (0x86, 0x7C, 256)
    _, long = begin(read_dg14(secrets_with("AES-128", 2).dg14())).commands()
    assert long.le == 65_536, "a DH key of 2,048 bits needs the long form"


def test_fail__a_chip_with_another_key():
    secrets = secrets_with("AES-128", 12)
    run = begin(read_dg14(secrets.dg14()))
    clone = ChipAuthenticationSide(secrets.cloned())
    at, general = run.commands()
    assert clone.set_template(at.data).ok
    assert clone.authenticate(general.data).ok
    made = clone.next_session.protect(READ, Response(b"data", 0x9000))
    run.first_command(READ)
    with pytest.raises(SecureMessagingError):
        run.proof(made.encode())


@pytest.mark.parametrize(
    "answer", [b"", b"\x90", b"\x90\x00", bytes.fromhex("6F00"), bytes.fromhex("990290009000")]
)
def test_fail__answers_that_prove_nothing(answer: bytes):
    run, _ = agreed(secrets_with("AES-128", 12))
    run.first_command(READ)
    with pytest.raises(SecureMessagingError) as caught:
        run.proof(answer)
    assert isinstance(caught.value, SessionEnded) == (answer == bytes.fromhex("6F00"))


def test_ok__nothing_to_begin_with():
    assert begin(SecurityInfos()) is None


def test_fail__the_chip_s_side_refuses_what_it_has_not():
    side = ChipAuthenticationSide(secrets_with("AES-128", 12, 1))
    assert side.authenticate(tlv.encode(0x7C, b"")).status == 0x6985
    assert side.set_key_agreement_template(tlv.encode(0x91, b"")).status == 0x6A80
    wrong = chip_authentication_info("AES-128", 12).oid
    from appliance.travel_document.lds import der

    mechanism = tlv.encode(0x80, der.oid_bytes(wrong))
    assert side.set_template(mechanism + tlv.encode(0x84, b"\x09")).status == 0x6A88
    assert side.set_template(mechanism).ok
    assert side.authenticate(tlv.encode(0x7C, tlv.encode(0x80, b"\x04"))).status == 0x6A80
