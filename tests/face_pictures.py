"""Faces for tests: a public-domain portrait that scikit-image carries, and drawn people who do not exist."""

import functools

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from appliance.simulation.portraits import draw_portrait

Picture = npt.NDArray[np.uint8]


@functools.cache
def _astronaut() -> Picture:
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


def astronaut() -> Picture:
    """NASA's portrait of Eileen Collins (public domain), 512 x 512, BGR; the test's own copy."""
    return _astronaut().copy()


def nobody() -> list[Picture]:
    """Pictures without a person: coffee, a cat, a rocket, coins, a page of text."""
    names = ("coffee", "chelsea", "rocket", "coins", "text")
    pictures = [getattr(skimage.data, name)() for name in names]
    colour = [one if one.ndim == 3 else np.repeat(one[:, :, None], 3, axis=2) for one in pictures]
    return [np.ascontiguousarray(one[:, :, ::-1]) for one in colour]


def drawn(seed: int = 11, *, live: bool = True) -> Picture:
    """An invented person, 480 x 640, BGR."""
    picture = cv2.imdecode(np.frombuffer(draw_portrait(seed, live=live), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture, dtype=np.uint8)


def before_the_camera(*, width: int = 1280, height: int = 720, at: tuple[float, float] = (0.5, 0.5),
                      scale: float = 1.0, seed: int = 11) -> Picture:  # fmt: skip
    """A camera's picture with a drawn person in it; `at` is where their middle is, as shares."""
    scene = np.full((height, width, 3), (200, 196, 190), np.uint8)
    person = cv2.resize(drawn(seed), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left, top = round(at[0] * width - person.shape[1] / 2), round(at[1] * height - person.shape[0] / 2)
    matrix = np.array([[1.0, 0.0, left], [0.0, 1.0, top]])
    return cv2.warpAffine(person, matrix, (width, height), dst=scene, borderMode=cv2.BORDER_TRANSPARENT)


def turned(picture: Picture, degrees: float) -> Picture:
    """The picture turned counter-clockwise about its middle."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def blurred(picture: Picture, sigma: float) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture


def darkened(picture: Picture, factor: float) -> Picture:
    return (picture * factor).astype(np.uint8)
