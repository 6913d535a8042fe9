"""The page under each light that the box has, for the second line: infrared, ultraviolet, from the side."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from appliance.contracts.capture import LitPicture, MrzEvidence
from appliance.contracts.errors import ServiceError
from appliance.services.capture.device_desk import DeviceDesk
from appliance.services.capture.page_picture import page_jpeg
from appliance.services.capture.pictures import PictureError
from hal.camera import Frame
from hal.device import Device
from hal.illumination import SETTLE_SECONDS, Illumination, Light

FRAME_SECONDS: Final = 2.0
"""For one frame; the page has just been read with this camera, so it is well."""
MAX_LIT_BYTES: Final = 80_000
"""Of each picture: four of them go with the record, over a border post's network."""

log = logging.getLogger(__name__)


async def under_each_light(
    desk: DeviceDesk,
    lights: Sequence[Device],
    frame: Callable[[float], Awaitable[Frame]],
    evidence: MrzEvidence,
) -> MrzEvidence:
    """The evidence with what was seen under each light; what fails is left out, for the page was read."""
    pictures: list[LitPicture] = []
    for device in lights:
        assert isinstance(device, Illumination)
        try:
            for light in (one for one in Light if one in device.lights):
                await _switch(desk, device, light)
                await asyncio.sleep(SETTLE_SECONDS)
                seen = await frame(FRAME_SECONDS)
                jpeg = await asyncio.to_thread(page_jpeg, seen.pixels, most=MAX_LIT_BYTES)
                pictures.append(LitPicture(light=light.value, jpeg=jpeg))
        except (ServiceError, PictureError) as error:
            log.warning("the page is not seen under every light: %s", error)
        finally:
            with contextlib.suppress(ServiceError):
                await asyncio.shield(_switch(desk, device, None))
    return msgspec.structs.replace(evidence, lit=tuple(pictures))


async def _switch(desk: DeviceDesk, device: Illumination, light: Light | None) -> None:
    assert isinstance(device, Device)
    await desk.ask(device, lambda: device.switch(light))
