import subprocess
import sys
import time

import pytest

import appliance
from appliance import cli
from appliance.commands.output import CouldNot

COMMANDS = (
    (),
    *((name,) for name in ("demo", "run", "mrz", "chip", "face", "list", "records", "devices")),
    *(("list", name) for name in ("build", "sign", "import", "status", "query")),
    *(("records", name) for name in ("verify", "export")),
    ("mrz", "parse"),
    ("chip", "read"),
    ("face", "quality"),
    ("face", "compare"),
)


def ended(words: tuple[str, ...]) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    return int(end.value.code or 0)


@pytest.mark.parametrize("words", COMMANDS)
def test_ok__help(capsys, words: tuple[str, ...]) -> None:
    assert ended((*words, "--help")) == 0
    out, err = capsys.readouterr()
    assert out.startswith(" ".join(("usage: borne", *words)))
    assert err == ""


def test_ok__version(capsys) -> None:
    assert ended(("--version",)) == 0
    assert capsys.readouterr().out == f"borne {appliance.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fly",),
        ("mrz",),
        ("mrz", "parse"),
        ("run", "kitchen"),
        ("list", "query", "--no-such-flag"),
        ("demo", "--travellers", "many"),
        ("demo", "--language", "xx"),
    ],
)
def test_fail__a_command_line_that_is_none(capsys, words: tuple[str, ...]) -> None:
    assert ended(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("borne")
    assert err.count("\n") == 1
    assert "--help" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "lane", "--config", "/nowhere/borne.toml"), "/nowhere/borne.toml"),
        (("demo", "--travellers", "0"), "at least 1"),
        (("chip", "read", "--mrz", "no MRZ"), "MRZ"),
    ],
)
def test_fail__could_not(capsys, words: tuple[str, ...], said: str) -> None:
    assert cli.main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("borne: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("raised", "code"), [(CouldNot("no"), 2), (BrokenPipeError(), 2), (KeyboardInterrupt(), 130)]
)
def test_fail__how_it_ends(monkeypatch, capsys, raised: BaseException, code: int) -> None:
    def run(_: object) -> int:
        raise raised

    monkeypatch.setattr("appliance.commands.mrz.parse_lines", run)
    assert cli.main(["mrz", "parse", "X"]) == code


def test_ok__the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "mrz", "parse", "X"], capture_output=True, check=False
    )
    assert done.returncode == 2


def test_ok__help_loads_no_room() -> None:
    # A technician's terminal on a small board: help answers before any library is loaded.
    code = (
        "import sys, contextlib, appliance.cli as c\n"
        "with contextlib.suppress(SystemExit): c.main(['--help'])\n"
        "heavy = {'cv2', 'numpy', 'PIL', 'starlette', 'cryptography', 'nacl'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", cli.UNITS_CALL)
def test_ok__what_a_unit_calls_is_imported_alone(name: str) -> None:
    """Every start of a box has five of them, and a board's processor is slow."""
    asked = f"import sys; from appliance.cli import main\ntry: main(['{name}', '--help'])\nfinally: "
    asked += "print(*(one for one in sys.modules if one.startswith('appliance.commands.')), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    own = f"appliance.commands.{name}"
    others = {one for one in done.stderr.split() if not one.startswith(own)}  # a command of several files
    assert others == {"appliance.commands.output"}
