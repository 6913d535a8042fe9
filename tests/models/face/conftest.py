"""What the tests of this folder share: pictures, and the models loaded once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.face.detector import FaceDetector
from models.face.embedding import FaceEmbedding
from models.face.mesh import FaceMesh


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="session")
def mesh_finder() -> FaceMesh:
    return FaceMesh()


@pytest.fixture(scope="session")
def embedding() -> FaceEmbedding:
    return FaceEmbedding()
