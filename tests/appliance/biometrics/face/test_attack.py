import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from face_pictures import astronaut

from appliance.biometrics.face.attack import AttackIndicator
from appliance.biometrics.face.finding import FaceFinder
from appliance.face_settings import AttackIndicatorChoice
from models.face.weights import DETECTOR, EMBEDDING
from models.runtime import ModelDamaged

sys.path.insert(0, str(Path(__file__).parents[3] / "models"))
from tiny_model import tiny_model

SIDE = 8


@pytest.fixture
def choice(tmp_path: Path):
    """A model that gives its input back: 8 x 8 colour pixels, what is below zero set to zero."""

    def of(**changes: object) -> AttackIndicatorChoice:
        content = tiny_model(shape=(1, SIDE, SIDE, 3))
        path = tmp_path / "indicator.tflite"
        path.write_bytes(content)
        fields = {"name": "test", "path": path, "sha256": hashlib.sha256(content).hexdigest()}
        return AttackIndicatorChoice(**(fields | changes))

    return of


def indicated(choice: AttackIndicatorChoice, finder: FaceFinder, picture: np.ndarray) -> float:
    return AttackIndicator(choice).indicate(picture, finder.find(astronaut())[0].mesh)


@pytest.mark.parametrize(("output", "order", "expected"), [(0, "RGB", 0.8), (0, "BGR", 0.2), (2, "RGB", 0.2)])
def test_ok_the_named_number_of_the_face_s_square(
    choice, finder: FaceFinder, output: int, order: str, expected: float
) -> None:
    picture = np.full((512, 512, 3), (51, 102, 204), np.uint8)  # blue 0.2, green 0.4, red 0.8
    value = indicated(choice(output=output, order=order), finder, picture)
    assert value == pytest.approx(expected, abs=0.01)


def test_ok_black_and_white_become_what_the_choice_says(choice, finder: FaceFinder) -> None:
    white = np.full((512, 512, 3), 255, np.uint8)
    assert indicated(choice(low=-1.0, high=3.0), finder, white) == pytest.approx(3.0)


def test_ok_it_looks_at_the_face_and_not_beside_it(choice, finder: FaceFinder) -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[40:210, 150:310] = 255
    middle = (SIDE * SIDE // 2 + SIDE // 2) * 3
    assert indicated(choice(output=middle), finder, picture) > 0.9
    assert indicated(choice(output=0, margin=4.0), finder, picture) < 0.1


def test_fail_a_number_that_the_model_does_not_give(finder: FaceFinder) -> None:
    file = AttackIndicatorChoice(name="x", path=DETECTOR.path, sha256=DETECTOR.sha256, output=99_999)
    indicator, mesh = AttackIndicator(file), finder.find(astronaut())[0].mesh
    with pytest.raises(ModelDamaged, match="not the one that is named"):
        indicator.indicate(astronaut(), mesh)


def test_fail_a_model_of_another_kind(tmp_path: Path) -> None:
    content = tiny_model()
    path = tmp_path / "flat.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelDamaged, match="one colour picture"):
        AttackIndicator(
            AttackIndicatorChoice(name="x", path=path, sha256=hashlib.sha256(content).hexdigest())
        )


def test_fail_a_number_that_is_none(choice, finder: FaceFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    indicator = AttackIndicator(choice())
    monkeypatch.setattr(indicator._model, "run", lambda _array: (np.array([np.nan]),))
    with pytest.raises(ModelDamaged, match="no number"):
        indicator.indicate(astronaut(), finder.find(astronaut())[0].mesh)


def test_ok_any_model_of_one_picture_may_be_named(finder: FaceFinder) -> None:
    """The embedding stands in for one: what matters is that nothing but shapes is asked of it."""
    file = AttackIndicatorChoice(name="x", path=EMBEDDING.path, sha256=EMBEDDING.sha256, high=255.0, output=7)
    assert np.isfinite(AttackIndicator(file).indicate(astronaut(), finder.find(astronaut())[0].mesh))
