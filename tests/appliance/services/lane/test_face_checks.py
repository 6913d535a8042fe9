import msgspec
import pytest
from scripted import ScriptedCapture, portrait_evidence

from appliance.contracts.capture import AttackEvidence, ChipEvidence, PortraitEvidence, ReadChip
from appliance.contracts.checks import CHECKS, Check, Recommendation, Verdict
from appliance.contracts.face import Measure
from appliance.face_settings import EmbeddingChoice, FaceProfile, FaceSettings
from appliance.services.lane.face_checks import FACE_CHECKS, dg2_authenticated, face_checks
from appliance.services.lane.policy import load_policy
from appliance.services.lane.workflow import State
from appliance.simulation.travellers import traveller

SETTINGS = FaceSettings()


@pytest.fixture(scope="module")
def chip() -> ChipEvidence:
    import asyncio

    return asyncio.run(ScriptedCapture(traveller(1).lines).read_chip(ReadChip(mrz_information="")))


def checks_of(
    portrait: PortraitEvidence | None, chip: ChipEvidence | None = None, settings: FaceSettings = SETTINGS
) -> dict[str, Check]:
    found = {check.id: check for check in face_checks(State(chip=chip, portrait=portrait), settings)}
    assert tuple(found) == FACE_CHECKS
    for check in found.values():
        assert check.reason in CHECKS[check.id]
        msgspec.json.encode(check)  # it goes into the record
    return found


def outcome(check: Check) -> tuple[str, str]:
    return check.verdict.value, check.reason


def test_ok_without_a_picture_nothing_was_done() -> None:
    assert {outcome(check) for check in checks_of(None).values()} == {("NOT_DONE", "no_portrait")}


def test_ok_a_good_picture_of_the_chip_s_holder(chip: ChipEvidence) -> None:
    checks = checks_of(portrait_evidence(reference=chip.files["DG2"]), chip)
    assert outcome(checks["face.single"]) == ("PASS", "one_face")
    assert outcome(checks["face.quality"]) == ("PASS", "good_enough")
    assert outcome(checks["face.comparison"]) == ("PASS", "same_person")
    assert outcome(checks["face.presentation_attack"]) == ("NOT_DONE", "no_evaluated_method")
    evidence = checks["face.comparison"].evidence
    assert evidence["similarity"] == 0.93
    assert evidence["threshold"] == 0.45
    assert evidence["model"] == "SFace 2021dec"
    assert evidence["reference_authenticated"] is False
    assert evidence["calibrated"] == pytest.approx(78.0)


@pytest.mark.parametrize("missing", [None, "chip.passive_authentication", "chip.data_group_hash.dg2"])
def test_ok_a_reference_counts_as_the_issuer_s_only_when_both_checks_passed(missing: str | None) -> None:
    checks = [
        Check(id=id_, verdict=Verdict.CANNOT if id_ == missing else Verdict.PASS, reason="ok")
        for id_ in ("chip.passive_authentication", "chip.data_group_hash.dg2", "chip.portrait")
    ]
    assert dg2_authenticated(checks) is (missing is None)


@pytest.mark.parametrize(("cosine", "expected"), [(0.45, "PASS"), (0.4499, "FAIL"), (-0.2, "FAIL")])
def test_ok_the_threshold_is_the_lane_s(chip: ChipEvidence, cosine: float, expected: str) -> None:
    checks = checks_of(portrait_evidence(reference=chip.files["DG2"], cosine=cosine), chip)
    assert checks["face.comparison"].verdict == expected


def test_ok_a_stricter_rate_asks_for_more(chip: ChipEvidence) -> None:
    portrait = portrait_evidence(reference=chip.files["DG2"], cosine=0.5)
    assert checks_of(portrait, chip)["face.comparison"].verdict is Verdict.PASS
    strict = checks_of(portrait, chip, FaceSettings(fmr=1e-4))["face.comparison"]
    assert outcome(strict) == ("FAIL", "not_alike")
    assert strict.evidence["fmr"] == 1e-4


def test_fail_another_person_refers_to_a_human_and_never_refuses(chip: ChipEvidence) -> None:
    checks = checks_of(portrait_evidence(reference=chip.files["DG2"], cosine=0.1), chip)
    assert outcome(checks["face.comparison"]) == ("FAIL", "not_alike")
    recommendation, reasons = load_policy(None).recommend(checks.values())
    assert recommendation is Recommendation.AMBER
    assert reasons == ("face.comparison",)


def test_fail_a_score_against_another_picture_than_the_lane_holds(chip: ChipEvidence) -> None:
    """What capture says is evidence: it counts only for the DG2 that lane can verify."""
    other = portrait_evidence(reference=b"another chip's DG2")
    assert outcome(checks_of(other, chip)["face.comparison"]) == ("CANNOT", "other_reference")
    assert outcome(checks_of(other, None)["face.comparison"]) == ("CANNOT", "other_reference")


