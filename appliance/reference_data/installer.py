"""From a believed target to files that can be opened: decrypted, checked to be what they say, and only
then named."""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from appliance.reference_data.delivery import Delivery
from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.files import remove_leftovers
from appliance.reference_data.gate import Gate, Target
from appliance.reference_data.manifest import Entry
from appliance.reference_data.sealed import ContentType, Description, Progress, SealedFile, sha256_of
from appliance.screening.documents.build import merge_numbers
from appliance.screening.documents.changes import decode_changes
from appliance.screening.documents.overlay import CannotApply, Overlay
from appliance.screening.documents.search import NumberList, open_numbers
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import MAX_LIST_BYTES, ListInfo, ListKind, OpenedList, open_list
from appliance.screening.persons.search import PersonList
from appliance.whole_files import write_whole, write_with

MAX_CHANGES_BYTES: Final = 64 * 1024 * 1024
MAX_OTHER_BYTES: Final = 32 * 1024 * 1024
"""Of trust anchors and policies."""
MAX_SEALED_BYTES: Final = MAX_LIST_BYTES + 2 * 1024 * 1024
SUFFIXES: Final = (".sealed", ".idx", ".key", ".overlay")


class ContentUnusable(Exception):
    """Well signed, and still nothing that this box can go by; in one plain sentence."""


ContentCheck = Callable[[bytes], None]
"""Looks at trust anchors or a policy before they are installed.

Raises:
    ContentUnusable: this box cannot go by them.
"""


