import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.screening.names import MAX_PARTS, PersonName, compare, parts_of, sound_of

LETTERS = st.text("ABCDEKMORSTUVZ", min_size=1, max_size=9)
NAMES = st.builds(
    PersonName, st.lists(LETTERS, min_size=1, max_size=3).map(tuple), st.lists(LETTERS, max_size=3).map(tuple)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O'Connor-Smith", ("OCONNOR", "SMITH")),
        ("van der MUELLEN<<", ("VAN", "DER", "MUELLEN")),
        ("ТОКТОГУЛОВ", ("TOKTOGULOV",)),
        ("FNU", ()),
        ("日本", ()),
        ("", ()),
    ],
)
def test_ok__parts(text: str, expected: tuple[str, ...]) -> None:
    assert parts_of(text) == expected


@pytest.mark.parametrize("text", ["MUHAMMADOV<<TIMUR", "Muhammadov, Timur"])
def test_ok__whole_name_told_apart(text: str) -> None:
    assert PersonName.of(text) == PersonName(("MUHAMMADOV",), ("TIMUR",))


def test_ok__bounded() -> None:
    assert len(PersonName.of("A " * 10_000, "B " * 10_000).parts) <= MAX_PARTS


@pytest.mark.parametrize(
    ("one", "other"),
    [("MUKHAMEDOV", "MUHAMMADOV"), ("YURIY", "IURII"), ("SHCHERBAKOV", "SCHERBAKOV"), ("QASIM", "KASSEM")],
)
def test_ok__sounds_alike(one: str, other: str) -> None:
    if one[0] in "YI":  # a first vowel and a first Y are told apart
        one, other = one[1:], other[1:]
    assert sound_of(one) == sound_of(other)


@pytest.mark.parametrize(
    ("one", "other", "low", "high", "step"),
    [
        ("MUKHAMEDOV<<TIMUR", "MUHAMMADOV<<TIMUR", 0.9, 0.99, "part_sounds_alike"),
        ("TIMUR<<MUHAMMADOV", "MUHAMMADOV<<TIMUR", 0.99, 0.99, "name_parts_in_other_order"),
        ("ABDALRAHMAN<<OMAR", "ABD AL RAHMAN<<OMAR", 0.95, 1.0, "name_as_a_whole"),
        ("HUSSEIN<<OMAR", "HUSSEIN<<OMAR ABDALLAH", 0.85, 0.97, "parts_only_on_list_1"),
        ("HUSSEIN<<OMAR ABDALLAH", "HUSSEIN<<OMAR", 0.85, 0.97, "parts_only_on_document_1"),
        ("HUSSEIN<<O", "HUSSEIN<<OMAR", 0.8, 0.98, "part_initial"),
        ("KOWALSKA<<MARIA", "NGUYEN<<THUY", 0.0, 0.6, "no_part_alike"),
    ],
)
def test_ok__compare(one: str, other: str, low: float, high: float, step: str) -> None:
    found = compare(PersonName.of(one), PersonName.of(other))
    assert low <= found.score <= high
    assert step in found.why
    assert not found.same_parts


def test_ok__truncated_name_is_not_held_against_anybody() -> None:
    listed = PersonName.of("PAPANDROPOULOUS", "JONATHON ALEXANDROS KONSTANTINOS")
    cut = PersonName.of("PAPANDROPOULOUS", "JONATHON ALEXANDR")
    whole, truncated = compare(cut, listed), compare(cut, listed, truncated=True)
    assert truncated.score > 0.95 > whole.score
    assert "part_cut_off" in truncated.why
    initials = compare(PersonName.of("PAPANDROPOULOUS", "JONATHON A K"), listed, truncated=True)
    assert initials.score > 0.95


def test_ok__unsplit_name_equals_its_parts_in_any_order() -> None:
    found = compare(PersonName.of("Timur Muhammadov"), PersonName.of("MUHAMMADOV", "TIMUR"))
    assert (found.score, found.same_parts) == (1.0, True)


def test_ok__nothing_to_compare() -> None:
    assert compare(PersonName.of(""), PersonName.of("A")).score == 0.0


@given(NAMES, NAMES)
def test_ok__likeness_is_bounded_and_symmetrical(one: PersonName, other: PersonName) -> None:
    score = compare(one, other).score
    assert 0.0 <= score <= 1.0
    assert compare(other, one).score == pytest.approx(score)


@given(NAMES)
def test_ok__everybody_is_like_themselves(name: PersonName) -> None:
    found = compare(name, name)
    assert (found.score, found.same_parts) == (1.0, True)
