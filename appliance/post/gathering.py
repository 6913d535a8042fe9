"""Which papers of a post lie on a technician's stick or on the card: the strangers' files are read here, and
what the pinned authority has not signed goes no further.

Only the two exact names are looked at, in two folders of each place: a stick may hold thousands of files,
links, pipes, and files without an end.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.contracts.post_joining import GatheredPaper, NotGathered
from appliance.plain_files import read_plain
from appliance.post.papers import (
    MAX_FILE_BYTES,
    MEMBERS_FILE,
    PAPER_SUFFIX,
    Paper,
    PostPaperError,
    authority_letters,
    paper_of,
    same_letters,
)
from appliance.whole_files import write_whole

OWN, LISTED = "own.post.json", "list.post.json"
"""In the folder of what was gathered; nothing there has a stranger's name."""
MAX_SENTENCE: Final = 400


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    said: str
    on_card: str


class _NotTaken(Exception):
    """Why a file is not taken: a code of NotGathered, and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def gather(
    out: Path, *, device: str, authority: str | None, card: Path, stick: Path
) -> tuple[tuple[GatheredPaper, ...], NotGathered | None]:
    """Lay the newest paper for this box, and the newest list for all, into the folder `out`; and say of the
    first file that is not taken why not.

    Raises:
        OSError: `out` cannot be written.
    """
    best: dict[str, tuple[int, bytes, _Place]] = {}
    wrong: NotGathered | None = None
    for place in _places(device, card=card, stick=stick):
        try:
            data = _read(place.path)
            paper = _paper(data, device=device, authority=authority)
        except FileNotFoundError:
            continue
        except _NotTaken as error:
            wrong = wrong or _said(error.code, place, str(error))
            continue
        except (OSError, PostPaperError) as error:
            sentence = f"it cannot be read ({error.strerror})." if isinstance(error, OSError) else str(error)
            wrong = wrong or _said("refused", place, sentence)
            continue
        file = OWN if paper.certificate is not None else LISTED
        if file not in best or best[file][0] < paper.number:
            best[file] = paper.number, data, place
    found = []
    for file in (OWN, LISTED):  # a box's own comes first: without one no list is taken
        (out / file).unlink(missing_ok=True)
        if file in best:
            _, data, place = best[file]
            write_whole(out / file, data, mode=0o644)
            found.append(GatheredPaper(file=file, where=place.said, on_card=place.on_card))
    return tuple(found), wrong


def card_papers(device: str) -> tuple[str, ...]:
    """Where papers for this box may lie on a card."""
    names = tuple(dict.fromkeys((f"{device}{PAPER_SUFFIX}", MEMBERS_FILE)))
    return tuple(f"{folder}{name}" for folder in (f"{device}/", "") for name in names)


def _places(device: str, *, card: Path, stick: Path) -> Iterator[_Place]:
    for root, said in ((stick, "stick"), (card, "card")):
        for name in card_papers(device):
            path = root / name
            if path.parent != root and path.parent.is_symlink():
                continue
            yield _Place(path, f"{name} on the {said}", name if root == card else "")


def _read(path: Path) -> bytes:
    """Raises:
    FileNotFoundError: there is nothing of this name.
    _NotTaken: it is no plain file, or too large.
    OSError: it cannot be read.
    """
    try:
        data = read_plain(path, MAX_FILE_BYTES)
    except NotADirectoryError as error:
        raise FileNotFoundError from error
    if data is not None:
        return data
    if not os.path.lexists(path):
        raise FileNotFoundError
    raise _NotTaken("refused", f"it is no plain file of at most {MAX_FILE_BYTES // 1024} KiB.")


def _paper(data: bytes, *, device: str, authority: str | None) -> Paper:
    """Raises:
    _NotTaken: it is another authority's or another box's, or nobody has said whose is taken.
    PostPaperError: it is none.
    """
    if authority is None:
        raise _NotTaken(
            "no_authority",
            '[post] lacks the line authority = "LETTERS", as `borne post init` showed them: '
            "without it no paper is taken.",
        )
    paper, ca = paper_of(data, "It")
    own = authority_letters(ca)
    if not same_letters(authority, own):
        raise _NotTaken("refused", f"its authority is another, with the letters {own}.")
    if paper.device not in (None, device):
        raise _NotTaken("refused", f"it is for {paper.device}, and this box is {device}.")
    return paper


def _said(code: str, place: _Place, sentence: str) -> NotGathered:
    return NotGathered(
        code="no_authority" if code == "no_authority" else "refused",
        sentence=f"{place.said}: {sentence}"[:MAX_SENTENCE],
    )
