"""Whole readings of chips with PACE, Chip and Active Authentication: honest, peculiar and hostile ones."""

import time

import pytest
from chip_of_today import CHALLENGE, FILES, MRZ_INFORMATION, MRZ_LINES, PICTURE, chip, read

from appliance.chip.blocks import LearnedManners
from appliance.chip.errors import (
    AccessDenied,
    AccessUnavailable,
    ChipGone,
    ChipTimeout,
    NotAnEmrtd,
    ProtocolFailed,
)
from appliance.chip.reader import Access, ChipReading, FileStatus
from appliance.secure_messaging.errors import SecureMessagingError, UnusableCan
from appliance.simulation.chip.card import VirtualChip
from appliance.simulation.chip.files import build_files, card_limits
from appliance.simulation.chip.misbehaviour import BY_STATE, Misbehaviour
from appliance.simulation.chip.secrets import (
    ChipSecrets,
    StaticKey,
    chip_authentication_info,
    pace_info,
)
from appliance.simulation.chip.signing import rsa_signing
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed
from appliance.travel_document.pki.groups import STANDARDISED

CIPHERS = ("3DES", "AES-128", "AES-192", "AES-256")
WAYS = [
    *[("GM", "AES-128", number) for number in STANDARDISED],
    *[("IM", "AES-128", number) for number in STANDARDISED if number != 10],
    *[(mapping, cipher, number) for mapping in ("GM", "IM") for cipher in CIPHERS for number in (0, 12)],
    *[("CAM", cipher, number) for cipher in CIPHERS[1:] for number in (12, 13, 18)],
]


@pytest.mark.parametrize(("mapping", "cipher", "number"), WAYS)
def test_ok__every_way_of_pace(mapping: str, cipher: str, number: int):
    keys = (StaticKey.generate(number),) if mapping == "CAM" else ()
    secrets = ChipSecrets(pace=(pace_info(mapping, cipher, number),), static_keys=keys, bac=False)
    got = read(chip(secrets=secrets), want=["DG1"])
    assert got.access.used == Access.PACE
    assert got.files["DG1"] == FILES["DG1"]
    assert (got.chip_mapping is not None) == (mapping == "CAM")
    assert ("CardSecurity" in got.files) == (mapping == "CAM")


@pytest.mark.parametrize("number", list(STANDARDISED))
@pytest.mark.parametrize("cipher", ["3DES", "AES-256"])
def test_ok__every_way_of_chip_authentication(cipher: str, number: int):
    secrets = ChipSecrets(
        chip_authentication=(chip_authentication_info(cipher, number),),
        static_keys=(StaticKey.generate(number),),
    )
    got = read(chip(secrets=secrets), want=["DG1", "DG14"])
    assert got.chip_authentication.outcome == "proved"
    assert got.files["DG1"] == FILES["DG1"]


def test_ok__two_keys_are_told_apart_by_their_numbers():
    secrets = ChipSecrets(
        chip_authentication=(
            chip_authentication_info("AES-128", 12, key_id=1),
            chip_authentication_info("AES-256", 13, key_id=2),
        ),
        static_keys=(StaticKey.generate(12, 1), StaticKey.generate(13, 2)),
    )
    got = read(chip(secrets=secrets), want=["DG14"])
    assert (got.chip_authentication.outcome, got.chip_authentication.protocol) == (
        "proved",
        "CA-ECDH-AES-256",
    )


def test_ok__an_info_that_is_left_out_is_inferred_as_french_chips_want_it():
    secrets = ChipSecrets(
        chip_authentication=(chip_authentication_info("3DES", 12),),
        static_keys=(StaticKey.generate(12),),
        states_chip_authentication=False,
    )
    got = read(chip(secrets=secrets), want=["DG14"])
    assert (got.chip_authentication.outcome, got.chip_authentication.inferred) == ("proved", True)


