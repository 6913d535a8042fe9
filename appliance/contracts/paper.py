"""Lines of a post's paper ledger, entered after an outage: what the box is given, what it says to each."""

from typing import Annotated, Final

import msgspec

from appliance.contracts.typed import MAX_FIELD, PROBLEMS

PAPER: Final = "paper"
"""The `source` of such a record, and the reason for which no machine read its document."""
PAPER_COLUMNS: Final = (
    *("date", "time", "direction", "outcome", "document_code", "issuing_state", "document_number"),
    *(
        "primary_identifier",
        "secondary_identifier",
        "nationality",
        "birth_date",
        "sex",
        "expiry_date",
        "officer",
    ),
)
PAPER_PROBLEMS: Final = (*PROBLEMS, "not_a_time", "too_old")
"""What can be wrong with a field of a line."""
MAX_LINES: Final = 50
"""At once; a ledger is sent in pieces, so that travellers are not kept waiting by it."""
MAX_BY: Final = 64

Text = Annotated[str, msgspec.Meta(max_length=MAX_FIELD)]


class PaperLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person's line as it was typed; fields as in PAPER_COLUMNS."""

    number: int
    """Of the line in its file: what the answer names it by."""
    date: Text = ""
    """ISO 8601, the post's own day."""
    time: Text = ""
    """HH:MM, the post's own time."""
    direction: Text = ""
    outcome: Text = ""
    document_code: Text = ""
    issuing_state: Text = ""
    document_number: Text = ""
    """Empty: a person without papers."""
    primary_identifier: Text = ""
    secondary_identifier: Text = ""
    nationality: Text = ""
    birth_date: Text = ""
    sex: Text = ""
    expiry_date: Text = ""
    officer: Text = ""


class EnterPaper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some lines."""

    lines: Annotated[tuple[PaperLine, ...], msgspec.Meta(max_length=MAX_LINES)]
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_BY)]
    """Who enters them."""
    check_only: bool = False
    """Look at the fields, record nothing."""


class PaperHit(msgspec.Struct, frozen=True, kw_only=True):
    """A list that names the person or the document of a line; the person has gone."""

    check: str
    reason: str
    list: str
    contact: str
    """Whom the list's owner wants to be called; empty where it says nobody."""
    list_age_hours: float | None


class PaperResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one line."""

    number: int
    taken: bool
    """It stands in the journal, now or since before."""
    known: bool = False
    """It stood there already."""
    problems: dict[str, str] = {}
    """Field to a code of PAPER_PROBLEMS; then nothing was recorded."""
    hits: tuple[PaperHit, ...] = ()


class PaperAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result a line, in the order of the request."""

    results: tuple[PaperResult, ...]
