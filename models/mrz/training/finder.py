"""The finder's network and its training: `python -m models.mrz.training.finder OUT [--steps N]`.

A small encoder and decoder with separable convolutions: what is a line of MRZ and not a name in the same
typeface is told by its length and its neighbours, so each cell sees most of the frame.
"""

import json
import multiprocessing
import queue
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

from models.mrz.frame import CELL, FRAME_HEIGHT, FRAME_WIDTH, normalise
from models.mrz.training.command import train_as_asked
from models.mrz.training.pages import PageMaker

BATCH: Final = 8
REMEMBERED: Final = 3_000
SEED: Final = 9303


def build(batch: int | None = None) -> tf.keras.Model:
    """Frames (batch, FRAME_HEIGHT, FRAME_WIDTH, 1) to (batch, FRAME_HEIGHT / 4, FRAME_WIDTH / 4, 4)."""
    layers = tf.keras.layers
    frame = layers.Input((FRAME_HEIGHT, FRAME_WIDTH, 1), batch_size=batch)

    def settled(x: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization(momentum=0.97)(x))

    def step(x: Any, filters: int, *, stride: int = 1, reach: int = 3) -> Any:
        y = layers.DepthwiseConv2D(reach, stride, padding="same", use_bias=False)(x)
        y = settled(layers.Conv2D(filters, 1, use_bias=False)(layers.BatchNormalization(momentum=0.97)(y)))
        return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == filters else y

    def up(x: Any, beside: Any) -> Any:
        wide = layers.UpSampling2D(interpolation="bilinear")(
            settled(layers.Conv2D(beside.shape[-1], 1, use_bias=False)(x))
        )
        return step(layers.Add()([wide, beside]), beside.shape[-1])

    x = settled(layers.Conv2D(12, 3, 2, padding="same", use_bias=False)(frame))
    quarter = step(step(x, 24, stride=2), 24)
    eighth = step(step(step(quarter, 40, stride=2), 40, reach=5), 40)
    sixteenth = step(step(step(eighth, 72, stride=2), 72, reach=5), 72, reach=5)
    x = step(step(step(sixteenth, 112, stride=2), 112, reach=5), 112, reach=5)
    x = up(up(up(x, sixteenth), eighth), quarter)
    x = step(x, 24)
    return tf.keras.Model(frame, layers.Conv2D(4, 1)(x))


def _supply(seed: int, frames: Any) -> None:
    import cv2

    cv2.setNumThreads(1)
    maker = PageMaker(seed)
    while True:
        frames.put(maker.frame())


def train(out: Path, steps: int, makers: int, start: Path | None = None, seed: int = SEED) -> None:
    """Train, and keep weights and figures in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    tf.keras.utils.set_random_seed(SEED)
    context = multiprocessing.get_context("fork")
    frames: Any = context.Queue(64)
    workers = [
        context.Process(target=_supply, args=(seed + 1 + n, frames), daemon=True) for n in range(makers)
    ]
    for worker in workers:
        worker.start()
    held_out = PageMaker(SEED)
    trials = [held_out.frame() for _ in range(120)]
    model = build()
    if start is not None:
        model.load_weights(start)
    rate = tf.keras.optimizers.schedules.CosineDecay(1e-4, steps - 200, warmup_target=3e-3, warmup_steps=200)
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)

    @tf.function(reduce_retracing=True)
    def learn(pictures: Any, truth: Any) -> Any:
        with tf.GradientTape() as tape:
            found = model(pictures, training=True)
            core = truth[..., 0]
            losses = tf.nn.sigmoid_cross_entropy_with_logits(core, found[..., 0]) * (1 + 3 * core)
            sure = tf.sigmoid(found[..., 0])
            overlap = 1 - (2 * tf.reduce_sum(sure * core) + 1) / (
                tf.reduce_sum(sure) + tf.reduce_sum(core) + 1
            )
            inside = tf.cast(core > 0.15, tf.float32)[..., None]
            rest = tf.reduce_sum(tf.abs(found[..., 1:] - truth[..., 1:]) * inside) / (
                tf.reduce_sum(inside) + 1
            )
            loss = 5 * tf.reduce_mean(losses) + 0.5 * overlap + 0.5 * rest
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return loss

    rng = np.random.default_rng(SEED)
    pictures = np.zeros((REMEMBERED, FRAME_HEIGHT, FRAME_WIDTH), np.uint8)
    truths = np.zeros((REMEMBERED, FRAME_HEIGHT // CELL, FRAME_WIDTH // CELL, 4), np.float16)
    filled, at = 0, 0
    began, smooth = time.monotonic(), None
    for number in range(1, steps + 1):
        while filled < 10 * BATCH or not frames.empty():
            try:
                pictures[at], truths[at] = frames.get(timeout=60)
            except queue.Empty:
                break
            filled, at = max(filled, at + 1), (at + 1) % REMEMBERED
        chosen = rng.integers(0, filled, BATCH)
        flip = rng.integers(4)  # mirrored twice is turned: the MRZ is read from the other side
        some, truth = pictures[chosen], truths[chosen].astype(np.float32)
        if flip == 1:
            some, truth = some[:, ::-1, ::-1], truth[:, ::-1, ::-1] * np.array([1, -1, -1, 1], np.float32)
        loss = float(learn(normalise(some), truth))
        smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
        if number % 200 == 0 or number == steps:
            figures = {
                "step": number,
                "loss": round(smooth, 4),
                "minutes": round((time.monotonic() - began) / 60, 1),
                "made": filled,
            }
            print(json.dumps(figures | _trial(model, trials)), flush=True)
            model.save_weights(out / "finder.weights.h5")
    for worker in workers:
        worker.terminate()


def _trial(model: tf.keras.Model, trials: list[Any]) -> dict[str, float]:
    found = model.predict(normalise(np.stack([trial[0] for trial in trials])), verbose=0, batch_size=8)
    truth = np.stack([trial[1] for trial in trials])
    seen, core = found[..., 0] > 0, truth[..., 0] > 0.5
    inside = core & seen
    turn = np.abs(np.arctan2(found[..., 2], found[..., 1]) - np.arctan2(truth[..., 2], truth[..., 1]))
    turn = np.minimum(turn, 2 * np.pi - turn)
    return {
        "recall": round(float(inside.sum() / core.sum()), 4),
        "precision": round(float((seen & (truth[..., 0] > 0.1)).sum() / max(seen.sum(), 1)), 4),
        "upside_down": round(float((turn[inside] > np.pi / 2).mean()), 4),
        "pitch_error": round(float(np.abs(found[..., 3] - truth[..., 3])[inside].mean()), 4),
    }


if __name__ == "__main__":
    train_as_asked(train, __doc__, steps=6000, seed=SEED)
