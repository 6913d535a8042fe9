"""A whole reading, in-process against the virtual chip: honest, shy, broken and hostile."""

import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from appliance.chip.blocks import LearnedManners
from appliance.chip.errors import AccessDenied, AccessUnavailable, ChipGone, ChipTimeout, NotAnEmrtd
from appliance.chip.reader import Access, FileStatus, Progress
from appliance.chip.reader import read_chip as read_chip_as_learned
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded, UnusableMrz
from appliance.simulation.chip.card import VirtualChip
from appliance.simulation.chip.files import build_files, mrz_information_of
from appliance.simulation.chip.misbehaviour import Misbehaviour
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed

MRZ_LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
CARD_ACCESS = bytes.fromhex("31143012060A04007F0007020204020202010202010D")


def read_chip(transmit, **settings):
    """A reading that has learned nothing from the other tests."""
    return read_chip_as_learned(transmit, learned=LearnedManners(), **settings)


def picture(size: tuple[int, int] = (200, 250)) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0]), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(noise).save(written, "JPEG", quality=60)
    return written.getvalue()


FILES = build_files(mrz_lines=MRZ_LINES, picture=picture())
MRZ_INFORMATION = mrz_information_of(FILES)


def chip(misbehaviour: Misbehaviour = Misbehaviour.NONE, **changes: bytes) -> VirtualChip:
    return VirtualChip(
        {**FILES, **changes}, mrz_information=MRZ_INFORMATION, misbehaviour=misbehaviour, slow_seconds=0.02
    )


def test_ok__everything_wanted():
    told: list[Progress] = []
    read = read_chip(chip().transmit, mrz_information=MRZ_INFORMATION, atr=b"\x3b\x80", progress=told.append)
    assert read.files == FILES
    assert {outcome.status for outcome in read.outcomes.values()} == {FileStatus.READ}
    assert (read.access.used, read.pace_offered, read.atr) == (Access.BAC, False, b"\x3b\x80")
    assert [(one.protocol, one.outcome) for one in read.access.attempts] == [("BAC", "opened")]
    assert (read.block_bytes, read.accesses) == (223, 1)
    assert list(read.seconds) == ["CardAccess", "access", "COM", "SOD", "DG1", "DG2"]
    # two to find out that there is no CardAccess, three to open; then blocks, and nothing else
    assert read.apdus == 5 + sum(-(-len(content) // 223) for content in FILES.values())
    assert read.bytes_received > sum(map(len, FILES.values()))
    dg2 = [step for step in told if step.step == "DG2"]
    assert dg2[-1].done == dg2[-1].total == len(FILES["DG2"])
    assert [step.done for step in dg2] == sorted(step.done for step in dg2)


def test_ok__file_beyond_32_kb():
    large = build_files(mrz_lines=MRZ_LINES, picture=picture((300, 330)))["DG2"]
    assert len(large) > 40_000
    read = read_chip(chip(DG2=large).transmit, mrz_information=MRZ_INFORMATION, want=["DG2"])
    assert read.files["DG2"] == large


@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        4,
        5,
        6,
        7,
        218,
        219,
        220,
        221,
        222,
        223,
        224,
        229,
        230,
        440,
        441,
        442,
        32_767,
        32_768,
        32_990,
        65_531,
    ],
)
def test_ok__sizes_at_every_edge(size: int):
    content = tlv.encode(0x6D, bytes(size))
    read = read_chip(chip(DG13=content).transmit, mrz_information=MRZ_INFORMATION, want=["DG13"])
    assert read.files["DG13"] == content


def test_ok__absent_and_refused_files_are_outcomes():
    read = read_chip(
        chip(DG3=bytes(20)).transmit, mrz_information=MRZ_INFORMATION, want=["DG3", "DG15", "DG1"]
    )
    assert set(read.files) == {"COM", "SOD", "DG1"}
    assert read.not_read == {"DG3": "refused 6982", "DG15": "absent 6A82"}
    assert (read.outcomes["DG3"].status, read.outcomes["DG3"].status_word) == (FileStatus.REFUSED, 0x6982)
    assert (read.outcomes["DG15"].status, read.outcomes["DG15"].status_word) == (FileStatus.ABSENT, 0x6A82)
    assert read.outcomes["DG15"].protected
    assert read.accesses == 1


def test_ok__offered_pace_that_fails_is_recorded_and_bac_opens():
    read = read_chip(chip(CardAccess=CARD_ACCESS).transmit, mrz_information=MRZ_INFORMATION)
    assert read.pace_offered
    assert read.access.used == Access.BAC
    assert [(one.protocol, one.outcome) for one in read.access.attempts] == [
        ("PACE-ECDH-GM-AES-128", "unavailable"),
        ("BAC", "opened"),
    ]
    assert read.files["CardAccess"] == CARD_ACCESS


def test_ok__garbled_card_access_is_no_way_to_hide_pace():
    read = read_chip(chip(CardAccess=b"\x99" * 30).transmit, mrz_information=MRZ_INFORMATION)
    assert read.pace_offered
    assert "CardAccess" not in read.files


def test_ok__chip_that_lies_in_its_application_is_read_again():
    lying = chip()
    for _ in range(2):
        assert read_chip(lying.transmit, mrz_information=MRZ_INFORMATION).files == FILES


