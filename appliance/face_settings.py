"""The [face] table of the configuration: what a good portrait is, which model compares, and from where on.

Shared by `capture`, which guides by it, and `lane`, which judges by it.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from appliance.contracts.face import (
    NOT_MEASURED,
    OFIQ_MEASURES,
    OWN_MEASURES,
    SKIN_TONE_MEASURES,
    Measure,
    MeasureState,
)

STATED_FMR: Final = 1e-3
"""The false match rate at which a model's threshold is stated."""

_REQUIRED: Final = {
    "SingleFacePresent": 50,
    "own.inside": 95,
    "InterEyeDistance": 73,
    "HeadPoseYaw": 97,
    "HeadPosePitch": 93,
    "HeadPoseRoll": 93,
    "EyesOpen": 50,
    "MouthClosed": 60,
    "own.focus": 50,
}
_ADVISED: Final = {
    "own.eye_light": 50,
    "OverExposurePrevention": 20,
    "own.light_balance": 50,
    "own.eye_reflection": 85,
}


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class FaceProfile(_Section, frozen=True, kw_only=True):
    """What a portrait at this post must reach: measures by name, each with its least 0-100 value.

    `required` decides when a picture is good enough. `advised` is asked of the traveller for a while, and
    decides nothing: light belongs there, because what depends on skin tone may turn nobody away.
    """

    required: dict[str, int] = msgspec.field(default_factory=lambda: dict(_REQUIRED))
    advised: dict[str, int] = msgspec.field(default_factory=lambda: dict(_ADVISED))
    advice_seconds: float = 3.0
    """How long a picture that is good enough waits for better light."""

    def __post_init__(self) -> None:
        known = (*OFIQ_MEASURES, *OWN_MEASURES)
        for name, least in (*self.required.items(), *self.advised.items()):
            if name not in known:
                raise ValueError(f"there is no measure {name}")
            if name in NOT_MEASURED:
                raise ValueError(f"{name} is not measured by this box, so nothing can depend on it")
            if not 0 <= least <= 100:
                raise ValueError(f"{name} must be from 0 to 100")
        biased = sorted(SKIN_TONE_MEASURES & self.required.keys())
        if biased:
            raise ValueError(f"{biased[0]} depends on skin tone: it may be advised, not required")
        if not 0 <= self.advice_seconds <= 60:
            raise ValueError("advice_seconds must be from 0 to 60")

    def falls_short(self, measures: Mapping[str, Measure]) -> tuple[str, ...]:
        """The required measures that are not reached, in the profile's order."""
        return _short(self.required, measures)

    def could_be_better(self, measures: Mapping[str, Measure]) -> tuple[str, ...]:
        """The advised ones."""
        return _short(self.advised, measures)

    def deficit(self, measures: Mapping[str, Measure]) -> float:
        """How much is missing in all: points below the least of each, what is only advised at a tenth."""
        return _missing(self.required, measures) + _missing(self.advised, measures) / 10


class EmbeddingChoice(_Section, frozen=True, kw_only=True):
    """The model that compares faces, as a file that can be replaced."""

    name: str
    path: Path
    sha256: str
    threshold: float
    """The cosine at which one in a thousand different people are taken for the same."""
    per_tenfold: float | None = None
    """How much the cosine rises while that rate falls to a tenth; None: nobody has measured it."""


class AttackIndicatorChoice(_Section, frozen=True, kw_only=True):
    """A model against presentation attacks. It only adds a number to the evidence, and decides nothing."""

    name: str
    path: Path
    sha256: str
    margin: float = 1.4
    """The square it is shown, in sizes of the face."""
    low: float = 0.0
    high: float = 1.0
    """What black and white become in its input."""
    order: str = "RGB"
    output: int = 0
    """Which number of its first output is the indicator."""
    attack_is: str = "high"
    """high or low: what the indicator is when it is an attack."""

    def __post_init__(self) -> None:
        if self.order not in ("RGB", "BGR"):
            raise ValueError("order is RGB or BGR")
        if self.attack_is not in ("high", "low"):
            raise ValueError("attack_is is high or low")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and 1.0 <= self.margin <= 4.0):
            raise ValueError("margin is from 1 to 4, and low and high are numbers")
        if self.output < 0:
            raise ValueError("output is counted from 0")


class FaceSettings(_Section, frozen=True, kw_only=True):
    """The whole table."""

    fmr: float = STATED_FMR
    """The false match rate that is accepted."""
    embedding: EmbeddingChoice | None = None
    """None: the model that ships with Borne."""
    profile: FaceProfile = FaceProfile()
    presentation_attack: AttackIndicatorChoice | None = None

    def __post_init__(self) -> None:
        if not 1e-6 <= self.fmr <= 0.1:
            raise ValueError("fmr must be from 0.000001 to 0.1")
        if self.embedding and self.embedding.per_tenfold is None and self.fmr != STATED_FMR:
            raise ValueError("another fmr than 0.001 needs the embedding's per_tenfold")

    @property
    def compares_with(self) -> EmbeddingChoice:
        return self.embedding or SHIPPED_EMBEDDING

    @property
    def threshold(self) -> float:
        """The least cosine of one person's two pictures."""
        chosen = self.compares_with
        decades = math.log10(STATED_FMR) - math.log10(self.fmr)
        return chosen.threshold + decades * (chosen.per_tenfold or 0.0)

    def calibrated(self, cosine: float) -> float | None:
        """-10 log10 of the false match rate at this cosine: 30 is one in a thousand, 40 one in ten thousand.

        Past 37 it reaches further than anybody measured. None: the model's `per_tenfold` is not known.
        """
        chosen = self.compares_with
        if not chosen.per_tenfold:
            return None
        decades = -math.log10(STATED_FMR) + (cosine - chosen.threshold) / chosen.per_tenfold
        return 10.0 * max(decades, 0.0)


SHIPPED_EMBEDDING: Final = EmbeddingChoice(
    name="SFace 2021dec",
    path=Path("sface_2021dec.tflite"),
    sha256="9d4e361341292318b9637756e238d62cd3e18b58a96f710c8c43f8817ab837b1",
    threshold=0.45,
    per_tenfold=0.1,
)
"""Threshold and slope: docs/face.md. The file lies in `models/face/`; `weights.py` has its digest too."""


def _short(limits: Mapping[str, int], measures: Mapping[str, Measure]) -> tuple[str, ...]:
    """What was measured and is too low; what this box cannot measure is held against nobody."""
    return tuple(name for name, least in limits.items() if _below(measures.get(name), least) > 0)


def _missing(limits: Mapping[str, int], measures: Mapping[str, Measure]) -> float:
    return float(sum(_below(measures.get(name), least) for name, least in limits.items()))


def _below(measure: Measure | None, least: int) -> int:
    if measure is None or measure.state is not MeasureState.DONE or measure.scalar is None:
        return 0
    return max(least - measure.scalar, 0)
