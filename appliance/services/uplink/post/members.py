"""The boxes of the post: a file with each one's public signing key, in a folder that the technician fills.

A stolen box is put out by removing its file: from then on neither its connection nor anything it signed later
is taken. The folder is looked at again whenever it changes.
"""

from pathlib import Path
from typing import Final

from nacl.signing import VerifyKey

from appliance import cose
from appliance.contracts import wire
from appliance.key_files import KeyFileError, read_key
from appliance.post_items import MAX_BOXES, Signer

SUFFIX: Final = ".signing.pub"


class Members:
    """Who belongs to this post."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[tuple[str, int], ...] | None = None
        self._by_kid: dict[bytes, Signer] = {}

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
            seen = tuple((file.name, file.stat().st_mtime_ns) for file in files)
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
        self._by_kid, self._seen = found, seen
