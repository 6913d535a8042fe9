"""The box's own count: encrypted, bounded, counted once, and what the command says of it."""

import datetime as dt
import json
import sqlite3

import pytest
from nacl.secret import SecretBox
from statistics_common import movement

from appliance.records.errors import StorageBroken
from appliance.records.statistics import book as books
from appliance.records.statistics.book import Book

STORAGE = SecretBox(bytes(range(32)))
NOW = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)


@pytest.fixture
def book(tmp_path):
    opened = Book.open(tmp_path / "statistics.db", storage=STORAGE)
    yield opened
    opened.close()


def test_ok__kept_and_counted_once(tmp_path, book) -> None:
    book.note(movement("c1"), now=NOW)
    book.note(movement("c1"), now=NOW)
    book.note(movement("c2"), now=NOW)
    assert [one.crossing for one in book.facts()] == ["c1", "c2"]
    assert len({one.person for one in book.facts()}) == 1
    again = Book.open(tmp_path / "statistics.db", storage=STORAGE)
    assert len(again.facts()) == 2
    again.close()


def test_ok__nothing_in_the_clear(tmp_path, book) -> None:
    book.note(movement("c1"), now=NOW)
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("statistics.db*"))
    assert b"UTO" not in kept
    assert b"passport" not in kept
    assert (tmp_path / "statistics.db").stat().st_mode & 0o077 == 0


def test_ok__old_and_too_many_are_forgotten(book, monkeypatch) -> None:
    book.note(movement("old"), now=NOW - dt.timedelta(days=books.DAYS + 1))
    book.note(movement("new"), now=NOW)
    assert [one.crossing for one in book.facts()] == ["new"]
    monkeypatch.setattr(books, "MAX_ROWS", 1)
    book.note(movement("newer"), now=NOW + dt.timedelta(seconds=1))
    assert [one.crossing for one in book.facts()] == ["newer"]


def test_ok__rows_that_were_moved_or_damaged_are_left_out(tmp_path, book) -> None:
    book.note(movement("c1"), now=NOW)
    book.note(movement("c2"), now=NOW)
    connection = sqlite3.connect(tmp_path / "statistics.db")
    with connection:
        connection.execute("UPDATE facts SET crossing = 'c3' WHERE crossing = 'c1'")
        connection.execute("UPDATE facts SET sealed = x'00' WHERE crossing = 'c2'")
    connection.close()
    assert book.facts() == ()


def test_ok__a_damaged_file_is_kept_aside(tmp_path) -> None:
    (tmp_path / "statistics.db").write_bytes(b"something else" * 500)
    opened = Book.open(tmp_path / "statistics.db", storage=STORAGE)
    assert opened.facts() == ()
    opened.close()
    assert list(tmp_path.glob("statistics.db.corrupt-*"))


def test_fail__a_disk_that_does_not_let_us(tmp_path, book) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageBroken, match="cannot be opened"):
        Book.open(tmp_path / "file" / "x.db", storage=STORAGE)
    book.close()
    with pytest.raises(StorageBroken, match="could not be counted"):
        book.note(movement("c1"), now=NOW)
    with pytest.raises(StorageBroken, match="cannot be read"):
        book.facts()


CONFIGURATION = """
[box]
device = "box-1"
post = "North"
profile = "demo"
[paths]
data = "{0}/data"
keys = "{0}/keys"
run = "{0}/run"
[central]
sealing_key = "{0}/sealing.pub"
watermark_key = "{0}/watermark.pub"
reference_root = "{0}/first-root.json"
"""


@pytest.fixture
def config(tmp_path):
    from appliance.records.keys import load_box_keys

    path = tmp_path / "borne.toml"
    path.write_text(CONFIGURATION.format(tmp_path))
    opened = Book.open(tmp_path / "data" / "statistics.db", storage=load_box_keys(tmp_path / "keys").storage)
    now = dt.datetime.now(dt.UTC)
    for number in range(12):
        wall = (now - dt.timedelta(hours=number)).isoformat()
        opened.note(movement(f"c{number}", wall=wall, simulated=("camera",)), now=now)
    opened.close()
    return path


def test_ok__the_command(config, tmp_path, capsys) -> None:
    from appliance.cli import main

    assert main(["records", "stats", "--config", str(config), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["crossings"], answer["simulated"]) == (12, 12)
    out = tmp_path / "page"
    assert main(["records", "stats", "--config", str(config), "--small-cells", "--folder", str(out)]) == 0
    said = capsys.readouterr().out
    assert "SIMULATED: 12" in said
    assert "UTO" in said
    assert (out / "index.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert (out / "nationality.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--weeks", "0"], "at least 1"),
        (["--zone", "Nowhere"], "no time zone"),
        (["--folder", "{file}"], "exists"),
        (["--config", "{file}.toml"], "No such file"),
    ],
)
def test_fail__one_line_and_code_2(config, tmp_path, capsys, arguments, said) -> None:
    from appliance.cli import main

    (tmp_path / "file").write_bytes(b"")
    named = [one.replace("{file}", str(tmp_path / "file")) for one in arguments]
    assert main(["records", "stats", "--config", str(config), *named]) == 2
    assert said in capsys.readouterr().err


def test_fail__nothing_counted_yet(config, tmp_path, capsys) -> None:
    from appliance.cli import main

    (tmp_path / "data" / "statistics.db").unlink()
    assert main(["records", "stats", "--config", str(config)]) == 2
    assert "not counted a crossing" in capsys.readouterr().err
