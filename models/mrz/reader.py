"""Reads a strip: for each column of it, how likely each character of the MRZ is, or none."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.mrz.strip import normalise
from models.runtime import Model

FILE: Final = Path(__file__).with_name("reader.tflite")


class Reader:
    """The network. Safe to share between threads."""

    def __init__(self, path: Path = FILE, *, sha256: str) -> None:
        """Load the network. Raises ModelError."""
        self._model = Model(path, sha256=sha256)

    def read(self, strip: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (WIDTH / COLUMN, 38) for a strip (HEIGHT, WIDTH): `ALPHABET`, then BLANK."""
        (logits,) = self._model.run(normalise(strip[None]))
        logits = logits[0]
        weights = np.exp(logits - logits.max(1, keepdims=True))
        sure: NDArray[np.float32] = weights / weights.sum(1, keepdims=True)
        return sure
