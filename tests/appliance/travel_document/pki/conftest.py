"""Puts this folder on the path, for `from pki_made import taken` (pytest imports by importlib)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
