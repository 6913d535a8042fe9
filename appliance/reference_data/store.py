"""The box's reference data: what came through the gate, kept sealed or hashed, and opened in memory.

Nothing of a list of persons is ever on the card in the clear; a list of numbers lies there as keyed hashes,
whose key is sealed to the box. A version never falls (`floor`). Safe beside another process.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from nacl.public import PrivateKey

from appliance.clock import TimeQuality
from appliance.contracts.lane import Installed, ListView
from appliance.reference_data.delivery import Delivery, FolderDelivery, MessageDelivery
from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.files import alone
from appliance.reference_data.floor import Floor
from appliance.reference_data.gate import Believed, Gate, Target
from appliance.reference_data.installer import ContentCheck, Installer
from appliance.reference_data.manifest import FILE, Entry, Manifest
from appliance.reference_data.sealed import ContentType, Progress
from appliance.screening.lists import BrokenList, ListKind, OpenedList, OpenLists, age_of

MAX_LISTS: Final = 32
"""More lists than a state has owners of lists; bounds what a delivery can make the box open."""
SOFTWARE: Final = "software"
"""Key tier: the box's keys are files that its owner can read, not a chip that keeps them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InstallReport:
    """What the gate did with a delivery that it believed."""

    installed: tuple[tuple[str, int], ...]
    """Names and versions that are new."""
    missing: tuple[str, ...]
    """Signed for, newer than here, and not in this delivery."""
    expiry_unchecked: bool
    """The clock was too unsure to say whether something had expired; it was taken."""

    @property
    def sentence(self) -> str:
        unsure = "; expiry unchecked, because the clock is unsure" if self.expiry_unchecked else ""
        missing = f"; still missing: {', '.join(self.missing)}" if self.missing else ""
        if not self.installed:
            return f"Everything that was brought was already here{missing}{unsure}."
        what = ", ".join(f"version {version} of {name}" for name, version in self.installed)
        return f"Installed: {what}{missing}{unsure}."


@dataclass(frozen=True, slots=True)
class Standing:
    """Trust anchors or a policy that are installed."""

    type: ContentType
    version: int
    issued_at: datetime
    expires_at: datetime
    """After this the gate takes it no more; what is installed stands until another comes."""


@dataclass(frozen=True, slots=True)
class ListStatus:
    """One list as it stands in the store."""

    name: str
    kind: str
    version: int
    entries: int
    owner: str
    legal_basis: str
    contact: str
    issued_at: datetime
    expires_at: datetime | None
    age_hours: float | None
    age_sure: bool
    stale: bool
    expired: bool
    readable: bool
    changes: int
    """Since its index was written: additions and removals that are not merged yet."""
    key_tier: str


