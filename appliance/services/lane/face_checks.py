"""What the live picture and its comparison say: pure functions from evidence to checks.

`capture` gives numbers; the limits are held against them here, from the same configuration.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from appliance.contracts.capture import FaceComparison, PortraitEvidence
from appliance.contracts.checks import Check, Verdict
from appliance.face_settings import FaceSettings
from appliance.services.lane.workflow import State

FACE_CHECKS = ("face.single", "face.quality", "face.comparison", "face.presentation_attack")
SEVERAL_BELOW = 50
"""SingleFacePresent at which somebody else's face is half as large (in length) as the traveller's."""


def face_checks(
    state: State, settings: FaceSettings, *, reference_authenticated: bool = False
) -> Iterator[Check]:
    """Every check of the face; without a picture none of them was done."""
    portrait = state.portrait
    if portrait is None:
        for id_ in FACE_CHECKS:
            yield Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_portrait")
        return
    yield _single(portrait)
    yield _quality(portrait, settings)
    yield _comparison(portrait, settings, _dg2(state), authenticated=reference_authenticated)
    yield _presentation_attack(portrait)


def dg2_authenticated(checks: Iterable[Check]) -> bool:
    """Whether the chip's picture is what its issuer signed (Doc 9303-11, 5.1): both checks said so."""
    passed = {check.id for check in checks if check.verdict is Verdict.PASS}
    return {"chip.passive_authentication", "chip.data_group_hash.dg2"} <= passed


def _single(portrait: PortraitEvidence) -> Check:
    """One person before the camera: with two, nobody can say whose picture it is."""
    id_ = "face.single"
    if not portrait.cropped:
        return _no_face(id_, portrait)
    measure = portrait.measures.get("SingleFacePresent")
    alone = measure is not None and (measure.scalar or 0) >= SEVERAL_BELOW
    return Check(
        id=id_,
        verdict=Verdict.PASS if alone else Verdict.FAIL,
        reason="one_face" if alone else "several_faces",
        evidence={"faces": portrait.faces},
    )


def _quality(portrait: PortraitEvidence, settings: FaceSettings) -> Check:
    """The recorded picture against the profile, with every measure of ISO/IEC 29794-5 that was made."""
    id_ = "face.quality"
    if not portrait.cropped:
        return _no_face(id_, portrait)
    short = settings.profile.falls_short(portrait.measures)
    evidence: dict[str, Any] = {
        "ended": portrait.ended,
        "pictures": portrait.pictures,
        "seconds": round(portrait.seconds, 3),
        "measures": {name: msgspec.to_builtins(measure) for name, measure in portrait.measures.items()},
    }
    if short:
        return Check(
            id=id_,
            verdict=Verdict.FAIL,
            reason="below_profile",
            evidence={"short": list(short), **evidence},
        )
    return Check(id=id_, verdict=Verdict.PASS, reason="good_enough", evidence=evidence)


def _comparison(
    portrait: PortraitEvidence, settings: FaceSettings, dg2: bytes | None, *, authenticated: bool
) -> Check:
    """The live face against the chip's. Another person than the chip's is for a human to say."""
    id_ = "face.comparison"
    compared = portrait.comparison
    if compared is None:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_chip_portrait")
    chosen = settings.compares_with
    evidence: dict[str, Any] = {
        "model": compared.model,
        "model_sha256": compared.model_sha256,
        "reference_sha256": compared.reference_sha256,
        "reference_authenticated": authenticated,
    }
    if problem := _not_what_was_asked(compared, settings, dg2):
        return Check(id=id_, verdict=Verdict.CANNOT, reason=problem, evidence=evidence)
    if compared.cosine is None:
        reason = compared.problem or "model_unavailable"
        return Check(id=id_, verdict=Verdict.CANNOT, reason=reason, evidence=evidence)
    same = compared.cosine >= settings.threshold
    calibrated = settings.calibrated(compared.cosine)
    evidence |= {
        "similarity": round(compared.cosine, 4),
        "threshold": round(settings.threshold, 4),
        "fmr": settings.fmr,
        "calibrated": None if calibrated is None else round(calibrated, 1),
        "model": chosen.name,
    }
    return Check(
        id=id_,
        verdict=Verdict.PASS if same else Verdict.FAIL,
        reason="same_person" if same else "not_alike",
        evidence=evidence,
    )


def _not_what_was_asked(compared: FaceComparison, settings: FaceSettings, dg2: bytes | None) -> str | None:
    if compared.model_sha256 != settings.compares_with.sha256:
        return "other_model"
    if dg2 is None or hashlib.sha256(dg2).hexdigest() != compared.reference_sha256:
        return "other_reference"
    return None


def _presentation_attack(portrait: PortraitEvidence) -> Check:
    """Never decided by the box: an officer stands there, and no model at hand is good enough."""
    id_ = "face.presentation_attack"
    attack = portrait.attack
    if attack is None:
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_evaluated_method")
    return Check(
        id=id_,
        verdict=Verdict.NOT_DONE,
        reason="indicator_only",
        evidence={
            "indicator": attack.indicator,
            "attack_is": attack.attack_is,
            "problem": attack.problem,
            "model": attack.model,
            "model_sha256": attack.model_sha256,
            "iso_30107_3": "not evaluated",
        },
    )


def _no_face(id_: str, portrait: PortraitEvidence) -> Check:
    if portrait.ended == "single":
        return Check(id=id_, verdict=Verdict.NOT_DONE, reason="model_unavailable")
    return Check(id=id_, verdict=Verdict.CANNOT, reason="no_face")


def _dg2(state: State) -> bytes | None:
    return None if state.chip is None else state.chip.files.get("DG2")
