"""The box's reference data: packages kept as they came, signed and encrypted, and opened in memory.

Nothing of a list is ever on the card in the clear, and whatever changes a file behind the box's back
is noticed when the file is opened. A version never falls: the highest one seen is kept beside the
packages, so that losing a package does not open the door for an older one.
"""

import fcntl
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from nacl.public import PrivateKey
from nacl.signing import VerifyKey

from appliance.clock import TimeQuality
from appliance.contracts.lane import Installed, ListView
from appliance.reference_data.package import MAX_PACKAGE_BYTES, Package, Reason, Refused, open_package
from appliance.screening.lists import BrokenList, ListUnreadable, OpenList, OpenLists, open_list

SUFFIX: Final = ".cose"
VERSIONS: Final = "versions.json"
MAX_LISTS: Final = 32
"""More lists than a state has owners of lists; bounds what a folder can make the box open."""

_Signature = tuple[tuple[str, int, int, int], ...]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InstallReport:
    """What the gate did with a package it believed."""

    name: str
    version: int
    installed: bool
    """False: this version was already there."""
    expiry_unchecked: bool
    """The clock was too unsure to say whether the package had expired; it was taken."""

    @property
    def sentence(self) -> str:
        if not self.installed:
            return f"Version {self.version} of {self.name} was already here."
        unsure = ", its expiry unchecked because the clock is unsure" if self.expiry_unchecked else ""
        return f"Version {self.version} of {self.name} is installed{unsure}."


@dataclass(frozen=True, slots=True)
class ListStatus:
    """One list as it stands in the store."""

    name: str
    kind: str
    version: int
    entries: int
    owner: str
    issued_at: datetime
    expires_at: datetime | None
    age_hours: float | None
    stale: bool
    expired: bool
    readable: bool


