"""The drawn pages that the tests of models share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "models" / "mrz"))
