"""Doc 9303-3 section 5, part by part."""

import pytest
from babel import Locale

from appliance.travel_document.codes import _ICAO, _ISO_3166_1, _NAMES, can_issue, is_known_code, state_name

ICAO = """
D GBD GBN GBO GBP GBS RKS EUE UNO UNA UNK XBA XIM XCC XCE XCO XEC XPO XES XMP XOM XDC
XXA XXB XXC XXX ANT NTZ UTO IAO
"""
ICAO_CODES = ICAO.split()


@pytest.mark.parametrize("code", ICAO_CODES)
def test_ok__every_icao_code_has_a_name(code: str) -> None:
    assert is_known_code(code)
    assert state_name(code)


def test_ok__no_other_icao_code() -> None:
    assert set(_ICAO) == set(ICAO_CODES)


def test_ok__all_of_iso_3166_1() -> None:
    entries = [entry for line in _ISO_3166_1.strip().splitlines() for entry in line.split("|")]
    assert len(entries) == 249
    assert len({entry[:3] for entry in entries}) == 249
    assert all(entry[:3].isascii() and entry[:3].isupper() and entry[3] == " " for entry in entries)
    assert len({entry[4:] for entry in entries}) == 249


def test_ok__names_agree_with_another_source() -> None:
    """Most short names are the Unicode CLDR's too: a code shifted by a line would not be."""
    cldr = set(Locale("en").territories.values())
    assert sum(name in cldr for name in _NAMES.values()) > 200


@pytest.mark.parametrize(
    ("code", "name"),
    [("KGZ", "Kyrgyzstan"), ("TJK", "Tajikistan"), ("NER", "Niger"), ("NGA", "Nigeria"), ("D", "Germany")],
)
def test_ok__names(code: str, name: str) -> None:
    assert state_name(code) == name


@pytest.mark.parametrize("code", ["", "ASU", "XKX", "BDR", "kgz", "D<<", "DE", "KGZ "])
def test_fail__unknown_code(code: str) -> None:
    assert not is_known_code(code)
    assert not can_issue(code)
    assert state_name(code) is None


def test_ok__who_can_issue() -> None:
    assert can_issue("UNO")
    assert can_issue("D")
    assert not any(can_issue(code) for code in ("XXA", "XXB", "XXC", "XXX"))
