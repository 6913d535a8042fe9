"""Who is left out before any comparison could have been no hit after it."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.screening.dates import BirthDate
from appliance.screening.names import PersonName
from appliance.screening.persons.evidence import NATIONALITY, SEX, cannot_be, needed, weigh

PARTS = (
    *("ALI", "MUHAMMAD", "KIM", "SONG", "A", "M", "AL", "BIN", "SHISHKIN", "IVANOVICH", "ABDURRAHMAN", "ABD"),
    *("RAHMAN", "GARCIA", "DELACRUZ", "DE", "CRUZ", "MAMATKULOVA", "WEATHERSTONE"),
)
names = st.builds(
    PersonName,
    st.lists(st.sampled_from(PARTS), max_size=3).map(tuple),
    st.lists(st.sampled_from(PARTS), max_size=3).map(tuple),
)
dates = st.sampled_from(["", "1980", "1980-05-06", "1980-06-05", "1981-05-06", "1955-01-01"]).map(
    BirthDate.parse
)


@given(names, dates, names, dates, st.sampled_from([10, 5_000, 1_000_000]))
def test_ok__left_out_is_only_who_could_not_have_been_a_hit(one, born, other, other_born, persons) -> None:
    if cannot_be(one, born, other, other_born, persons=persons):
        evidence = weigh(one, born, other, other_born)
        assert evidence.nats + SEX[0] + NATIONALITY[0] < needed(evidence.dates, persons)


def test_ok__some_are_left_out_and_some_are_not() -> None:
    usual, rare = PersonName(("ALI",), ("MUHAMMAD",)), PersonName(("WEATHERSTONE",), ("MAMATKULOVA",))
    nobody = BirthDate()
    assert cannot_be(usual, nobody, usual, nobody, persons=1_000_000)
    assert not cannot_be(rare, nobody, rare, nobody, persons=1_000_000)
    born = BirthDate.parse("1980-05-06")
    assert not cannot_be(usual, born, usual, born, persons=5_000)
