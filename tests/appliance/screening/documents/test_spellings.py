import random

from hypothesis import given
from hypothesis import strategies as st

from appliance.screening.documents.spellings import MAX_SPELLINGS, plate_spellings, spellings
from appliance.travel_document.check_digit import check_digit

NUMBERS = st.text("ABGILOSZ0125678", min_size=1, max_size=14)


@given(NUMBERS)
def test_ok__those_that_keep_the_digit(number: str) -> None:
    found = spellings(number, check_digit_fits=True)
    assert all(check_digit(one) == check_digit(number) for one in found)
    assert len(set(found)) == len(found) <= MAX_SPELLINGS
    assert number not in found
    assert all(len(one) == len(number) for one in found)


def test_ok__the_ones_no_check_digit_sees() -> None:
    assert "AB1G" in spellings("AB16", check_digit_fits=True)
    assert "ABL6" in spellings("AB16", check_digit_fits=True)
    assert "ABI6" not in spellings("AB16", check_digit_fits=True)
    assert "ABI6" in spellings("AB16", check_digit_fits=False)


def test_ok__how_many() -> None:
    """About what the bake-off counted: a few where the digit fits, some dozens where it does not."""
    play = random.Random(1)
    numbers = [
        f"{play.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}{play.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}{play.randrange(10**7):07d}"
        for _ in range(400)
    ]
    fitting = [len(spellings(one, check_digit_fits=True)) for one in numbers]
    any_ = [len(spellings(one, check_digit_fits=False)) for one in numbers]
    assert 2 < sum(fitting) / 400 < 20
    assert 20 < sum(any_) / 400 < 200


def test_ok__without_a_digit_one_change_at_most() -> None:
    assert set(spellings("B8", check_digit_fits=None)) == {"88", "BB"}
    assert "O1KG777ABC" in plate_spellings("01KG777ABC")
    assert all(sum(a != b for a, b in zip(one, "01KG", strict=True)) == 1 for one in plate_spellings("01KG"))
