"""The portrait station: looks through the camera until a picture is good enough or the time is over.

Then it crops, records, measures, and compares with the chip's portrait. Blocking; runs in a thread.
"""

import hashlib
import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from appliance.biometrics.face.attack import AttackIndicator
from appliance.biometrics.face.comparison import Compared, FaceComparer
from appliance.biometrics.face.crop import CropError, write_jpeg
from appliance.biometrics.face.finding import FaceFinder
from appliance.biometrics.face.geometry import left_eye, right_eye
from appliance.biometrics.face.look import Look, cut_out, measures_of_recorded
from appliance.biometrics.face.session import PortraitSession
from appliance.contracts.capture import AttackEvidence, FaceComparison, PortraitEvidence
from appliance.contracts.face import Measure
from appliance.contracts.face_record import (
    IMAGE_BASIC,
    IMAGE_TOKEN,
    LEFT_EYE_POINT,
    RIGHT_EYE_POINT,
    write_record,
)
from appliance.face_settings import FaceSettings
from appliance.services.capture.guidance_board import GuidanceBoard
from appliance.services.capture.pictures import PictureError, decode_pixels
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.lds.face_image import extract_face_image
from hal.camera import Camera
from hal.device import RetryError, Timeout
from models.face.sampling import Picture, carry
from models.runtime import ModelError

