"""A face as a vector: two pictures of one person lie close together, measured by the cosine.

The model is a file that can be replaced; the one that ships is SFace 2021dec. Alignment: the five-point
template of ArcFace (Deng et al. 2019), 112 x 112, which such models are trained on.
"""

from typing import Final

import numpy as np

from models.face.mesh import Mesh
from models.face.sampling import Picture, sample, similarity
from models.face.weights import EMBEDDING
from models.runtime import Array, Model, ModelDamaged

SIDE: Final = 112
TEMPLATE: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Eyes, tip of the nose, corners of the mouth, left to right in the picture."""
_EYE_CORNERS: Final = ((33, 133), (362, 263))
_NOSE_TIP, _MOUTH_RIGHT, _MOUTH_LEFT = 4, 61, 291


class FaceEmbedding:
    """Turns faces into vectors of length 1."""

    def __init__(self, model: Model | None = None) -> None:
        """`model` takes (1, 112, 112, 3), RGB from 0 to 255, and gives (1, n).

        Raises:
            models.runtime.ModelError: it cannot be loaded, or takes something else.
        """
        self._model = model or EMBEDDING.load()
        wanted = (1, SIDE, SIDE, 3)
        inputs, outputs = self._model.inputs, self._model.outputs
        if [tensor.shape for tensor in inputs] != [wanted] or len(outputs) != 1 or outputs[0].shape[0] != 1:
            raise ModelDamaged(f"An embedding model takes {wanted} and gives one vector; this one does not.")

    def embed(self, picture: Picture, mesh: Mesh) -> Array:
        """The vector (n,) of the face under this mesh; its length is 1.

        Raises:
            models.runtime.ModelError: the model failed, or gave no numbers.
        """
        cut = sample(picture, similarity(five_points(mesh), TEMPLATE), (SIDE, SIDE))
        (vector,) = self._model.run(np.ascontiguousarray(cut[None, :, :, ::-1], dtype=np.float32))
        vector = vector.reshape(-1).astype(np.float64)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise ModelDamaged("The embedding model gave no direction for a face.")
        return np.asarray(vector / length)


def five_points(mesh: Mesh) -> Array:
    """The five points of the template, (5, 2), in the picture."""
    eyes = [mesh.points[list(corners)].mean(axis=0) for corners in _EYE_CORNERS]
    return np.array([*eyes, *mesh.points[[_NOSE_TIP, _MOUTH_RIGHT, _MOUTH_LEFT]]])


def cosine(one: Array, other: Array) -> float:
    """How alike two vectors of length 1 are: 1 is the same, near 0 is nothing in common."""
    return float(np.clip(one @ other, -1.0, 1.0))
