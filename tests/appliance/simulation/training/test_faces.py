"""Drawn faces are found, known again, and told from a stranger's by the networks that ship."""

import io

import numpy as np
import pytest
from PIL import Image

from appliance.biometrics.face.comparison import FaceComparer
from appliance.biometrics.face.finding import FaceFinder
from appliance.face_settings import FaceSettings
from appliance.simulation.training.day import STRANGERS
from appliance.simulation.training.faces import draw_face, draw_nobody


def pixels(jpeg: bytes) -> np.ndarray:
    picture = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    return np.ascontiguousarray(picture[:, :, ::-1])


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="module")
def comparer() -> FaceComparer:
    return FaceComparer(FaceSettings().compares_with)


@pytest.mark.parametrize("seed", [2, 42, 51, 59])
def test_ok__the_same_person_is_known_again(finder: FaceFinder, comparer: FaceComparer, seed: int) -> None:
    live = pixels(draw_face(seed, live=True))
    (face,) = finder.find(live)
    compared = comparer.compare(finder, live, face, pixels(draw_face(seed)))
    assert compared.cosine is not None
    assert compared.cosine > 0.85
    assert draw_face(seed) == draw_face(seed)


@pytest.mark.parametrize(("standing", "owner"), STRANGERS)
def test_ok__a_stranger_is_told(
    finder: FaceFinder, comparer: FaceComparer, standing: int, owner: int
) -> None:
    live = pixels(draw_face(standing, live=True))
    (face,) = finder.find(live)
    compared = comparer.compare(finder, live, face, pixels(draw_face(owner)))
    assert compared.cosine is not None
    assert compared.cosine < FaceSettings().threshold


def test_ok__nobody_is_nobody(finder: FaceFinder) -> None:
    assert finder.find(pixels(draw_nobody())) == ()
