"""A hardware counter that only grows: what a copy of the disk cannot take back (TPM 2.0, NV counter).

Its value goes into signed headers. A journal whose last record names a lower value than the TPM's has lost
its end, or is an older copy that was put back. Where there is no TPM there is no such proof, and central's
watermark is what tells.
"""

import subprocess
from collections.abc import Sequence
from typing import Final, Protocol

from appliance.records.errors import CounterError

INDEX: Final = "0x180B0E0"
"""Among those for owners (TCG Registry of Reserved TPM 2.0 Handles: 0x01800000 to 0x01BFFFFF)."""
EVERY: Final = 16
"""Records for each step: a TPM's memory wears out, and at most so many newest records could vanish unproven.
At 300 travellers a day with three records each this is some 20,000 steps a year."""
SECONDS: Final = 10.0
"""A TPM on a slow bus takes some 50 ms; longer than this is none."""
_BYTES: Final = 8


class Counter(Protocol):
    """Grows by one, and never goes back."""

    def read(self) -> int:
        """Raises:
        CounterError: it does not answer.
        """
        ...

    def step(self) -> int:
        """One more; the new value.

        Raises:
            CounterError: it does not answer.
        """
        ...


class TpmCounter:
    """An NV counter, by Debian's tpm2-tools; made at the first use."""

    def __init__(self, tcti: str, *, index: str = INDEX) -> None:
        self._tcti = tcti
        self._index = index

    def read(self) -> int:
        if not self._defined():
            self._run("tpm2_nvdefine", self._index, "-C", "o", "-s", str(_BYTES),
                      "-a", "ownerread|ownerwrite|nt=counter")  # fmt: skip
            return self.step()  # a counter has no value before its first step
        return int.from_bytes(self._run("tpm2_nvread", self._index, "-C", "o"), "big")

    def step(self) -> int:
        self._run("tpm2_nvincrement", self._index, "-C", "o")
        return int.from_bytes(self._run("tpm2_nvread", self._index, "-C", "o"), "big")

    def _defined(self) -> bool:
        listed = self._run("tpm2_getcap", "handles-nv-index").decode("ascii", "replace")
        return int(self._index, 16) in {int(word, 16) for word in listed.split() if word.startswith("0x")}

    def _run(self, *words: str) -> bytes:
        return run_tpm(words, self._tcti)


def run_tpm(words: Sequence[str], tcti: str, *, given: bytes = b"") -> bytes:
    """What one of tpm2-tools says.

    Raises:
        CounterError: it is not installed, does not answer, or says no.
    """
    try:
        done = subprocess.run(
            [words[0], "-T", tcti, *words[1:]], input=given, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CounterError(f"{words[0]} cannot be run: the TPM does not answer.") from error
    if done.returncode:
        raise CounterError(f"{words[0]} failed: the TPM refuses, or is not there.")
    return done.stdout
