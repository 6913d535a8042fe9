"""docs/writing-a-driver.md: its driver goes through the conformance suite as it stands on the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "writing-a-driver.md"
CHECKS = 13

BEFORE = """
import importlib.util, sys
import hal.families as families
from hal.families import MAKER, Configured, Family

families.FAMILIES = (*families.FAMILIES, FAMILY)
spec = importlib.util.spec_from_file_location("hal.panel.button_box", DRIVER)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
import hal.panel
hal.panel.button_box = module
from hal.discovery import make_device
assert make_device("panel", "button_box", {"port": "/dev/x"}).identity.key == "panel/button_box//dev/x"
"""


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found, name
    return found[1]


def test_ok__the_pages_driver_conforms(tmp_path, pseudo_terminals):
    driver, cases = tmp_path / "button_box.py", tmp_path / "cases.py"
    driver.write_text(block("driver"))
    before = BEFORE.replace("FAMILY)", f"{block('family').strip()})").replace("DRIVER", repr(str(driver)))
    cases.write_text(before + block("bench"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/hal/test_conformance.py", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=os.environ | {"BORNE_CASES": str(cases)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f"{CHECKS} passed" in done.stdout, done.stdout[-1000:]


def test_ok__the_pages_driver_keeps_the_houses_style(tmp_path):
    driver = tmp_path / "hal" / "panel" / "button_box.py"
    driver.parent.mkdir(parents=True)
    driver.write_text(block("driver"))
    for command in (
        ["ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(driver)],
        ["ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), str(driver)],
        ["mypy", "--strict", "--ignore-missing-imports", str(driver)],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
