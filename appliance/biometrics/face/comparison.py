"""One person or two: the cosine of a live face and a reference. Whether it suffices is for others to say."""

from dataclasses import dataclass
from typing import Final

from appliance.biometrics.face.finding import FaceFinder, FoundFace
from appliance.face_settings import SHIPPED_EMBEDDING, EmbeddingChoice
from models.face.embedding import FaceEmbedding, cosine
from models.face.sampling import Picture
from models.face.weights import EMBEDDING, ModelFile

MIN_REFERENCE_EYES: Final = 24.0
"""Pixels between the eyes below which a reference is a thumbnail, not a portrait."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome; `cosine` None with the reason why it could not be told."""

    cosine: float | None
    problem: str | None = None


class FaceComparer:
    """An embedding model, loaded once."""

    def __init__(self, choice: EmbeddingChoice) -> None:
        """Raises models.runtime.ModelError."""
        shipped = choice == SHIPPED_EMBEDDING
        file = EMBEDDING if shipped else ModelFile(choice.path, choice.sha256)
        self._embedding = FaceEmbedding(file.load())
        self.choice = choice

    def compare(
        self, finder: FaceFinder, live: Picture, face: FoundFace | None, reference: Picture
    ) -> Compared:
        """The live face against the largest of a document's portrait.

        Raises:
            models.runtime.ModelError: the model failed.
        """
        if face is None:
            return Compared(None, "no_face")
        faces = finder.find_reference(reference)
        if not faces:
            return Compared(None, "no_face_in_reference")
        one = self._embedding.embed(live, face.mesh)
        return Compared(cosine(one, self._embedding.embed(reference, faces[0].mesh)))
