"""The command as a function: exit code, standard output, standard error."""

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

sys.path.insert(0, str(Path(__file__).parent))

from post_boxes import Box
from post_lanes import Post

from appliance import cli
from appliance.key_files import write_key
from appliance.reference_data.trust_folder import install_trust_store
from appliance.simulation.chip.authority import trust_store_for
from appliance.simulation.watchlists import demo_reference_data


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


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Iterator[Path]:
    """A box whose lane runs."""
    folder = tmp_path_factory.mktemp("p")
    write_key(folder / "sealing.pub", PrivateKey.generate().public_key)
    write_key(folder / "watermark.pub", SigningKey.generate().verify_key)
    lists = demo_reference_data(
        folder / "lists",
        issued_at=dt.datetime.now(dt.UTC),
        signing_key=SigningKey.generate(),
        recipients=[PrivateKey.generate().public_key],
    )
    (folder / "anchor.json").write_bytes(lists.first_root)
    (folder / "run").mkdir()
    file = folder / "borne.toml"
    file.write_text(
        f'[box]\ndevice = "box-1"\npost = "p"\nprofile = "training"\nclock = "host"\n'
        f'[paths]\ndata = "{folder}/data"\nkeys = "{folder}/keys"\nrun = "{folder}/run"\n'
        f'[central]\nsealing_key = "{folder}/sealing.pub"\nwatermark_key = "{folder}/watermark.pub"\n'
        f'reference_root = "{folder}/anchor.json"\n[kiosk]\nport = 0\n'
    )
    lane = subprocess.Popen([sys.executable, "-m", "appliance.cli", "run", "lane", "--config", str(file)])
    try:
        deadline = time.monotonic() + 60
        while not (folder / "run/lane.sock").exists():
            assert lane.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield file
    finally:
        lane.terminate()
        lane.wait(30)


@pytest.fixture
def post(borne, tmp_path: Path) -> Post:
    """A post with its authority, and a technician's stick."""
    return Post(borne, tmp_path)


@pytest.fixture
def box(borne, post: Post, tmp_path: Path) -> Box:
    """A box of it that has no shell."""
    return Box(borne, tmp_path, "lane-2", authority=post.letters)
