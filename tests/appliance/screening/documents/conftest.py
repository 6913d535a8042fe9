"""The module's list and what it was built from."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tests_documents import listed, path  # noqa: E402, F401
