"""Reading an MRZ by camera: a finder of lines, a reader of strips, and the alignment of what was read."""

from typing import Final

FINDER_SHA256: Final = "0cf0a9420aa780c5cd75e47d75ef419a58bd638d0fd181dd296ed463c061c2ef"
READER_SHA256: Final = "765c80e3fe8923a40cae478b0bcc2db4d34766195fe1b9935a34fb5dc566961d"
"""Of the shipped files: `training/export.py` prints them."""
