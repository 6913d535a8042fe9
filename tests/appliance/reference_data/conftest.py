"""The fixtures of `tests_reference`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tests_reference import _folders, central, make_store, store  # noqa: E402, F401
