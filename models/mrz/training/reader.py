"""The reader's network and its training: `python -m models.mrz.training.reader OUT [--steps N]`.

Fully convolutional, no recurrence, so that every TFLite runtime has the operations. Two threads make
strips while the network learns from the newest thirty thousand.
"""

import json
import multiprocessing
import queue
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

from models.mrz.strip import ALPHABET, BLANK, HEIGHT, normalise
from models.mrz.training.command import train_as_asked
from models.mrz.training.strips import IGNORED, StripMaker

BATCH: Final = 64
REMEMBERED: Final = 30_000
SEED: Final = 9303


def build(width: int | None, batch: int | None = None) -> tf.keras.Model:
    """Strips (batch, HEIGHT, width, 1) to logits (batch, width / 4, 38)."""
    layers = tf.keras.layers
    picture = layers.Input((HEIGHT, width, 1), batch_size=batch)

    def step(
        x: Any,
        filters: int,
        kernel: tuple[int, int],
        strides: tuple[int, int] = (1, 1),
        *,
        padding: str = "same",
    ) -> Any:
        x = layers.Conv2D(filters, kernel, strides, padding=padding, use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    x = step(picture, 24, (3, 3), (2, 2))
    x = step(x, 40, (3, 3), (2, 2))
    x = step(x, 48, (3, 3))
    x = step(x, 64, (3, 3), (2, 1))
    x = step(x, 112, (4, 1), padding="valid")
    x = layers.Add()([x, step(x, 112, (1, 5))])
    x = layers.Add()([x, step(x, 112, (1, 5))])
    x = layers.Dropout(0.1)(x)
    x = layers.Conv2D(len(ALPHABET) + 1, (1, 1))(x)
    return tf.keras.Model(picture, layers.Reshape((-1, len(ALPHABET) + 1))(x))


def _supply(seed: int, batches: Any) -> None:
    """A process that makes strips for ever."""
    import cv2

    cv2.setNumThreads(1)
    maker = StripMaker(seed)
    while True:
        batches.put(maker.batch(BATCH))


def train(out: Path, steps: int, makers: int, start: Path | None = None, seed: int = SEED) -> None:
    """Train, and keep weights and figures in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    tf.keras.utils.set_random_seed(SEED)
    context = multiprocessing.get_context("fork")
    batches: Any = context.Queue(16)
    workers = [
        context.Process(target=_supply, args=(seed + 1 + n, batches), daemon=True) for n in range(makers)
    ]
    for worker in workers:
        worker.start()
    held_out = StripMaker(SEED)
    trials = {level: held_out.batch(400, level) for level in (0.1, 0.5, 0.9)}
    model = build(None)
    if start is not None:
        model.load_weights(start)
    rate = tf.keras.optimizers.schedules.CosineDecay(
        1e-4, steps - 300, warmup_target=2.5e-3, warmup_steps=300
    )
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)

    @tf.function(reduce_retracing=True)
    def learn(pictures: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(pictures, training=True)
            known = tf.cast(labels != IGNORED, tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
            loss = tf.reduce_sum(losses * known) / tf.reduce_sum(known)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return loss

    rng = np.random.default_rng(SEED)
    filled = at = 0
    began, smooth = time.monotonic(), None
    pictures = np.zeros((REMEMBERED, HEIGHT, trials[0.1][0].shape[2]), np.uint8)
    labels = np.zeros((REMEMBERED, trials[0.1][1].shape[1]), np.int8)
    for number in range(1, steps + 1):
        while filled < 40 * BATCH or not batches.empty():
            try:
                new = batches.get(timeout=60)
            except queue.Empty:
                break
            pictures[at : at + BATCH], labels[at : at + BATCH] = new
            at += BATCH
            filled = max(filled, at)
            at = 0 if at + BATCH > REMEMBERED else at
        chosen = rng.integers(0, filled, BATCH)
        loss = float(learn(normalise(pictures[chosen]), labels[chosen].astype(np.int32)))
        smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
        if number % 250 == 0 or number == steps:
            figures = {
                "step": number,
                "loss": round(smooth, 4),
                "minutes": round((time.monotonic() - began) / 60, 1),
                "made": filled,
            }
            figures |= {
                f"right_at_{level}": round(_right(model, *trial), 4) for level, trial in trials.items()
            }
            print(json.dumps(figures), flush=True)
            model.save_weights(out / "reader.weights.h5")
    for worker in workers:
        worker.terminate()


def _right(model: tf.keras.Model, pictures: Any, labels: Any) -> float:
    """Share of glyph columns that are right."""
    found = np.argmax(model.predict(normalise(pictures), verbose=0, batch_size=100), -1)
    glyphs = (labels != IGNORED) & (labels != BLANK)
    return float((found == labels)[glyphs].mean())


if __name__ == "__main__":
    train_as_asked(train, __doc__, steps=9000, seed=SEED)
