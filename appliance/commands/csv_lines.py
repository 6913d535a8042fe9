"""Lines of a CSV as spreadsheets write them, for the commands that take people's lists: bounded, in order."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from appliance.commands.output import CouldNot, sentence

MAX_FILE_BYTES: Final = 4 * 1024 * 1024


def read_lines(
    path: Path, columns: tuple[str, ...], *, most: int, longest: int
) -> tuple[list[dict[str, Any]], list[tuple[int, list[str]]]]:
    """The lines, each its `number` and its fields by column; and of those that are none what is wrong.

    Raises:
        CouldNot: the file has other columns, more than `most` lines, or none.
    """
    rows = _rows(path, whole_file(path))
    head = [name.strip().lower() for name in next(rows, (0, []))[1]]
    if sorted(head) != sorted(columns):
        odd = sorted(set(head) ^ set(columns)) or ["one of them twice"]
        raise CouldNot(
            f"{path.name}: the first line must name the template's columns; see to: {', '.join(odd)}."
        )
    lines: list[dict[str, Any]] = []
    wrong: list[tuple[int, list[str]]] = []
    for number, row in rows:
        if not any(field.strip() for field in row):
            continue
        if len(row) != len(head):
            wrong.append((number, [f"Line {number}: it has {len(row)} fields and not {len(head)}."]))
            continue
        fields = dict(zip(head, (field.strip() for field in row), strict=True))
        long = [name for name, text in fields.items() if len(text) > longest]
        if long:
            wrong.append((number, [f"Line {number}: {name} is longer than it can be." for name in long]))
            continue
        lines.append({"number": number, **fields})
        if len(lines) > most:
            raise CouldNot(f"{path.name} has more than {most} lines: enter it in parts.")
    if not lines and not wrong:
        raise CouldNot(f"{path.name} has no line but the first.")
    return lines, wrong


def whole_file(path: Path) -> bytes:
    """A file of bounded size.

    Raises:
        CouldNot: it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CouldNot(sentence(error)) from error
    if len(data) > MAX_FILE_BYTES:
        raise CouldNot(f"{path.name} is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB.")
    return data


def _rows(path: Path, data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Number of the line and its fields; a comma or a semicolon parts them, as the first line does."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CouldNot(f"{path.name} is not UTF-8: save it as CSV UTF-8.") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise CouldNot(f"{path.name}, line {reader.line_num}: no CSV ({error}).") from error
