"""Packets of the ZFM-20 family: found again in whatever a line makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.fingerprint_sensor.zfm_packets import MAX_CONTENT, MAX_PACKET, Deframer, Kind, Packet

ADDRESS = 0xFFFFFFFF
packets = st.builds(
    Packet, st.sampled_from(Kind), st.integers(0, ADDRESS), st.binary(min_size=0, max_size=MAX_CONTENT)
)


def test_ok__verify_password_as_the_manual_prints_it():
    encoded = Packet(Kind.COMMAND, ADDRESS, b"\x13\x00\x00\x00\x00").encode()
    assert encoded.hex(" ") == "ef 01 ff ff ff ff 01 00 07 13 00 00 00 00 00 1b"
    assert Deframer().feed(encoded) == [Packet(Kind.COMMAND, ADDRESS, b"\x13\x00\x00\x00\x00")]


def test_fail__too_long():
    with pytest.raises(ValueError, match="256"):
        Packet(Kind.DATA, ADDRESS, bytes(257)).encode()


@given(st.lists(packets, max_size=5), st.integers(1, 40))
def test_ok__any_packets_in_any_pieces(sent, size):
    line = b"".join(one.encode() for one in sent)
    deframer = Deframer()
    found = [one for at in range(0, len(line), size) for one in deframer.feed(line[at : at + size])]
    assert found == sent
    assert (deframer.noise, deframer.damaged, deframer.waiting) == (0, 0, False)


@given(packets, st.binary(max_size=30).filter(lambda noise: b"\xef" not in noise), packets)
def test_ok__noise_between_packets_is_counted_and_passed_over(first, noise, second):
    deframer = Deframer()
    assert deframer.feed(first.encode() + noise + second.encode()) == [first, second]
    assert deframer.noise == len(noise)


@given(st.binary(max_size=20), st.integers(1, 12))
def test_ok__a_cut_packet_does_not_swallow_the_next(content, lost):
    cut = Packet(Kind.DATA, ADDRESS, content).encode()[:-lost]
    whole = Packet(Kind.ANSWER, ADDRESS, b"\x00")
    deframer = Deframer()
    assert (deframer.feed(cut + whole.encode()) + deframer.idle())[-1:] == [whole]


def test_ok__a_wrong_sum_is_damage_and_no_packet():
    damaged = bytearray(Packet(Kind.ANSWER, ADDRESS, b"\x00").encode())
    damaged[-1] ^= 1
    deframer = Deframer()
    assert deframer.feed(bytes(damaged)) + deframer.idle() == []
    assert deframer.damaged == 1
    assert deframer.noise == len(damaged)
    deframer.reset()
    assert (deframer.damaged, deframer.noise) == (0, 0)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=400), st.just(b"\xef\x01"), st.just(b"\xef\x01\xff\xff\xff\xff\x02\x01\x02")
        )
    )
)
def test_ok__hostile_bytes_are_held_in_bounded_memory(pieces):
    deframer = Deframer()
    for piece in pieces:
        deframer.feed(piece)
        assert len(deframer._held) < MAX_PACKET
    deframer.idle()
    assert not deframer.waiting
