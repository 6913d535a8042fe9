"""What is installed, in one small file that is replaced whole: it is what makes an installation atomic.

A keyed checksum under the box's own key holds the files to what the gate let in, so that whatever changes one
of them behind the box's back is noticed when it is opened.
"""

import hashlib
import hmac
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from nacl.public import PrivateKey

from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.sealed import ContentType
from appliance.whole_files import write_whole

FILE: Final = "installed.json"
MAX_FILE_BYTES: Final = 1024 * 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing installed."""

    type: ContentType
    kind: str
    version: int
    issued_at: datetime
    expires_at: datetime
    file: str
    """The sealed file, or a list of numbers' index."""
    sha256: str
    key_file: str = ""
    """Of a list of numbers: the key of its hashes, sealed to this box."""
    overlay: str = ""
    """Of a list of numbers: the changes since its index was written."""
    overlay_sha256: str = ""


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entries: dict[str, Entry]
    mac: str = ""


class Manifest:
    """The file of what is installed."""

    def __init__(self, folder: Path, private_key: PrivateKey) -> None:
        self.path = folder / FILE
        self._key = hashlib.blake2b(bytes(private_key), digest_size=32, person=b"borne-installed").digest()

    def read(self) -> dict[str, Entry]:
        """What is installed, by name.

        Raises:
            Refused: the file is damaged, or somebody else has written it.
        """
        try:
            with self.path.open("rb") as file:
                kept = msgspec.json.decode(file.read(MAX_FILE_BYTES), type=_Kept)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Refused(Reason.STORAGE, "The file of what is installed cannot be read.") from error
        if not hmac.compare_digest(kept.mac, self._mac(kept.entries)):
            raise Refused(Reason.STORAGE, "The file of what is installed was not written by this box.")
        return kept.entries

    def write(self, entries: dict[str, Entry]) -> None:
        """Raises:
        OSError: it is not on disk, and the old one is.
        """
        write_whole(self.path, msgspec.json.encode(_Kept(entries, self._mac(entries))))

    def _mac(self, entries: dict[str, Entry]) -> str:
        plain = msgspec.json.encode(dict(sorted(entries.items())), order="sorted")
        return hashlib.blake2b(plain, key=self._key, digest_size=16).hexdigest()
