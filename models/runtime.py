"""Runs a model file (.tflite) on whichever TensorFlow Lite runtime is installed.

ai-edge-litert is asked first, then tflite-runtime, its predecessor. A file is hashed before the runtime sees
it, because the runtimes trust what they parse; what was hashed is what is loaded.
"""

import contextlib
import hashlib
import importlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

RUNTIMES: Final = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""In the order in which they are asked."""
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""No model of a small board is larger; a wrong path must not fill its memory."""
_CHATTER: Final = b"INFO: "
"""How the runtimes' remarks begin, written to standard error when the first model is loaded."""

Array = npt.NDArray[Any]


# Errors
#
# ModelError
# ├── RuntimeMissing      neither runtime is installed
# ├── ModelUnreadable     the file is not there, or cannot be read
# ├── ModelDamaged        it is not the file that was meant, or no model
# └── InputMismatch       an array that this model does not take


class ModelError(Exception):
    """A model that cannot be used, in one plain sentence."""


class RuntimeMissing(ModelError):
    """Neither runtime is installed."""


class ModelUnreadable(ModelError):
    """The file is not there, is too large, or cannot be read."""


class ModelDamaged(ModelError):
    """The file is not the one whose digest was named, or no model that the runtime can load."""


class InputMismatch(ModelError):
    """An array of a shape or type that the model does not take."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output; a dimension of -1 takes any length."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Model:
    """A loaded model. Safe to share between threads: one runs at a time."""

    def __init__(self, path: Path, *, sha256: str, threads: int = 1) -> None:
        """Load the file at `path`, whose SHA-256 (hexadecimal) must be `sha256`.

        Raises:
            ModelError: no runtime, no such file, or not this file.
        """
        content = read_checked(path, sha256=sha256)
        make, self.runtime = _find_runtime()
        try:
            with _chatter_removed():
                self._interpreter = make(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelDamaged(f"{path} is no model that {self.runtime} can load.") from error
        self._lock = threading.Lock()
        self._input_indices, self.inputs = _tensors(self._interpreter.get_input_details())
        self._output_indices, self.outputs = _tensors(self._interpreter.get_output_details())
        self._path = path

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """The outputs, in the order of `outputs`, for one array for each of `inputs`.

        Raises:
            InputMismatch: an array that the model does not take.
            ModelError: the runtime failed.
        """
        if len(inputs) != len(self.inputs):
            raise InputMismatch(f"{self._path.name} takes {len(self.inputs)} arrays, not {len(inputs)}.")
        for tensor, array in zip(self.inputs, inputs, strict=True):
            if array.dtype != tensor.dtype or not _fits(array.shape, tensor.shape):
                raise InputMismatch(
                    f"{self._path.name} takes {tensor.dtype} {tensor.shape} as {tensor.name},"
                    f" not {array.dtype} {array.shape}."
                )
        with self._lock:
            try:
                return self._run(inputs)
            except (ValueError, RuntimeError) as error:
                raise ModelError(f"{self.runtime} could not run {self._path.name}.") from error

    def _run(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        grown = False
        for index, tensor, array in zip(self._input_indices, self.inputs, inputs, strict=True):
            if -1 in tensor.shape:
                self._interpreter.resize_tensor_input(index, array.shape)
                grown = True
        if grown:
            self._interpreter.allocate_tensors()
        for index, array in zip(self._input_indices, inputs, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(index) for index in self._output_indices)


def read_checked(path: Path, *, sha256: str) -> bytes:
    """The file's bytes, if their SHA-256 is this one.

    Raises:
        ModelUnreadable: it cannot be read, or is larger than any model.
        ModelDamaged: it is another file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ModelUnreadable(f"The model {path} cannot be read ({error.strerror}).") from error
    if len(content) > MAX_FILE_BYTES:
        raise ModelUnreadable(f"{path} is larger than {MAX_FILE_BYTES:,} bytes: no model of this box.")
    if hashlib.sha256(content).hexdigest() != sha256.lower():
        raise ModelDamaged(f"{path} is not the model that was meant: its SHA-256 is another.")
    return content


def _find_runtime() -> tuple[Any, str]:
    for name in RUNTIMES:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name).Interpreter, name.partition(".")[0]
    raise RuntimeMissing("No model runtime is installed: install ai-edge-litert or tflite-runtime.")


def _tensors(details: list[dict[str, Any]]) -> tuple[tuple[int, ...], tuple[Tensor, ...]]:
    return tuple(detail["index"] for detail in details), tuple(
        Tensor(
            name=detail["name"],
            shape=tuple(int(length) for length in detail["shape_signature"]),
            dtype=np.dtype(detail["dtype"]),
        )
        for detail in details
    )


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want in (-1, length) and length > 0 for length, want in zip(shape, wanted, strict=True)
    )


@contextlib.contextmanager
def _chatter_removed() -> Iterator[None]:
    """Keep the runtimes' remarks off standard error, which they write to from C; errors pass."""
    try:
        kept, held = os.dup(2), os.memfd_create("stderr")
    except OSError:
        yield
        return
    try:
        os.dup2(held, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.lseek(held, 0, os.SEEK_SET)
        with os.fdopen(held, "rb") as said:
            lines = [line for line in said.read().splitlines(keepends=True) if not line.startswith(_CHATTER)]
        with os.fdopen(kept, "wb") as stderr:
            stderr.writelines(lines)
