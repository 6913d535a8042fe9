"""Every row of docs/security.md names a test that exists; the page of ETSI EN 303 645 has every provision."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PAGE = REPOSITORY / "docs" / "security.md"
ETSI = REPOSITORY / "docs/etsi-en-303-645.md"
PROVISIONS = {1: 5, 2: 3, 3: 16, 4: 4, 5: 8, 6: 9, 7: 2, 8: 3, 9: 3, 10: 1, 11: 4, 12: 3, 13: 1}
"""Clause 5.N of V2.1.1: how many; and five in clause 6."""
EVERY = [f"5.{clause}-{n}" for clause, most in PROVISIONS.items() for n in range(1, most + 1)]
EVERY += [f"6-{n}" for n in range(1, 6)]


def names_in(file: Path) -> set[str]:
    """Tests and classes of tests, as pytest names them."""
    found: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


def test_ok_every_row_is_a_test() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", PAGE.read_text("utf-8"))
    assert len(named) > 20
    missing = [f"{file}::{name}" for file, name in named if name not in names_in(REPOSITORY / file)]
    assert missing == []


def test_ok_every_row_has_one() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    bare = [row for row in rows if "`tests/" not in row and not row.startswith("| attack")]
    assert bare == []


# ETSI EN 303 645


def rows() -> list[str]:
    return [line for line in ETSI.read_text("utf-8").splitlines() if re.match(r"\| [56]", line)]


def test_ok_every_provision_stands_there_once_and_in_order() -> None:
    assert [row.split()[1] for row in rows()] == EVERY


def test_ok_each_is_held_by_a_test_or_says_what_is_missing() -> None:
    bare = [row for row in rows() if not re.search(r"`tests/|\*gap\*: \w|\*by hand\*: \w", row)]
    assert bare == []


def test_ok_the_tests_that_it_names_exist() -> None:
    named = re.findall(r"`(tests/[\w/.]+?)(?:::([\w:]+))?`", "\n".join(rows()))
    assert len(named) > 60
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (REPOSITORY / file).exists() or (name and name not in names_in(REPOSITORY / file))
    ]
    assert missing == []
