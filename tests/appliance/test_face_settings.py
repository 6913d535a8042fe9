from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import ConfigError, load_toml
from appliance.contracts.face import NOT_MEASURED, SKIN_TONE_MEASURES, Measure, MeasureState
from appliance.face_settings import (
    SHIPPED_EMBEDDING,
    AttackIndicatorChoice,
    EmbeddingChoice,
    FaceProfile,
    FaceSettings,
)

THEIRS = EmbeddingChoice(name="theirs", path=Path("/x.tflite"), sha256="0" * 64, threshold=0.6)


def measure(scalar: int) -> Measure:
    return Measure(native=0.0, scalar=scalar)


def test_ok_what_falls_short_is_named_in_the_profile_s_order() -> None:
    profile = FaceProfile(required={"EyesOpen": 50, "MouthClosed": 60}, advised={"LuminanceMean": 40})
    measures = {"MouthClosed": measure(59), "EyesOpen": measure(49), "LuminanceMean": measure(10)}
    assert profile.falls_short(measures) == ("EyesOpen", "MouthClosed")
    assert profile.could_be_better(measures) == ("LuminanceMean",)
    assert profile.deficit(measures) == pytest.approx(1 + 1 + 3)
    assert profile.falls_short({"EyesOpen": measure(50), "MouthClosed": measure(60)}) == ()


@pytest.mark.parametrize(
    "unmeasured",
    [None, Measure(state=MeasureState.NOT_DONE), Measure(state=MeasureState.CANNOT, native=1.0, scalar=0)],
)
def test_ok_what_was_not_measured_is_held_against_nobody(unmeasured: Measure | None) -> None:
    measures = {} if unmeasured is None else {"HeadPoseYaw": unmeasured}
    assert FaceProfile(required={"HeadPoseYaw": 97}, advised={}).falls_short(measures) == ()


@pytest.mark.parametrize("name", sorted(SKIN_TONE_MEASURES))
def test_fail_nobody_is_turned_away_by_what_depends_on_skin_tone(name: str) -> None:
    with pytest.raises(ValueError, match="skin tone"):
        FaceProfile(required={name: 1})
    FaceProfile(required={}, advised={name: 1})


@pytest.mark.parametrize("name", sorted(NOT_MEASURED))
def test_fail_nothing_depends_on_what_is_not_measured(name: str) -> None:
    with pytest.raises(ValueError, match="not measured"):
        FaceProfile(required={}, advised={name: 1})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"required": {"Eyes": 1}}, "no measure Eyes"),
        ({"required": {"EyesOpen": 101}}, "from 0 to 100"),
        ({"advice_seconds": -1.0}, "advice_seconds"),
    ],
)
def test_fail_a_profile_that_means_nothing(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FaceProfile(**fields)


def test_ok_the_profile_that_ships_requires_nothing_of_the_light() -> None:
    profile = FaceProfile()
    assert not SKIN_TONE_MEASURES & profile.required.keys()
    assert not {"own.eye_light", "own.light_balance", "own.eye_reflection"} & profile.required.keys()


def test_ok_the_threshold_moves_with_the_rate() -> None:
    assert FaceSettings().threshold == SHIPPED_EMBEDDING.threshold
    assert FaceSettings(fmr=1e-4).threshold == pytest.approx(0.55)
    assert FaceSettings(fmr=1e-2).threshold == pytest.approx(0.35)
    assert FaceSettings(embedding=THEIRS).threshold == 0.6


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_ok_the_calibrated_score_rises_with_the_cosine(one: float, other: float) -> None:
    settings = FaceSettings()
    low, high = sorted((one, other))
    assert settings.calibrated(low) <= settings.calibrated(high)
    assert settings.calibrated(low) >= 0


def test_ok_thirty_is_one_in_a_thousand() -> None:
    for fmr in (1e-2, 1e-3, 1e-4):
        settings = FaceSettings(fmr=fmr)
        assert 10 ** (-settings.calibrated(settings.threshold) / 10) == pytest.approx(fmr)
    assert FaceSettings(embedding=THEIRS).calibrated(0.9) is None


@pytest.mark.parametrize("fmr", [0.0, 0.5, 1e-9])
def test_fail_a_rate_that_nobody_means(fmr: float) -> None:
    with pytest.raises(ValueError, match="fmr must be"):
        FaceSettings(fmr=fmr)


def test_fail_another_rate_for_a_model_that_nobody_has_calibrated() -> None:
    with pytest.raises(ValueError, match="per_tenfold"):
        FaceSettings(embedding=THEIRS, fmr=1e-4)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"order": "GBR"}, "RGB or BGR"),
        ({"attack_is": "yes"}, "high or low"),
        ({"margin": 0.5}, "margin"),
        ({"low": float("nan")}, "margin"),
        ({"output": -1}, "counted from 0"),
    ],
)
def test_fail_an_indicator_that_cannot_be_fed(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        AttackIndicatorChoice(**({"name": "x", "path": Path("x"), "sha256": "0" * 64} | changes))


class Whole(msgspec.Struct, forbid_unknown_fields=True):
    face: FaceSettings = FaceSettings()


def load(tmp_path: Path, text: str) -> FaceSettings:
    path = tmp_path / "borne.toml"
    path.write_text(text, "utf-8")
    return load_toml(path, Whole).face


def test_ok_the_whole_table_from_a_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [face]
        fmr = 0.0001
        [face.embedding]
        name = "theirs"
        path = "/etc/borne/theirs.tflite"
        sha256 = "ab"
        threshold = 0.5
        per_tenfold = 0.05
        [face.profile]
        required = { "own.focus" = 30, HeadPoseYaw = 90 }
        advised = {}
        advice_seconds = 0
        [face.presentation_attack]
        name = "indicator"
        path = "/etc/borne/indicator.tflite"
        sha256 = "cd"
        attack_is = "low"
        """,
    )
    assert settings.threshold == pytest.approx(0.55)
    assert settings.compares_with.path == Path("/etc/borne/theirs.tflite")
    assert settings.profile.required == {"own.focus": 30, "HeadPoseYaw": 90}
    assert settings.presentation_attack is not None
    assert load(tmp_path, "") == FaceSettings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[face.profile]\nrequired = { LuminanceMean = 50 }", "depends on skin tone"),
        ("[face.profile]\nrequired = { Sharpness = 50 }", "not measured by this box"),
        ("[face]\nfmr = 2.0", "fmr must be"),
        ("[face.embedding]\nname = 'x'\npath = 'x'\nsha256 = 'x'", "`threshold` is missing"),
        ("[face]\nembeding = 1", "unknown key `embeding`"),
    ],
)
def test_fail_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(tmp_path, text)
