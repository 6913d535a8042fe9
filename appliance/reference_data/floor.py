"""The floor: the highest versions this box has ever believed, kept apart from what they are versions of.

The Update Framework's own memory is its cache: wiped, it would believe last year's list again. So the
floor lies
in another folder, in two copies, each with a keyed checksum under the box's own key (BLAKE2b); the higher one
counts, and a copy that somebody has written to counts as none but is told. Both gone with all of the card is
what a hardware counter would see (docs/screening.md says which tier has one).
"""

import hashlib
import hmac
import logging
import os
from pathlib import Path
from typing import Final

import msgspec
from nacl.public import PrivateKey

from appliance.reference_data.errors import Reason, Refused
from appliance.whole_files import write_whole

MAX_FILE_BYTES: Final = 256 * 1024
log = logging.getLogger(__name__)


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    versions: dict[str, int]
    mac: str = ""


class Floor:
    """Versions by name; `root`, `timestamp`, `snapshot`, `targets` and `list/NAME`."""

    def __init__(self, folders: tuple[Path, ...], private_key: PrivateKey) -> None:
        self._files = tuple(folder / "floor.json" for folder in folders)
        self._key = hashlib.blake2b(bytes(private_key), digest_size=32, person=b"borne-floor").digest()

    def read(self) -> dict[str, int]:
        """The highest versions that any good copy has.

        Raises:
            Refused: there were copies, and none is good: nobody can say what this box has believed.
        """
        versions: dict[str, int] = {}
        good = damaged = 0
        for file in self._files:
            try:
                with file.open("rb") as opened:
                    kept = msgspec.json.decode(opened.read(MAX_FILE_BYTES), type=_Kept)
                if not hmac.compare_digest(kept.mac, self._mac(kept.versions)):
                    raise ValueError("another hand")
            except FileNotFoundError:
                continue
            except (OSError, msgspec.MsgspecError, ValueError, UnicodeDecodeError):
                log.warning("a copy of the floor of versions is damaged: %s", file.parent.name)
                damaged += 1
                continue
            good += 1
            for name, version in kept.versions.items():
                versions[name] = max(version, versions.get(name, 0))
        if damaged and not good:
            # Begun anew, damage would open the door to older lists.
            raise Refused(
                Reason.STORAGE,
                "Nobody can say which versions this box has had; ask a technician (floor.json).",
            )
        return versions

    def raise_to(self, versions: dict[str, int]) -> None:
        """Never lowers.

        Raises:
            OSError: no copy could be written.
        """
        known = self.read()
        merged = known | {name: max(version, known.get(name, 0)) for name, version in versions.items()}
        data = msgspec.json.encode(_Kept(merged, self._mac(merged)))
        failures: list[OSError] = []
        for file in self._files:
            try:
                os.makedirs(file.parent, mode=0o700, exist_ok=True)
                write_whole(file, data)
            except OSError as error:
                failures.append(error)
        if len(failures) == len(self._files):
            raise failures[0]

    def _mac(self, versions: dict[str, int]) -> str:
        plain = msgspec.json.encode(dict(sorted(versions.items())))
        return hashlib.blake2b(plain, key=self._key, digest_size=16).hexdigest()