@pytest.mark.parametrize(
    ("misbehaviour", "block", "accesses"),
    [
        (Misbehaviour.LE_256_REFUSED, 223, 1),
        (Misbehaviour.LE_ABOVE_160_REFUSED, 160, 3),
        (Misbehaviour.SHORT_READS, 223, 1),
        (Misbehaviour.WRONG_LE, 128, 1),
        (Misbehaviour.NO_SHORT_IDS, 223, 1),
    ],
)
def test_ok__smaller_blocks_in_a_new_session(misbehaviour: Misbehaviour, block: int, accesses: int):
    read = read_chip(chip(misbehaviour).transmit, mrz_information=MRZ_INFORMATION)
    assert read.files == FILES
    assert (read.block_bytes, read.accesses) == (block, accesses)


def test_ok__chip_that_drops_every_session_is_not_opened_for_ever():
    read = read_chip(chip(Misbehaviour.SESSION_DROPS).transmit, mrz_information=MRZ_INFORMATION)
    assert read.files == {}
    assert {outcome.status for outcome in read.outcomes.values()} == {FileStatus.REFUSED}
    assert not read.outcomes["DG1"].protected
    assert read.accesses <= 12


@pytest.mark.parametrize(
    ("misbehaviour", "error"),
    [
        (Misbehaviour.GARBAGE, EmrtdError),
        (Misbehaviour.EMPTY_ANSWER, Malformed),
        (Misbehaviour.NO_APPLICATION, NotAnEmrtd),
        (Misbehaviour.REFUSES_BAC, AccessUnavailable),
        (Misbehaviour.CANNOT_PROVE_KEYS, SecureMessagingError),
        (Misbehaviour.PLAIN_ANSWER_AFTER_SM, SecureMessagingError),
        (Misbehaviour.WRONG_MAC, SecureMessagingError),
        (Misbehaviour.NO_PROTECTED_STATUS, SecureMessagingError),
        (Misbehaviour.TRUNCATED_ANSWER, SecureMessagingError),
        (Misbehaviour.HUGE_LENGTH, LimitExceeded),
        (Misbehaviour.ENDLESS_FILE, LimitExceeded),
        (Misbehaviour.EMPTY_READS, Malformed),
        (Misbehaviour.WRONG_FILE, Malformed),
        (Misbehaviour.SLOW, ChipTimeout),
        (Misbehaviour.DIES_MID_FILE, ChipGone),
    ],
)
def test_fail__misbehaving_chip(misbehaviour: Misbehaviour, error: type[EmrtdError]):
    most = 0.5 if misbehaviour is Misbehaviour.SLOW else 30.0  # the others are refused for what they say
    began = time.monotonic()
    with pytest.raises(error) as caught:
        read_chip(chip(misbehaviour).transmit, mrz_information=MRZ_INFORMATION, max_seconds=most)
    assert not isinstance(caught.value, SessionEnded)
    assert time.monotonic() - began < most + 4.5


def test_fail__file_one_byte_longer_than_offsets_reach():
    read = chip(DG13=tlv.encode(0x6D, bytes(65_532)))
    with pytest.raises(LimitExceeded):
        read_chip(read.transmit, mrz_information=MRZ_INFORMATION, want=["DG13"])


def test_fail__file_that_ends_before_its_length():
    short = chip(DG13=tlv.encode(0x6D, bytes(500))[:-100])
    read = read_chip(short.transmit, mrz_information=MRZ_INFORMATION, want=["DG13"])
    assert (read.outcomes["DG13"].status, read.outcomes["DG13"].status_word) == (FileStatus.REFUSED, 0x6B00)


def test_fail__another_documents_mrz():
    with pytest.raises(AccessDenied) as caught:
        read_chip(chip().transmit, mrz_information="L898902C<369080619406236")
    assert not isinstance(caught.value, AccessUnavailable)


def test_fail__not_an_mrz():
    with pytest.raises(UnusableMrz):
        read_chip(chip().transmit, mrz_information="")


def test_ok__result_shows_no_travellers_data():
    assert "ERIKSSON" not in repr(read_chip(chip().transmit, mrz_information=MRZ_INFORMATION))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=80), min_size=1, max_size=30))
def test_fail__arbitrary_answers(answers: list[bytes]):
    turn = iter(range(10**6))
    with pytest.raises(EmrtdError):
        read_chip(
            lambda _: answers[next(turn) % len(answers)], mrz_information=MRZ_INFORMATION, max_seconds=2
        )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 30), st.binary(max_size=300))
def test_ok__one_arbitrary_answer_in_an_honest_reading(position: int, answer: bytes):
    honest, turn = chip(), iter(range(10**6))

    def transmit(command: bytes) -> bytes:
        right = honest.transmit(command)
        return answer if next(turn) == position else right

    try:
        read = read_chip(transmit, mrz_information=MRZ_INFORMATION, want=["COM", "DG1"], max_seconds=2)
    except EmrtdError:
        return
    # Whatever was slipped in, no file is read that the chip does not hold.
    assert all(content == FILES[name] for name, content in read.files.items() if name in FILES)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_ok__arbitrary_file_content_of_an_authenticated_chip(content: bytes):
    try:
        read = read_chip(
            chip(DG13=content).transmit, mrz_information=MRZ_INFORMATION, want=["DG13"], max_seconds=2
        )
    except EmrtdError:
        return
    assert content.startswith(read.files.get("DG13", b""))
