"""CSV files for the commands that take people's lists."""

from pathlib import Path
from typing import Any

from appliance.commands.output import CouldNot, sentence
from appliance.csv_lines import MAX_FILE_BYTES, CsvError, WrongLine
from appliance.csv_lines import read_lines as read_csv


def read_lines(
    path: Path, columns: tuple[str, ...], *, most: int, longest: int
) -> tuple[list[dict[str, Any]], list[WrongLine]]:
    """The lines of a file, as `appliance.csv_lines` reads them.

    Raises:
        CouldNot: it cannot be read, or is no such list.
    """
    try:
        return read_csv(whole_file(path), columns, most=most, longest=longest)
    except CsvError as error:
        raise CouldNot(f"{path.name}: {error}") from error


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
