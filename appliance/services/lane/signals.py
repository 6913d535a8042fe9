"""What lights and sound say: the step and nothing else, so that no hit can be told from them (promise 8)."""

import contextlib
from typing import Final

from appliance.contracts.capture import Capture, Show
from appliance.contracts.errors import ServiceError
from appliance.services.lane.workflow import Step

_OF_STEP: Final = {
    Step.READING_DOCUMENT: "working",
    Step.READING_CHIP: "working",
    Step.READING_VISA: "working",
    Step.TAKING_PORTRAIT: "working",
    Step.TAKING_FINGERS: "working",
    Step.CHECKING: "working",
    Step.DECIDING: "officer",
    Step.RECORDING: "working",
}


def signal_of(step: Step, *, after_traveller: bool) -> str:
    """The signal of a step; while nobody stands here it tells whether somebody just went."""
    return _OF_STEP.get(step) or ("done" if after_traveller else "ready")


async def show(capture: Capture, signal: str) -> None:
    """A dead panel is a state on the screen, and stops nothing."""
    with contextlib.suppress(ServiceError):
        await capture.show(Show(signal=signal))
