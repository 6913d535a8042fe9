"""What `borne list` does: build, sign, import, status; on the server's side and on the box's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from nacl.public import PublicKey
from nacl.signing import SigningKey

from appliance.reference_data.package import (
    MAX_PACKAGE_BYTES,
    Package,
    PackageType,
    Reason,
    Refused,
    sign_package,
)
from appliance.reference_data.store import InstallReport, ReferenceStore
from appliance.screening.build import build_list
from appliance.screening.csv_import import read_documents, read_persons
from appliance.screening.lists import (
    MAX_LIST_BYTES,
    ListInfo,
    ListKind,
    ListUnreadable,
    WhenStale,
    open_list_file,
)

VALID_FOR: Final = timedelta(days=30)
"""After this a list clears nobody any more; a post may hear from central only once a fortnight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDescription:
    """What the builder must say of a list before it has entries."""

    name: str
    kind: ListKind
    version: int
    issued_at: datetime
    owner: str
    legal_basis: str
    contact: str
    action: str
    stale_after_hours: float
    when_stale: WhenStale = WhenStale.HITS_STAND


def build_from_csv(source: Path, target: Path, description: ListDescription) -> ListInfo:
    """`borne list build`: a list file from a CSV file.

    Raises:
        EntryError: an entry that no list takes, with its line.
        ValueError: a description that no list takes.
        OSError: a file cannot be read or written.
    """
    with source.open(encoding="utf-8-sig", newline="") as file:
        documents = description.kind is ListKind.DOCUMENTS
        return build_list(
            target,
            name=description.name,
            kind=description.kind,
            version=description.version,
            issued_at=description.issued_at,
            owner=description.owner,
            legal_basis=description.legal_basis,
            contact=description.contact,
            action=description.action,
            stale_after_hours=description.stale_after_hours,
            when_stale=description.when_stale,
            documents=read_documents(file) if documents else (),
            persons=() if documents else read_persons(file),
        )


def sign_list(
    source: Path,
    target: Path,
    *,
    signing_key: SigningKey,
    recipients: Iterable[PublicKey],
    valid_for: timedelta = VALID_FOR,
) -> ListInfo:
    """`borne list sign`: a package of a list file, for these boxes.

    Raises:
        ListUnreadable: the file is no list.
        ValueError: no boxes; a name that no package takes.
        OSError: a file cannot be read or written.
    """
    one = open_list_file(source)
    info = one.info
    one.close()
    content = source.read_bytes()
    if len(content) > MAX_LIST_BYTES:
        raise ListUnreadable(f"{source.name} grew while it was read.")
    package = Package(
        type=PackageType.WATCHLIST,
        name=info.name,
        version=info.version,
        issued_at=info.issued_at,
        expires_at=info.issued_at + valid_for,
        content=content,
    )
    target.write_bytes(sign_package(package, signing_key=signing_key, recipients=recipients))
    return info


def import_package(source: Path, store: ReferenceStore, *, now: datetime, time_quality: str) -> InstallReport:
    """`borne list import`: a package from a file, as from a USB stick.

    Raises:
        Refused: the file cannot be read whole, or the gate turns it away.
    """
    try:
        with source.open("rb") as file:
            data = file.read(MAX_PACKAGE_BYTES + 1)
    except OSError as error:
        raise Refused(Reason.STORAGE, f"{source.name} cannot be read ({error.strerror}).") from error
    return store.install(data, now=now, time_quality=time_quality)


def status_json(store: ReferenceStore, *, now: datetime, time_quality: str) -> list[dict[str, Any]]:
    """`borne list status --json`: one object a list."""
    plain = msgspec.to_builtins(store.status(now=now, time_quality=time_quality))
    assert isinstance(plain, tuple | list)
    return list(plain)
