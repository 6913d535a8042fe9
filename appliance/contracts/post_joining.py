"""How a box without a shell joins its post: what its three errands hand to each other, and tell the box.

`borne post gather` reads strangers' files and has none of the box's keys; `borne post take` has them and
reads what was gathered; `borne post tell` writes onto the card what came of it.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from appliance.contracts.provisioning import Word

WANTED_FILE: Final = "wanted.json"
REPORT_FILE: Final = "report.json"
GATHERED: Final = Path("/run/borne-post-gather")
"""Where the gathered papers lie, with WANTED_FILE."""
REPORT: Final = Path("/run/borne-post") / REPORT_FILE
MAX_JOINING_BYTES: Final = 64 * 1024
"""Of each of the two files."""
MAX_PAPERS: Final = 2
"""The box's own, and the list for all."""

Sentence = Annotated[str, msgspec.Meta(max_length=500)]


class GatheredPaper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A paper of the pinned authority that lies in the folder beside this word."""

    file: Word
    where: Sentence
    """Where it was found, for people."""
    on_card: str = ""
    """Its path on the card, where it was found there: it goes once it is spent."""


class NotGathered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that lay in a paper's place and is not taken."""

    code: Literal["refused", "no_authority"]
    sentence: Sentence


class PostWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the configuration, or the card before there is one, says of the box's post; and what was found."""

    device: Word
    authority: str | None
    """The letters of whose papers are taken; None: nobody's."""
    keys: Path
    tier: str
    tpm: str
    board_key: Path | None = None
    by_hand: bool = False
    """[post] names other files than the errands keep: whoever wrote it installs papers by hand."""
    papers: Annotated[tuple[GatheredPaper, ...], msgspec.Meta(max_length=MAX_PAPERS)] = ()
    not_gathered: NotGathered | None = None
    """The first."""


class PostReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the box belongs to its post, and what was done about it last."""

    device: Word
    state: Literal["asked", "member", "renewal", "ended", "by_hand"]
    """asked: it waits for its first paper. renewal: it belongs to the post, and asks for its next
    certificate. ended: so it did, until its certificate ended."""
    until: str = ""
    """The last day of its certificate (ISO 8601)."""
    authority: str = ""
    """The letters of the authority that vouches for it."""
    members: int = 0
    request: str = ""
    """What it asks, as it lies on the card; empty: nothing."""
    letters: str = ""
    """Of the request."""
    event: Literal["", "taken", "refused", "no_authority"] = ""
    """What became of the papers that were found."""
    sentence: Sentence = ""
    """The same in words, in English: where it lay, and why not."""
    spent: tuple[str, ...] = ()
    """Papers on the card that say nothing new any more."""
    new_certificate_at: float | None = None
    """By the kernel's monotonic clock: what started before it has the certificate of before, or none."""


def read_report(path: Path = REPORT) -> PostReport | None:
    """What `take` said last; None: this box has no post, or nothing was said yet."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_JOINING_BYTES), type=PostReport)
    except (OSError, msgspec.MsgspecError):
        return None
