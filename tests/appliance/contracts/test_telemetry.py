"""Telemetry on one level, whatever was given."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts.telemetry import MAX_FIELDS, flat


def test_ok__flat_telemetry_and_nested_are_read_alike() -> None:
    nested = {"records": {"unsent": 3, "notices": ["x"]}, "version": "1"}
    assert flat(nested) == {"records_unsent": 3, "records_notices_0": "x", "version": "1"}
    assert flat(flat(nested)) == flat(nested)
    assert flat(None) == {"": None}
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert len(flat(deep)) <= MAX_FIELDS
    assert len(flat({str(number): number for number in range(100_000)})) <= MAX_FIELDS
    assert flat({"time": (1, 2.5), "x": b"y"}) == {"time_0": 1, "time_1": 2.5, "x": "b'y'"}


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


@given(st.recursive(_PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner)))
def test_ok__one_level_and_bounded(report) -> None:
    made = flat(report)
    assert len(made) <= MAX_FIELDS
    assert not any(isinstance(value, dict | list) for value in made.values())
    assert flat(made) == made
