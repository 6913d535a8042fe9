"""The finger station: asks for one finger, a few times, keeps the best impression, and compares templates.

Blocking; runs in a thread. It says what it saw and how alike templates are, and judges nothing.
"""

import threading
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from appliance.biometrics.finger.comparison import PreparedFinger, compare
from appliance.biometrics.finger.image_record import PNG, record_of, write_images
from appliance.biometrics.finger.impression import Extracted, extract
from appliance.biometrics.finger.picture import FingerPicture, FingerPictureError
from appliance.biometrics.finger.quality import FingerQuality, quality_of
from appliance.biometrics.finger.template import FingerTemplate, TemplateError, from_bytes, to_bytes
from appliance.contracts.finger import (
    POSITIONS,
    CompareFingers,
    FingerEvidence,
    FingerScore,
    FingerScores,
    TakeFinger,
)
from appliance.services.capture.guidance_board import GuidanceBoard
from hal.device import RetryError, Timeout, Unreadable
from hal.fingerprint_sensor import FingerprintSensor, Polarity

SLICE_SECONDS: Final = 1.0
"""A wait for a finger is made of such slices, so that who gives up frees the sensor soon."""
PAUSE_SECONDS: Final = 0.7
"""Between two attempts: time to read what is wrong, and to lift the finger."""


@dataclass(frozen=True, slots=True)
class _Taken:
    picture: FingerPicture
    extracted: Extracted
    quality: FingerQuality
    live: bool | None


class FingerStation:
    """One sensor's work."""

    def __init__(self, board: GuidanceBoard) -> None:
        self._board = board

    def take(
        self, sensor: FingerprintSensor, request: TakeFinger, given_up: threading.Event
    ) -> FingerEvidence:
        """The best impression of a few attempts.

        Raises:
            HalError: the sensor gave none at all.
        """
        began = time.monotonic()
        self._board.say("lay_finger")
        try:
            best, attempts, ended = self._best_of(sensor, request, given_up)
        finally:
            self._board.say(None, looking=False)
        record = record_of(best.picture, position=POSITIONS[request.finger], compression=PNG)
        return FingerEvidence(
            finger=request.finger,
            record=write_images(record),
            template=to_bytes(FingerTemplate((best.extracted.impression,))),
            quality=best.quality.score,
            minutiae=best.quality.minutiae,
            attempts=attempts,
            ended=ended,
            short=best.quality.instruction,
            live=best.live,
            seconds=time.monotonic() - began,
            device=sensor.identity.key,
            simulated=sensor.simulated,
        )

    def _best_of(
        self, sensor: FingerprintSensor, request: TakeFinger, given_up: threading.Event
    ) -> tuple[_Taken, int, str]:
        """(the best, how many attempts, how it ended)."""
        best: _Taken | None = None
        problem: RetryError = Timeout("No finger was put on the sensor.")
        for attempt in range(1, request.attempts + 1):
            try:
                taken = self._one(sensor, request.seconds, given_up)
            except RetryError as error:
                problem = error
                self._board.say("lay_finger")
                if isinstance(error, Timeout) and (best is not None or given_up.is_set()):
                    break
                continue
            if best is None or taken.quality.score > best.quality.score:
                best = taken
            if taken.quality.score >= request.quality and taken.quality.instruction != "lay_finger":
                return best, attempt, "good_enough"
            self._board.say(taken.quality.instruction or "press_harder")
            if given_up.wait(PAUSE_SECONDS):
                break
        if best is None:
            raise problem
        return best, attempt, "attempts" if attempt == request.attempts else "time"

    def _one(self, sensor: FingerprintSensor, seconds: float, given_up: threading.Event) -> _Taken:
        """One impression within so many seconds.

        Raises:
            RetryError: none came, or it cannot be a finger's.
        """
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            try:
                image = sensor.capture(max(min(left, SLICE_SECONDS), 0.05))
            except Timeout:
                if left <= SLICE_SECONDS or given_up.is_set():
                    raise
                continue
            break
        try:
            light = image.polarity is Polarity.LIGHT_RIDGES
            picture = FingerPicture(np.invert(image.pixels) if light else image.pixels, float(image.dpi))
        except FingerPictureError as error:
            raise Unreadable(str(error)) from error
        extracted = extract(picture)
        quality = quality_of(extracted, picture.at_working_resolution())
        if quality.instruction == "lay_finger":
            raise Unreadable("There is no finger in the sensor's picture.")
        return _Taken(picture, extracted, quality, image.live)


def compare_fingers(request: CompareFingers, given_up: threading.Event) -> FingerScores:
    """Every finger with the enrolled ones of its position; who has given up is answered with what there
    is."""
    began = time.monotonic()
    scores = []
    for probe in request.probes:
        enrolled = [each for each in request.enrolled if each.finger == probe.finger]
        ours = _prepared(probe.template) if enrolled else None
        for each in enrolled:
            late = given_up.is_set() or time.monotonic() - began > request.timeout
            score, problem = (None, "timeout") if late else _score(ours, _prepared(each.template))
            scores.append(
                FingerScore(crossing=each.crossing, finger=each.finger, score=score, problem=problem)
            )
    return FingerScores(scores=tuple(scores), seconds=time.monotonic() - began)


def _score(ours: PreparedFinger | None, theirs: PreparedFinger | None) -> tuple[float | None, str | None]:
    if ours is None or theirs is None:
        return None, "template_unreadable"
    compared = compare(ours, theirs)
    return compared.score, compared.problem


def _prepared(template: bytes) -> PreparedFinger | None:
    try:
        return PreparedFinger(from_bytes(template))
    except TemplateError:
        return None
