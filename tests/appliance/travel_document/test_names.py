"""The name field, held to the examples of Doc 9303-4 to -7 section 4.2.3."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.travel_document.errors import CannotRepresent
from appliance.travel_document.names import fit_name, read_name

TD3, TD2, TD1 = 39, 31, 30
IDENTIFIERS = st.lists(st.text("ABCXYZ", min_size=1, max_size=14), min_size=1, max_size=6).map("<".join)


@pytest.mark.parametrize(
    ("field", "primary", "secondary"),
    [
        ("ERIKSSON<<ANNA<MARIA", "ERIKSSON", "ANNA MARIA"),
        ("SMITH<JONES<<SUSIE<MARGARET", "SMITH JONES", "SUSIE MARGARET"),
        ("VAN<DER<MUELLEN<<MARTIN", "VAN DER MUELLEN", "MARTIN"),
        ("ARKFREITH", "ARKFREITH", ""),
        ("SATRIYA<SUDARPA", "SATRIYA SUDARPA", ""),
    ],
)
def test_ok__read(field: str, primary: str, secondary: str) -> None:
    reading = read_name(field.ljust(TD3, "<"))
    assert (reading.primary, reading.secondary) == (primary, secondary)
    assert not reading.truncated
    assert not reading.problem


@pytest.mark.parametrize(
    "field",
    ["NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K", "PAPANDROPOULOUS<<JONATHON<WARREN<TREVOR", "A" * TD3],
)
def test_ok__letter_in_the_last_position_may_be_truncated(field: str) -> None:
    assert len(field) == TD3
    assert read_name(field).truncated


@pytest.mark.parametrize(
    ("field", "problem", "position"),
    [
        ("<" * TD3, "no_name", 0),
        ("<<ANNA<MARIA".ljust(TD3, "<"), "starts_with_filler", 0),
        ("ERIKSSON<<<ANNA".ljust(TD3, "<"), "gap_in_name", 8),
        ("ERIKSSON<<<<<<ANNA<<<<<".ljust(TD3, "<"), "gap_in_name", 8),
        ("ERIKSSON<<ANNA<<MARIA".ljust(TD3, "<"), "second_separator", 14),
    ],
)
def test_fail__filler_rules(field: str, problem: str, position: int) -> None:
    reading = read_name(field)
    assert (reading.problem, reading.position) == (problem, position)


def test_ok__broken_field_is_still_read() -> None:
    assert read_name("<<ANNA<MARIA<<<").secondary == "ANNA MARIA"
    assert read_name("ERIKSSON<<ANNA<<MARIA<<").secondary == "ANNA MARIA"


@pytest.mark.parametrize(
    ("primary", "secondary", "width", "field"),
    [
        ("ERIKSSON", "ANNA<MARIA", TD1, "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"),
        ("ARKFREITH", "", TD1, "ARKFREITH<<<<<<<<<<<<<<<<<<<<<"),
        # Section 4.2.3.1 to .3, method a: to initials
        ("NILAVADHANANANDA", "CHAYAPA<DEJTHAMRONG<KRASUANG", TD3, "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K"),
        ("NILAVADHANANANDA", "CHAYAPA<DEJTHAMRONG<KRASUANG", TD2, "NILAVADHANANANDA<<CHAYAPA<DEJ<K"),
        ("NILAVADHANANANDA", "CHAYAPA<DEJTHAMRONG<KRASUANG", TD1, "NILAVADHANANANDA<<CHAYAPA<DE<K"),
        ("NILAVADHANANANDA", "ARNPOL<PETCH<CHARONGUANG", TD3, "NILAVADHANANANDA<<ARNPOL<PETCH<CHARONGU"),
        (
            "BENNELONG<WOOLOOMOOLOO<WARRANDYTE<WARNAMBOOL",
            "DINGO<POTOROO",
            TD3,
            "BENNELONG<WOOLOOMOOLOO<WARRANDYTE<W<<DI",
        ),
        (
            "BENNELONG<WOOLOOMOOLOO<WARRANDYTE<WARNAMBOOL",
            "DINGO<POTOROO",
            TD2,
            "BENNELONG<WOOLOOMOOLOO<W<W<<D<P",
        ),
        (
            "BENNELONG<WOOLOOMOOLOO<WARRANDYTE<WARNAMBOOL",
            "DINGO<POTOROO",
            TD1,
            "BENNELONG<WOOLOOMOOLOO<W<W<<DI",
        ),
        # Names that just fit
        ("PAPANDROPOULOUS", "JONATHON<WARREN<TREVOR", TD3, "PAPANDROPOULOUS<<JONATHON<WARREN<TREVOR"),
        ("PAPANDROPOULOUS", "JONATHOON<ALEC", TD2, "PAPANDROPOULOUS<<JONATHOON<ALEC"),
        ("PAPANDROPOULOUS", "JONATHON<ALEC", TD1, "PAPANDROPOULOUS<<JONATHON<ALEC"),
        ("VILARCHAO<FERNANDEZ", "JOSE<RAMON", TD1, "VILARCHAO<FERNANDEZ<<JOSE<RAMO"),
        # Beyond the examples
        ("A" * 50, "BO", TD1, "A" * 27 + "<<B"),
        ("A" * 50, "", TD1, "A" * 30),
        ("<".join("A" * 25), "BO", TD2, "<".join("A" * 14) + "<<BO"),
        ("X" * 24, "A<B<C<D", TD1, "X" * 23 + "<<A<B<C"),
        ("ALPHA<" + "B" * 30, "CY", TD1, "ALPHA<" + "B" * 20 + "<<CY"),
    ],
)
def test_ok__fit(primary: str, secondary: str, width: int, field: str) -> None:
    assert fit_name(primary, secondary, width=width) == field


def test_fail__initials_that_cannot_end_with_a_letter() -> None:
    with pytest.raises(CannotRepresent) as caught:
        fit_name("<".join("A" * 16), "", width=TD1)
    assert caught.value.field == "name"


@given(IDENTIFIERS, IDENTIFIERS | st.just(""), st.sampled_from([TD3, TD2, TD1]))
def test_ok__fitted_names_keep_the_rules(primary: str, secondary: str, width: int) -> None:
    whole = f"{primary}<<{secondary}" if secondary else primary
    try:
        field = fit_name(primary, secondary, width=width)
    except CannotRepresent:
        assert re.fullmatch("([A-Z]<){15,}[A-Z]", primary)
        return
    reading = read_name(field)
    assert len(field) == width
    assert not reading.problem
    assert reading.truncated or field.rstrip("<") == whole
    assert len(whole) <= width or reading.truncated
    assert bool(reading.secondary) == bool(secondary)
    shown = zip(reading.primary.split(), primary.split("<"), strict=False)
    assert all(full.startswith(cut) for cut, full in shown)
