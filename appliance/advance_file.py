"""An advance list as a file, CSV or UN/EDIFACT PAXLST: its beginning says which. Pure."""

from typing import Final

import msgspec

from appliance.contracts.advance import ADVANCE_COLUMNS, AdvanceLine
from appliance.contracts.typed import MAX_FIELD
from appliance.csv_lines import CsvError, WrongLine, read_lines
from appliance.paxlst import PaxlstError, looks_like_edifact, read_paxlst

MAX_FILE_LINES: Final = 5000


class AdvanceFileError(Exception):
    """The file is no list at all, in one plain sentence that begins with "it" or with what is wrong."""


def read_advance(
    data: bytes, *, direction: str = "entry", kind: str = ""
) -> tuple[list[AdvanceLine], list[WrongLine]]:
    """The lines, and those that are none. `direction` and `kind` are for a PAXLST, which does not say.

    Raises:
        AdvanceFileError: no list, too long, or cut short.
    """
    if looks_like_edifact(data):
        try:
            return read_paxlst(data, direction=direction, kind=kind), []
        except PaxlstError as error:
            raise AdvanceFileError(str(error)) from error
    try:
        lines, wrong = read_lines(data, ADVANCE_COLUMNS, most=MAX_FILE_LINES, longest=MAX_FIELD)
    except CsvError as error:
        raise AdvanceFileError(str(error)) from error
    return [msgspec.convert(one, AdvanceLine) for one in lines], wrong
