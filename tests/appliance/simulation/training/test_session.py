"""A session as a trainer starts it, with an officer who acts rightly: its answer, and what it keeps."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.simulation.training import session as sessions
from appliance.simulation.training.setting import NotHere

WRONG = """\
name = "wrong"
[[traveller]]
id = "thought-green"
grade = 1
title = "t"
tells = "t"
honest = false
tricks = ["altered_name"]
[traveller.document]
surname = "BERG"
born = "1980-01-02"
[traveller.person]
face = 2
[traveller.right]
box = "GREEN"
act = "refer"
debrief = "d"
"""


def training(results: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "appliance.cli", "training", "--headless", "--json", "--results", str(results)]
        + list(words),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def test_ok__three_travellers_and_the_score(tmp_path: Path) -> None:
    chosen = ("ordinary-identity-card", "stolen-passport", "no-document")
    words = [word for id_ in chosen for word in ("--traveller", id_)]
    done = training(tmp_path, "--seat", "anna", *words)
    assert done.returncode == 0, done.stderr
    score = json.loads(done.stdout)
    assert (score["seat"], score["done"], score["right"]) == ("anna", 3, 3)
    assert score["box"] == {
        "honest": {"GREEN": 1, "AMBER": 1, "RED": 0, "unseen": 0},
        "dishonest": {"GREEN": 0, "AMBER": 0, "RED": 1, "unseen": 0},
    }
    (kept,) = (tmp_path / "anna").glob("*.json")
    attempts = json.loads(kept.read_text())["attempts"]
    assert [one["traveller"] for one in attempts] == list(chosen)
    assert [one["forms"] for one in attempts] == [0, 0, 1], "without papers one form is sent"
    assert all(one["presses"] >= 2 for one in attempts)


@pytest.mark.soak
def test_ok__all_that_ship_are_as_written(tmp_path: Path) -> None:
    """No dishonest traveller is GREEN, every recommendation and act is the script's."""
    command = [sys.executable, "-m", "appliance.cli", "training", "--headless", "--json"]
    done = subprocess.run(
        [*command, "--results", str(tmp_path)], capture_output=True, text=True, check=False, timeout=3600
    )
    assert done.returncode == 0, done.stderr
    score = json.loads(done.stdout)
    assert (score["done"], score["right"]) == (63, 63)
    assert score["box"]["dishonest"]["GREEN"] == 0
    assert score["box"]["honest"] == {"GREEN": 31, "AMBER": 9, "RED": 1, "unseen": 0}


def test_fail__a_box_that_says_otherwise_than_the_script(tmp_path: Path) -> None:
    script = tmp_path / "wrong.toml"
    script.write_text(WRONG)
    done = training(tmp_path, "--script", str(script))
    assert done.returncode == 1
    assert json.loads(done.stdout)["box"]["dishonest"]["RED"] == 1


def test_fail__on_a_box_that_serves_travellers(monkeypatch, capsys, tmp_path: Path) -> None:
    def refuse() -> None:
        raise NotHere("This is a box that serves travellers.")

    monkeypatch.setattr(sessions, "refuse_on_a_real_box", refuse)
    assert main(["training", "--headless", "--results", str(tmp_path)]) == 2
    assert "serves travellers" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "content"), [("results", "a file where the folder should be")])
def test_fail__results_that_cannot_be_kept(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    done = training(tmp_path / name, "--traveller", "child-with-mother")
    assert done.returncode == 2
    assert "cannot be kept" in done.stderr.splitlines()[-1]
