"""Talks to a chip over `transmit(bytes) -> bytes`; one file per term of ICAO Doc 9303-11."""

from appliance.chip.errors import ChipError
from appliance.chip.face_image import FaceImage, ImageKind, extract_face_image
from appliance.chip.reader import Access, ChipFiles, FileOutcome, FileStatus, Progress, read_chip

__all__ = [
    "Access",
    "ChipError",
    "ChipFiles",
    "FaceImage",
    "FileOutcome",
    "FileStatus",
    "ImageKind",
    "Progress",
    "extract_face_image",
    "read_chip",
]
