"""The signed repository on the server's side: roles and their keys, targets, versions; a folder that goes
on a stick.

The Update Framework's four roles. `root` names the keys of all others and is kept offline, so many of so many
signatures; `targets` are those who may issue lists; `snapshot` and `timestamp` say which state is the newest,
signed at each publication. Files: metadata/N.root.json, N.targets.json, N.snapshot.json, timestamp.json and
targets/SHA256.NAME.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.public import PublicKey
from nacl.signing import SigningKey
from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.exceptions import StorageError
from tuf.api.metadata import Metadata, MetaFile, Role, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from appliance.reference_data.delivery import MAX_MESSAGE_BYTES, pack_message
from appliance.reference_data.sealed import ContentType, Description, Progress, seal
from appliance.whole_files import write_whole, write_with

ROOT_YEARS: Final = 5
TARGETS_DAYS: Final = 366
VALID_FOR: Final = timedelta(days=30)
"""After this nothing older is believed any more; a post may hear from central only once a fortnight."""
_PRETTY: Final = JSONSerializer(compact=True)

AnySigned = TypeVar("AnySigned", Root, Timestamp, Snapshot, Targets)


class RepositoryError(Exception):
    """The repository is not as it should be, or a key is not one of those it names; in one sentence."""


@dataclass(frozen=True, slots=True)
class Added:
    """A target that was signed for."""

    path: str
    size: int
    targets_version: int


def signer_of(key: SigningKey) -> Signer:
    """A key of the house as TUF's signer."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes(key)))


