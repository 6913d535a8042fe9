"""What is said of a face: its quality measures under their published names, and what a traveller is told."""

import enum
from typing import Final

import msgspec


class MeasureState(enum.StrEnum):
    """DONE was measured; NOT_DONE is not measured on this box; CANNOT was tried in vain."""

    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    CANNOT = "CANNOT"


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One quality measure: `native` in its own unit, `scalar` from 0 (worst) to 100."""

    state: MeasureState = MeasureState.DONE
    native: float | None = None
    scalar: int | None = None
    comparable: bool = True
    """Whether the value may be held against OFIQ's; False says that it is got in another way."""
    reason: str = ""
    """Why it was not done, or in what it differs: a code."""


OFIQ_MEASURES: Final = (
    "UnifiedQualityScore",
    "BackgroundUniformity",
    "IlluminationUniformity",
    "LuminanceMean",
    "LuminanceVariance",
    "UnderExposurePrevention",
    "OverExposurePrevention",
    "DynamicRange",
    "Sharpness",
    "CompressionArtifacts",
    "NaturalColour",
    "SingleFacePresent",
    "EyesOpen",
    "MouthClosed",
    "EyesVisible",
    "MouthOcclusionPrevention",
    "FaceOcclusionPrevention",
    "InterEyeDistance",
    "HeadSize",
    "LeftwardCropOfTheFaceImage",
    "RightwardCropOfTheFaceImage",
    "MarginAboveOfTheFaceImage",
    "MarginBelowOfTheFaceImage",
    "HeadPoseYaw",
    "HeadPosePitch",
    "HeadPoseRoll",
    "ExpressionNeutrality",
    "NoHeadCoverings",
)
"""The measures of ISO/IEC 29794-5 as OFIQ 1.0 names them, in its order."""

OWN_MEASURES: Final = (
    "own.inside",
    "own.focus",
    "own.eye_light",
    "own.light_balance",
    "own.eye_reflection",
)
"""Measures of this house, of no standard: how much of the cropped picture the camera saw, how much fine
detail there is, how bright the white of the eyes is, how evenly light falls from left and right, how much
of the eyes is hidden by glare."""

NOT_MEASURED: Final[dict[str, str]] = {
    "UnifiedQualityScore": "needs_ofiq_network",
    "BackgroundUniformity": "needs_face_parsing",
    "Sharpness": "needs_ofiq_forest",
    "CompressionArtifacts": "needs_ofiq_network",
    "EyesVisible": "needs_occlusion_network",
    "MouthOcclusionPrevention": "needs_occlusion_network",
    "FaceOcclusionPrevention": "needs_occlusion_network",
    "ExpressionNeutrality": "needs_ofiq_network",
    "NoHeadCoverings": "needs_face_parsing",
}
"""What this box does not measure, and why: OFIQ has networks for it that no package carries."""

SKIN_TONE_MEASURES: Final = frozenset(
    {
        "IlluminationUniformity",
        "LuminanceMean",
        "LuminanceVariance",
        "UnderExposurePrevention",
        "OverExposurePrevention",
        "DynamicRange",
        "NaturalColour",
    }
)
"""Their values differ between light and dark skin under the same lamp: nobody is turned away by one."""

INSTRUCTIONS: Final = (
    "stand_in_front",
    "one_person",
    "step_back",
    "come_closer",
    "move_left",
    "move_right",
    "camera_up",
    "camera_down",
    "look_at_camera",
    "head_upright",
    "open_eyes",
    "take_off_glasses",
    "close_mouth",
    "more_light",
    "less_light",
    "light_from_left",
    "light_from_right",
    "hold_still",
)
"""What a traveller (or, of the camera, the officer) may be told, one at a time; left and right are the
traveller's own."""