FRAME_SECONDS: Final = 2.0
"""One picture; a caller who gives up waits no longer for the camera to be free."""
MIN_PERIOD: Final = 0.03
"""No faster than a camera gives pictures, also where they come from a file."""
WHOLE_SIDE: Final = 640
"""The longer side of a picture without a face: enough to see who stood there, within the size of a crop."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Models:
    finder: FaceFinder
    comparer: FaceComparer | None
    indicator: AttackIndicator | None


class PortraitStation:
    """Loads its models once, at the first portrait or when told to prepare."""

    def __init__(self, settings: FaceSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._models: _Models | None = None
        self.board = GuidanceBoard()

    def prepare(self) -> None:
        """Load the models, so that the first traveller does not wait for them; what fails is logged."""
        self._ready()

    def take(
        self, camera: Camera, *, timeout: float, reference: bytes | None, given_up: threading.Event
    ) -> PortraitEvidence:
        """The best portrait within `timeout` seconds.

        Raises:
            HalError: the camera gave no picture at all.
            PictureError: the picture cannot be written.
        """
        models = self._ready()
        began = time.monotonic()  # whoever loads the models for the first traveller has them wait once
        if models is None:
            return self._single(camera, timeout, reference, began)
        session = PortraitSession(models.finder, self._settings.profile)
        self.board.say("stand_in_front")
        try:
            done = self._look_until_good(session, camera, began + timeout, given_up)
        finally:
            self.board.say(None, looking=False)
        assert session.best is not None
        best = session.best
        record, kept, cropped = recorded(best)
        return PortraitEvidence(
            record=record,
            width=kept.shape[1],
            height=kept.shape[0],
            cropped=cropped,
            ended="good_enough" if done else "time",
            faces=best.faces,
            measures=measures_of_recorded(best, kept) if cropped else {},
            pictures=session.pictures,
            seconds=time.monotonic() - began,
            comparison=None if reference is None else self._compared(models, best, reference),
            attack=self._indicated(models, best),
            device=camera.identity.key,
            simulated=camera.simulated,
        )

    def _look_until_good(
        self, session: PortraitSession, camera: Camera, deadline: float, given_up: threading.Event
    ) -> bool:
        """Feed the session; True when it is done, False when the time is over or the caller has gone."""
        problem: RetryError = Timeout("The camera gave no picture in time.")
        while True:
            now = time.monotonic()
            if session.best is not None and (now >= deadline or given_up.is_set()):
                return False
            if now >= deadline or given_up.is_set():
                raise problem
            try:
                frame = camera.capture(min(deadline - now, FRAME_SECONDS))
            except RetryError as error:
                problem = error
            else:
                try:
                    progress = session.feed(frame.pixels, time.monotonic())
                except ModelError:
                    log.exception("a face model failed")
                    if session.best is None:
                        raise problem from None
                    return False
                self.board.say(progress.instruction)
                if progress.done:
                    return True
            given_up.wait(max(0.0, MIN_PERIOD - (time.monotonic() - now)))

    def _single(
        self, camera: Camera, timeout: float, reference: bytes | None, began: float
    ) -> PortraitEvidence:
        """Without models: one picture as it is, and nothing said of it."""
        pixels = camera.capture(timeout).pixels
        record, kept = _whole(pixels)
        return PortraitEvidence(
            record=record,
            width=kept.shape[1],
            height=kept.shape[0],
            cropped=False,
            ended="single",
            faces=0,
            measures={},
            pictures=1,
            seconds=time.monotonic() - began,
            comparison=None
            if reference is None
            else self._comparison(Compared(None, "model_unavailable"), reference),
            attack=None,
            device=camera.identity.key,
            simulated=camera.simulated,
        )

    def _compared(self, models: _Models, best: Look, reference: bytes) -> FaceComparison:
        if models.comparer is None:
            return self._comparison(Compared(None, "model_unavailable"), reference)
        try:
            pixels = decode_pixels(extract_face_image(reference).content)
            compared = models.comparer.compare(models.finder, best.picture, best.face, pixels)
        except (EmrtdError, PictureError):
            compared = Compared(None, "undecodable")
        except ModelError:
            log.exception("the comparison failed")
            compared = Compared(None, "model_unavailable")
        return self._comparison(compared, reference)

    def _comparison(self, compared: Compared, reference: bytes) -> FaceComparison:
        chosen = self._settings.compares_with
        return FaceComparison(
            cosine=compared.cosine,
            problem=compared.problem,
            model=chosen.name,
            model_sha256=chosen.sha256,
            reference_sha256=hashlib.sha256(reference).hexdigest(),
        )

    def _indicated(self, models: _Models, best: Look) -> AttackEvidence | None:
        chosen = self._settings.presentation_attack
        if chosen is None:
            return None
        indicator, problem = None, None
        if models.indicator is None:
            problem = "model_unavailable"
        elif best.face is None:
            problem = "no_face"
        else:
            try:
                indicator = models.indicator.indicate(best.picture, best.face.mesh)
            except ModelError:
                log.exception("the attack indicator failed")
                problem = "model_unavailable"
        return AttackEvidence(
            indicator=indicator,
            problem=problem,
            model=chosen.name,
            model_sha256=chosen.sha256,
            attack_is=chosen.attack_is,
        )

    def _ready(self) -> _Models | None:
        with self._lock:
            if self._models is None:
                self._models = self._load()
            return self._models

    def _load(self) -> _Models | None:
        try:
            finder = FaceFinder()
        except ModelError as error:
            log.error("no face can be found: %s", error)  # noqa: TRY400 - the sentence says it all
            return None
        comparer: FaceComparer | None = None
        indicator: AttackIndicator | None = None
        try:
            comparer = FaceComparer(self._settings.compares_with)
        except ModelError as error:
            log.error("no face can be compared: %s", error)  # noqa: TRY400
        if self._settings.presentation_attack is not None:
            try:
                indicator = AttackIndicator(self._settings.presentation_attack)
            except ModelError as error:
                log.error("there is no attack indicator: %s", error)  # noqa: TRY400
        return _Models(finder, comparer, indicator)


def recorded(best: Look) -> tuple[bytes, Picture, bool]:
    """The record, its pixels as whoever opens it will see them, and whether it is cropped to the face."""
    if best.face is None or best.crop is None:
        return *_whole(best.picture), False
    jpeg = _jpeg(cut_out(best))
    points = carry(best.face.mesh.points, best.crop.matrix)
    eyes = {LEFT_EYE_POINT: left_eye(points), RIGHT_EYE_POINT: right_eye(points)}
    record = write_record(
        jpeg,
        width=best.crop.width,
        height=best.crop.height,
        kind=IMAGE_TOKEN,
        pose=_pose(best.measures),
        points={code: (float(x), float(y)) for code, (x, y) in eyes.items()},
    )
    return record, decode_pixels(jpeg), True


def _whole(picture: Picture) -> tuple[bytes, Picture]:
    height, width = picture.shape[:2]
    scale = min(1.0, WHOLE_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    record = write_record(_jpeg(small), width=size[0], height=size[1], kind=IMAGE_BASIC)
    return record, small


def _jpeg(picture: Picture) -> bytes:
    try:
        return write_jpeg(picture)
    except CropError as error:
        raise PictureError(str(error)) from error


def _pose(measures: dict[str, Measure]) -> tuple[float, float, float]:
    yaw, pitch, roll = (measures[f"HeadPose{axis}"].native for axis in ("Yaw", "Pitch", "Roll"))
    return tuple(float("nan") if angle is None else angle for angle in (yaw, pitch, roll))  # type: ignore[return-value]
