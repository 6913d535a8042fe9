"""OpenCV without its type stubs, which do not know that a tone of a grey picture is one number."""

from typing import Any

import cv2

cv: Any = cv2
