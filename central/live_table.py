"""What the receiver shows of each crossing: a line in a table for people, an object a line for programs."""

import json
import logging
from typing import TextIO

from appliance.contracts.movement import Movement
from appliance.records.envelope import Sealed

COLUMNS = (
    f"{'time (UTC)':<20} {'device':<12} {'no.':>6}  {'direction':<9} {'state':<5} {'recommended':<11} decided"
)
COLOURS = {"GREEN": "\x1b[32m", "AMBER": "\x1b[33m", "RED": "\x1b[31m"}
PLAIN = "\x1b[0m"

log = logging.getLogger(__name__)


class LiveTable:
    """Writes to one stream; names and numbers of documents are not shown, they are in the database."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._as_json = as_json
        self._colour = stream.isatty()
        self._rows = 0
        self._gone = False

    def show(self, sealed: Sealed, movement: Movement) -> None:
        """One committed movement."""
        header = sealed.header
        if self._as_json:
            row = {
                "device": header.device,
                "epoch": header.epoch,
                "seq": header.seq,
                "crossing": movement.crossing,
                "recommendation": movement.recommendation.value,
                "outcome": movement.outcome.value,
            }
            self._write(json.dumps(row))
            return
        if self._rows % 20 == 0:
            self._write(COLUMNS)
        self._rows += 1
        colour = movement.recommendation.value
        shown = f"{colour:<11}"
        if self._colour:
            shown = f"{COLOURS[colour]}{shown}{PLAIN}"
        state = _printable(movement.document.issuing_state) if movement.document else ""
        self._write(
            f"{_printable(movement.decided.wall[:19]):<20} {header.device:<12.12} {header.seq:>6}  "
            f"{movement.direction.value:<9} {state:<5} {shown} {movement.outcome.value}"
            + ("  (simulated)" if movement.simulated else "")
        )

    def _write(self, line: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError:
            self._gone = True  # nobody looks any more; receiving goes on
            log.warning("the table can no longer be shown")


def _printable(text: str) -> str:
    """What a box wrote, so that it cannot steer the terminal of whoever looks."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
