import hashlib
from pathlib import Path

import numpy as np
import pytest
from face_pictures import astronaut, drawn, turned

from appliance.biometrics.face.comparison import FaceComparer
from appliance.biometrics.face.finding import FaceFinder
from appliance.face_settings import SHIPPED_EMBEDDING, EmbeddingChoice
from models.face.weights import EMBEDDING, MESH
from models.runtime import ModelDamaged, ModelUnreadable


@pytest.fixture(scope="module")
def comparer() -> FaceComparer:
    return FaceComparer(SHIPPED_EMBEDDING)


def live(finder: FaceFinder, picture: np.ndarray):
    faces = finder.find(picture)
    return picture, faces[0] if faces else None


def test_ok_one_person_is_alike(comparer: FaceComparer, finder: FaceFinder) -> None:
    compared = comparer.compare(finder, *live(finder, turned(astronaut(), 8)), astronaut())
    assert compared.problem is None
    assert compared.cosine > 0.8


def test_ok_two_people_are_not(comparer: FaceComparer, finder: FaceFinder) -> None:
    assert (
        comparer.compare(finder, *live(finder, astronaut()), drawn(11)).cosine < SHIPPED_EMBEDDING.threshold
    )


def test_ok_a_drawn_person_is_alike_to_their_passport(comparer: FaceComparer, finder: FaceFinder) -> None:
    for seed in (4, 6, 9, 11):
        printed = drawn(seed, live=False)
        assert comparer.compare(finder, *live(finder, drawn(seed)), printed).cosine > 0.9


def test_fail_no_face_on_either_side(comparer: FaceComparer, finder: FaceFinder) -> None:
    blank = np.full((300, 240, 3), 128, np.uint8)
    nobody = comparer.compare(finder, *live(finder, blank), astronaut())
    assert (nobody.cosine, nobody.problem) == (None, "no_face")
    nothing = comparer.compare(finder, *live(finder, astronaut()), blank)
    assert (nothing.cosine, nothing.problem) == (None, "no_face_in_reference")


def test_ok_another_file_takes_the_model_s_place(tmp_path: Path, finder: FaceFinder) -> None:
    path = tmp_path / "theirs.tflite"
    path.write_bytes(EMBEDDING.path.read_bytes())
    choice = EmbeddingChoice(name="theirs", path=path, sha256=EMBEDDING.sha256, threshold=0.3)
    comparer = FaceComparer(choice)
    assert comparer.choice.name == "theirs"
    assert comparer.compare(finder, *live(finder, astronaut()), astronaut()).cosine > 0.99


def test_fail_a_file_that_is_not_there_or_another(tmp_path: Path) -> None:
    choice = EmbeddingChoice(name="x", path=tmp_path / "x.tflite", sha256="0" * 64, threshold=0.5)
    with pytest.raises(ModelUnreadable):
        FaceComparer(choice)
    (tmp_path / "x.tflite").write_bytes(b"something")
    with pytest.raises(ModelDamaged, match="SHA-256"):
        FaceComparer(choice)


def test_fail_a_model_that_is_no_embedding() -> None:
    with pytest.raises(ModelDamaged, match="this one does not"):
        FaceComparer(EmbeddingChoice(name="mesh", path=MESH.path, sha256=MESH.sha256, threshold=0.5))


def test_ok_the_digest_that_ships_is_the_file_s() -> None:
    assert hashlib.sha256(EMBEDDING.path.read_bytes()).hexdigest() == SHIPPED_EMBEDDING.sha256
