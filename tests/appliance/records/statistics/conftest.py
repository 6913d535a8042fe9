"""Invented crossings for the tests of statistics."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
