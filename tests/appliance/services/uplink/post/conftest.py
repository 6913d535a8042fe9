"""Makes `post_scripted` importable."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from post_scripted import ScriptedPost


@pytest.fixture
def post(tmp_path: Path) -> ScriptedPost:
    return ScriptedPost(tmp_path / "post", "lane-1", "lane-2", "second-line")
