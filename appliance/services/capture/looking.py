"""What a technician sees through a camera while setting it up: the frame, its sharpness, its light."""

from typing import Final

import cv2
import numpy as np

from appliance.contracts.capture import Looked
from hal.camera import Frame

WIDTH: Final = 640
"""Of what is shown and measured: a focus figure holds for one width alone."""
MOST_HEIGHT: Final = 4 * WIDTH
"""No camera's picture is so narrow; JPEG has an end."""
JPEG_QUALITY: Final = 80
DARK: Final = 16
BRIGHT: Final = 239
"""Grey values, of 0 to 255, beyond which nothing can be read (the limits of video's black and white)."""


def looked_at(frame: Frame) -> Looked:
    """The frame and its figures; the middle counts: half of the width, half of the height."""
    pixels = frame.pixels
    if frame.width != WIDTH:
        size = (WIDTH, min(max(1, round(frame.height * WIDTH / frame.width)), MOST_HEIGHT))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    middle = grey[height // 4 : height - height // 4, width // 4 : width - width // 4]
    written, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert written  # of an array of our own
    return Looked(
        jpeg=jpeg.tobytes(),
        width=frame.width,
        height=frame.height,
        focus=round(float(cv2.Laplacian(middle, cv2.CV_64F).var()), 1),
        luminance=round(float(middle.mean()), 1),
        dark=round(float((middle <= DARK).mean()), 4),
        bright=round(float((middle >= BRIGHT).mean()), 4),
    )
