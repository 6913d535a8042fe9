"""The command as a function: exit code, standard output, standard error."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance import cli
from appliance.reference_data.trust_folder import install_trust_store
from appliance.simulation.chip.authority import trust_store_for


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        (line,) = self.out.splitlines()
        return json.loads(line)


@pytest.fixture
def borne(capsys) -> Callable[..., Answer]:
    def run(*words: object) -> Answer:
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as end:  # argparse's own way
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return run


@pytest.fixture
def could_not(borne) -> Callable[..., str]:
    """The one line that says what could not be done."""

    def run(*words: object) -> str:
        answer = borne(*words)
        assert answer.code == 2, answer
        assert answer.err.startswith("borne")
        assert answer.err.count("\n") == 1, answer.err
        assert "Traceback" not in answer.err
        return answer.err

    return run


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """A folder whose trust store knows the simulator's authorities."""
    store = trust_store_for(["UTO", "FRA"], now=dt.datetime.now(dt.UTC), crl_age=dt.timedelta(hours=3))
    install_trust_store(tmp_path / "trust", store.to_bytes())
    return tmp_path / "trust"
