"""`status.txt` on the card: what a technician without a screen reads. Provisioning has a line in it, and the
box's post has its own."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from appliance.contracts.provisioning import STATUS_FILE
from appliance.whole_files import sync_folder

OF_POST: Final = "post_"
"""The codes of the post's lines begin so."""
MAX_STATUS_BYTES: Final = 8 * 1024
MOST_LINES: Final = 8


def say_on_card(card: Path, lines: Sequence[tuple[str, str]], *, of_post: bool = False) -> None:
    """Write these codes and sentences in the place of those that this writer wrote before; the other's stay.

    Raises:
        OSError: the card does not take them.
    """
    path = card / STATUS_FILE
    before = _lines(path)
    others = [line for line in before if line.startswith(OF_POST) != of_post]
    own = [" ".join(f"{code}: {sentence}".split()) for code, sentence in lines]
    text = "".join(f"{line}\r\n" for line in ([*others, *own] if of_post else [*own, *others]))
    if text != "".join(f"{line}\r\n" for line in before):  # a card wears
        replace_file(path, text.encode())


def replace_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """A whole new file in its place, on the disk before this returns; a power cut leaves the old or the new.

    No `mode` on the card: a FAT has none.

    Raises:
        OSError: it is not on disk.
    """
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)  # whatever the umask
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    sync_folder(path.parent)


def _lines(path: Path) -> list[str]:
    """What stands there; a stranger's file may hold anything."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            data = file.read(MAX_STATUS_BYTES) or b""
    except OSError:
        return []
    return data.decode("utf-8", "replace").splitlines()[:MOST_LINES]
