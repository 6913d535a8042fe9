"""One instruction for the traveller at a time: what to mend first, said as the traveller's left and right."""

from collections.abc import Mapping, Sequence
from typing import Final

from appliance.biometrics.face.crop import Crop
from appliance.contracts.face import Measure

_PLAIN: Final = {
    "SingleFacePresent": "one_person",
    "InterEyeDistance": "come_closer",
    "HeadSize": "come_closer",
    "HeadPoseYaw": "look_at_camera",
    "HeadPosePitch": "look_at_camera",
    "HeadPoseRoll": "head_upright",
    "EyesOpen": "open_eyes",
    "MouthClosed": "close_mouth",
    "own.focus": "hold_still",
    "own.eye_light": "more_light",
    "own.eye_reflection": "take_off_glasses",
    "OverExposurePrevention": "less_light",
    "UnderExposurePrevention": "more_light",
    "LuminanceMean": "more_light",
    "LeftwardCropOfTheFaceImage": "move_left",
    "RightwardCropOfTheFaceImage": "move_right",
    "MarginAboveOfTheFaceImage": "camera_up",
    "MarginBelowOfTheFaceImage": "camera_down",
}
DARKER_THAN_SKIN: Final = 0.2
"""The white of the eyes over the skin: of 51 persons the least had 0.77 with eyes open and 0.22 smiling;
behind drawn dark glasses half of them have 0.04 and the most 0.20."""
GLASSES_AFTER: Final = 3
"""Eyes that were shut in so many pictures on end may be hidden behind glasses."""


def instruction_for(
    short: Sequence[str], measures: Mapping[str, Measure], crop: Crop, *, shut_for: int = 0
) -> str | None:
    """What to say when these measures fall short, the first that can be mended; None: nothing to say.

    `shut_for` is in how many pictures on end the eyes were not open.
    """
    for name in short:
        if name == "own.inside":
            return _into_the_picture(crop)
        if name in ("own.light_balance", "IlluminationUniformity"):
            balance = measures["own.light_balance"].native or 0.0
            return "light_from_right" if balance > 0 else "light_from_left"
        hidden = name == "EyesOpen" and shut_for >= GLASSES_AFTER
        if hidden or (name == "own.eye_light" and _behind_dark_glasses(measures)):
            return "take_off_glasses"
        if name in _PLAIN:
            return _PLAIN[name]
    return "hold_still" if short else None


def _behind_dark_glasses(measures: Mapping[str, Measure]) -> bool:
    """Whether the white of the eyes is darker than the skin around, which without glasses it is on nobody."""
    eyes, skin = measures.get("own.eye_light"), measures.get("LuminanceMean")
    if eyes is None or skin is None or eyes.native is None or skin.native is None:
        return False
    return eyes.native < DARKER_THAN_SKIN * skin.native


def _into_the_picture(crop: Crop) -> str:
    """Which way the face has to go. The picture's left is the traveller's right."""
    missing = crop.missing
    if {"left", "right"} <= missing or {"top", "bottom"} <= missing:
        return "step_back"
    for side, instruction in (
        ("left", "move_left"),
        ("right", "move_right"),
        ("top", "camera_up"),
        ("bottom", "camera_down"),
    ):
        if side in missing:
            return instruction
    return "step_back"
