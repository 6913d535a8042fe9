"""Where the box's secret keys are protected: tiers, the best first: tpm, board, software.

- tpm: sealed to the TPM 2.0 of this board; no other machine opens them. Without a PCR policy, because a
  Raspberry Pi's firmware measures nothing into it: it binds to the chip and not to what was booted.
- board: encrypted under a key that the board itself holds (one-time programmable memory), which a file gives.
- software: files that only lane reads; for the laboratory.
"""

import os
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol

import cbor2
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from appliance import cbor
from appliance.key_files import KeyFileError
from appliance.records.counter import run_tpm
from appliance.records.errors import CounterError

SOFTWARE: Final = "software"
BOARD: Final = "board"
TPM: Final = "tpm"
BOARD_KEY_BYTES: Final = 32
MAX_BOARD_KEY_BYTES: Final = 256
_MAX_SEALED_BYTES: Final = 4096


class Vault(Protocol):
    """Protects small secrets by name."""

    @property
    def tier(self) -> str: ...
    def protect(self, name: str, secret: bytes) -> bytes:
        """What may lie on the disk.

        Raises:
            KeyFileError: it cannot be protected.
        """
        ...

    def reveal(self, name: str, protected: bytes) -> bytes:
        """The secret again.

        Raises:
            KeyFileError: it was protected elsewhere, under another name, or is damaged.
        """
        ...


class BoardVault:
    """Under a key of the board."""

    tier = BOARD

    def __init__(self, board_key: bytes) -> None:
        """Raises:
        KeyFileError: it is not 32 bytes, or all the same, as unprogrammed memory is.
        """
        if len(board_key) != BOARD_KEY_BYTES or len(set(board_key)) < 2:
            raise KeyFileError("The board's key is not 32 bytes, or was never programmed.")
        self._board_key = board_key

    @classmethod
    def of_file(cls, path: Path) -> "BoardVault":
        """The key as 64 hexadecimal digits, or as it is.

        Raises:
            KeyFileError: it cannot be read, or is none.
        """
        try:
            # What a card names may be a pipe, or have no end.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                content = file.read(MAX_BOARD_KEY_BYTES) or b""
        except OSError as error:
            raise KeyFileError(f"{path} cannot be read ({error.strerror}): the board's key.") from error
        try:
            return cls(content if len(content) == BOARD_KEY_BYTES else bytes.fromhex(content.decode("ascii")))
        except ValueError as error:
            raise KeyFileError(f"{path} holds no key of the board.") from error

    def protect(self, name: str, secret: bytes) -> bytes:
        return bytes(self._box(name).encrypt(secret))

    def reveal(self, name: str, protected: bytes) -> bytes:
        try:
            return bytes(self._box(name).decrypt(protected))
        except (CryptoError, ValueError, TypeError) as error:
            raise KeyFileError(f"The key {name} was not protected by this board.") from error

    def _box(self, name: str) -> SecretBox:
        return SecretBox(blake2b(name.encode(), key=self._board_key, digest_size=SecretBox.KEY_SIZE).digest())


class TpmVault:
    """Sealed to a TPM, by Debian's tpm2-tools.

    The primary key is made anew each time: the same template under the same hierarchy gives the same key, so
    that nothing needs to be kept in the TPM.
    """

    tier = TPM

    def __init__(self, tcti: str) -> None:
        self._tcti = tcti

    def protect(self, name: str, secret: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            public, private = f"{folder}/public", f"{folder}/private"
            parent = self._parent(folder)
            self._run(
                "tpm2_create",
                "-C",
                parent,
                "-i",
                "-",
                "-u",
                public,
                "-r",
                private,
                given=_named(name, secret),
            )
            return cbor2.dumps([Path(public).read_bytes(), Path(private).read_bytes()])

    def reveal(self, name: str, protected: bytes) -> bytes:
        try:
            public, private = _pair(protected[:_MAX_SEALED_BYTES])
            with tempfile.TemporaryDirectory() as folder:
                Path(f"{folder}/public").write_bytes(public)
                Path(f"{folder}/private").write_bytes(private)
                parent = self._parent(folder)
                loaded = f"{folder}/loaded"
                self._run(
                    "tpm2_load",
                    "-C",
                    parent,
                    "-u",
                    f"{folder}/public",
                    "-r",
                    f"{folder}/private",
                    "-c",
                    loaded,
                )
                plain = self._run("tpm2_unseal", "-c", loaded)
        except ValueError as error:
            raise KeyFileError(f"The protected key {name} is damaged.") from error
        owner, _, secret = plain.partition(b"\0")
        if owner != name.encode():
            raise KeyFileError(f"The protected key {name} is another one's.")
        return secret

    def _parent(self, folder: str) -> str:
        parent = f"{folder}/parent"
        self._run("tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", parent)
        return parent

    def _run(self, *words: str, given: bytes = b"") -> bytes:
        try:
            said = run_tpm(words, self._tcti, given=given)
            # Nobody does this for us where the kernel's resource manager is not in between.
            run_tpm(["tpm2_flushcontext", "-t"], self._tcti)
        except CounterError as error:
            raise KeyFileError(str(error)) from error
        return said


def _pair(protected: bytes) -> tuple[bytes, bytes]:
    found = cbor.loads(protected)
    if not isinstance(found, list) or len(found) != 2 or not all(isinstance(one, bytes) for one in found):
        raise ValueError("no pair of a public and a private part")
    return found[0], found[1]


def _named(name: str, secret: bytes) -> bytes:
    return name.encode() + b"\0" + secret
