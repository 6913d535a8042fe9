"""The station before simulated cameras: drawn people, nobody, a chip's portrait, models that fail."""

import hashlib
import io
import logging
import threading
import time
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from face_pictures import before_the_camera, drawn, nobody
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from appliance.contracts.capture import PortraitEvidence
from appliance.contracts.face import OFIQ_MEASURES, OWN_MEASURES
from appliance.contracts.face_record import picture_of
from appliance.face_settings import (
    SHIPPED_EMBEDDING,
    AttackIndicatorChoice,
    EmbeddingChoice,
    FaceProfile,
    FaceSettings,
)
from appliance.services.capture import portrait as capture_portrait
from appliance.services.capture.portrait import PortraitStation
from appliance.simulation.chip.files import build_dg2
from appliance.simulation.portraits import draw_portrait
from hal.camera.file import FileCamera
from hal.camera.file import Options as FileOptions
from hal.camera.simulated import Options, SimulatedCamera
from hal.device import DeviceGone, Timeout, Unreadable
from hal.simulated import Fault
from models.face.weights import EMBEDDING
from models.runtime import ModelError

PRINTED = build_dg2(draw_portrait(11))


@pytest.fixture(scope="module")
def station() -> PortraitStation:
    station = PortraitStation(FaceSettings())
    station.prepare()
    return station


def take(
    station: PortraitStation,
    picture: np.ndarray | None = None,
    *,
    timeout: float = 20.0,
    reference: bytes | None = None,
    camera: SimulatedCamera | None = None,
) -> PortraitEvidence:
    camera = camera or SimulatedCamera()
    if picture is not None:
        camera.present(picture)
    return station.take(camera, timeout=timeout, reference=reference, given_up=threading.Event())


def test_ok_a_good_picture_is_taken_at_once_cropped_small_and_measured(station: PortraitStation) -> None:
    evidence = take(station, before_the_camera())
    assert (evidence.ended, evidence.cropped, evidence.faces) == ("good_enough", True, 1)
    assert evidence.seconds < 15
    assert len(evidence.record) < 20_000 + 200
    picture = Image.open(io.BytesIO(picture_of(evidence.record)))
    assert (picture.format, picture.size) == ("JPEG", (evidence.width, evidence.height))
    assert evidence.height == round(evidence.width * 4 / 3)
    assert set(evidence.measures) == {*OFIQ_MEASURES, *OWN_MEASURES}
    assert evidence.simulated
    assert evidence.comparison is None
    assert evidence.attack is None


def test_ok_the_eyes_lie_level_in_the_picture_that_is_kept(station: PortraitStation, finder) -> None:
    matrix = cv2.getRotationMatrix2D((640, 360), 10, 1.0)
    scene = cv2.warpAffine(before_the_camera(), matrix, (1280, 720), borderMode=cv2.BORDER_REPLICATE)
    evidence = take(station, scene)
    kept = cv2.imdecode(np.frombuffer(picture_of(evidence.record), np.uint8), cv2.IMREAD_COLOR)
    (face,) = finder.find(kept)
    right, left = face.mesh.points[[33, 263]]
    assert abs(right[1] - left[1]) < 0.04 * abs(left[0] - right[0])
    assert face.mesh.points[[33, 133]].mean(axis=0)[1] / evidence.width == pytest.approx(0.6, abs=0.03)


def test_ok_alike_to_the_chip_s_portrait(station: PortraitStation) -> None:
    compared = take(station, drawn(11), reference=PRINTED).comparison
    assert compared is not None
    assert compared.problem is None
    assert compared.cosine > 0.9
    assert compared.model == SHIPPED_EMBEDDING.name
    assert compared.model_sha256 == SHIPPED_EMBEDDING.sha256
    assert compared.reference_sha256 == hashlib.sha256(PRINTED).hexdigest()


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (b"", "undecodable"),
        (PRINTED[:4000], "undecodable"),
        (PRINTED[:700] + bytes(200) + PRINTED[900:], None),
        (
            build_dg2(cv2.imencode(".jpg", np.full((300, 240, 3), 90, np.uint8))[1].tobytes()),
            "no_face_in_reference",
        ),
    ],
    ids=["empty", "cut", "damaged", "nobody"],
)
def test_fail_a_reference_that_shows_no_face(
    station: PortraitStation, reference: bytes, problem: str | None
) -> None:
    compared = take(station, drawn(11), reference=reference).comparison
    assert compared is not None
    if problem is None:  # a decoder may make something of it, or not
        assert compared.problem in ("undecodable", "no_face_in_reference", None)
    else:
        assert (compared.cosine, compared.problem) == (None, problem)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(PRINTED) - 1), st.integers(0, 255)), max_size=12))