class Installer:
    """The files of one store; the caller holds its lock."""

    def __init__(
        self, folder: Path, private_key: PrivateKey, content_checks: Mapping[ContentType, ContentCheck]
    ) -> None:
        self._folder = folder
        self._private_key = private_key
        self._content_checks = content_checks

    def installed(
        self, gate: Gate, target: Target, delivery: Delivery, old: Entry | None, progress: Progress
    ) -> Entry | None:
        """The target's files, in place but not yet in the manifest; None when the delivery does not have it.

        Raises:
            Refused: it is not what was signed for, or nothing that can be used.
            OSError: it cannot be read or written.
        """
        description = target.description
        sealed = self._folder / f"{description.name}-{description.version}.sealed"
        brought = False

        def bring(file: object) -> None:
            nonlocal brought
            assert isinstance(file, io.BufferedIOBase)
            brought = gate.bring(target, delivery, file)  # type: ignore[arg-type]

        write_with(sealed, bring)
        if not brought:
            sealed.unlink(missing_ok=True)
            return None
        try:
            with sealed.open("rb") as file:
                opened = SealedFile(file, self._private_key)
                if opened.description != description:
                    raise Refused(
                        Reason.DAMAGED, f"The file of {description.name} is another than was signed for."
                    )
                if description.type is ContentType.CHANGES:
                    assert old is not None
                    return self._changed(opened, target, old)
                if description.type is ContentType.WATCHLIST and description.kind != ListKind.PERSONS.value:
                    return self._numbers(opened, target, progress)
                return self._kept_sealed(opened, target, sealed)
        except BaseException:
            sealed.unlink(missing_ok=True)
            raise

    def opened(self, name: str, entry: Entry) -> OpenedList:
        """An installed list.

        Raises:
            Refused: its files are not what was installed.
            OSError: they cannot be read.
        """
        try:
            if entry.key_file:
                one: OpenedList = self._opened_numbers(entry)
            else:
                one = PersonList(open_list(self.content(entry), expires_at=entry.expires_at))
        except ListUnreadable as error:
            raise Refused(Reason.NOT_USABLE, f"The list {name} cannot be read.") from error
        if (one.info.name, one.info.version) != (name, entry.version):
            one.close()
            raise Refused(Reason.NOT_USABLE, f"The list {name} is another one.")
        return one

    def content(self, entry: Entry) -> bytes:
        """What is in an installed sealed file.

        Raises:
            Refused: it is not what was installed.
            OSError: it cannot be read.
        """
        with (self._folder / entry.file).open("rb") as file:
            data = file.read(MAX_SEALED_BYTES + 1)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise Refused(Reason.DAMAGED, "An installed file is damaged.")
        return SealedFile(io.BytesIO(data), self._private_key).content(limit=MAX_LIST_BYTES)

    def changed(self, one: OpenedList) -> int:
        """How many changes are not merged yet."""
        return one.overlay.changed if isinstance(one, NumberList) else 0

    def worth_merging(self, one: OpenedList) -> bool:
        return isinstance(one, NumberList) and one.overlay.worth_merging

    def merged(self, one: OpenedList, entry: Entry, progress: Progress) -> Entry:
        """The list's index written anew into the spare place, with nothing left to merge.

        Raises:
            Refused: the list is damaged.
            OSError: it cannot be written.
        """
        assert isinstance(one, NumberList)
        path = self._folder / f"{one.info.name}-{entry.version}.merged.idx"
        try:
            header = merge_numbers(path, one, progress=progress)
        except ListUnreadable as error:
            raise Refused(Reason.DAMAGED, f"The list {one.info.name} is damaged.") from error
        if header.total != one.overlay.total or header.count != one.overlay.count:
            path.unlink(missing_ok=True)
            raise Refused(Reason.DAMAGED, f"The list {one.info.name} did not become what its changes say.")
        return Entry(
            type=entry.type, kind=entry.kind, version=entry.version, issued_at=entry.issued_at,
            expires_at=entry.expires_at, file=path.name, sha256=sha256_of(path), key_file=entry.key_file,
        )  # fmt: skip

    def sweep(self, entries: dict[str, Entry]) -> None:
        """Remove what no installation refers to: older versions, and what a power cut left."""
        wanted = {name for entry in entries.values() for name in (entry.file, entry.key_file, entry.overlay)}
        remove_leftovers(self._folder)
        for path in self._folder.iterdir():
            if path.suffix in SUFFIXES and path.name not in wanted:
                with contextlib.suppress(OSError):
                    path.unlink()
            elif path.name.startswith((".metadata-", ".sort-")) and path.is_dir():
                _remove_tree(path)

    def _kept_sealed(self, opened: SealedFile, target: Target, sealed: Path) -> Entry:
        """Persons, trust anchors, policies: kept as they came, and opened in memory."""
        description = target.description
        limit = MAX_LIST_BYTES if description.type is ContentType.WATCHLIST else MAX_OTHER_BYTES
        content = opened.content(limit=limit)
        if description.type is ContentType.WATCHLIST:
            try:
                one = open_list(content)
            except ListUnreadable as error:
                raise Refused(
                    Reason.NOT_USABLE, f"The file of {description.name} holds no readable list."
                ) from error
            info = one.info
            one.close()
            _check_info(info, target)
        else:
            self._check_content(description, content)
        return self._entry(target, sealed)

    def _check_content(self, description: Description, content: bytes) -> None:
        check = self._content_checks.get(description.type)
        if check is None:
            raise Refused(Reason.NOT_USABLE, f"A {description.type.value} cannot be looked at here.")
        try:
            check(content)
        except ContentUnusable as error:
            raise Refused(Reason.NOT_USABLE, str(error)) from error

    def _numbers(self, opened: SealedFile, target: Target, progress: Progress) -> Entry:
        """A list of numbers: its index in the clear of the page cache, its key sealed to this box."""
        description = target.description
        key = opened.index_key()
        stem = f"{description.name}-{description.version}"
        index, key_file = self._folder / f"{stem}.idx", self._folder / f"{stem}.key"

        def unpack(file: object) -> None:
            done = 0
            for piece in opened.pieces():
                file.write(piece)  # type: ignore[attr-defined]
                done += len(piece)
                progress(done, opened.size)

        write_with(index, unpack)
        try:
            one = open_numbers(index, key)
        except ListUnreadable as error:
            index.unlink(missing_ok=True)
            raise Refused(
                Reason.NOT_USABLE, f"The file of {description.name} holds no readable list."
            ) from error
        info = one.info
        one.close()
        _check_info(info, target)
        write_whole(key_file, bytes(SealedBox(self._private_key.public_key).encrypt(key)))
        return self._entry(target, index, key_file=key_file.name)

    def _changed(self, opened: SealedFile, target: Target, old: Entry) -> Entry:
        """The installed list of numbers, with these changes beside it."""
        description = target.description
        try:
            one = self._opened_numbers(old)
            try:
                changes = decode_changes(opened.content(limit=MAX_CHANGES_BYTES))
                _check_info(changes.info, target)
                overlay = one.overlay.applied(one.index, changes)
                saved = overlay.save(one.index)
            finally:
                one.close()
        except CannotApply as error:
            raise Refused(Reason.NOT_USABLE, str(error)) from error
        except ListUnreadable as error:
            raise Refused(Reason.DAMAGED, f"The changes of {description.name} are damaged.") from error
        path = self._folder / f"{description.name}-{description.version}.overlay"
        write_whole(path, saved)
        return Entry(
            type=old.type, kind=old.kind, version=description.version, issued_at=description.issued_at,
            expires_at=description.expires_at, file=old.file, sha256=old.sha256, key_file=old.key_file,
            overlay=path.name, overlay_sha256=hashlib.sha256(saved).hexdigest(),
        )  # fmt: skip

    def _opened_numbers(self, entry: Entry) -> NumberList:
        try:
            sealed_key = (self._folder / entry.key_file).read_bytes()
            key = bytes(SealedBox(self._private_key).decrypt(sealed_key))
        except (CryptoError, ValueError, TypeError) as error:
            raise Refused(Reason.DAMAGED, "The key of a list of numbers cannot be opened.") from error
        one = open_numbers(self._folder / entry.file, key, expires_at=entry.expires_at)
        if not entry.overlay:
            return one
        data = (self._folder / entry.overlay).read_bytes()
        if hashlib.sha256(data).hexdigest() != entry.overlay_sha256:
            one.close()
            raise Refused(Reason.DAMAGED, "The changes beside a list are damaged.")
        one.overlay = Overlay.load(data, one.index)
        return one

    def _entry(self, target: Target, path: Path, *, key_file: str = "") -> Entry:
        description = target.description
        return Entry(
            type=description.type, kind=description.kind, version=description.version,
            issued_at=description.issued_at, expires_at=description.expires_at, file=path.name,
            sha256=sha256_of(path), key_file=key_file,
        )  # fmt: skip


def _check_info(info: ListInfo, target: Target) -> None:
    description = target.description
    if (info.name, info.version) != (description.name, description.version) or (
        description.kind and info.kind.value != description.kind
    ):
        raise Refused(Reason.NOT_USABLE, f"The list inside the file of {description.name} is another one.")


def _remove_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