class ReferenceStore:
    """The folder of installed packages. Safe to use from several threads and beside another process.

    `verify_keys` are the signers' keys by `cose.key_id`; `private_key` is the box's own sealing key.
    """

    def __init__(
        self, folder: Path, *, verify_keys: Mapping[bytes, VerifyKey], private_key: PrivateKey
    ) -> None:
        self._folder = folder
        self._verify_keys = dict(verify_keys)
        self._private_key = private_key
        self._lock = threading.Lock()
        self._seen: _Signature | None = None
        self._open = OpenLists()

    def install(self, data: bytes, *, now: datetime, time_quality: str) -> InstallReport:
        """Verify, decrypt, check and put in place; on any doubt what was there stays.

        Raises:
            Refused: with the reason and a sentence for the person who brought it.
        """
        package = self._open_package(data)
        quality = TimeQuality(time_quality)
        if quality.sure and now > package.expires_at:
            raise Refused(
                Reason.EXPIRED, f"The package of {package.name} expired on {package.expires_at:%Y-%m-%d}."
            )
        with self._lock:
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                with _alone(self._folder):
                    installed = self._replace(package, data)
                self._seen = None
            except OSError as error:
                raise Refused(
                    Reason.STORAGE, f"The package of {package.name} cannot be written ({error.strerror})."
                ) from error
        log.info("reference data: %s version %d, new: %s", package.name, package.version, installed)
        return InstallReport(
            name=package.name,
            version=package.version,
            installed=installed,
            expiry_unchecked=not quality.sure,
        )

    def receive(self, data: bytes, *, now: datetime, time_quality: str) -> Installed:
        """`install` as the contract answers it."""
        try:
            report = self.install(data, now=now, time_quality=time_quality)
        except Refused as refused:
            log.warning("reference data refused: %s", refused.reason)
            return Installed(accepted=False, sentence=refused.sentence)
        return Installed(accepted=True, sentence=report.sentence)

    def open_lists(self) -> OpenLists:
        """All lists, opened and checked; the same ones until a file changes.

        Whoever holds the answer may go on searching it while newer lists are installed.
        """
        with self._lock:
            files = self._files()
            signature = _signature_of(files)
            if signature != self._seen:
                self._open, self._seen = self._opened(files), signature
            return self._open

    def ages(self, *, now: datetime, time_quality: str = TimeQuality.RTC) -> tuple[ListView, ...]:
        """The lists as the officer's screen shows them."""
        return tuple(
            ListView(name=one.name, entries=one.entries, age_hours=one.age_hours, stale=one.stale)
            for one in self.status(now=now, time_quality=time_quality)
        )

    def status(self, *, now: datetime, time_quality: str) -> tuple[ListStatus, ...]:
        """Every list with its age, the unreadable ones too."""
        lists = self.open_lists()
        found = [_status_of(one, now, time_quality) for one in lists.lists]
        found += [_broken_status(broken, now) for broken in lists.broken]
        return tuple(sorted(found, key=lambda one: one.name))

    def _open_package(self, data: bytes) -> Package:
        return open_package(data, verify_key_for=self._verify_keys.get, private_key=self._private_key)

    def _replace(self, package: Package, data: bytes) -> bool:
        """Whether the package is new; the caller holds the lock."""
        target = self._folder / f"{package.name}{SUFFIX}"
        versions = self._versions()
        highest = versions.get(package.name, 0)
        try:
            installed: Package | None = self._open_package(_read(target))
        except (Refused, OSError):
            installed = None  # nothing there, or nothing that could still be used
        highest = max(highest, installed.version if installed else 0)
        if package.version < highest:
            raise Refused(
                Reason.OLDER,
                f"The package holds version {package.version} of {package.name}; this box has had {highest}.",
            )
        if installed is not None and installed.version == package.version:
            if installed.content != package.content:
                raise Refused(
                    Reason.SAME_VERSION,
                    f"Version {package.version} of {package.name} is here with other content.",
                )
            return False
        if installed is None and len(self._files()) >= MAX_LISTS:
            raise Refused(Reason.NOT_USABLE, f"There are {MAX_LISTS} lists already.")
        _checked_list(package).close()
        _write(self._folder / VERSIONS, msgspec.json.encode(versions | {package.name: package.version}))
        _write(target, data)
        return True

    def _versions(self) -> dict[str, int]:
        try:
            return msgspec.json.decode((self._folder / VERSIONS).read_bytes(), type=dict[str, int])
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as error:
            # Begun anew from what is installed would mean that damage opens the door to older lists.
            raise Refused(
                Reason.STORAGE,
                f"{VERSIONS} is damaged: nobody can say which versions this box has had. Ask a technician.",
            ) from error

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{SUFFIX}"))

    def _opened(self, files: list[Path]) -> OpenLists:
        lists: list[OpenList] = []
        broken: list[BrokenList] = []
        for file in files:
            try:
                package = self._open_package(_read(file))
                if package.name != file.name.removesuffix(SUFFIX):
                    raise Refused(Reason.NOT_USABLE, "The file has another list's name.")
                lists.append(_checked_list(package))
            except (Refused, OSError) as error:
                reason = error.reason if isinstance(error, Refused) else error.strerror
                log.warning("the list %s cannot be used: %s", file.name, reason)
                broken.append(BrokenList(name=file.name.removesuffix(SUFFIX), kind=None))
        return OpenLists(tuple(lists), tuple(broken))


def _checked_list(package: Package) -> OpenList:
    """The package's content as a list that is what the package says."""
    try:
        one = open_list(package.content, expires_at=package.expires_at)
    except ListUnreadable as error:
        raise Refused(Reason.NOT_USABLE, f"The package of {package.name} holds no readable list.") from error
    if (one.info.name, one.info.version) != (package.name, package.version):
        one.close()
        raise Refused(Reason.NOT_USABLE, f"The list inside the package of {package.name} is another one.")
    return one


def _signature_of(files: list[Path]) -> _Signature:
    """What changes when a file is replaced: a new file has a new inode."""
    found = []
    for file in files:
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        found.append((file.name, stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process installs meanwhile: two at once could leave the older version."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_PACKAGE_BYTES + 1)


def _write(path: Path, data: bytes) -> None:
    """Whole and on disk, or not at all, whenever the power goes."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _status_of(one: OpenList, now: datetime, time_quality: str) -> ListStatus:
    age = one.age(now, time_quality)
    return ListStatus(
        name=one.info.name,
        kind=one.info.kind.value,
        version=one.info.version,
        entries=one.info.entries,
        owner=one.info.owner,
        issued_at=one.info.issued_at,
        expires_at=one.expires_at,
        age_hours=age.hours,
        stale=age.stale,
        expired=age.expired,
        readable=True,
    )


def _broken_status(broken: BrokenList, now: datetime) -> ListStatus:
    return ListStatus(
        name=broken.name,
        kind="",
        version=0,
        entries=0,
        owner="",
        issued_at=now,
        expires_at=None,
        age_hours=None,
        stale=True,
        expired=False,
        readable=False,
    )
