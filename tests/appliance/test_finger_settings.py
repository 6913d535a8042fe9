import msgspec
import pytest

from appliance.finger_settings import FingerSettings


def test_ok_the_threshold_is_the_rate_in_tens_of_logarithm() -> None:
    assert FingerSettings().threshold == pytest.approx(30.0)
    assert FingerSettings(fmr=1e-4).threshold == pytest.approx(40.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fmr": 0.5},
        {"fmr": 0.0},
        {"quality": 101},
        {"attempts": 0},
        {"attempts": 11},
        {"seconds": 0.5},
        {"x": 1},
    ],
)
def test_fail_values_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, FingerSettings)