def test_fail_a_score_of_another_model_than_is_configured(chip: ChipEvidence) -> None:
    theirs = EmbeddingChoice(
        name="theirs", path=__import__("pathlib").Path("x"), sha256="0" * 64, threshold=0.1
    )
    portrait = portrait_evidence(reference=chip.files["DG2"])
    checks = checks_of(portrait, chip, FaceSettings(embedding=theirs))
    assert outcome(checks["face.comparison"]) == ("CANNOT", "other_model")


@pytest.mark.parametrize("problem", ["no_face", "no_face_in_reference", "undecodable", "model_unavailable"])
def test_fail_what_could_not_be_compared_says_why(chip: ChipEvidence, problem: str) -> None:
    portrait = portrait_evidence(reference=chip.files["DG2"])
    compared = msgspec.structs.replace(portrait.comparison, cosine=None, problem=problem)
    portrait = msgspec.structs.replace(portrait, comparison=compared)
    check = checks_of(portrait, chip)["face.comparison"]
    assert outcome(check) == ("CANNOT", problem)
    assert load_policy(None).colour(check) is Recommendation.AMBER


def test_ok_a_document_without_a_picture_is_compared_with_nothing() -> None:
    check = checks_of(portrait_evidence())["face.comparison"]
    assert outcome(check) == ("NOT_DONE", "no_chip_portrait")
    assert load_policy(None).colour(check) is Recommendation.GREEN


def test_ok_a_poor_picture_is_noted_and_held_against_nobody() -> None:
    measures = {
        "SingleFacePresent": Measure(native=0.0, scalar=100),
        "EyesOpen": Measure(native=0.0, scalar=3),
    }
    check = checks_of(portrait_evidence(measures=measures, ended="time"))["face.quality"]
    assert outcome(check) == ("FAIL", "below_profile")
    assert check.evidence["short"] == ["EyesOpen"]
    assert check.evidence["measures"]["EyesOpen"]["scalar"] == 3
    assert check.evidence["ended"] == "time"
    assert load_policy(None).colour(check) is Recommendation.GREEN


def test_ok_the_profile_is_the_configured_one() -> None:
    lenient = FaceSettings(profile=FaceProfile(required={"MouthClosed": 1}, advised={}))
    measures = {
        "SingleFacePresent": Measure(native=0.0, scalar=100),
        "EyesOpen": Measure(native=0.0, scalar=3),
    }
    check = checks_of(portrait_evidence(measures=measures), None, lenient)["face.quality"]
    assert outcome(check) == ("PASS", "good_enough")


def test_fail_several_faces_are_a_finding() -> None:
    measures = {"SingleFacePresent": Measure(native=0.8, scalar=20)}
    check = checks_of(portrait_evidence(measures=measures, faces=2))["face.single"]
    assert outcome(check) == ("FAIL", "several_faces")
    assert check.evidence == {"faces": 2}
    assert load_policy(None).colour(check) is Recommendation.AMBER


def test_ok_somebody_small_in_the_background_is_only_counted() -> None:
    measures = {"SingleFacePresent": Measure(native=0.3, scalar=70)}
    check = checks_of(portrait_evidence(measures=measures, faces=2))["face.single"]
    assert outcome(check) == ("PASS", "one_face")
    assert check.evidence == {"faces": 2}


def test_fail_nobody_in_the_picture_is_for_the_officer_to_see() -> None:
    checks = checks_of(portrait_evidence(cropped=False, measures={}, faces=0, ended="time"))
    for id_ in ("face.single", "face.quality"):
        assert outcome(checks[id_]) == ("CANNOT", "no_face")
    assert load_policy(None).recommend(checks.values())[0] is Recommendation.AMBER


def test_ok_without_models_it_was_not_done() -> None:
    checks = checks_of(portrait_evidence(cropped=False, measures={}, faces=0, ended="single"))
    for id_ in ("face.single", "face.quality"):
        assert outcome(checks[id_]) == ("NOT_DONE", "model_unavailable")


@pytest.mark.parametrize(("indicator", "problem"), [(0.99, None), (None, "model_unavailable")])
def test_ok_an_attack_indicator_is_never_decisive(indicator: float | None, problem: str | None) -> None:
    attack = AttackEvidence(
        indicator=indicator, problem=problem, model="m", model_sha256="0" * 64, attack_is="high"
    )
    check = checks_of(portrait_evidence(attack=attack))["face.presentation_attack"]
    assert outcome(check) == ("NOT_DONE", "indicator_only")
    assert check.evidence["indicator"] == indicator
    assert check.evidence["iso_30107_3"] == "not evaluated"
    assert load_policy(None).colour(check) is Recommendation.GREEN
