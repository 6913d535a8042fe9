"""From weights to the shipped files: `python -m models.mrz.training.export WEIGHTS_FOLDER OUT`.

Weights are kept as 16-bit floats, which halves the file and leaves the arithmetic in 32 bits; beside them
an 8-bit variant is written for measuring.
"""

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from models.mrz import frame, strip
from models.mrz.training import finder, reader
from models.mrz.training.pages import PageMaker
from models.mrz.training.strips import WIDTH as PIECE
from models.mrz.training.strips import StripMaker

SAMPLES = 60
"""Pictures from which the 8-bit variant learns the range of its numbers."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, model, samples in (
        ("finder", finder.build(batch=1), _frames),
        ("reader", reader.build(strip.WIDTH, batch=1), _strips),
    ):
        model.load_weights(chosen.weights / f"{name}.weights.h5")
        for suffix, data in (("", _convert(model)), ("_int8", _convert(model, samples))):
            (chosen.out / f"{name}{suffix}.tflite").write_bytes(data)
            print(f"{name}{suffix}.tflite {len(data)} {hashlib.sha256(data).hexdigest()}")


def _convert(model: Any, samples: Any = None) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if samples is None:
        converter.target_spec.supported_types = [tf.float16]
    else:
        converter.representative_dataset = samples
    return bytes(converter.convert())


def _frames() -> Iterator[list[Any]]:
    maker = PageMaker(finder.SEED + 99)
    for _ in range(SAMPLES):
        yield [frame.normalise(maker.frame()[0][None])]


def _strips() -> Iterator[list[Any]]:
    maker = StripMaker(reader.SEED + 99)
    for _ in range(SAMPLES):
        pieces = maker.batch(1 + strip.WIDTH // PIECE)[0]
        yield [strip.normalise(pieces.transpose(1, 0, 2).reshape(strip.HEIGHT, -1)[None, :, : strip.WIDTH])]


if __name__ == "__main__":
    main()
