"""Reading an MRZ by camera: a finder of lines, a reader of strips, and the alignment of what was read."""

from typing import Final

FINDER_SHA256: Final = "14626c95c6a15598cdac70c9d973a49d4ba63b370d1b4e99a4a042cbcb8ee411"
READER_SHA256: Final = "2a512e3da741b7c880496297c483c4cf313f8d5cb59135a1a9c779bdf14ebd36"
"""Of the shipped files: `training/export.py` prints them."""
