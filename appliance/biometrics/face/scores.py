"""From a measure's native value to 0-100, as OFIQ 1.0.3 maps it (its configuration and sources, MIT).

Only the mapping is OFIQ's; how a native value is got stands in `measures.py`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """h * (a + s / (1 + exp((x0 - x) / w)))"""

    x0: float
    w: float
    h: float = 100.0
    a: float = 0.0
    s: float = 1.0

    def __call__(self, x: float) -> float:
        return self.h * (self.a + self.s * step(x, self.x0, self.w))


def step(x: float, x0: float, w: float) -> float:
    """The logistic function, without overflow at either end."""
    power = (x0 - x) / w
    return 0.0 if power > 700 else 1.0 / (1.0 + math.exp(power))


def falling(x0: float, w: float, h: float = 100.0) -> Sigmoid:
    """The sigmoid for measures of which less is better."""
    return Sigmoid(x0, w, h, a=1.0, s=-1.0)


def _share(x: float) -> float:
    return 100.0 * (1.0 - x)


def _pose(degrees: float) -> float:
    return 100.0 * math.cos(math.radians(degrees)) ** 2 if abs(degrees) < 90 else 0.0


def _luminance_variance(x: float) -> float:
    return 100.0 * math.sin(math.pi * 60.0 * x / (60.0 * x + 1.0))


def _head_coverings(x: float) -> float:
    """Between 0 and 0.95 a falling sigmoid, scaled to reach 100 and 0 at its ends."""
    low, high = step(0.0, 0.02, 0.1), step(0.95, 0.02, 0.1)
    return 100.0 * (high - step(min(max(x, 0.0), 0.95), 0.02, 0.1)) / (high - low)


MAPPINGS: Final[dict[str, Callable[[float], float]]] = {
    "UnifiedQualityScore": Sigmoid(23.0, 2.6),
    "BackgroundUniformity": falling(10.0, 100.0, 190.0),
    "IlluminationUniformity": lambda x: 100.0 * max(x, 0.0) ** 0.3,
    "LuminanceMean": lambda x: 100.0 * step(x, 0.2, 0.05) * (1.0 - step(x, 0.8, 0.05)),
    "LuminanceVariance": _luminance_variance,
    "UnderExposurePrevention": Sigmoid(0.92, 0.05, 120.0, a=0.832, s=-1.0),
    "OverExposurePrevention": lambda x: 1.0 / (x + 0.01),
    "DynamicRange": lambda x: 12.5 * x,
    "Sharpness": Sigmoid(-20.0, 15.0, 1.0, a=-14.0, s=115.0),
    "CompressionArtifacts": Sigmoid(0.3308, 0.092, 1.0, a=-0.0278, s=103.0),
    "NaturalColour": falling(0.0, 10.0, 200.0),
    "SingleFacePresent": _share,
    "EyesOpen": Sigmoid(0.02, 0.01),
    "MouthClosed": falling(0.2, 0.06),
    "EyesVisible": _share,
    "MouthOcclusionPrevention": _share,
    "FaceOcclusionPrevention": _share,
    "InterEyeDistance": Sigmoid(70.0, 20.0),
    "HeadSize": lambda x: falling(0.0, 0.05, 200.0)(abs(x - 0.45)),
    "LeftwardCropOfTheFaceImage": Sigmoid(0.9, 0.1),
    "RightwardCropOfTheFaceImage": Sigmoid(0.9, 0.1),
    "MarginAboveOfTheFaceImage": Sigmoid(1.4, 0.1),
    "MarginBelowOfTheFaceImage": Sigmoid(1.8, 0.1),
    "HeadPoseYaw": _pose,
    "HeadPosePitch": _pose,
    "HeadPoseRoll": _pose,
    "ExpressionNeutrality": Sigmoid(-5000.0, 5000.0),
    "NoHeadCoverings": _head_coverings,
}


def scalar_of(measure: str, native: float) -> int:
    """The measure's 0-100 value: rounded half up and kept within."""
    return min(max(math.floor(MAPPINGS[measure](native) + 0.5), 0), 100)
