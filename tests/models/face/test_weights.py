"""The files that ship: the right ones, with a card each, alike in both runtimes."""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.face_settings import SHIPPED_EMBEDDING
from models import runtime
from models.face import weights
from models.face.weights import ATTENTION_MESH, DETECTOR, EMBEDDING, MESH, ModelFile
from models.runtime import Model, ModelError

FILES = {"detector": DETECTOR, "mesh": MESH, "attention mesh": ATTENTION_MESH, "embedding": EMBEDDING}
CARD = ("## Origin", "## Licence", "## Input", "## Output", "## Figures", "## Limits")
MOST_BYTES = 15 * 1000 * 1000


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_ok_the_file_is_the_one_that_is_named(file: ModelFile) -> None:
    assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_ok_its_card_tells_where_it_is_from(file: ModelFile) -> None:
    card = file.path.with_suffix(".md").read_text("utf-8")
    assert [heading for heading in CARD if heading not in card] == []
    assert file.sha256 in card


def test_ok_no_other_weights_lie_here_and_all_are_small() -> None:
    lying = sorted(weights.HERE.glob("*.tflite"))
    assert lying == sorted(file.path for file in FILES.values())
    assert sum(path.stat().st_size for path in lying) < MOST_BYTES


def test_ok_the_card_of_the_embedding_says_that_its_rights_are_undocumented() -> None:
    card = EMBEDDING.path.with_suffix(".md").read_text("utf-8")
    assert "undocumented" in card
    assert str(SHIPPED_EMBEDDING.threshold) in card


def test_ok_the_configuration_names_the_same_embedding() -> None:
    assert SHIPPED_EMBEDDING.sha256 == EMBEDDING.sha256
    assert SHIPPED_EMBEDDING.path.name == EMBEDDING.path.name


BOTH = [name for name in runtime.RUNTIMES if importlib.util.find_spec(name.partition(".")[0])]


@pytest.mark.skipif(len(BOTH) < 2, reason="only one of the two runtimes is installed")
@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_ok_both_runtimes_agree(file: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = []
    for name in BOTH:
        monkeypatch.setattr(runtime, "RUNTIMES", (name,))
        model = file.load()
        picture = np.random.default_rng(7).random(model.inputs[0].shape).astype(np.float32)
        outputs.append(model.run(picture * 255 if file is EMBEDDING else picture))
    for one, other in zip(*outputs, strict=True):
        if file is EMBEDDING:  # its hybrid product rounds differently; only the direction counts
            lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
            assert float(one.ravel() @ other.ravel()) / lengths > 0.9995
        else:
            scale = max(float(np.abs(one).max()), 1.0)
            assert float(np.abs(one - other).max()) < 1e-3 * scale


@pytest.fixture(scope="module")
def loaded() -> dict[str, Model]:
    return {name: file.load() for name, file in FILES.items()}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 1.0]))
def test_ok_any_picture_gives_numbers_or_a_typed_error(
    loaded: dict[str, Model], seed: int, scale: float
) -> None:
    for name, model in loaded.items():
        picture = np.random.default_rng(seed).random(model.inputs[0].shape).astype(np.float32) * scale
        try:
            outputs = model.run(picture)
        except ModelError:
            assert name == "attention mesh"  # it looks up what lies outside of its square
            continue
        for array, tensor in zip(outputs, model.outputs, strict=True):
            assert array.shape == tensor.shape


WITHOUT_WRITABLE_CODE = """
import ctypes, mmap, sys
import numpy
from models.face import weights
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:  # PR_SET_MDWE, as systemd's MemoryDenyWriteExecute
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit("memory that is written and executed was given")
except PermissionError:
    pass
for file in (weights.DETECTOR, weights.MESH, weights.ATTENTION_MESH, weights.EMBEDDING):
    model = file.load()
    model.run(numpy.full(model.inputs[0].shape, 0.5, numpy.float32))
"""


def test_ok_they_run_where_no_memory_is_both_written_and_executed() -> None:
    """The capture service's sandbox."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_WRITABLE_CODE],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("this kernel cannot deny it")
    assert done.returncode == 0, done.stderr
