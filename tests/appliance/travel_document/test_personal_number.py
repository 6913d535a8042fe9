"""Where personal numbers stand; all invented, in the shape of published specimens."""

import pytest

from appliance.travel_document.layout import MrzFormat
from appliance.travel_document.personal_number import place_of, read_personal_number


@pytest.mark.parametrize(
    ("format_", "state", "first", "second", "number"),
    [
        ("TD3", "UTO", "ZE184226B", "", "ZE184226B"),
        ("TD3", "FIN", "010180<123A", "", "010180<123A"),
        ("TD3", "AUS", "<12345678Z", "", "12345678Z"),
        ("TD3", "UTO", "", "", None),
        ("TD1", "KGZ", "20101198012345", "", "20101198012345"),
        ("TD1", "KAZ", "800101300123", "", "800101300123"),
        ("TD1", "UZB", "30101800123456", "", "30101800123456"),
        ("TD1", "BEL", "", "80010112345", "80010112345"),
        ("TD1", "ESP", "99999999R", "", "99999999R"),
        ("TD1", "TUR", "<12345678901", "", "12345678901"),
        ("TD1", "UKR", "19800101<12345", "", "19800101<12345"),
        ("TD2", "AZE", "1AB2CD3", "", "1AB2CD3"),
        # Another shape, another field, another State, another format
        ("TD1", "KGZ", "2010119801234", "", None),
        ("TD1", "KGZ", "", "20101198012", None),
        ("TD1", "BEL", "80010112345", "", None),
        ("TD1", "UTO", "12345678901", "", None),
        ("TD2", "KGZ", "1234567", "", None),
        ("MRV-A", "UTO", "6ZE184226B", "", None),
    ],
)
def test_ok__read(format_: str, state: str, first: str, second: str, number: str | None) -> None:
    assert read_personal_number(MrzFormat(format_), state, first, second) == number


def test_ok__place() -> None:
    assert place_of(MrzFormat.MRV_B, "KGZ") is None
    place = place_of(MrzFormat.TD1, "BEL")
    assert place is not None
    assert place.second