class Repository:
    """An open repository."""

    def __init__(self, folder: Path) -> None:
        """Raises:
        RepositoryError: there is none, or it cannot be read.
        """
        self._folder = folder
        self._metadata = folder / "metadata"
        try:
            versions = [int(path.name.split(".")[0]) for path in self._metadata.glob("*.root.json")]
            if not versions:
                raise RepositoryError(
                    f"There is no repository in {folder}; `borne-central trust init` makes one."
                )
            self._root: Metadata[Root] = Metadata.from_file(
                str(self._metadata / f"{max(versions)}.root.json")
            )
            self._timestamp: Metadata[Timestamp] = Metadata.from_file(str(self._metadata / "timestamp.json"))
            self._snapshot: Metadata[Snapshot] = self._at(
                "snapshot", self._timestamp.signed.snapshot_meta.version
            )
            self._targets: Metadata[Targets] = self._at(
                "targets", self._snapshot.signed.meta["targets.json"].version
            )
        except (OSError, ValueError, StorageError, DeserializationError, KeyError) as error:
            raise RepositoryError(f"The repository in {folder} cannot be read.") from error

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        root_keys: Sequence[SigningKey],
        root_threshold: int,
        issuer_keys: Sequence[SigningKey],
        issuer_threshold: int,
        publisher_key: SigningKey,
        now: datetime,
        valid_for: timedelta = VALID_FOR,
    ) -> "Repository":
        """A new repository without targets; its `metadata/1.root.json` is what boxes are provisioned with.

        Raises:
            RepositoryError: there is one already, or thresholds that no keys reach.
            OSError: it cannot be written.
        """
        if (folder / "metadata").exists():
            raise RepositoryError(f"There is a repository in {folder} already; it is never overwritten.")
        for keys, threshold in ((root_keys, root_threshold), (issuer_keys, issuer_threshold)):
            if not 1 <= threshold <= len({bytes(key.verify_key) for key in keys}):
                raise RepositoryError("A threshold is at least 1 and at most the number of different keys.")
        roots, issuers, publisher = (
            [signer_of(key) for key in keys] for keys in (root_keys, issuer_keys, [publisher_key])
        )
        root = Root(expires=_whole(now + timedelta(days=366 * ROOT_YEARS)))
        root.roles["root"].threshold, root.roles["targets"].threshold = root_threshold, issuer_threshold
        for role, signers in (
            ("root", roots),
            ("targets", issuers),
            ("snapshot", publisher),
            ("timestamp", publisher),
        ):
            for one in signers:
                root.add_key(one.public_key, role)
        (folder / "metadata").mkdir(parents=True)
        (folder / "targets").mkdir(exist_ok=True)
        _write(folder / "metadata" / "1.root.json", _signed(root, roots))
        targets = Targets(expires=_whole(now + timedelta(days=TARGETS_DAYS)))
        _write(folder / "metadata" / "1.targets.json", _signed(targets, issuers))
        snapshot = Snapshot(expires=_whole(now + valid_for))
        _write(folder / "metadata" / "1.snapshot.json", _signed(snapshot, publisher))
        timestamp = Timestamp(expires=_whole(now + valid_for))
        _write(folder / "metadata" / "timestamp.json", _signed(timestamp, publisher))
        return cls(folder)

    @property
    def root(self) -> bytes:
        """The newest root metadata."""
        return (self._metadata / f"{self._root.signed.version}.root.json").read_bytes()

    @property
    def first_root(self) -> bytes:
        """What boxes are provisioned with."""
        return (self._metadata / "1.root.json").read_bytes()

    def targets(self) -> dict[str, Description]:
        """What is signed for, by file name."""
        found = {}
        for path, target in self._targets.signed.targets.items():
            found[path] = msgspec.convert((target.custom or {}).get("borne"), Description)
        return found

    def add(
        self,
        source: Path,
        description: Description,
        *,
        recipients: Iterable[PublicKey],
        issuer_keys: Sequence[SigningKey],
        publisher_key: SigningKey,
        now: datetime,
        from_version: int = 0,
        index_key: bytes = b"",
        valid_for: timedelta = VALID_FOR,
        progress: Progress = lambda _done, _total: None,
    ) -> Added:
        """Seal a file for these boxes, and sign for it; what it takes the place of is no longer signed for.

        Raises:
            RepositoryError: a key that the root does not name, or too few of them.
            ValueError: no boxes, or a description that no box takes.
            OSError: a file cannot be read or written.
        """
        path = f"{description.name}.{description.version}.{description.type.value}"
        sealed = self._folder / "targets" / f".{path}.sealing"
        size = source.stat().st_size
        with source.open("rb") as plain:
            write_with(
                sealed,
                lambda file: seal(file, plain, size=size, description=description, recipients=recipients,
                                  index_key=index_key, progress=progress),
            )  # fmt: skip
        try:
            with sealed.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            target = TargetFile(sealed.stat().st_size, {"sha256": digest}, path)
            target.unrecognized_fields["custom"] = {
                "borne": msgspec.to_builtins(description),
                **({"from_version": from_version} if from_version else {}),
            }
            gone = [
                one for one, other in self.targets().items()
                if _takes_place(description, from_version, other)
            ]  # fmt: skip
            os.replace(sealed, self._folder / "targets" / f"{digest}.{path}")
        finally:
            sealed.unlink(missing_ok=True)
        for one in gone:
            del self._targets.signed.targets[one]
        self._targets.signed.targets[path] = target
        self._publish(issuer_keys, publisher_key, now, valid_for)
        return Added(path, target.length, self._targets.signed.version)

    def refresh(self, *, publisher_key: SigningKey, now: datetime, valid_for: timedelta = VALID_FOR) -> None:
        """Sign anew that this is the newest state, before it expires.

        Raises:
            RepositoryError: the key is not the publisher's.
        """
        self._publish((), publisher_key, now, valid_for)

    def rotate(
        self,
        *,
        signing_keys: Sequence[SigningKey],
        role: str,
        keys: Sequence[SigningKey],
        threshold: int,
        now: datetime,
    ) -> None:
        """Give a role other keys; signed by enough of the old root keys, and of the new ones when it is
        root's turn.

        Raises:
            RepositoryError: too few signatures, or no such role.
        """
        if role not in ("root", "targets", "snapshot", "timestamp"):
            raise RepositoryError("The roles are root, targets, snapshot and timestamp.")
        if not 1 <= threshold <= len({bytes(key.verify_key) for key in keys}):
            raise RepositoryError("A threshold is at least 1 and at most the number of different keys.")
        root = self._root.signed
        old = dict(root.roles)
        root.roles[role] = Role([], threshold)
        for key in keys:
            root.add_key(signer_of(key).public_key, role)
        used = {keyid for one in root.roles.values() for keyid in one.keyids}
        for keyid in set(root.keys) - used:
            del root.keys[keyid]
        root.version += 1
        root.expires = _whole(now + timedelta(days=366 * ROOT_YEARS))
        signers = [signer_of(key) for key in signing_keys]
        named = {one.public_key.keyid for one in signers}
        for wanted in (old["root"], root.roles["root"]):
            if len(named & set(wanted.keyids)) < wanted.threshold:
                raise RepositoryError(
                    f"A new root needs {wanted.threshold} of the root's keys, the old and the new."
                )
        _write(self._metadata / f"{root.version}.root.json", _signed(root, signers))
        self._root = Metadata.from_file(str(self._metadata / f"{root.version}.root.json"))

    def message(self, name: str = "", *, only_changes: bool = False) -> bytes:
        """Metadata, and the targets of one list (or of all), as one message.

        `only_changes` leaves lists themselves out: they were brought on a stick, and only change by message.

        Raises:
            ValueError: more than a message holds.
            OSError: a file cannot be read.
        """
        files = {
            f"metadata/{path.name}": path.read_bytes()
            for path in (*sorted(self._metadata.glob("*.root.json")), *self._current())
        }
        for path, description in self.targets().items():
            wanted = not name or description.name == name
            if wanted and not (only_changes and description.type is ContentType.WATCHLIST):
                target = self._targets.signed.targets[path]
                if target.length > MAX_MESSAGE_BYTES:
                    raise ValueError(
                        f"{description.name} is larger than a message: bring it on a stick, and publish its "
                        "changes alone."
                    )
                stored = f"{target.hashes['sha256']}.{path}"
                files[f"targets/{stored}"] = (self._folder / "targets" / stored).read_bytes()
        return pack_message(files)

    def _current(self) -> list[Path]:
        snapshot, targets = self._snapshot.signed.version, self._targets.signed.version
        return [
            self._metadata / name
            for name in ("timestamp.json", f"{snapshot}.snapshot.json", f"{targets}.targets.json")
        ]

    def _at(self, role: str, version: int) -> Metadata[Any]:
        return Metadata.from_file(str(self._metadata / f"{version}.{role}.json"))

    def _publish(
        self,
        issuer_keys: Sequence[SigningKey],
        publisher_key: SigningKey,
        now: datetime,
        valid_for: timedelta,
    ) -> None:
        """Targets, then snapshot, then timestamp: a reader between two of them sees the state before."""
        publisher = [signer_of(publisher_key)]
        self._check_keys("snapshot", publisher)
        self._check_keys("timestamp", publisher)
        if issuer_keys:
            issuers = [signer_of(key) for key in issuer_keys]
            self._check_keys("targets", issuers)
            self._targets.signed.version += 1
            self._targets.signed.expires = _whole(now + timedelta(days=TARGETS_DAYS))
            version = self._targets.signed.version
            _write(self._metadata / f"{version}.targets.json", _signed(self._targets.signed, issuers))
            self._snapshot.signed.meta["targets.json"] = MetaFile(version)
        self._snapshot.signed.version += 1
        self._snapshot.signed.expires = _whole(now + valid_for)
        version = self._snapshot.signed.version
        _write(self._metadata / f"{version}.snapshot.json", _signed(self._snapshot.signed, publisher))
        self._timestamp.signed.snapshot_meta = MetaFile(version)
        self._timestamp.signed.version += 1
        self._timestamp.signed.expires = _whole(now + valid_for)
        _write(self._metadata / "timestamp.json", _signed(self._timestamp.signed, publisher))
        self._sweep()

    def _check_keys(self, role: str, signers: Sequence[Signer]) -> None:
        wanted = self._root.signed.roles[role]
        if len({one.public_key.keyid for one in signers} & set(wanted.keyids)) < wanted.threshold:
            raise RepositoryError(
                f"Signing as {role} needs {wanted.threshold} of the keys that the root names for it."
            )

    def _sweep(self) -> None:
        """Old metadata and what nobody signs for any more; what was just the newest stays for slow
        readers."""
        for role, version in (
            ("targets", self._targets.signed.version),
            ("snapshot", self._snapshot.signed.version),
        ):
            for path in self._metadata.glob(f"*.{role}.json"):
                if int(path.name.split(".")[0]) < version - 1:
                    path.unlink(missing_ok=True)
        wanted = {f"{one.hashes['sha256']}.{path}" for path, one in self._targets.signed.targets.items()}
        for path in (self._folder / "targets").iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)


def _takes_place(new: Description, from_version: int, other: Description) -> bool:
    """A new list takes the place of all before it; changes of none: boxes that were away need each."""
    return other.name == new.name and not from_version and other.version <= new.version


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _signed(signed: AnySigned, signers: Sequence[Signer]) -> bytes:
    metadata = Metadata(signed)
    for one in signers:
        metadata.sign(one, append=True)
    return metadata.to_bytes(_PRETTY)


def _write(path: Path, data: bytes) -> None:
    write_whole(path, data)
