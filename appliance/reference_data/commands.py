"""What `borne list` does: build, sign, import, status; on the server's side and on the box's."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
from nacl.public import PublicKey
from nacl.signing import SigningKey

from appliance.reference_data.repository import VALID_FOR, Added, Repository
from appliance.reference_data.sealed import ContentType, Description, Progress
from appliance.reference_data.store import ReferenceStore
from appliance.screening.build import build_documents, build_persons
from appliance.screening.documents.build import changes_of
from appliance.screening.documents.changes import MAGIC as CHANGES_MAGIC
from appliance.screening.documents.changes import decode_changes, encode_changes
from appliance.screening.documents.index import MAGIC as INDEX_MAGIC
from appliance.screening.documents.index import NumberIndex
from appliance.screening.documents.search import open_numbers
from appliance.screening.importers.csv_entries import read_numbers, read_persons
from appliance.screening.importers.ftm import read_ftm
from appliance.screening.importers.ofac import read_ofac
from appliance.screening.importers.un import read_un
from appliance.screening.lists import ListInfo, ListKind, open_list_file
from appliance.screening.persons.entries import PersonEntry

FORMATS: Final = ("csv", "un", "ofac", "ftm")


def nothing(_done: int, _total: int) -> None:
    """Nobody is watching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where entries come from."""

    path: Path
    format: str = "csv"
    alt: Path | None = None
    """OFAC's ALT.CSV, beside SDN.CSV."""


def build(
    source: Source,
    target: Path,
    info: ListInfo,
    *,
    master_key: bytes = b"",
    epoch: str = "",
    allow_incomplete: bool = False,
    progress: Progress = nothing,
) -> ListInfo:
    """`borne list build`: a list file from entries.

    Raises:
        EntryError: an entry that no list takes, with its line.
        ValueError: a description that no list takes.
        OSError: a file cannot be read or written.
    """
    if info.kind is ListKind.PERSONS:
        with _persons(source) as persons:
            return build_persons(
                target, persons, info=info, allow_incomplete=allow_incomplete, progress=progress
            )
    if source.format != "csv":
        raise ValueError("Lists of documents, vehicles and visas are built from CSV.")
    with _text(source.path) as file:
        return build_documents(
            target,
            read_numbers(file),
            info=info,
            master_key=master_key,
            epoch=epoch,
            allow_incomplete=allow_incomplete,
            progress=progress,
        )


def build_changes(
    base: Path, target: Path, info: ListInfo, *, master_key: bytes, added: Path | None, removed: Path | None
) -> ListInfo:
    """`borne list build --changes-to BASE`: what leads from a list of numbers to its next version.

    Raises:
        EntryError: an entry that no list takes, with its line.
        ListUnreadable: the base is no list of numbers, or hashed under another key.
        ValueError: the version does not rise.
        OSError: a file cannot be read or written.
    """
    one = open_numbers(base, master_key)
    try:
        with contextlib.ExitStack() as files:
            plus = read_numbers(files.enter_context(_text(added))) if added else iter(())
            minus = read_numbers(files.enter_context(_text(removed))) if removed else iter(())
            changes = changes_of(one, info=info, master_key=master_key, added=plus, removed=minus)
    finally:
        one.close()
    target.write_bytes(encode_changes(changes))
    return changes.info


def sign(
    source: Path,
    repository: Repository,
    *,
    recipients: Sequence[PublicKey],
    issuer_keys: Sequence[SigningKey],
    publisher_key: SigningKey,
    now: datetime,
    index_key: bytes = b"",
    valid_for: timedelta = VALID_FOR,
    progress: Progress = nothing,
) -> Added:
    """`borne list sign`: seal a list file for these boxes, and sign for it.

    Raises:
        ListUnreadable: the file is no list.
        RepositoryError: a key that the root does not name, or too few of them.
        ValueError: no boxes; a name that no box takes; a list of numbers without its key.
        OSError: a file cannot be read or written.
    """
    info, type_, from_version = described(source)
    if type_ is ContentType.WATCHLIST and info.kind.of_numbers:
        open_numbers(source, index_key).close()  # the key that is sent with it is the one it is hashed under
    description = Description(
        type=type_,
        name=info.name,
        version=info.version,
        kind=info.kind.value,
        issued_at=info.issued_at,
        expires_at=info.issued_at + valid_for,
    )
    return repository.add(
        source,
        description,
        recipients=recipients,
        issuer_keys=issuer_keys,
        publisher_key=publisher_key,
        now=now,
        from_version=from_version,
        valid_for=valid_for,
        progress=progress,
        index_key=index_key if type_ is ContentType.WATCHLIST and info.kind.of_numbers else b"",
    )


def sign_other(
    source: Path,
    repository: Repository,
    *,
    type_: ContentType,
    version: int,
    recipients: Sequence[PublicKey],
    issuer_keys: Sequence[SigningKey],
    publisher_key: SigningKey,
    now: datetime,
    valid_for: timedelta = VALID_FOR,
) -> Added:
    """Trust anchors or a policy, the same way; each box has one of each, under the type's own name.

    Raises:
        RepositoryError: a key that the root does not name, or too few of them.
        ValueError: no boxes.
        OSError: a file cannot be read or written.
    """
    description = Description(
        type=type_, name=type_.value, version=version, issued_at=now, expires_at=now + valid_for
    )
    return repository.add(
        source,
        description,
        recipients=recipients,
        issuer_keys=issuer_keys,
        publisher_key=publisher_key,
        now=now,
        valid_for=valid_for,
    )


def described(source: Path) -> tuple[ListInfo, ContentType, int]:
    """What a list file says of itself, what it is, and of changes the version that they lead from.

    Raises:
        ListUnreadable: it is no list.
        OSError: it cannot be read.
    """
    with source.open("rb") as file:
        magic = file.read(8)
    if magic == INDEX_MAGIC:
        index = NumberIndex(source)
        info = index.header.info
        index.close()
        return info, ContentType.WATCHLIST, 0
    if magic == CHANGES_MAGIC:
        changes = decode_changes(source.read_bytes())
        return changes.info, ContentType.CHANGES, changes.from_version
    one = open_list_file(source)
    one.close()
    return one.info, ContentType.WATCHLIST, 0


def status_json(store: ReferenceStore, *, now: datetime, time_quality: str) -> dict[str, Any]:
    """`borne list status --json`: the lists, and the trust anchors and policy that came signed.

    Raises:
        Refused: the file of what is installed is damaged.
    """
    standing = {type_.value: store.standing(type_) for type_ in ContentType if type_.stands_alone}
    plain = msgspec.to_builtins({"lists": store.status(now=now, time_quality=time_quality), **standing})
    assert isinstance(plain, dict)
    return plain


@contextlib.contextmanager
def _persons(source: Source) -> Iterator[Iterator[PersonEntry]]:
    with contextlib.ExitStack() as files:
        if source.format == "un":
            yield read_un(files.enter_context(source.path.open("rb")))
        elif source.format == "ftm":
            yield read_ftm(files.enter_context(source.path.open("rb")))
        elif source.format == "ofac":
            alt = files.enter_context(source.alt.open(encoding="latin-1", newline="")) if source.alt else None
            yield read_ofac(files.enter_context(source.path.open(encoding="latin-1", newline="")), alt)
        else:
            yield read_persons(files.enter_context(_text(source.path)))


def _text(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")
