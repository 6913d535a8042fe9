"""Two letters against three."""

import pytest

from appliance.travel_document.codes import _ISO_3166_1
from appliance.travel_document.codes_alpha2 import alpha2_of, same_issuer


def test_ok__every_iso_code_has_two_letters_of_its_own():
    codes = [entry[:3] for line in _ISO_3166_1.strip().splitlines() for entry in line.split("|")]
    letters = [alpha2_of(code) for code in codes]
    assert None not in letters
    assert len(set(letters)) == len(codes)


@pytest.mark.parametrize(
    ("code", "country", "same"),
    [
        ("D", "DE", True),
        ("D", "de", True),
        ("FRA", "FR", True),
        ("GBR", "GB", True),
        ("HKG", "CN", True),
        ("RKS", "KS", True),
        ("UNO", "UN", True),
        ("UTO", "UT", True),
        ("FRA", "DE", False),
        ("CHN", "HK", False),
        ("XYZ", "DE", None),
    ],
)
def test_ok__one_issuer_or_two(code: str, country: str, same: bool | None):
    assert same_issuer(code, country) is same