def test_fail_a_hostile_reference_gives_a_comparison_or_a_problem(
    station: PortraitStation, flips: list[tuple[int, int]]
) -> None:
    damaged = bytearray(PRINTED)
    for at, value in flips:
        damaged[at] = value
    compared = take(station, drawn(11), reference=bytes(damaged)).comparison
    assert compared is not None
    assert (compared.cosine is None) == (compared.problem is not None)


def test_ok_nobody_until_the_end_is_what_the_camera_saw(station: PortraitStation) -> None:
    evidence = take(station, nobody()[0], timeout=0.4, reference=PRINTED)
    assert (evidence.ended, evidence.cropped, evidence.faces, evidence.measures) == ("time", False, 0, {})
    picture = Image.open(io.BytesIO(picture_of(evidence.record)))
    assert max(picture.size) <= capture_portrait.WHOLE_SIDE
    assert len(evidence.record) <= 20_100
    assert evidence.comparison is not None
    assert evidence.comparison.problem == "no_face"


def test_ok_a_poor_picture_is_kept_when_the_time_is_over_and_says_so(station: PortraitStation) -> None:
    evidence = take(station, before_the_camera(scale=0.5), timeout=0.6)
    assert (evidence.ended, evidence.cropped) == ("time", True)
    assert FaceProfile().falls_short(evidence.measures) == ("InterEyeDistance",)


def test_ok_of_all_pictures_the_best_is_kept(station: PortraitStation) -> None:
    camera = SimulatedCamera()
    scenes = iter([nobody()[0], before_the_camera(scale=0.5), *[before_the_camera()] * 50])
    camera.present(lambda: next(scenes))
    evidence = take(station, camera=camera)
    assert evidence.ended == "good_enough"
    assert evidence.pictures == 5


def test_ok_what_the_traveller_is_told_is_on_the_board_and_then_no_more(station: PortraitStation) -> None:
    said: list[tuple[bool, str | None]] = []
    real = station.board.say

    def overheard(instruction: str | None, *, looking: bool = True) -> None:
        said.append((looking, instruction))
        real(instruction, looking=looking)

    station.board.say = overheard  # type: ignore[method-assign]
    try:
        take(station, before_the_camera(scale=0.5), timeout=1.6)
    finally:
        station.board.say = real  # type: ignore[method-assign]
    assert said[0] == (True, "stand_in_front")
    assert (True, "come_closer") in said
    assert said[-1] == (False, None)
    assert not station.board.now.looking


def test_ok_a_picture_that_is_damaged_is_passed_over(station: PortraitStation) -> None:
    camera = SimulatedCamera(Options(faults={1: Fault.GARBAGE, 3: Fault.GARBAGE}))
    assert take(station, before_the_camera(), camera=camera).ended == "good_enough"


def test_fail_no_picture_at_all(station: PortraitStation) -> None:
    garbage = SimulatedCamera(Options(faults=dict.fromkeys(range(1, 99), Fault.GARBAGE)))
    with pytest.raises(Unreadable):
        take(station, camera=garbage, timeout=0.3)
    silent = SimulatedCamera(Options(faults=dict.fromkeys(range(1, 99), Fault.TIMEOUT)))
    with pytest.raises(Timeout):
        take(station, camera=silent, timeout=0.3)
    with pytest.raises(Timeout):
        take(station, timeout=0.0)


def test_fail_a_camera_that_goes_in_the_middle(station: PortraitStation) -> None:
    camera = SimulatedCamera(Options(faults={3: Fault.UNPLUG}))
    with pytest.raises(DeviceGone):
        take(station, nobody()[0], camera=camera, timeout=5)
    assert not station.board.now.looking


def test_ok_who_gives_up_waits_for_no_more_pictures(station: PortraitStation) -> None:
    given_up = threading.Event()
    camera = SimulatedCamera()
    threading.Timer(0.3, given_up.set).start()
    began = time.monotonic()
    evidence = station.take(camera, timeout=60, reference=None, given_up=given_up)
    assert evidence.ended == "time"
    assert time.monotonic() - began < 10


