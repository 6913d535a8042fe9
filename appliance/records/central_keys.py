"""Central's keys on a box: those of its configuration, until a signed list of keys has come.

The list is kept beside the journal, and one with a lower version than was ever had is refused.
"""

import datetime as dt
from pathlib import Path
from typing import Final

from nacl.public import PublicKey
from nacl.signing import VerifyKey

from appliance.records.errors import ManifestError
from appliance.records.keys import CentralKeys
from appliance.records.manifest import KeyRing, Manifest, Use, read_manifest
from appliance.whole_files import write_whole

FILE: Final = "central-keys.cose"
OWNER: Final = "central"


class CentralRing:
    """Whom this box believes, and whom it seals to, at a moment that is certainly past."""

    def __init__(self, configured: CentralKeys, *, authority: VerifyKey | None = None, folder: Path) -> None:
        self._configured = configured
        self._authority = authority
        self._file = folder / FILE
        self._ring = self._kept()

    @property
    def version(self) -> int:
        """Of the list that counts; 0 while the configuration does."""
        return self._ring.manifest.version if self._ring else 0

    def install(self, data: bytes) -> bool:
        """Take a list of keys; False when it is had already.

        Raises:
            ManifestError: it is not the authority's, not central's, older than one had before, or would leave
                the box with nobody to seal to.
            OSError: it is not on disk.
        """
        manifest = self._read(data)
        if manifest.version < self.version:
            raise ManifestError("The list of keys is older than one that this box has had.")
        if manifest.version == self.version:
            return False
        if not {Use.SEALING, Use.WATERMARK} <= {key.use for key in manifest.keys}:
            raise ManifestError("The list of keys would leave this box with nobody to report to.")
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self._file, data)
        self._ring = KeyRing(manifest)
        return True

    def sealing(self, certainly_past: dt.datetime) -> PublicKey:
        """The key that the next record is sealed to."""
        newest = self._ring.newest(Use.SEALING, certainly_past=certainly_past) if self._ring else None
        return newest or self._configured.sealing

    def watermark(self, kid: bytes, certainly_past: dt.datetime) -> VerifyKey | None:
        """The key of this name, if central may acknowledge with it."""
        if self._ring is None:
            return self._configured.watermark
        return self._ring.verifiers(Use.WATERMARK, certainly_past=certainly_past).get(kid)

    def operator(self, kid: bytes, certainly_past: dt.datetime) -> VerifyKey | None:
        """The key of this name, if central's operator may order with it."""
        if self._ring is None:
            return self._configured.operator
        return self._ring.verifiers(Use.OPERATOR, certainly_past=certainly_past).get(kid)

    @property
    def support(self) -> VerifyKey | None:
        """Whose grant lets support in, beside the operator's order; None: nobody's."""
        return self._configured.support

    @property
    def takes_orders(self) -> bool:
        """Whether there is an operator at all."""
        listed = self._ring is not None and any(k.use is Use.OPERATOR for k in self._ring.manifest.keys)
        return listed or (self._ring is None and self._configured.operator is not None)

    def _kept(self) -> KeyRing | None:
        try:
            return KeyRing(self._read(self._file.read_bytes()))
        except (OSError, ManifestError):
            return None  # none yet, or no authority's: the configuration counts

    def _read(self, data: bytes) -> Manifest:
        if self._authority is None:
            raise ManifestError("No authority for keys is configured: the keys of the configuration stay.")
        authority = self._authority
        manifest = read_manifest(data, verify_key_for=lambda _: authority)
        if manifest.owner != OWNER:
            raise ManifestError("The list of keys is another owner's.")
        return manifest