def test_ok__everything_a_chip_of_today_has():
    got = read(chip(), challenge=CHALLENGE)
    assert got.files == FILES
    assert got.access.used == Access.PACE
    assert got.chip_authentication.outcome == "proved"
    assert got.active_authentication.response
    protocols = (
        1 + 5 + 1 + 2 + 1
    )  # CardAccess, PACE, the application, CA, AA; CA's proof is DG1's first block
    blocks = sum(-(-len(content) // 223) for name, content in FILES.items() if name != "CardAccess")
    assert got.apdus == protocols + blocks


def test_ok__what_can_be_verified_is_told_before_the_portrait():
    told: list[set[str]] = []
    read(chip(), verifiable=lambda files: told.append(set(files)))
    assert told == [{"CardAccess", "COM", "SOD", "DG14", "DG15", "DG1"}]


@pytest.mark.parametrize("misbehaviour", [Misbehaviour.NONE, Misbehaviour.QUIRK_CARD_ACCESS_PATH])
def test_ok__card_access_from_within_the_application(misbehaviour: Misbehaviour):
    inside = chip(misbehaviour)
    inside.transmit(bytes.fromhex("00A4040C07A0000002471001"))
    assert read(inside).access.used == Access.PACE


def test_ok__card_access_where_no_path_is_known():
    honest = chip(Misbehaviour.QUIRK_CARD_ACCESS_PATH)

    class Pathless:
        def transmit(self, command: bytes) -> bytes:
            return (
                bytes.fromhex("6A86") if command[:3] == bytes.fromhex("00A408") else honest.transmit(command)
            )

    assert read(Pathless()).access.used == Access.PACE


def test_ok__card_access_number_opens_too():
    got = read(chip(), mrz_information=None, can="123456")
    assert got.files == FILES
    assert [(one.password, one.outcome) for one in got.access.attempts] == [("CAN", "opened")]


def test_ok__wrong_mrz_and_right_can():
    got = read(chip(), mrz_information="X898902C<369080619406236", can="123456")
    assert [(one.password, one.outcome) for one in got.access.attempts] == [
        ("MRZ", "denied"),
        ("MRZ", "denied"),
        ("CAN", "opened"),
    ]


def test_fail__wrong_can_is_tried_once():
    wrong = chip()
    with pytest.raises(AccessDenied):
        read(wrong, mrz_information=None, can="654321")


@pytest.mark.parametrize("can", ["", "12345", "1234567", "12345A"])
def test_fail__not_a_can(can: str):
    with pytest.raises(UnusableCan):
        read(chip(), mrz_information=None, can=can)


def test_fail__a_chip_without_pace_and_only_a_can():
    with pytest.raises(AccessUnavailable):
        read(chip(secrets=ChipSecrets()), mrz_information=None, can="123456")


def test_fail__neither_mrz_nor_can():
    with pytest.raises(ValueError, match="MRZ or a CAN"):
        read(chip(), mrz_information=None)


def test_fail__a_challenge_of_another_length():
    with pytest.raises(ValueError, match="8 bytes"):
        read(chip(), challenge=b"1234567")


def test_ok__a_group_that_is_not_used_is_recorded_and_bac_opens():
    content = bytes.fromhex("31143012060A04007F00070202040202020102020119")  # parameters 25
    got = read(chip(CardAccess=content))
    assert [(one.protocol, one.outcome) for one in got.access.attempts] == [
        ("PACE-ECDH-GM-AES-128", "unsupported"),
        ("BAC", "opened"),
    ]


@pytest.mark.parametrize(
    ("misbehaviour", "attempts"),
    [
        (Misbehaviour.PACE_FAILS, [("failed", "mapping", 0x6FFF), ("opened", "", None)]),
        (
            Misbehaviour.PACE_DENIES,
            [("denied", "", None), ("denied", "", None), ("opened", "", None)],
        ),
        (Misbehaviour.PACE_HIDDEN, [("opened", "", None)]),
    ],
)
def test_ok__a_step_down_to_bac_is_on_record(misbehaviour: Misbehaviour, attempts: list[tuple]):
    got = read(chip(misbehaviour))
    assert got.access.used == Access.BAC
    assert got.pace_offered == (misbehaviour is not Misbehaviour.PACE_HIDDEN)
    assert [(one.outcome, one.step, one.status_word) for one in got.access.attempts] == attempts


def test_ok__larger_blocks_where_reader_and_card_say_so():
    large = chip(ATR=card_limits(4096, 4096))
    got = read(large, reader_bytes=65_535)
    assert {name: got.files[name] for name in FILES} == FILES
    assert got.block_bytes == 4096 - 64
    assert read(large, reader_bytes=256).block_bytes == 223


def test_ok__manners_are_learned_by_issuing_state():
    learned = LearnedManners()
    settings = {"reader_bytes": 65_535, "issuer": "UTO", "learned": learned}
    apdus = [read(chip(ATR=card_limits(2048, 2048)), **settings).apdus for _ in range(2)]
    assert apdus[1] == apdus[0] - 1  # EF.ATR/INFO is not asked for again
    got = read(chip(Misbehaviour.LE_256_REFUSED), **settings)
    assert got.files == FILES
    assert learned.of("UTO").block == 223


@pytest.mark.parametrize(
    ("misbehaviour", "bits", "digest", "extended"),
    [
        (Misbehaviour.NONE, 1024, "sha1", False),
        (Misbehaviour.NONE, 3072, "sha256", True),
        (Misbehaviour.QUIRK_LONGEST_LE, 2048, "sha256", True),
        (Misbehaviour.QUIRK_SHORT_SIGNATURE, 3072, "sha256", True),
    ],
)
def test_ok__signatures_of_every_length_come_whole(
    misbehaviour: Misbehaviour, bits: int, digest: str, extended: bool
):
    secrets = ChipSecrets(active_authentication=rsa_signing(bits, digest))
    got = read(
        chip(misbehaviour, secrets=secrets),
        challenge=CHALLENGE,
        want=["DG15"],
        reader_bytes=65_535 if extended else 256,
    )
    assert len(got.active_authentication.response) == bits // 8


def test_ok__a_chip_that_fails_chip_authentication_is_opened_anew():
    got = read(chip(Misbehaviour.CLONE))
    assert got.chip_authentication.outcome == "wrong"
    assert (got.files, got.accesses) == (FILES, 2)


def test_ok__a_refused_chip_authentication_leaves_the_session():
    got = read(chip(Misbehaviour.REFUSES_CHIP_AUTHENTICATION))
    assert (got.chip_authentication.outcome, got.chip_authentication.status_word) == ("refused", 0x6A88)
    assert (got.files, got.accesses) == (FILES, 1)


def test_ok__a_refused_active_authentication_is_an_answer():
    got = read(chip(Misbehaviour.REFUSES_ACTIVE_AUTHENTICATION), challenge=CHALLENGE)
    assert (got.active_authentication.response, got.active_authentication.status_word) == (b"", 0x6985)


def test_ok__guarded_groups_are_not_asked_for():
    files = build_files(mrz_lines=MRZ_LINES, picture=PICTURE, more={"DG3": tlv.encode(0x63, bytes(500))})
    got = read(VirtualChip(files, mrz_information=MRZ_INFORMATION))
    assert got.outcomes["DG3"].status is FileStatus.GUARDED
    assert got.not_read == {"DG3": "guarded"}


def test_ok__unknown_tags_in_the_index_are_kept():
    com = tlv.encode(0x60, tlv.encode(0x5F01, b"0107") + tlv.encode(0x5C, bytes.fromhex("61757F79")))
    assert read(chip(COM=com)).unknown_tags == (0x7F, 0x79)


@pytest.mark.parametrize("misbehaviour", [*BY_STATE.values(), Misbehaviour.NO_SHORT_IDS])
def test_ok__quirks_are_borne_with(misbehaviour: Misbehaviour):
    got = read(chip(misbehaviour), challenge=CHALLENGE)
    assert got.files == FILES
    assert got.access.used == Access.PACE
    assert got.chip_authentication.outcome == "proved"


@pytest.mark.parametrize(
    ("misbehaviour", "error"),
    [
        (Misbehaviour.GARBAGE, EmrtdError),
        (Misbehaviour.EMPTY_ANSWER, Malformed),
        (Misbehaviour.NO_APPLICATION, NotAnEmrtd),
        (Misbehaviour.PLAIN_ANSWER_AFTER_SM, SecureMessagingError),
        (Misbehaviour.WRONG_MAC, SecureMessagingError),
        (Misbehaviour.NO_PROTECTED_STATUS, SecureMessagingError),
        (Misbehaviour.TRUNCATED_ANSWER, SecureMessagingError),
        (Misbehaviour.HUGE_LENGTH, LimitExceeded),
        (Misbehaviour.ENDLESS_FILE, LimitExceeded),
        (Misbehaviour.EMPTY_READS, Malformed),
        (Misbehaviour.WRONG_FILE, Malformed),
        (Misbehaviour.PACE_CANNOT_PROVE, SecureMessagingError),
        (Misbehaviour.SLOW, ChipTimeout),
        (Misbehaviour.DIES_MID_FILE, ChipGone),
    ],
)
def test_fail__misbehaving_chip_with_every_scheme(misbehaviour: Misbehaviour, error: type[EmrtdError]):
    began = time.monotonic()
    with pytest.raises(error):
        read(chip(misbehaviour), challenge=CHALLENGE, max_seconds=0.5 if error is ChipTimeout else 5)
    assert time.monotonic() - began < 10


def test_fail__a_chip_that_ends_every_session_in_chip_authentication():
    honest = chip()
    reading = ChipReading(honest.transmit, mrz_information=MRZ_INFORMATION, learned=LearnedManners())
    reading.open()
    reading._accesses = 12
    with pytest.raises(ProtocolFailed, match="12 times"):
        reading.continue_with(None) or reading._open()


def test_ok__a_session_that_ends_in_chip_authentication_is_opened_again():
    honest, dropped = chip(), []

    def transmit(command: bytes) -> bytes:
        if command[:4] == bytes.fromhex("0C2241A4") and not dropped:
            dropped.append(command)
            honest.reset()
            return bytes.fromhex("6988")
        return honest.transmit(command)

    got = read(type("Chip", (), {"transmit": staticmethod(transmit)})())
    assert (got.chip_authentication.outcome, got.accesses, got.files) == ("refused", 2, FILES)


def test_ok__a_session_that_ends_in_active_authentication_is_opened_again():
    honest = chip()

    def transmit(command: bytes) -> bytes:
        if command[1] == 0x88:
            honest.reset()
            return bytes.fromhex("6988")
        return honest.transmit(command)

    got = read(type("Chip", (), {"transmit": staticmethod(transmit)})(), challenge=CHALLENGE)
    assert (got.active_authentication.response, got.files) == (b"", FILES)


def test_ok__every_misbehaviour_has_its_test():
    import test_reader

    marks = [
        mark
        for test in (
            test_fail__misbehaving_chip_with_every_scheme,
            test_ok__a_step_down_to_bac_is_on_record,
            test_ok__quirks_are_borne_with,
            test_ok__signatures_of_every_length_come_whole,
            test_reader.test_fail__misbehaving_chip,
            test_reader.test_ok__smaller_blocks_in_a_new_session,
        )
        for mark in test.pytestmark
    ]
    tested = {case[0] if isinstance(case, tuple) else case for mark in marks for case in mark.args[1]}
    tested |= {Misbehaviour.NONE, Misbehaviour.SESSION_DROPS, Misbehaviour.WITHHOLDS_KEYS}
    tested |= {Misbehaviour.CLONE, Misbehaviour.REFUSES_CHIP_AUTHENTICATION}
    tested |= {Misbehaviour.REFUSES_ACTIVE_AUTHENTICATION}
    assert tested == set(Misbehaviour)