def test_ok_without_models_there_is_still_a_picture(monkeypatch, caplog) -> None:
    def refuse() -> None:
        raise ModelError("No model runtime is installed.")

    monkeypatch.setattr(capture_portrait, "FaceFinder", refuse)
    station = PortraitStation(FaceSettings())
    evidence = take(station, before_the_camera(), reference=PRINTED)
    assert (evidence.ended, evidence.cropped, evidence.measures) == ("single", False, {})
    assert evidence.comparison is not None
    assert evidence.comparison.problem == "model_unavailable"
    assert "no face can be found" in caplog.text
    assert take(station, before_the_camera()).comparison is None


def test_ok_without_an_embedding_nothing_is_compared(tmp_path: Path, caplog) -> None:
    gone = EmbeddingChoice(name="gone", path=tmp_path / "x.tflite", sha256="0" * 64, threshold=0.5)
    station = PortraitStation(FaceSettings(embedding=gone))
    evidence = take(station, drawn(11), reference=PRINTED)
    assert evidence.ended == "good_enough"
    assert evidence.comparison is not None
    assert (evidence.comparison.problem, evidence.comparison.model) == ("model_unavailable", "gone")
    assert "no face can be compared" in caplog.text


def test_ok_a_model_that_fails_in_the_middle_leaves_what_there_is(
    station: PortraitStation, monkeypatch, caplog
) -> None:
    models = station._ready()
    assert models is not None
    calls = 0
    real = models.finder.find

    def sometimes(picture: np.ndarray):
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ModelError("out of memory")
        return real(picture)

    monkeypatch.setattr(models.finder, "find", sometimes)
    evidence = take(station, before_the_camera(), reference=PRINTED)
    assert (evidence.ended, evidence.cropped, evidence.pictures) == ("time", True, 1)
    assert evidence.comparison is not None
    assert evidence.comparison.problem == "model_unavailable"
    calls = 1
    with pytest.raises(Timeout):
        take(station, before_the_camera())
    assert caplog.record_tuples[0][1] == logging.ERROR


def indicator(**changes: object) -> AttackIndicatorChoice:
    fields = {"name": "test", "path": EMBEDDING.path, "sha256": EMBEDDING.sha256, "high": 255.0}
    return AttackIndicatorChoice(**(fields | changes))


def test_ok_a_named_indicator_adds_a_number_and_nothing_else() -> None:
    """The embedding's first number stands in: any model of one picture may be named."""
    plain = take(PortraitStation(FaceSettings()), drawn(11))
    evidence = take(PortraitStation(FaceSettings(presentation_attack=indicator())), drawn(11))
    assert evidence.attack is not None
    assert evidence.attack.problem is None
    assert evidence.attack.indicator is not None
    assert (evidence.ended, evidence.measures) == (plain.ended, plain.measures)


def test_fail_an_indicator_that_is_not_there_or_fails(tmp_path: Path, caplog) -> None:
    gone = FaceSettings(presentation_attack=indicator(path=tmp_path / "x.tflite"))
    wrong = FaceSettings(presentation_attack=indicator(output=4000))
    for settings_ in (gone, wrong):
        attack = take(PortraitStation(settings_), drawn(11)).attack
        assert attack is not None
        assert (attack.indicator, attack.problem) == (None, "model_unavailable")
    nobody_there = take(
        PortraitStation(FaceSettings(presentation_attack=indicator())), nobody()[0], timeout=0.3
    )
    assert nobody_there.attack is not None
    assert nobody_there.attack.problem == "no_face"


def test_ok_the_evidence_travels_through_a_socket_and_a_journal(station: PortraitStation) -> None:
    evidence = take(station, drawn(11), reference=PRINTED)
    assert msgspec.json.decode(msgspec.json.encode(evidence), type=PortraitEvidence) == evidence
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(evidence), type=PortraitEvidence) == evidence


def test_ok_a_video_file_is_a_camera(station: PortraitStation, tmp_path: Path) -> None:
    """Somebody walks up: first nobody, then far away, then before the camera."""
    path = tmp_path / "walks-up.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15, (1280, 720))
    empty = np.full((720, 1280, 3), (200, 196, 190), np.uint8)
    for scene, times in ((empty, 2), (before_the_camera(scale=0.5), 3), (before_the_camera(), 6)):
        for _ in range(times):
            writer.write(scene)
    writer.release()
    camera = FileCamera(FileOptions(path=str(path)))
    evidence = station.take(camera, timeout=30, reference=PRINTED, given_up=threading.Event())
    camera.close()
    assert evidence.ended == "good_enough"
    assert evidence.pictures == 8
    assert evidence.comparison is not None
    assert evidence.comparison.cosine > 0.9
