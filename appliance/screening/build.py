"""Building a list file, on the server's side: complete and checked under its name, or not at all."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from pathlib import Path

import msgspec

from appliance.screening.documents.build import build_numbers
from appliance.screening.documents.entries import DocumentEntry
from appliance.screening.documents.write import no_progress
from appliance.screening.errors import EntryError
from appliance.screening.lists import APPLICATION_ID, FORMAT, ListInfo, ListKind, open_list_file
from appliance.screening.persons.entries import PersonEntry, check_entry, normalised
from appliance.screening.persons.index import write_index

Progress = Callable[[int, int], None]


def build_persons(
    path: Path,
    entries: Iterable[PersonEntry],
    *,
    info: ListInfo,
    allow_incomplete: bool = False,
    progress: Progress = no_progress,
) -> ListInfo:
    """A list of persons; an entry without owner and legal basis needs those of the whole list.

    Raises:
        EntryError: an entry that no list takes.
        ValueError: a description that no list takes.
        OSError: the file cannot be written.
    """
    if info.kind is not ListKind.PERSONS:
        raise ValueError(f"A list of {info.kind} holds no persons.")
    _check_description(info, entries_may_say=True, allow_incomplete=allow_incomplete)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        connection = sqlite3.connect(temporary)
        try:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            count = write_index(connection, _checked(entries, info, allow_incomplete, progress))
            info = msgspec.structs.replace(info, issued_at=info.issued_at.astimezone(UTC), entries=count)
            connection.execute("CREATE TABLE info (value TEXT NOT NULL)")
            connection.execute("INSERT INTO info VALUES (?)", (msgspec.json.encode(info).decode(),))
            connection.commit()
            connection.execute("VACUUM")
        finally:
            connection.close()
        open_list_file(temporary).close()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return info


def build_documents(
    path: Path,
    entries: Iterable[DocumentEntry],
    *,
    info: ListInfo,
    master_key: bytes,
    epoch: str,
    allow_incomplete: bool = False,
    progress: Progress = no_progress,
) -> ListInfo:
    """A list of documents, vehicles or visas.

    Raises:
        EntryError: an entry that no list takes.
        ValueError: a description or a key that no list takes.
        OSError: the file cannot be written.
    """
    _check_description(info, entries_may_say=False, allow_incomplete=allow_incomplete)
    info = msgspec.structs.replace(info, issued_at=info.issued_at.astimezone(UTC))
    return build_numbers(path, entries, info=info, master_key=master_key, epoch=epoch, progress=progress).info


def _check_description(info: ListInfo, *, entries_may_say: bool, allow_incomplete: bool) -> None:
    answered = info.owner.strip() and info.legal_basis.strip()
    if not info.contact.strip() or not (answered or entries_may_say or allow_incomplete):
        raise ValueError(
            "A list needs an owner, a legal basis and a contact: a hit nobody answers for is none."
        )
    if info.issued_at.tzinfo is None:
        raise ValueError("The date of issue needs a time zone.")
    if info.version < 1 or info.stale_after_hours <= 0:
        raise ValueError("Versions begin at 1, and the limit of age is above 0 hours.")


def _checked(
    entries: Iterable[PersonEntry], info: ListInfo, allow_incomplete: bool, progress: Progress
) -> Iterator[PersonEntry]:
    references: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        check_entry(entry)
        plain = normalised(entry)
        if plain.reference in references:
            raise EntryError("Two persons have the same reference; several names of one person are aliases.")
        references.add(plain.reference)
        if not allow_incomplete and not (
            (entry.owner or info.owner).strip() and (entry.legal_basis or info.legal_basis).strip()
        ):
            raise EntryError(
                "An entry has no owner or no legal basis, and the list has none: nobody answers for a hit. "
                "Say --owner and --legal-basis for all, or --allow-incomplete."
            )
        progress(number, number)
        yield plain
