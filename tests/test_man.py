"""The man page names every command, and no other."""

import re
from pathlib import Path

from appliance import cli

PAGE = Path(__file__).parents[1] / "docs/borne.1"


def commands() -> set[str]:
    return set(re.findall(r"^\s{4}([a-z]+)\s{2,}", cli_help(), re.MULTILINE))


def cli_help() -> str:
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        cli.main(["--help"])
    return said.getvalue()


def test_ok_the_man_page_names_every_command() -> None:
    section = PAGE.read_text(encoding="utf-8").split(".SH COMMANDS")[1].split(".SH ")[0]
    named = set(re.findall(r"^\.BR? ([a-z]+)", section, re.MULTILINE))
    assert named == commands()
