"""The trust store on the card: one file, replaced whole or not at all, read again when it was replaced."""

import threading
from pathlib import Path
from typing import Final

from appliance.reference_data.errors import Refused
from appliance.reference_data.installer import ContentCheck, ContentUnusable
from appliance.reference_data.sealed import ContentType
from appliance.reference_data.store import ReferenceStore
from appliance.travel_document.lds.errors import Malformed
from appliance.travel_document.pki.trust_store import MAX_STORE_BYTES, TrustStore
from appliance.whole_files import write_whole

FILE: Final = "trust.store"
CENTRAL_FILE: Final = "from-central"
"""The version that central sent last; what a technician imported after it stays until the next."""


class TrustUnavailable(Exception):
    """The trust store cannot be read or written, in one plain sentence."""


def install_trust_store(folder: Path, data: bytes) -> TrustStore:
    """Put verified bytes in place, atomically; whoever calls answers for their having been verified.

    `borne trust import` calls it after it has checked a list's signature against a pinned anchor, `take_over`
    with what came signed from central.

    Raises:
        TrustUnavailable: these are no store's bytes, or they cannot be written.
    """
    try:
        store = TrustStore.from_bytes(data)
    except Malformed as error:
        raise TrustUnavailable(str(error)) from error
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        write_whole(folder / FILE, data, mode=0o644)
    except OSError as error:
        raise TrustUnavailable(
            f"The trust store in {folder} cannot be written ({error.strerror})."
        ) from error
    return store


def take_over(folder: Path, signed: ReferenceStore, check: ContentCheck) -> bool:
    """Put the trust anchors that came through the gate in place, once for each version; whether there were
    new ones.

    A power cut before the version is noted only makes it happen again.

    Raises:
        TrustUnavailable: they are damaged, or this box cannot go by them; what was in place stays.
    """
    try:
        standing = signed.standing(ContentType.TRUST_ANCHORS)
        if standing is None or standing.version <= _version_from_central(folder):
            return False
        content = signed.content(standing)
        check(content)
    except (Refused, ContentUnusable) as error:
        raise TrustUnavailable(str(error)) from error
    install_trust_store(folder, content)
    try:
        write_whole(folder / CENTRAL_FILE, str(standing.version).encode())
    except OSError as error:
        raise TrustUnavailable(
            f"The trust store in {folder} cannot be written ({error.strerror})."
        ) from error
    return True


def _version_from_central(folder: Path) -> int:
    try:
        return int((folder / CENTRAL_FILE).read_bytes()[:20])
    except (OSError, ValueError):
        return 0


def open_trust_store(folder: Path) -> TrustStore:
    """The store in this folder; an empty one where none was installed yet.

    Raises:
        TrustUnavailable: what is there cannot be read.
    """
    try:
        with (folder / FILE).open("rb") as file:
            data = file.read(MAX_STORE_BYTES + 1)
    except FileNotFoundError:
        return TrustStore()
    except OSError as error:
        raise TrustUnavailable(f"The trust store in {folder} cannot be read ({error.strerror}).") from error
    try:
        return TrustStore.from_bytes(data)
    except Malformed as error:
        raise TrustUnavailable(f"The trust store in {folder} is damaged: {error}") from error


class TrustFolder:
    """The store as a service uses it: opened once, opened again after it was replaced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._store = TrustStore()

    def store(self) -> TrustStore:
        """The store as it stands now; an unreadable one counts as empty, so that nothing is trusted by it.

        Raises:
            TrustUnavailable: what is there cannot be read.
        """
        with self._lock:
            signature = self._signature()
            if signature != self._seen:
                self._store = TrustStore()
                self._store = open_trust_store(self._folder)
                self._seen = signature
            return self._store

    def _signature(self) -> tuple[int, int, int]:
        try:
            stat = (self._folder / FILE).stat()
        except OSError:
            return (0, 0, 0)
        return stat.st_ino, stat.st_mtime_ns, stat.st_size
