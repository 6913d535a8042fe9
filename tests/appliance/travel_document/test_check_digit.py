"""Doc 9303-3 section 4.9, held to the worked examples of its appendix A."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.travel_document.check_digit import check_digit
from appliance.travel_document.errors import UnreadableCharacter


@pytest.mark.parametrize(
    ("characters", "digit"),
    [
        ("520727", "3"),
        ("AB2134<<<", "5"),
        ("HA672242<658022549601086<<<<<<<<<<<<<<0", "8"),
        ("D231458907<<<<<<<<<<<<<<<34071279507122<<<<<<<<<<<", "2"),
        ("HA672242<658022549601086<<<<<<<", "8"),
        ("", "0"),
        ("<<<<<<", "0"),
    ],
)
def test_ok__appendix_a(characters: str, digit: str) -> None:
    assert check_digit(characters) == digit


@pytest.mark.parametrize("characters", ["a", "Ñ", "12 34", "１", "\n"])
def test_fail__character_that_no_mrz_has(characters: str) -> None:
    with pytest.raises(UnreadableCharacter) as caught:
        check_digit(characters)
    assert caught.value.__cause__ is None
    assert str(caught.value) == "A check digit covers a character that no MRZ has."


@given(st.text("0123456789", min_size=1), st.data())
def test_ok__one_wrong_digit_is_always_seen(digits: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(digits) - 1))
    other = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != digits[at]))
    assert check_digit(digits) != check_digit(digits[:at] + other + digits[at + 1 :])
