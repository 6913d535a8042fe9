from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from face_pictures import astronaut, blurred, darkened, drawn, turned

from models.face.detector import FaceDetector
from models.face.embedding import FaceEmbedding, cosine, five_points
from models.face.mesh import FaceMesh, Mesh
from models.runtime import ModelDamaged, Tensor


@pytest.fixture
def vector_of(detector: FaceDetector, mesh_finder: FaceMesh, embedding: FaceEmbedding):
    def of(picture: np.ndarray) -> np.ndarray:
        mesh = mesh_finder.find(picture, detector.detect(picture)[0])
        assert mesh is not None
        return embedding.embed(picture, mesh)

    return of


def test_ok_a_vector_has_length_one(vector_of) -> None:
    vector = vector_of(astronaut())
    assert vector.shape == (128,)
    assert np.linalg.norm(vector) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: turned(picture, 12),
        lambda picture: blurred(picture, 1.0),
        lambda picture: darkened(picture, 0.5),
        lambda picture: cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1),
        lambda picture: cv2.resize(picture, None, fx=2, fy=2),
    ],
    ids=["turned", "blurred", "darker", "compressed", "larger"],
)
def test_ok_the_same_person_in_another_picture_is_alike(vector_of, change) -> None:
    assert cosine(vector_of(astronaut()), vector_of(change(astronaut()))) > 0.75


def test_fail_another_person_is_not_alike(vector_of) -> None:
    assert cosine(vector_of(astronaut()), vector_of(drawn(11))) < 0.45


def test_ok_the_picture_s_left_comes_first(detector: FaceDetector, mesh_finder: FaceMesh) -> None:
    mesh = mesh_finder.find(astronaut(), detector.detect(astronaut())[0])
    assert mesh is not None
    points = five_points(mesh)
    assert points[0][0] < points[2][0] < points[1][0]
    assert points[3][0] < points[4][0]
    assert points[:2, 1].max() < points[2, 1] < points[3:, 1].min()


def model(shape: tuple[int, ...], answer: np.ndarray) -> SimpleNamespace:
    tensors = (Tensor("in", shape, np.dtype(np.float32)),), (Tensor("out", (1, 4), np.dtype(np.float32)),)
    return SimpleNamespace(inputs=tensors[0], outputs=tensors[1], run=lambda _array: (answer,))


@pytest.mark.parametrize("shape", [(2, 112, 112, 3), (1, 160, 160, 3), (1, 112, 112)])
def test_fail_a_model_that_takes_something_else(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelDamaged, match="this one does not"):
        FaceEmbedding(model(shape, np.zeros((1, 4))))


@pytest.mark.parametrize("answer", [np.zeros((1, 4)), np.full((1, 4), np.nan)])
def test_fail_a_model_without_an_answer(answer: np.ndarray) -> None:
    points = np.random.default_rng(0).uniform(0, 99, (478, 2))
    mesh = Mesh(points, np.zeros(478), 1.0)
    with pytest.raises(ModelDamaged, match="no direction"):
        FaceEmbedding(model((1, 112, 112, 3), answer)).embed(np.zeros((100, 100, 3), np.uint8), mesh)
