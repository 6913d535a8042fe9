"""Every framing: the same documents whatever the cutting, resynchronisation, and bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.document_reader import RawLines
from hal.document_reader.framing import Damaged, make_deframer
from hal.document_reader.framing.base import MAX_FRAME, MAX_LINE

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
DOCUMENTS = (TD3, TD2, TD1)


def rte(lines, *, padding="_", length=None, check="xor_after_soh", bcc=None):
    upper = [""] * (3 - len(lines))
    text = "".join(line + "\r" for line in [*upper, *lines]).replace("<", padding)
    body = b"OU\x02 " + text.encode() + b"\x03"
    size = length if length is not None else len(body) + 1
    block = bytes([size & 0x7F, size >> 7 & 0x7F]) + body
    value = 0
    for byte in (b"\x01" if check == "xor_with_soh" else b"") + block:
        value ^= byte
    return b"\x01" + block + bytes([value if bcc is None else bcc])


def elyctis(lines, *, tag=0x49, separator="\r"):
    value = separator.join(lines).encode()
    return bytes([tag, len(value) >> 8, len(value) & 0xFF]) + value


def encode(name, lines):
    text = "\r".join(lines).encode()
    return {
        "stx_etx": b"\x02" + text + b"\r\x03",
        "cr_lines": text + b"\r\n",
        "access_is": b"\x02C" + text + b"\r\x03",
        "desko": b"\x1c\x02" + text + b"\r\x03\x1d",
        "rte_native": rte(lines),
        "elyctis": elyctis(lines),
    }[name]


def deframer(name):
    return make_deframer(name, start_of_data=b"\x1c", end_of_data=b"\x1d")


NAMES = ("stx_etx", "cr_lines", "desko", "access_is", "rte_native", "elyctis")
FRAMES = ("stx_etx", "desko", "access_is", "rte_native", "elyctis")


@pytest.mark.parametrize("lines", DOCUMENTS)
@pytest.mark.parametrize("name", NAMES)
def test_ok__a_document_of_every_shape(name, lines):
    assert deframer(name).feed(encode(name, lines)) == [RawLines(lines, name)]


@pytest.mark.parametrize("lines", DOCUMENTS)
@pytest.mark.parametrize("name", ["stx_etx", "cr_lines", "rte_native", "elyctis"])
def test_ok__auto_recognises_it(name, lines):
    assert make_deframer("auto").feed(encode(name, lines) * 2) == [RawLines(lines, name)] * 2


def test_ok__auto_one_reader_after_the_other():
    order = ["stx_etx", "rte_native", "elyctis", "cr_lines", "stx_etx"]
    outcomes = make_deframer("auto").feed(b"".join(encode(name, TD3) for name in order))
    assert [outcome.framing for outcome in outcomes] == order


@pytest.mark.parametrize("name", [*NAMES, "auto"])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_ok__cutting_changes_nothing(name, data):
    pieces = st.one_of(
        st.binary(max_size=40),
        st.sampled_from([encode(one, lines) for one in NAMES for lines in DOCUMENTS]),
        st.sampled_from([b"\x01", b"\x02", b"\x03", b"\r", b"I\x00", b"\x01\x05\x00OU\x02", b"A" * 300]),
    )
    stream = b"".join(data.draw(st.lists(pieces, max_size=6)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    whole, cut = deframer(name), deframer(name)
    expected = whole.feed(stream)
    got = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += cut.feed(stream[start:end])
    assert got == expected
    assert (cut.in_document, cut.noise, cut.idle()) == (whole.in_document, whole.noise, whole.idle())
    assert not cut.in_document


@pytest.mark.parametrize("name", [*NAMES, "auto"])
@given(st.binary(max_size=2000))
@settings(max_examples=40, deadline=None)
def test_ok__anything_gives_documents_within_bounds(name, stream):
    one = deframer(name)
    for outcome in one.feed(stream):
        if isinstance(outcome, RawLines):
            assert 1 <= len(outcome.lines) <= 3
            assert all(0 < len(line) <= MAX_LINE and line.isascii() for line in outcome.lines)
        else:
            assert isinstance(outcome, Damaged)
    held = [value for value in vars(one).values() if isinstance(value, bytearray)]
    assert all(len(value) <= MAX_FRAME + 8 for value in held)


@pytest.mark.parametrize("name", FRAMES)
def test_ok__noise_before_a_document_is_skipped_and_counted(name):
    one = deframer(name)
    assert one.feed(b"\xff\xfe??" + encode(name, TD3)) == [RawLines(TD3, name)]
    assert one.noise >= 4
    one.reset()
    assert one.noise == 0


@pytest.mark.parametrize("name", ["stx_etx", "desko", "access_is", "rte_native"])
def test_ok__a_cut_off_document_gives_way_to_the_next(name):
    whole = encode(name, TD3)
    assert deframer(name).feed(whole[:40] + whole) == [RawLines(TD3, name)]


@pytest.mark.parametrize("name", FRAMES)
def test_fail__truncated(name):
    one = deframer(name)
    assert one.feed(encode(name, TD3)[:40]) == []
    assert one.in_document
    assert isinstance(one.idle(), Damaged)
    assert not one.in_document
    assert one.feed(encode(name, TD1)) == [RawLines(TD1, name)]


@pytest.mark.parametrize("name", ["stx_etx", "desko", "access_is", "rte_native"])
def test_fail__oversized(name):
    one = deframer(name)
    start = {
        "stx_etx": b"\x02",
        "access_is": b"\x02",
        "desko": b"\x1c\x02",
        "rte_native": b"\x01\x20\x00OU\x02 ",
    }[name]
    outcomes = one.feed(start + b"A" * 5000)
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], Damaged)
    assert one.feed(encode(name, TD3)) == [RawLines(TD3, name)]


@pytest.mark.parametrize(
    "frame",
    [
        b"\x02\x03",
        b"\x02\r\r\x03",
        b"\x02" + b"A" * 100 + b"\x03",
        b"\x02A\rB\rC\rD\x03",
        b"\x02\xc3\xa9\x03",
    ],
)
def test_fail__a_frame_without_a_document(frame):
    assert isinstance(deframer("stx_etx").feed(frame)[0], Damaged)


@pytest.mark.parametrize("ending", [b"\r", b"\n", b"\r\n", b"\n\r"])
def test_ok__lines_end_in_every_way(ending):
    assert deframer("cr_lines").feed(b"".join(line.encode() + ending for line in TD1)) == [
        RawLines(TD1, "cr_lines")
    ]


def test_ok__lines_of_no_shape_end_by_silence():
    one = deframer("cr_lines")
    assert one.feed(b"SHORT\rLINES") == []
    assert one.idle() == RawLines(("SHORT", "LINES"), "cr_lines")
    assert one.idle() is None


def test_ok__the_last_line_may_end_by_silence():
    one = deframer("cr_lines")
    assert one.feed("\r".join(TD3).encode()) == []
    assert one.idle() == RawLines(TD3, "cr_lines")


def test_ok__a_stray_line_before_a_document_is_skipped():
    assert deframer("cr_lines").feed(b"READY\r" + encode("cr_lines", TD3)) == [RawLines(TD3, "cr_lines")]


def test_fail__too_long_a_line_and_too_many():
    one = deframer("cr_lines")
    outcomes = one.feed(b"A" * 500 + b"\r" + encode("cr_lines", TD3))
    assert [type(outcome) for outcome in outcomes] == [Damaged, RawLines]
    one.feed(b"A\rB\rC\rD\r")
    assert isinstance(one.idle(), Damaged)


def test_ok__rte_the_bottom_line_is_the_third():
    one_line = ("DRIVERLICENCE<<<<<<<<<<<<<<<<<",)
    assert deframer("rte_native").feed(rte(one_line)) == [RawLines(one_line, "rte_native")]


def test_fail__rte_check_byte():
    assert isinstance(deframer("rte_native").feed(rte(TD3, bcc=0x7F))[0], Damaged)
    assert isinstance(deframer("rte_native").feed(rte(TD3, check="xor_with_soh"))[0], Damaged)


@pytest.mark.parametrize(
    ("check", "frame"), [("xor_with_soh", rte(TD3, check="xor_with_soh")), ("ignore", rte(TD3, bcc=9))]
)
def test_ok__rte_other_check_bytes(check, frame):
    assert make_deframer("rte_native", rte_check=check).feed(frame) == [RawLines(TD3, "rte_native")]


def test_ok__rte_an_incredible_header_is_noise():
    one = deframer("rte_native")
    assert one.feed(rte(TD3, length=9000) + b"\x01\x01\x00XX" + rte(TD3)) == [RawLines(TD3, "rte_native")]


def test_ok__rte_header_found_right_after_a_stray_soh():
    assert deframer("rte_native").feed(b"\x01" + rte(TD3)) == [RawLines(TD3, "rte_native")]


@pytest.mark.parametrize("lines", DOCUMENTS)
def test_ok__elyctis_without_separators(lines):
    assert deframer("elyctis").feed(elyctis(lines, separator="")) == [RawLines(lines, "elyctis")]


def test_ok__elyctis_one_line_acknowledgements_and_presence():
    stream = b"\x43\x00\x01\x01" + b"\x50\x00\x01\x01" + elyctis(("X" * 30,), tag=0x4C) + b"\x43\x00\x01\x00"
    assert deframer("elyctis").feed(stream) == [RawLines(("X" * 30,), "elyctis")]


def test_fail__elyctis_saw_a_document_without_lines():
    assert isinstance(deframer("elyctis").feed(b"\x49\x00\x00")[0], Damaged)


def test_ok__elyctis_an_incredible_length_is_noise():
    one = deframer("elyctis")
    assert one.feed(b"\x49\xff\xff" + elyctis(TD3)) == [RawLines(TD3, "elyctis")]
    assert one.noise >= 1


@pytest.mark.parametrize("framing", ["access_is", "auto"])
@pytest.mark.parametrize("symbology", ["", "C", "!", "o"])
def test_ok__access_is_may_put_a_symbology_before(framing, symbology):
    frame = f"\x02{symbology}{TD3[0]}\r{TD3[1]}\r\x03".encode()
    (document,) = make_deframer(framing).feed(frame)
    assert document.lines == TD3


def test_ok__a_first_character_is_only_taken_where_a_shape_is_left():
    (document,) = make_deframer("access_is").feed(b"\x02CSHORT\rLINES\r\x03")
    assert document.lines == ("CSHORT", "LINES")
    assert isinstance(make_deframer("access_is").feed(b"\x02\r\x03")[0], Damaged)


@pytest.mark.parametrize("framing", ["stx_etx", "cr_lines", "access_is", "auto", "elyctis"])
def test_ok__the_fill_character_of_some_readers(framing):
    text = "\r".join(TD3).replace("<", "_").encode() + b"\r"
    frame = {"cr_lines": text, "elyctis": b"\x49" + len(text).to_bytes(2, "big") + text}
    (document,) = make_deframer(framing).feed(frame.get(framing, b"\x02" + text + b"\x03"))
    assert document.lines == TD3
