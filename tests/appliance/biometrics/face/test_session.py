"""The session by script: what it says and when it is done, without a camera and mostly without models."""

from types import SimpleNamespace

import numpy as np
import pytest
from face_pictures import before_the_camera, blurred
from hypothesis import given
from hypothesis import strategies as st

from appliance.biometrics.face.finding import FaceFinder
from appliance.biometrics.face.look import Look, look_at
from appliance.biometrics.face.session import DWELL_SECONDS, SETTLE, PortraitSession
from appliance.contracts.face import INSTRUCTIONS, Measure
from appliance.face_settings import FaceProfile

PROFILE = FaceProfile(required={"EyesOpen": 50}, advised={"own.eye_light": 50}, advice_seconds=2.0)
PICTURE = np.zeros((20, 20, 3), np.uint8)
CROP = SimpleNamespace(missing=frozenset())


def seen(*, eyes: int = 100, light: int = 100, focus: float = 0.1, face: bool = True) -> Look:
    if not face:
        return Look(PICTURE, None, 0, None, {}, (), (), float("inf"))
    measures = {
        "EyesOpen": Measure(native=0.0, scalar=eyes),
        "own.eye_light": Measure(native=0.0, scalar=light),
        "own.focus": Measure(native=focus, scalar=50),
    }
    return Look(
        PICTURE,
        SimpleNamespace(),
        1,
        CROP,
        measures,
        PROFILE.falls_short(measures),
        PROFILE.could_be_better(measures),
        PROFILE.deficit(measures),
    )


GOOD, DARK, SHUT, NOBODY = seen(), seen(light=10), seen(eyes=5), seen(face=False)


def run(looks: list[Look], *, period: float = 0.1) -> tuple[PortraitSession, list[tuple[str | None, bool]]]:
    script = iter(looks)
    session = PortraitSession(SimpleNamespace(), PROFILE, look=lambda *_: next(script))
    told = []
    for number in range(len(looks)):
        progress = session.feed(PICTURE, number * period)
        told.append((progress.instruction, progress.done))
    return session, told


def test_ok_good_pictures_settle_and_the_sharpest_is_kept() -> None:
    sharp = seen(focus=0.3)
    session, told = run([GOOD, sharp, seen(focus=0.2)])
    assert [done for _, done in told] == [False, False, True]
    assert session.best is sharp
    assert session.pictures == SETTLE == 3


def test_ok_it_is_done_only_when_good_pictures_come_one_after_the_other() -> None:
    _, told = run([GOOD, GOOD, SHUT, GOOD, GOOD, GOOD])
    assert [done for _, done in told] == [False] * 5 + [True]


def test_ok_better_light_is_waited_for_and_then_not() -> None:
    _, told = run([DARK] * 30)
    assert told[0] == ("more_light", False)
    assert [done for _, done in told].index(True) * 0.1 == pytest.approx(
        PROFILE.advice_seconds + 0.2, abs=0.11
    )
    assert told[-1][0] is None  # good enough: the light is no longer talked about


def test_ok_light_alone_turns_nobody_away_however_dark() -> None:
    assert seen(light=0).good


def test_ok_an_instruction_stands_long_enough_to_be_read() -> None:
    _, told = run([NOBODY, SHUT, NOBODY, SHUT, *[SHUT] * 20])
    instructions = [instruction for instruction, _ in told]
    assert instructions[:10] == ["stand_in_front"] * 10
    assert instructions[10] in ("open_eyes", "take_off_glasses")


def test_ok_good_news_is_told_at_once() -> None:
    _, told = run([SHUT, GOOD])
    assert [instruction for instruction, _ in told] == ["open_eyes", None]


def test_ok_eyes_that_stay_shut_lead_to_the_glasses() -> None:
    _, told = run([SHUT] * 25)
    assert told[0][0] == "open_eyes"
    assert told[-1][0] == "take_off_glasses"


def test_ok_of_poor_pictures_the_least_poor_is_kept() -> None:
    best = seen(eyes=45)
    session, told = run([NOBODY, SHUT, best, seen(eyes=20), NOBODY])
    assert session.best is best
    assert not any(done for _, done in told)


def test_ok_a_picture_with_nobody_is_better_than_none() -> None:
    session, _ = run([NOBODY])
    assert session.best is NOBODY


@given(st.lists(st.sampled_from([GOOD, DARK, SHUT, NOBODY]), min_size=1, max_size=60))
def test_ok_whatever_stands_there_the_rules_hold(looks: list[Look]) -> None:
    session, told = run(looks)
    assert session.best is not None
    changes = [0.0]
    for number, ((before, _), (after, done)) in enumerate(zip(told, told[1:], strict=False), start=1):
        assert after is None or after in INSTRUCTIONS
        if done:
            assert looks[number].good
        if after != before and after is not None:
            assert number * 0.1 - changes[-1] >= DWELL_SECONDS - 1e-9 or before is None
        if after != before:
            changes.append(number * 0.1)


def test_ok_with_real_pictures_it_is_done_and_cropped(finder: FaceFinder) -> None:
    session = PortraitSession(finder, FaceProfile())
    told = [session.feed(before_the_camera(), number * 0.1) for number in range(SETTLE)]
    assert told[-1].done
    assert session.best is not None
    assert session.best.crop is not None
    assert session.best.crop.width >= 360


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.full((720, 1280, 3), 128, np.uint8), "stand_in_front"),
        (before_the_camera(scale=0.5), "come_closer"),
        (before_the_camera(at=(0.08, 0.5)), "move_left"),
        (before_the_camera(at=(0.92, 0.5)), "move_right"),
        (before_the_camera(at=(0.5, 0.85)), "camera_down"),
        (blurred(before_the_camera(), 9.0), "hold_still"),
    ],
    ids=["nobody", "far", "right", "left", "low", "blurred"],
)
def test_ok_real_pictures_lead_to_the_right_word(
    finder: FaceFinder, picture: np.ndarray, expected: str
) -> None:
    assert look_at(finder, picture, FaceProfile()).instruction(with_advice=False) == expected
