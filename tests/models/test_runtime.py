"""The runtime: loads the file that was meant and no other, and says what is wrong with an input."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from tiny_model import tiny_model

from models import runtime
from models.runtime import (
    InputMismatch,
    Model,
    ModelDamaged,
    ModelError,
    ModelUnreadable,
    RuntimeMissing,
    read_checked,
)

INSTALLED = [name for name in runtime.RUNTIMES if importlib.util.find_spec(name.partition(".")[0])]


def lay(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def relu(tmp_path: Path) -> Model:
    path = tmp_path / "relu.tflite"
    return Model(path, sha256=lay(path, tiny_model()))


@pytest.mark.parametrize("name", INSTALLED)
def test_ok_each_runtime_that_is_here_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(runtime, "RUNTIMES", (name,))
    path = tmp_path / "relu.tflite"
    model = Model(path, sha256=lay(path, tiny_model()).upper())
    assert model.runtime == name.partition(".")[0]
    (got,) = model.run(np.array([[-1.5, 0.0, 2.0, -3.0]], np.float32))
    assert got.tolist() == [[0.0, 0.0, 2.0, 0.0]]


def test_ok_it_says_what_it_takes_and_gives(relu: Model) -> None:
    assert [(tensor.name, tensor.shape, tensor.dtype) for tensor in (*relu.inputs, *relu.outputs)] == [
        ("values", (1, 4), np.dtype(np.float32)),
        ("rectified", (1, 4), np.dtype(np.float32)),
    ]


def test_ok_an_answer_is_not_overwritten_by_the_next(relu: Model) -> None:
    (first,) = relu.run(np.ones((1, 4), np.float32))
    relu.run(np.zeros((1, 4), np.float32))
    assert first.tolist() == [[1.0, 1.0, 1.0, 1.0]]


def test_ok_a_dimension_without_a_length_takes_any(tmp_path: Path) -> None:
    path = tmp_path / "relu.tflite"
    model = Model(path, sha256=lay(path, tiny_model(batch=-1)))
    assert model.inputs[0].shape == (-1, 4)
    for rows in (3, 1, 7):
        (got,) = model.run(-np.ones((rows, 4), np.float32))
        assert got.shape == (rows, 4)


def test_ok_threads_take_turns(relu: Model) -> None:
    wrong: list[float] = []

    def ask(value: float) -> None:
        for _ in range(200):
            (got,) = relu.run(np.full((1, 4), value, np.float32))
            wrong.extend(number for number in got.ravel() if number != value)

    threads = [threading.Thread(target=ask, args=(float(value),)) for value in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("closed", [False, True])
def test_ok_the_runtime_says_nothing_on_standard_error(tmp_path: Path, closed: bool) -> None:
    path = tmp_path / "relu.tflite"
    digest = lay(path, tiny_model())
    code = (
        "import os, sys; from pathlib import Path; from models.runtime import Model\n"
        + ("os.close(2)\n" if closed else "")
        + f"Model(Path({str(path)!r}), sha256={digest!r})\n"
        + ("" if closed else "os.write(2, b'ours')")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=dict(os.environ))
    assert done.stderr == (b"" if closed else b"ours")


def test_fail_what_is_not_chatter_reaches_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with runtime._chatter_removed():
        os.write(2, b"INFO: Created a delegate.\nERROR: something\n")
    assert capfd.readouterr().err == "ERROR: something\n"


def test_fail_no_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "RUNTIMES", ("no_such_runtime.interpreter",))
    path = tmp_path / "relu.tflite"
    with pytest.raises(RuntimeMissing, match="install ai-edge-litert or tflite-runtime"):
        Model(path, sha256=lay(path, tiny_model()))


def test_fail_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelUnreadable, match="No such file"):
        Model(tmp_path / "absent.tflite", sha256="0" * 64)


def test_fail_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "MAX_FILE_BYTES", 10)
    path = tmp_path / "large.tflite"
    with pytest.raises(ModelUnreadable, match="larger than 10 bytes"):
        read_checked(path, sha256=lay(path, bytes(11)))


def test_fail_another_file_than_was_meant(tmp_path: Path) -> None:
    path = tmp_path / "relu.tflite"
    digest = lay(path, tiny_model())
    path.write_bytes(tiny_model(width=5))
    with pytest.raises(ModelDamaged, match="SHA-256 is another"):
        Model(path, sha256=digest)


@pytest.mark.parametrize("content", [b"", b"no model at all", tiny_model()[:100]])
def test_fail_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "relu.tflite"
    with pytest.raises(ModelDamaged, match="no model that"):
        Model(path, sha256=lay(path, content))


@pytest.mark.parametrize(
    "inputs",
    [
        (),
        (np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)),
        (np.zeros((1, 5), np.float32),),
        (np.zeros((4,), np.float32),),
        (np.zeros((1, 4), np.float64),),
    ],
    ids=["none", "two", "wider", "flat", "another type"],
)
def test_fail_an_input_that_the_model_does_not_take(relu: Model, inputs: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(InputMismatch):
        relu.run(*inputs)


def test_fail_no_rows_at_all(tmp_path: Path) -> None:
    path = tmp_path / "relu.tflite"
    model = Model(path, sha256=lay(path, tiny_model(batch=-1)))
    with pytest.raises(InputMismatch):
        model.run(np.zeros((0, 4), np.float32))


def test_fail_the_runtime_fails(relu: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(relu._interpreter, "invoke", refuse)
    with pytest.raises(ModelError, match="could not run"):
        relu.run(np.zeros((1, 4), np.float32))
