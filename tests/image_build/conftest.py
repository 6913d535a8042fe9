"""The scripts of image-build/ import each other by name, as `python image-build/build.py` finds them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "image-build"))
