#!/usr/bin/env python3
"""Brings every catalogue of the kiosk's words up to the English one, in its order.

    .venv/bin/python image-build/catalogues.py

A message that a catalogue lacks comes back from its own obsolete ones (`#~`), or else as the English words
marked `fuzzy`, which the tests refuse until somebody has translated them; what the English one no longer has
becomes obsolete, so that a translator's work is not thrown away. It says how each language stands.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from appliance.services.lane.kiosk.words import LANGUAGES, LOCALE

OBSOLETE = "#~ "
ID = re.compile(r'^(?:#~ )?msgid "(.*)"$', re.MULTILINE)
FORM = re.compile(r'^msgstr\[\d+\] (".*")$', re.MULTILINE)
FORMS = re.compile(r"nplurals=(\d+)")


def updated(text: str, english: str) -> tuple[str, list[str]]:
    """The catalogue's text with the messages of the English one, and the ids not translated yet."""
    header, *blocks = _blocks(text)
    own = {_id(block): block for block in blocks}  # a live message comes before an obsolete one of its id
    own |= {_id(block): block for block in blocks if not _is_obsolete(block)}
    forms = int(_found(FORMS, header))
    kept, missing = [], []
    for block in _blocks(english)[1:]:
        id_ = _id(block)
        if id_ in own:
            kept.append(_live(own.pop(id_)))
        else:
            kept.append(_draft(block, forms))
            missing.append(id_)
    return "\n\n".join([header, *kept, *(_obsolete(block) for block in own.values())]) + "\n", missing


def _blocks(text: str) -> list[str]:
    return [block.strip("\n") for block in re.split(r"\n{2,}", text.strip("\n"))]


def _id(block: str) -> str:
    return _found(ID, block)


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    if match is None:
        raise ValueError(f"no {pattern.pattern!r} in {text[:60]!r}")
    return str(match[1])


def _is_obsolete(block: str) -> bool:
    return f"\n{OBSOLETE}msgid" in f"\n{block}"


def _live(block: str) -> str:
    return re.sub(f"^{OBSOLETE}", "", block, flags=re.MULTILINE)


def _obsolete(block: str) -> str:
    lines = block.splitlines()
    return "\n".join(line if line.startswith("#") else OBSOLETE + line for line in lines)


def _draft(block: str, forms: int) -> str:
    """The English words, marked; a plural has as many forms as the language counts."""
    if said := FORM.findall(block):
        block = FORM.sub("", block).rstrip("\n")
        block += "".join(f"\nmsgstr[{number}] {said[-1]}" for number in range(forms))
    flag = "#, fuzzy, python-format" if "#, python-format" in block else "#, fuzzy"
    return flag + "\n" + block.replace("#, python-format\n", "")


def main() -> int:
    english = (LOCALE / "en" / "LC_MESSAGES" / "kiosk.po").read_text("utf-8")
    lacking = 0
    for language in LANGUAGES[1:]:
        path = LOCALE / language / "LC_MESSAGES" / "kiosk.po"
        text, missing = updated(path.read_text("utf-8"), english)
        path.write_text(text, "utf-8")
        live = [block for block in _blocks(text)[1:] if not _is_obsolete(block)]
        drafts = sum(block.startswith("#, fuzzy") for block in live)
        print(f"{language}: {len(live)} messages, {drafts} not reviewed, {len(missing)} not translated")
        print("".join(f"    {id_}\n" for id_ in missing), end="")
        lacking += len(missing)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
