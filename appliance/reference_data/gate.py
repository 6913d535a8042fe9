"""The gate for all that arrives signed: The Update Framework (TUF 1.0) by python-tuf, the same for stick
and message.

TUF's client brings rotation of keys by thresholds, versions that never fall, expiry and no mixing of old with
new. Around it: deliveries instead of HTTP, the box's own clock instead of the host's, a floor of versions
outside TUF's cache, and all work in a copy of the cache that takes its place only when everything held.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from tuf.api import exceptions
from tuf.api.metadata import TargetFile, Targets
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from appliance.clock import TimeQuality
from appliance.reference_data.delivery import Delivery
from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.floor import Floor
from appliance.reference_data.sealed import Description
from appliance.whole_files import sync_folder

METADATA: Final = "metadata"
ROLES: Final = ("root", "timestamp", "snapshot", "targets")
MAX_TARGETS: Final = 256
CONFIG: Final = UpdaterConfig(max_root_rotations=64, max_delegations=16, app_user_agent=None)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """A file that the signed metadata names."""

    path: str
    description: Description
    file: TargetFile
    from_version: int = 0
    """Of changes: the version that they lead from."""

    @property
    def delivered_as(self) -> str:
        return f"targets/{next(iter(self.file.hashes.values()))}.{self.path}"


@dataclass(frozen=True, slots=True)
class Believed:
    """What the gate believes after a delivery."""

    targets: tuple[Target, ...]
    versions: dict[str, int]
    news: bool
    """The metadata is newer than what was there."""
    older: bool
    """It is older than what was there, which stays."""
    expiry_unchecked: bool


class _Fetcher(FetcherInterface):
    """TUF's downloads, from a delivery."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def _fetch(self, url: str) -> Iterator[bytes]:
        found = self._delivery.read(url)
        if found is None:
            raise exceptions.DownloadHTTPError("not delivered", 404)
        return found


