"""The model files that ship here, each with its digest; the card beside a file tells where it is from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.runtime import Model


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that can be loaded."""

    path: Path
    sha256: str

    def load(self) -> Model:
        """The model, on one thread.

        Raises:
            models.runtime.ModelError: it is not there, damaged, or there is no runtime.
        """
        return Model(self.path, sha256=self.sha256)


HERE: Final = Path(__file__).parent

DETECTOR: Final = ModelFile(
    HERE / "face_detection_short_range.tflite",
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
)
MESH: Final = ModelFile(
    HERE / "face_landmark.tflite",
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
ATTENTION_MESH: Final = ModelFile(
    HERE / "face_landmark_attention.tflite",
    "4d235f3c4df311e194729f222168fff9c2cefb400f2e89063800f75ef098c97a",
)
EMBEDDING: Final = ModelFile(
    HERE / "sface_2021dec.tflite",
    "9d4e361341292318b9637756e238d62cd3e18b58a96f710c8c43f8817ab837b1",
)
