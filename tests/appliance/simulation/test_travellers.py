import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts.checks import Recommendation
from appliance.simulation.travellers import traveller
from appliance.simulation.watchlists import NEAR_MATCH, STOLEN_DOCUMENT
from appliance.travel_document import parse_mrz, to_json

TODAY = dt.date(2026, 11, 2)


def failed(lines: tuple[str, ...]) -> list[str]:
    checks = to_json(parse_mrz(lines, today=TODAY))["checks"]
    return [check["id"] for check in checks if check["verdict"] == "FAIL"]


def test_ok__the_first_four() -> None:
    assert [traveller(number).expected for number in range(1, 5)] == [
        Recommendation.GREEN,
        Recommendation.AMBER,
        Recommendation.RED,
        Recommendation.AMBER,
    ]
    near, stolen = (parse_mrz(traveller(number).lines, today=TODAY) for number in (2, 3))
    assert near.primary_identifier == NEAR_MATCH.traveller_primary
    assert stolen.document_number == STOLEN_DOCUMENT.number


@given(st.integers(1, 5000))
def test_ok__documents_hold_what_their_story_says(number: int) -> None:
    someone = traveller(number)
    assert someone == traveller(number)
    assert someone.number == number
    wrong = ["mrz.document_number_check_digit", "mrz.composite_check_digit"] if number == 4 else []
    assert failed(someone.lines) == wrong


def test_ok__ordinary_ones_differ() -> None:
    assert len({traveller(number).lines for number in range(1, 200)}) == 199


@pytest.mark.parametrize("number", [0, -1])
def test_fail__counted_from_one(number: int) -> None:
    with pytest.raises(ValueError, match="from 1"):
        traveller(number)
