"""What the screen opens: the kiosk's page, or where provisioning stands as long as the box has no name."""

import subprocess
from pathlib import Path

import pytest

SHOW = Path(__file__).parents[2] / "systemd/show"


@pytest.mark.parametrize(
    ("named", "page"),
    [(True, "http://127.0.0.1:8080/"), (False, "file:///run/borne-provision/first.html")],
)
def test_ok_which_page_the_screen_opens(tmp_path: Path, named: bool, page: str) -> None:
    configuration = tmp_path / "borne.toml"
    if named:
        configuration.touch()
    environment = {
        "BORNE_CONFIGURATION": str(configuration),
        "BORNE_BROWSER": "echo",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run([SHOW], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["--platform=drm", page]
