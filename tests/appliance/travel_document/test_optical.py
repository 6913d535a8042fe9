"""Close candidates settled by the format and the check digits, and nothing else changed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.travel_document import NotAnMrz, check_digit
from appliance.travel_document.check_digit import CHARACTERS
from appliance.travel_document.optical import optical_json, settle

# The specimens of ICAO Doc 9303-4 (appendix B), 9303-5 and 9303-6.
TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
# A long document number, which goes on in the optional data (Doc 9303-5, note j).
LONG = ("I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<")


def glyphs(lines, **seen):
    """Every character seen clearly, but for those named `_LINE_POSITION`."""
    made = [[{letter: 0.99} for letter in line] for line in lines]
    for place, candidates in seen.items():
        line, at = (int(number) for number in place.strip("_").split("_"))
        made[line][at] = candidates
    return made


@pytest.mark.parametrize("lines", [TD3, TD2, TD1, LONG])
def test_ok__what_was_seen_clearly_stays(lines) -> None:
    optical = settle(glyphs(lines))
    assert optical.lines == optical.read == lines
    assert optical.inferred == ()
    assert optical.uncertain == ()
    assert optical.confidence > 0.35  # 0.99 to the power of 88


def test_ok__the_alphabet_of_a_field_chooses() -> None:
    optical = settle(glyphs(TD3, _0_7={"1": 0.6, "I": 0.35}, _1_13={"T": 0.5, "7": 0.45}))
    assert optical.lines == TD3
    assert optical.read[0][7] == "1"
    assert [(one.line, one.position, one.read, one.chosen, one.reason) for one in optical.inferred] == [
        (0, 7, "1", "I", "alphabet"),
        (1, 13, "T", "7", "alphabet"),
    ]


def test_ok__a_check_digit_chooses() -> None:
    """8 and B may both stand in a document number: only 8 fits."""
    optical = settle(glyphs(TD3, _1_1={"B": 0.55, "8": 0.42}))
    assert optical.lines == TD3
    (one,) = optical.inferred
    assert (one.read, one.chosen, one.reason) == ("B", "8", "check_digit")
    assert optical.uncertain == ()


def test_ok__two_close_characters_at_once() -> None:
    optical = settle(glyphs(TD3, _1_1={"B": 0.55, "8": 0.42}, _1_5={"O": 0.6, "0": 0.39}))
    assert optical.lines == TD3


def test_ok__a_clear_character_is_never_rewritten() -> None:
    wrong = TD3[1][:9] + "7" + TD3[1][10:]  # printed wrong
    optical = settle(glyphs((TD3[0], wrong)))
    assert optical.lines[1] == wrong
    assert optical.inferred == ()
    optical = settle(glyphs((TD3[0], wrong), _1_9={"7": 0.985, "6": 0.01}))
    assert optical.lines[1] == wrong, "one in a hundred is not close"


def test_ok__two_repairs_that_fit_alike_are_none() -> None:
    """Weights 7 and 7 at a distance of three: either change explains the digit."""
    number = "1234567<<"
    line = number + check_digit("1334567<<") + TD3[1][10:]
    seen = glyphs((TD3[0], line), _1_1={"2": 0.5, "3": 0.45}, _1_4={"5": 0.5, "6": 0.45})
    assert check_digit("1334567<<") == check_digit("1234667<<")
    assert settle(seen).lines[1][:9] == number


def test_ok__a_name_has_no_check_digit_and_is_marked() -> None:
    optical = settle(glyphs(TD3, _0_5={"E": 0.6, "F": 0.38}))
    assert optical.lines == TD3
    assert optical.uncertain == ((0, 5),)
    assert optical.confidence < 0.4


def test_ok__a_long_document_number() -> None:
    assert settle(glyphs(LONG, _0_16={"B": 0.5, "3": 0.49})).lines[0][16] == "3"


def test_ok__a_visa_is_told_by_its_letter() -> None:
    visa = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")
    assert settle(glyphs(visa)).format.value == "MRV-A"
    assert settle(glyphs(visa, _0_0={"Y": 0.5, "V": 0.45})).format.value == "MRV-A"


@pytest.mark.parametrize("lines", [(), ("A",), TD3[:1], (TD3[0], TD2[1]), (*TD3, TD3[0]), TD1[:2]])
def test_fail__no_format_has_such_lines(lines) -> None:
    with pytest.raises(NotAnMrz):
        settle(glyphs(lines))


def test_ok__json() -> None:
    answer = optical_json(settle(glyphs(TD3, _0_5={"E": 0.6, "F": 0.38}, _1_1={"B": 0.55, "8": 0.42})))
    assert json.loads(json.dumps(answer)) == answer
    assert answer["legibility"]["verdict"] == "CANNOT"
    assert answer["legibility"]["evidence"] == {"places": [{"line": 0, "position": 5}]}
    assert answer["inferred"][0]["chosen"] == "8"
    assert optical_json(settle(glyphs(TD3)))["legibility"]["verdict"] == "PASS"


_glyph = st.dictionaries(st.sampled_from(CHARACTERS + "<"), st.floats(0, 1), max_size=5)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([(2, 44), (2, 36), (3, 30)]).flatmap(
        lambda shape: st.lists(
            st.lists(_glyph, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        )
    )
)
def test_ok__any_glyphs_settle_in_bounded_time(lines) -> None:
    optical = settle(lines)
    assert [len(line) for line in optical.lines] == [len(line) for line in lines]
    assert all(0 <= one <= 1 for row in optical.confidences for one in row)
    for one in optical.inferred:
        assert optical.lines[one.line][one.position] == one.chosen
