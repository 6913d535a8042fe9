"""Lines of a CSV (RFC 4180) as spreadsheets write them, for people's lists: bounded, in order. Pure."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

MAX_FILE_BYTES: Final = 4 * 1024 * 1024


class CsvError(Exception):
    """The file is no such list at all, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class WrongLine:
    """A line that is none."""

    number: int
    fields: dict[str, str]
    """Column to `too_long`; empty: it has another count of fields than the first line."""
    sentences: tuple[str, ...]


def read_lines(
    data: bytes, columns: tuple[str, ...], *, most: int, longest: int
) -> tuple[list[dict[str, Any]], list[WrongLine]]:
    """The lines, each its `number` and its fields by column; and of those that are none what is wrong.

    Raises:
        CsvError: it has other columns, more than `most` lines, or none; or is larger than MAX_FILE_BYTES.
    """
    if len(data) > MAX_FILE_BYTES:
        raise CsvError(f"it is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB.")
    rows = _rows(data)
    head = [name.strip().lower() for name in next(rows, (0, []))[1]]
    if sorted(head) != sorted(columns):
        odd = sorted(set(head) ^ set(columns)) or ["one of them twice"]
        shown = ", ".join(one[:longest] for one in odd[: len(columns)])
        raise CsvError(f"the first line must name the template's columns; see to: {shown}.")
    lines: list[dict[str, Any]] = []
    wrong: list[WrongLine] = []
    for number, row in rows:
        if not any(field.strip() for field in row):
            continue
        if len(lines) + len(wrong) == most:
            raise CsvError(f"it has more than {most} lines: enter it in parts.")
        if len(row) != len(head):
            told = f"Line {number}: it has {len(row)} fields and not {len(head)}."
            wrong.append(WrongLine(number, {}, (told,)))
            continue
        fields = dict(zip(head, (field.strip() for field in row), strict=True))
        long = [name for name, text in fields.items() if len(text) > longest]
        if long:
            told_of = tuple(f"Line {number}: {name} is longer than it can be." for name in long)
            wrong.append(WrongLine(number, dict.fromkeys(long, "too_long"), told_of))
            continue
        lines.append({"number": number, **fields})
    if not lines and not wrong:
        raise CsvError("it has no line but the first.")
    return lines, wrong


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Number of the line and its fields; a comma or a semicolon parts them, as the first line does."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CsvError("it is not UTF-8: save it as CSV UTF-8.") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise CsvError(f"line {reader.line_num} is no CSV ({error}).") from error
