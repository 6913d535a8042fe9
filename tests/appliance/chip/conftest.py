"""Puts this folder on the path, for `from chip_of_today import chip, read` (pytest imports by importlib)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
