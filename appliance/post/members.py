"""The boxes of the post: files with each one's public keys, in a folder that `borne post install` fills.

DEVICE.signing.pub says whose an item is; DEVICE.sealing.pub lets the others seal items to that box. A stolen
box is put out by removing its files: from then on neither its connection nor anything it signed later is
taken. The folder is looked at again whenever it changes.
"""

import contextlib
from pathlib import Path
from typing import Final

from nacl.public import PublicKey
from nacl.signing import VerifyKey

from appliance import cose
from appliance.contracts import wire
from appliance.key_files import KeyFileError, read_key
from appliance.post.items import MAX_BOXES, Signer

SUFFIX: Final = ".signing.pub"
SEALING_SUFFIX: Final = ".sealing.pub"


class Members:
    """Who belongs to this post."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[tuple[str, int], ...] | None = None
        self._by_kid: dict[bytes, Signer] = {}
        self._recipients: list[PublicKey] = []

    def recipients(self) -> list[PublicKey]:
        """What an item is sealed to: of every box that has both files."""
        self._look()
        return list(self._recipients)

    def signer(self, kid: bytes) -> Signer | None:
        """The box whose key this is, None for a stranger's."""
        self._look()
        return self._by_kid.get(kid)

    def has(self, device: str) -> bool:
        self._look()
        return any(one.device == device for one in self._by_kid.values())

    def _look(self) -> None:
        try:
            files = sorted(self._folder.glob(f"*{SUFFIX}"))[:MAX_BOXES]
            sealing = [file for one in files if (file := _beside(one)).exists()]
            seen = tuple((file.name, file.stat().st_mtime_ns) for file in (*files, *sealing))
        except OSError:
            return  # a file that goes while we look; the next look finds it gone
        if seen == self._seen:
            return
        found: dict[bytes, Signer] = {}
        for file in files:
            try:
                device = wire.check_name(file.name.removesuffix(SUFFIX))
                key = read_key(file, VerifyKey)
            except (wire.WireError, KeyFileError):
                continue  # no box's file; the box that is missed says that it is refused
            found[cose.key_id(key)] = Signer(device, key)
        recipients = []
        for file in sealing:
            with contextlib.suppress(KeyFileError):  # the box that is left out finds that it can read nothing
                recipients.append(read_key(file, PublicKey))
        self._by_kid, self._recipients, self._seen = found, recipients, seen


def _beside(signing: Path) -> Path:
    return signing.with_name(signing.name.removesuffix(SUFFIX) + SEALING_SUFFIX)
