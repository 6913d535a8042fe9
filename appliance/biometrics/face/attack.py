"""An indicator of presentation attacks (ISO/IEC 30107-3), where the configuration names a model for it.

Nothing ships: no packaged model was good enough. A number from here is never decisive, and no model was
evaluated by the standard's procedure.
"""

import math

import numpy as np

from appliance.face_settings import AttackIndicatorChoice
from models.face.mesh import Mesh
from models.face.sampling import Picture, sample, square
from models.face.weights import ModelFile
from models.runtime import ModelDamaged


class AttackIndicator:
    """The named model, loaded once. It takes (1, side, side, 3) floats."""

    def __init__(self, choice: AttackIndicatorChoice) -> None:
        """Raises models.runtime.ModelError."""
        self._model = ModelFile(choice.path, choice.sha256).load()
        self.choice = choice
        shapes = [tensor.shape for tensor in self._model.inputs]
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][0] != 1 or shapes[0][3] != 3:
            raise ModelDamaged(f"{choice.path} does not take one colour picture.")
        self._size = (shapes[0][1], shapes[0][2])

    def indicate(self, picture: Picture, mesh: Mesh) -> float:
        """The model's number for this face, as it gives it.

        Raises:
            models.runtime.ModelError: the model failed, or has no such output.
        """
        low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
        side = max(float((high - low).max()), 1.0) * self.choice.margin
        middle = (low + high) / 2
        matrix = square((float(middle[0]), float(middle[1])), side, 0.0, self._size[1])
        cut = sample(picture, matrix, self._size)
        if self.choice.order == "RGB":
            cut = cut[:, :, ::-1]
        scaled = cut.astype(np.float32) / 255.0 * (self.choice.high - self.choice.low) + self.choice.low
        numbers = self._model.run(np.ascontiguousarray(scaled[None], dtype=np.float32))[0].reshape(-1)
        if self.choice.output >= len(numbers):
            raise ModelDamaged(f"{self.choice.path} gives {len(numbers)} numbers, not the one that is named.")
        value = float(numbers[self.choice.output])
        if not math.isfinite(value):
            raise ModelDamaged(f"{self.choice.path} gave no number.")
        return value
