"""One look at one camera picture: the face in it, what it is worth as a portrait, what to mend first."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.biometrics.face.crop import Crop, cut, token_crop
from appliance.biometrics.face.finding import FaceFinder, FoundFace
from appliance.biometrics.face.geometry import moved
from appliance.biometrics.face.guidance import instruction_for
from appliance.biometrics.face.measures import Measures, measure_all, own, pictorial
from appliance.biometrics.face.measures import geometric as measure_geometry
from appliance.biometrics.face.measures import single_face as measure_single_face
from appliance.face_settings import FaceProfile
from models.face.sampling import Picture, carry

POSE_MEASURES = ("HeadPoseYaw", "HeadPosePitch", "HeadPoseRoll")


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was seen. Without a face there are no measures and no crop."""

    picture: Picture
    face: FoundFace | None
    faces: int
    crop: Crop | None
    measures: Measures
    short: tuple[str, ...]
    """Required measures that are not reached."""
    advised: tuple[str, ...]
    """Advised ones."""
    deficit: float

    @property
    def good(self) -> bool:
        """Good enough for the profile."""
        return self.face is not None and not self.short

    def instruction(self, *, with_advice: bool, shut_for: int = 0) -> str | None:
        """What to tell the traveller; None when there is nothing to mend."""
        if self.face is None or self.crop is None:
            return "stand_in_front"
        short = (*self.short, *(self.advised if with_advice else ()))
        return instruction_for(short, self.measures, self.crop, shut_for=shut_for)

    def better_than(self, other: "Look | None") -> bool:
        """Whether this picture is the one to keep."""
        return other is None or self._rank() > other._rank()

    def _rank(self) -> tuple[bool, bool, float, float]:
        focus = self.measures.get("own.focus")
        return (self.face is not None, not self.short, -self.deficit, (focus and focus.native) or 0.0)


def look_at(finder: FaceFinder, picture: Picture, profile: FaceProfile) -> Look:
    """Find the largest face, and measure it as it would be cropped."""
    faces = finder.find(picture)
    if not faces:
        return Look(picture, None, 0, None, {}, (), (), float("inf"))
    face = faces[0]
    measures, crop = _as_cropped(picture, faces)
    return Look(
        picture=picture,
        face=face,
        faces=len(faces),
        crop=crop,
        measures=measures,
        short=profile.falls_short(measures),
        advised=profile.could_be_better(measures),
        deficit=profile.deficit(measures),
    )


def measures_of_recorded(look: Look, recorded: Picture) -> Measures:
    """Every measure of the cropped picture as it is kept, compression included.

    Pose, neighbours and what the camera did not see are the whole picture's.
    """
    assert look.face is not None
    assert look.crop is not None
    mesh = moved(look.face.mesh, look.crop.matrix)
    kept = ("SingleFacePresent", "own.inside", *POSE_MEASURES)
    return measure_all(recorded, mesh, (look.face.detection,)) | {name: look.measures[name] for name in kept}


def measures_as_it_is(look: Look) -> Measures:
    """Every measure of the whole picture, uncropped: of a file that is a portrait already."""
    assert look.face is not None
    measures = measure_all(look.picture, look.face.mesh, (look.face.detection,))
    return measures | {name: look.measures[name] for name in ("SingleFacePresent", "own.inside")}


def cut_out(look: Look) -> Picture:
    """The crop's pixels, or the whole picture where there is no face."""
    return look.picture if look.crop is None else cut(look.picture, look.crop)


def _as_cropped(picture: Picture, faces: Sequence[FoundFace]) -> tuple[Measures, Crop]:
    points = faces[0].mesh.points
    height, width = picture.shape[:2]
    crop = token_crop(points, width, height)
    upright = measure_geometry(carry(points, crop.matrix), crop.width, crop.height)
    as_seen = measure_geometry(points, width, height)
    return (
        upright
        | {name: as_seen[name] for name in POSE_MEASURES}
        | pictorial(picture, points)
        | {
            "SingleFacePresent": measure_single_face([face.detection for face in faces]),
            "own.inside": own(crop.inside, 100.0 * crop.inside),
        },
        crop,
    )
