"""Every command in the guides is one that the programs take, with the options that it names."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

import appliance.cli
import central.cli

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = ("help", "operation", "recovery", "paper", "installation", "procurement")
PROGRAMS = {"borne": appliance.cli.main, "borne-central": central.cli.main}


class Parsed(Exception):
    """The command line was understood; nothing of it is run."""


def commands_of(text: str) -> list[str]:
    """Commands of indented blocks, and whole ones in back quotes."""
    joined = text.replace("\\\n", " ")
    blocks = [line.strip() for line in re.findall(r"^ {4,}(.+)$", joined, re.MULTILINE)]
    quoted = re.findall(r"`(borne(?:-central)? [^`]+)`", joined)
    return [one for one in [*blocks, *quoted] if one.split()[0] in PROGRAMS and "..." not in one]


def understood(command: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    parse = argparse.ArgumentParser.parse_args

    def parsed(self, args=None, namespace=None):
        parse(self, args, namespace)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    program, *arguments = shlex.split(command)
    if all(re.fullmatch(r"[a-z]+", word) for word in arguments):
        arguments.append("--help")  # a command that is only named
    try:
        PROGRAMS[program](arguments)
    except Parsed:
        return True
    except SystemExit as ended:
        return ended.code == 0  # --version
    return False


@pytest.mark.parametrize("guide", [f"{name}{code}" for name in GUIDES for code in ("", ".fr")])
def test_ok_every_command_is_taken(guide: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    commands = commands_of((DOCS / f"{guide}.md").read_text("utf-8"))
    if guide.partition(".")[0] in ("recovery", "paper", "installation"):
        assert commands
    assert [one for one in commands if not understood(one, monkeypatch)] == []


def test_fail_a_command_that_there_is_not(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert commands_of("    borne records \\\n      verify\n") == ["borne records        verify"]
    assert not understood("borne records mend", monkeypatch)
    assert not understood("borne records verify --loudly", monkeypatch)


def test_ok_both_languages_say_the_same_commands() -> None:
    for name in GUIDES:
        english, french = (
            commands_of((DOCS / f"{name}{code}.md").read_text("utf-8")) for code in ("", ".fr")
        )
        assert len(english) == len(french), name