class Gate:
    """Verifies deliveries against the root of trust that the box was provisioned with."""

    def __init__(self, folder: Path, *, root: bytes, floor: Floor) -> None:
        self._cache = folder / METADATA
        self._folder = folder
        self._root = root
        self._floor = floor

    def believe(self, delivery: Delivery, *, now: datetime, time_quality: str) -> Believed:
        """The delivery's metadata, verified; TUF's cache and the floor are raised to it, or nothing changes.

        Raises:
            Refused: with the reason and a sentence for whoever brought it.
        """
        sure = TimeQuality(time_quality).sure
        floor = self._floor.read()
        work = Path(tempfile.mkdtemp(prefix=".metadata-", dir=self._folder))
        try:
            if self._cache.is_dir():
                shutil.copytree(self._cache, work, dirs_exist_ok=True, symlinks=True)
            before = self._cached_timestamp(work)
            updater = self._updater(work, delivery)
            older = False
            # An expiry that an unsure clock sees may be long past or far ahead: the list's own age says so.
            updater._trusted_set.reference_time = now if sure else _EPOCH
            try:
                updater.refresh()
            except exceptions.BadVersionNumberError as error:
                updater, older = self._as_it_was(work, delivery, now if sure else _EPOCH, error), True
            versions = self._versions(updater)
            behind = [role for role, version in versions.items() if version < floor.get(role, 0)]
            if behind:
                raise Refused(
                    Reason.OLDER,
                    f"What was brought is older than what this box has had ({behind[0]} "
                    f"{versions[behind[0]]}, and it has had {floor[behind[0]]}).",
                )
            targets = tuple(self._targets(updater))
            self._floor.raise_to(versions)
            self._keep(work)
        except exceptions.ExpiredMetadataError as error:
            raise Refused(Reason.EXPIRED, "What was brought has expired; ask for a newer one.") from error
        except exceptions.UnsignedMetadataError as error:
            raise Refused(
                Reason.BAD_SIGNATURE, "What was brought is not signed by those who may sign for this box."
            ) from error
        except exceptions.DownloadHTTPError as error:
            raise Refused(Reason.INCOMPLETE, "A part of the signed metadata is missing.") from error
        except exceptions.DownloadLengthMismatchError as error:
            raise Refused(Reason.TOO_LARGE, "A file is larger than any that is taken.") from error
        except (exceptions.DownloadError, exceptions.RepositoryError, exceptions.StorageError) as error:
            raise Refused(
                Reason.DAMAGED, "The signed metadata is damaged, or does not belong together."
            ) from error
        except OSError as error:
            raise Refused(
                Reason.STORAGE, f"The files cannot be read or written ({error.strerror})."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Refused(Reason.MALFORMED, "The signed metadata is malformed.") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
        news = versions["timestamp"] > before
        return Believed(targets, versions, news=news, older=older, expiry_unchecked=not sure)

    def bring(self, target: Target, delivery: Delivery, into: BinaryIO) -> bool:
        """Copy a believed target out of the delivery, verified as it comes; False when it is not in there.

        Raises:
            Refused: it is not what was signed for.
            OSError: it cannot be read or written.
        """
        blocks = delivery.read(target.delivered_as)
        if blocks is None:
            return False
        digest, size = hashlib.sha256(), 0
        for block in blocks:
            size += len(block)
            if size > target.file.length:
                break
            digest.update(block)
            into.write(block)
        if size != target.file.length or digest.hexdigest() != target.file.hashes.get("sha256"):
            raise Refused(
                Reason.DAMAGED,
                f"The file of {target.description.name} is damaged, or another than was signed for.",
            )
        return True

    def _updater(self, work: Path, delivery: Delivery) -> Updater:
        return Updater(
            metadata_dir=str(work),
            metadata_base_url=METADATA,
            target_base_url="targets",
            fetcher=_Fetcher(delivery),
            config=CONFIG,
            bootstrap=self._root,
        )

    def _as_it_was(
        self, work: Path, delivery: Delivery, reference: datetime, error: exceptions.BadVersionNumberError
    ) -> Updater:
        """What is believed already; older metadata may still bring a file that is missing here."""
        if not self._cache.is_dir():
            raise Refused(Reason.OLDER, "What was brought is older than what it says itself.") from error
        shutil.rmtree(work)
        shutil.copytree(self._cache, work, symlinks=True)
        updater = self._updater(work, _Cache(self._cache, delivery))
        updater._trusted_set.reference_time = reference
        updater.refresh()
        return updater

    def _versions(self, updater: Updater) -> dict[str, int]:
        trusted = updater._trusted_set
        return {role: int(trusted[role].version) for role in ROLES}

    def _targets(self, updater: Updater) -> Iterator[Target]:
        """Every target of the top role and its delegations, as far as it describes itself."""
        trusted = updater._trusted_set
        names = ["targets"]
        for name in names:
            signed = trusted[name]
            assert isinstance(signed, Targets)
            if len(signed.targets) > MAX_TARGETS:
                raise Refused(Reason.TOO_LARGE, f"More than {MAX_TARGETS} files are signed for.")
            for path, found in sorted(signed.targets.items()):
                if "/" in path or path.startswith("."):
                    raise Refused(Reason.MALFORMED, "A signed file has a name that none may have.")
                target = _described(path, found)
                # Found as TUF finds it: a delegated role speaks for its own paths alone.
                if target is not None and (name == "targets" or updater.get_targetinfo(path) == found):
                    yield target
            for role in (signed.delegations.roles or {}) if signed.delegations else {}:
                if role not in names and len(names) < CONFIG.max_delegations:
                    updater._load_targets(role, name)
                    names.append(role)

    def _cached_timestamp(self, folder: Path) -> int:
        with contextlib.suppress(OSError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
            plain: Any = msgspec.json.decode((folder / "timestamp.json").read_bytes())
            return int(plain["signed"]["version"])
        return 0

    def _keep(self, work: Path) -> None:
        """The verified copy takes the cache's place; a power cut in between costs the cache, which comes
        again."""
        for path in work.rglob("*"):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        old = self._cache.with_name(".metadata-old")
        shutil.rmtree(old, ignore_errors=True)
        if self._cache.exists():
            self._cache.rename(old)
        work.rename(self._cache)
        sync_folder(self._folder)
        shutil.rmtree(old, ignore_errors=True)


class _Cache:
    """The cache as a delivery of its own metadata; targets come from the other one."""

    def __init__(self, cache: Path, delivery: Delivery) -> None:
        self._cache = cache
        self._delivery = delivery

    def read(self, name: str) -> Iterator[bytes] | None:
        folder, _, file = name.partition("/")
        if folder != METADATA:
            return self._delivery.read(name)
        plain = file if file == "timestamp.json" else file.partition(".")[2]
        if plain == "root.json":
            return None
        try:
            return iter(((self._cache / plain).read_bytes(),))
        except OSError:
            return None


def _described(path: str, found: TargetFile) -> Target | None:
    """The target with what its signed description says; None for a file of a newer kind."""
    custom = found.custom or {}
    try:
        description = msgspec.convert(custom.get("borne"), Description)
        from_version = int(custom.get("from_version", 0))
    except (msgspec.ValidationError, TypeError, ValueError):
        log.warning("a signed file of an unknown kind is passed over")
        return None
    return Target(path, description, found, from_version)


_EPOCH: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
"""Nothing has expired then."""
