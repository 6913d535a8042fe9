"""The mapping to 0-100, held to every score that OFIQ publishes for its conformance pictures."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.biometrics.face.scores import MAPPINGS, scalar_of, step
from appliance.contracts.face import OFIQ_MEASURES

PUBLISHED = Path(__file__).with_name("ofiq_1_0_3_scores.csv")


def published() -> dict[str, list[tuple[float, int]]]:
    lines = [line for line in PUBLISHED.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = {row[0]: [float(value) for value in row[1:]] for row in list(csv.reader(lines))[1:]}
    return {name: [(row[at], int(row[at + 1])) for at in range(0, len(row), 2)] for name, row in rows.items()}


@pytest.mark.parametrize("measure", OFIQ_MEASURES)
def test_ok_every_published_score_comes_out(measure: str) -> None:
    pairs = published()[measure]
    assert len(pairs) == 28
    assert [scalar_of(measure, native) for native, _ in pairs] == [scalar for _, scalar in pairs]


def test_ok_there_is_a_mapping_for_each_measure_and_no_other() -> None:
    assert set(MAPPINGS) == set(OFIQ_MEASURES) == set(published())


@given(st.sampled_from(OFIQ_MEASURES), st.floats(-1e6, 1e6))
def test_ok_a_scalar_is_within_0_and_100(measure: str, native: float) -> None:
    if measure == "LuminanceVariance":
        native = abs(native)
    if measure == "OverExposurePrevention":
        native = min(abs(native), 1.0)
    assert 0 <= scalar_of(measure, native) <= 100


def test_ok_the_logistic_function_does_not_overflow() -> None:
    assert step(-1e9, 0.0, 1e-3) == 0.0
    assert step(1e9, 0.0, 1e-3) == 1.0
