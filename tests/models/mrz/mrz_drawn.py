"""Pages and lines drawn for the tests: invented people, our own drawing."""

import datetime as dt

import cv2
import numpy as np

from appliance.simulation.pages import draw_page
from appliance.simulation.portraits import draw_portrait
from appliance.travel_document import MrzFormat, generate_mrz

TODAY = dt.date(2026, 11, 2)
LINES = generate_mrz(
    MrzFormat.TD3,
    document_code="P",
    issuing_state="UTO",
    primary_identifier="ERIKSSON",
    secondary_identifier="ANNA MARIA",
    document_number="L898902C3",
    nationality="UTO",
    birth_date=dt.date(1974, 8, 12),
    sex="F",
    expiry_date=dt.date(2030, 4, 15),
)


def page(lines=LINES, *, seed=1):
    """A colour picture of a data page with these lines."""
    return draw_page(tuple(lines), draw_portrait(1), seed=seed)


def grey(picture):
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def turned(picture, degrees):
    """The picture turned about its middle, nothing cut off."""
    height, width = picture.shape[:2]
    place = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cosine, sine = abs(place[0, 0]), abs(place[0, 1])
    size = round(height * sine + width * cosine), round(height * cosine + width * sine)
    place[:, 2] += np.array(size) / 2 - [width / 2, height / 2]
    return cv2.warpAffine(picture, place, size, borderValue=(60, 60, 60))
