"""What a technician sees through a camera: the figure rises with the focus, and the light is said."""

import asyncio
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from appliance.contracts.capture import LookThrough
from appliance.contracts.errors import ServiceError
from appliance.services.capture.looking import WIDTH, looked_at
from appliance.services.capture.service import CaptureService
from hal.camera import Frame
from hal.camera.simulated import SimulatedCamera
from hal.power.simulated import SimulatedPower


def star(blur: float = 0.0, *, width: int = 1280) -> Frame:
    """A Siemens star of 36 pairs, as on the target."""
    height = width * 3 // 4
    y, x = np.mgrid[0:height, 0:width]
    angle = np.arctan2(y - height / 2, x - width / 2)
    grey = np.where(np.sin(angle * 36) > 0, 220, 30).astype(np.uint8)
    if blur:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), blur), np.uint8)
    return Frame(np.repeat(grey[:, :, None], 3, axis=2))


def test_ok_the_figure_falls_with_every_step_out_of_focus() -> None:
    figures = [looked_at(star(blur)).focus for blur in (0.0, 1.0, 2.0, 4.0, 8.0)]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] > 10 * figures[-1] > 0


def test_ok_the_picture_is_small_and_says_its_size() -> None:
    looked = looked_at(star())
    assert (looked.width, looked.height) == (1280, 960)
    with Image.open(io.BytesIO(looked.jpeg)) as picture:
        assert picture.size == (WIDTH, 480)


@pytest.mark.parametrize(("level", "dark", "bright"), [(0, 1.0, 0.0), (128, 0.0, 0.0), (255, 0.0, 1.0)])
def test_ok_how_it_is_lit(level: int, dark: float, bright: float) -> None:
    looked = looked_at(Frame(np.full((480, 640, 3), level, np.uint8)))
    assert (looked.luminance, looked.dark, looked.bright, looked.focus) == (level, dark, bright, 0.0)


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3)])
def test_ok_odd_frames_are_borne(size: tuple[int, int]) -> None:
    looked = looked_at(Frame(np.zeros((*size, 3), np.uint8)))
    assert (looked.height, looked.width) == size


def test_ok_a_camera_is_looked_through_by_its_key_and_nothing_else_is() -> None:
    camera, power = SimulatedCamera(), SimulatedPower()
    service = CaptureService([power, camera])

    async def main() -> None:
        looked = await service.look_through(LookThrough(key=camera.identity.key))
        assert looked.jpeg.startswith(b"\xff\xd8")
        for key in (power.identity.key, "camera/none", ""):
            with pytest.raises(ServiceError, match="no camera") as caught:
                await service.look_through(LookThrough(key=key))
            assert caught.value.code == "no_device"

    asyncio.run(main())