class ReferenceStore:
    """The folder of installed reference data. Safe to use from several threads and beside another process.

    `root` is the root metadata that the box was provisioned with, `private_key` the box's own sealing key;
    `floor_folders` lie elsewhere than `folder`, so that wiping one leaves the other; `content_checks` look at
    trust anchors and policies before they are installed: a type without one is refused.
    """

    def __init__(
        self,
        folder: Path,
        *,
        root: bytes,
        private_key: PrivateKey,
        floor_folders: tuple[Path, ...],
        content_checks: Mapping[ContentType, ContentCheck] = MappingProxyType({}),
        key_tier: str = SOFTWARE,
    ) -> None:
        self._folder = folder
        self._private_key = private_key
        self._floor = Floor((folder, *floor_folders), private_key)
        self._gate = Gate(folder, root=root, floor=self._floor)
        self._manifest = Manifest(folder, private_key)
        self._installer = Installer(folder, private_key, content_checks)
        self._key_tier = key_tier
        self._lock = threading.Lock()
        self._seen: object = None
        self._open = OpenLists()

    # Coming in

    def install(
        self,
        delivery: Delivery,
        *,
        now: datetime,
        time_quality: str,
        progress: Progress = lambda _a, _b: None,
    ) -> InstallReport:
        """Verify, decrypt, check and put in place; on any doubt what was there stays.

        Raises:
            Refused: with the reason and a sentence for the person who brought it.
        """
        with self._lock:
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                with alone(self._folder):
                    self._installer.sweep(self._manifest.read())
                    believed = self._gate.believe(delivery, now=now, time_quality=time_quality)
                    report = self._take(believed, delivery, now, time_quality, progress)
            except OSError as error:
                raise Refused(
                    Reason.STORAGE, f"What was brought cannot be read or written ({error.strerror})."
                ) from error
            finally:
                self._seen = None
        log.info("reference data: %d new, %d missing", len(report.installed), len(report.missing))
        return report

    def receive(self, data: bytes, *, now: datetime, time_quality: str) -> Installed:
        """`install` of a message, as the contract answers it."""
        try:
            report = self.install(MessageDelivery(data), now=now, time_quality=time_quality)
        except Refused as refused:
            log.warning("reference data refused: %s", refused.reason)
            return Installed(accepted=False, sentence=refused.sentence)
        return Installed(
            accepted=True, sentence=report.sentence, lists=tuple(name for name, _ in report.installed)
        )

    def bring(
        self, path: Path, *, now: datetime, time_quality: str, progress: Progress = lambda _a, _b: None
    ) -> InstallReport:
        """`install` of what lies at `path`: a repository's folder, as on a stick, or a message in a file.

        Raises:
            Refused: it cannot be read, or the gate turns it away.
        """
        try:
            delivery: Delivery = FolderDelivery(path) if path.is_dir() else MessageDelivery(path.read_bytes())
        except OSError as error:
            raise Refused(Reason.STORAGE, f"{path.name} cannot be read ({error.strerror}).") from error
        return self.install(delivery, now=now, time_quality=time_quality, progress=progress)

    def merge(self, *, progress: Progress = lambda _a, _b: None) -> tuple[str, ...]:
        """Write the index anew of each list whose changes are worth it; the names of those lists.

        Raises:
            Refused: a list is damaged, or the disk does not let us; what was there stays.
        """
        done = []
        for one in self.open_lists().lists:
            if not self._installer.worth_merging(one):
                continue
            try:
                with self._lock, alone(self._folder):
                    entries = self._manifest.read()
                    entry = entries.get(one.info.name)
                    if entry is not None and entry.version == one.info.version:
                        merged = self._installer.merged(one, entry, progress)
                        self._manifest.write(entries | {one.info.name: merged})
                        self._installer.sweep(self._manifest.read())
                        done.append(one.info.name)
            except OSError as error:
                raise Refused(
                    Reason.STORAGE, f"The list cannot be written anew ({error.strerror})."
                ) from error
            finally:
                self._seen = None
        return tuple(done)

    # Looking at it

    def open_lists(self) -> OpenLists:
        """All lists, opened and checked; the same ones until something is installed.

        Whoever holds the answer may go on searching it while newer lists are installed.
        """
        with self._lock:
            signature = self._signature()
            if signature != self._seen:
                self._open, self._seen = self._opened(), signature
            return self._open

    def standing(self, type_: ContentType) -> Standing | None:
        """The trust anchors or the policy that are installed, None while none are.

        Raises:
            Refused: it cannot be told, because the file of what is installed is damaged.
        """
        entry = self._manifest.read().get(type_.value)
        if entry is None or entry.type is not type_:
            return None
        return Standing(type_, entry.version, entry.issued_at, entry.expires_at)

    def content(self, standing: Standing) -> bytes:
        """What is in it, verified and decrypted.

        Raises:
            Refused: it is damaged, cannot be read, or was replaced meanwhile.
        """
        what = standing.type.value
        entry = self._manifest.read().get(what)
        if entry is None or entry.version != standing.version:
            raise Refused(Reason.OLDER, f"The {what} was replaced meanwhile.")
        try:
            return self._installer.content(entry)
        except OSError as error:
            raise Refused(Reason.STORAGE, f"The {what} cannot be read ({error.strerror}).") from error

    def ages(self, *, now: datetime, time_quality: str = TimeQuality.RTC) -> tuple[ListView, ...]:
        """The lists as the officer's screen shows them."""
        return tuple(
            ListView(name=one.name, entries=one.entries, age_hours=one.age_hours, stale=one.stale)
            for one in self.status(now=now, time_quality=time_quality)
        )

    def status(self, *, now: datetime, time_quality: str) -> tuple[ListStatus, ...]:
        """Every list with its age, the unreadable ones too."""
        lists = self.open_lists()
        found = [self._status_of(one, now, time_quality) for one in lists.lists]
        found += [self._broken_status(broken, now) for broken in lists.broken]
        return tuple(sorted(found, key=lambda one: one.name))

    def _take(
        self, believed: Believed, delivery: Delivery, now: datetime, time_quality: str, progress: Progress
    ) -> InstallReport:
        """Install what is newer than here, one after the other; each stands when the next begins."""
        installed: list[tuple[str, int]] = []
        missing: list[str] = []
        floor = self._floor.read()
        too_old: Target | None = None
        for target in _in_order(believed.targets):
            description = target.description
            entries = self._manifest.read()
            entry = entries.get(description.name)
            highest = max(entry.version if entry else 0, 0)
            if description.version <= highest:
                continue
            if description.version < floor.get(f"list/{description.name}", 0):
                too_old = target
                continue
            if TimeQuality(time_quality).sure and now > description.expires_at:
                raise Refused(
                    Reason.EXPIRED,
                    f"The list {description.name} expired on {description.expires_at:%Y-%m-%d}.",
                )
            if description.type is ContentType.CHANGES and (
                entry is None or entry.version != target.from_version
            ):
                missing.append(description.name)
                continue
            if entry is None and len(entries) >= MAX_LISTS:
                raise Refused(Reason.NOT_USABLE, f"There are {MAX_LISTS} lists already.")
            new = self._installer.installed(self._gate, target, delivery, entry, progress)
            if new is None:
                missing.append(description.name)
                continue
            self._floor.raise_to({f"list/{description.name}": description.version})
            self._manifest.write(entries | {description.name: new})
            installed.append((description.name, description.version))
            self._installer.sweep(self._manifest.read())
        if not installed and (too_old is not None or believed.older):
            name = too_old.description.name if too_old else "what was brought"
            raise Refused(Reason.OLDER, f"This box has had a newer version of {name}.")
        return InstallReport(
            installed=_latest(installed),
            missing=tuple(sorted(set(missing) - {name for name, _ in installed})),
            expiry_unchecked=believed.expiry_unchecked,
        )

    def _signature(self) -> object:
        try:
            found = self._manifest.path.stat()
        except FileNotFoundError:
            return None if self._seen is None else ("none",)
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def _opened(self) -> OpenLists:
        try:
            entries = self._manifest.read()
        except Refused as refused:
            log.warning("no list can be used: %s", refused.reason)
            return OpenLists((), (BrokenList(name=FILE, kind=None),))
        lists: list[OpenedList] = []
        broken: list[BrokenList] = []
        for name, entry in sorted(entries.items()):
            if entry.type is not ContentType.WATCHLIST:
                continue
            try:
                lists.append(self._installer.opened(name, entry))
            except (Refused, OSError) as error:
                reason = error.reason if isinstance(error, Refused) else error.strerror
                log.warning("the list %s cannot be used: %s", name, reason)
                broken.append(BrokenList(name=name, kind=_kind(entry)))
        return OpenLists(tuple(lists), tuple(broken))

    def _status_of(self, one: OpenedList, now: datetime, time_quality: str) -> ListStatus:
        age, info = age_of(one, now, time_quality), one.info
        return ListStatus(
            name=info.name,
            kind=info.kind.value,
            version=info.version,
            entries=info.entries,
            owner=info.owner,
            legal_basis=info.legal_basis,
            contact=info.contact,
            issued_at=info.issued_at,
            expires_at=one.expires_at,
            age_hours=age.hours,
            age_sure=age.sure,
            stale=age.stale,
            expired=age.expired,
            readable=True,
            changes=self._installer.changed(one),
            key_tier=self._key_tier,
        )

    def _broken_status(self, broken: BrokenList, now: datetime) -> ListStatus:
        return ListStatus(
            name=broken.name,
            kind=broken.kind.value if broken.kind else "",
            version=0,
            entries=0,
            owner="",
            legal_basis="",
            contact="",
            issued_at=now,
            expires_at=None,
            age_hours=None,
            age_sure=False,
            stale=True,
            expired=False,
            readable=False,
            changes=0,
            key_tier=self._key_tier,
        )


def _in_order(targets: tuple[Target, ...]) -> list[Target]:
    """Each list before its changes, and those in turn."""
    return sorted(
        targets,
        key=lambda one: (
            one.description.name,
            one.description.version,
            one.description.type is ContentType.CHANGES,
        ),
    )


def _latest(installed: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple({name: (name, version) for name, version in installed}.values())


def _kind(entry: Entry) -> ListKind | None:
    try:
        return ListKind(entry.kind)
    except ValueError:
        return None
