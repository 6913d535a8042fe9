"""Pictures of the U.are.U family: the fast cipher against one written bit by bit, and hostile headers."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from uru_fake import KEYS, LINES, WIDTH, finger, hiding, picture, upright

from hal.device import Unreadable
from hal.fingerprint_sensor.uru_image import (
    HEADER_BYTES,
    HEIGHT,
    IMAGE_BYTES,
    assemble,
    decrypt,
    keystream,
    parse,
)


def key_of(number):
    return KEYS[number]


@given(st.integers(0, 2**32 - 1), st.integers(0, 700))
def test_ok__the_fast_keystream_is_the_slow_one(key, count):
    stream, after = keystream(key, count)
    assert (stream.tobytes(), after) == hiding(key, count)


def test_ok__the_keystream_of_a_whole_picture():
    stream, after = keystream(0xDEADBEEF, WIDTH * LINES)
    assert (stream.tobytes(), after) == hiding(0xDEADBEEF, WIDTH * LINES)


@pytest.mark.parametrize(
    "blocks",
    [
        [(0x02, 200), (0x02, 89)],
        [(0x02, 200), (0x82, 89)],  # the key changes
        [(0x00, 200), (0x02, 89)],  # plain, but the register goes on
        [(0x04, 200), (0x02, 89)],  # plain, and the register stands still
        [(0x06, 200), (0x02, 89)],
    ],
)
def test_ok__blocks(blocks):
    plain = finger(5)
    found = decrypt(parse(picture(plain, blocks)), key_of)
    assert (found.lines == plain).all()
    assert (255 - assemble(found) == upright(plain, turned=False)).all()


def test_ok__the_key_number_goes_round():
    plain = finger(5)
    sent = picture(plain, [(0x02, 200), (0x82, 89)], key_number=255)
    asked = []

    def ask(number):
        asked.append(number)
        return KEYS[number]

    assert (decrypt(parse(sent), ask).lines == plain).all()
    assert asked == [255, 0]


def test_ok__a_missing_block_takes_its_part_of_the_keystream_and_shows_what_follows():
    plain = finger(5, lines=100)
    plain[[39, -1], -1] = 0
    found = decrypt(parse(picture(plain, [(0x02, 40), (0x01, 30), (0x02, 60)])), key_of)
    assert (found.lines == plain).all()
    shown = assemble(found)
    assert (shown[:40] == plain[:40]).all()
    assert (shown[40:70] == plain[40:70]).all()
    assert (shown[70:130] == plain[40:]).all()
    assert (shown[130:] == 0).all()


def test_ok__noise_tells_that_it_is_encrypted_not_the_flags():
    assert not parse(picture(finger(2), [(0x02, 200), (0x02, 89)], encrypted=False)).is_encrypted
    assert parse(picture(finger(2), [(0x02, 200), (0x02, 89)])).is_encrypted
    assert not parse(picture(finger(2, lines=1), [(0x02, 1)])).is_encrypted
    assert not parse(picture(finger(2), [(0x01, 200)])).is_encrypted


@pytest.mark.parametrize("size", [0, 1, HEADER_BYTES - 1])
def test_fail__no_header(size):
    with pytest.raises(Unreadable, match="no picture"):
        parse(bytes(size))


def test_fail__fewer_lines_than_announced_or_too_many():
    whole = picture(finger(1), [(0x02, 200), (0x02, 89)])
    with pytest.raises(Unreadable, match="damaged"):
        parse(whole[:-1])
    too_many = whole[:4] + HEIGHT.to_bytes(2, "little") + whole[6:] + bytes(WIDTH)
    with pytest.raises(Unreadable, match="damaged"):
        parse(too_many)


@given(
    st.binary(max_size=4),
    st.integers(0, HEIGHT + 5),
    st.integers(0, 255),
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=15),
    st.integers(0, IMAGE_BYTES),
)
def test_ok__hostile_pictures_give_an_image_or_a_typed_error(start, lines, number, blocks, size):
    listed = b"".join(bytes(one) for one in blocks).ljust(30, b"\0")
    head = (
        start.ljust(4, b"\0") + lines.to_bytes(2, "little") + bytes([number]) + bytes(9) + listed + bytes(18)
    )
    data = (head + np.random.default_rng(number).bytes(IMAGE_BYTES))[:size]
    try:
        found = parse(data)
    except Unreadable:
        return
    if found.is_encrypted:
        found = decrypt(found, lambda which: which * 0x01010101)
    assert assemble(found).shape == (HEIGHT, WIDTH)
