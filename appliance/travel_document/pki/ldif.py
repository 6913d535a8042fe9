"""LDIF (RFC 2849) as the ICAO PKD publishes it: the binary attributes of each entry."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.travel_document.lds.errors import LimitExceeded, Malformed

MAX_VALUE_BYTES = 32 * 1024 * 1024
"""The largest value is a state's master list, of some megabyte."""
MAX_VALUES = 200_000

KINDS = {
    "usercertificate": "certificate",
    "cacertificate": "certificate",
    "certificaterevocationlist": "crl",
    "pkdmasterlistcontent": "signed_list",
    "cscamasterlistdata": "signed_list",
    "pkddeviationlistcontent": "signed_list",
    "deviationlistdata": "signed_list",
}
"""What the attributes hold, by their names without options."""


@dataclass(frozen=True, slots=True)
class LdifValue:
    """One binary value: certificate, crl or signed_list."""

    kind: str
    data: bytes
    line: int


def looks_like_ldif(data: bytes) -> bool:
    """Whether the file's beginning is that of an LDIF file."""
    beginning = data[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
    return beginning.startswith((b"version:", b"dn:", b"#")) and b":" in beginning


def read_ldif(data: bytes) -> Iterator[LdifValue]:
    """Every value of the attributes that are known, in order.

    Raises:
        Malformed: a value is not base64.
        LimitExceeded: more, or larger ones, than the PKD has.
    """
    count = 0
    for line, text in _unfolded(data):
        name, separator, value = text.partition(b":")
        kind = KINDS.get(name.split(b";")[0].decode("ascii", "replace").strip().lower())
        if not separator or kind is None or not value.startswith(b":"):
            continue
        count += 1
        if count > MAX_VALUES or len(value) > MAX_VALUE_BYTES:
            raise LimitExceeded("The LDIF file holds more than the ICAO PKD does.")
        try:
            decoded = base64.b64decode(value[1:].strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed(f"Line {line} of the LDIF file is not base64.") from error
        yield LdifValue(kind, decoded, line)


def _unfolded(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their continuations, which begin with a space; comments are left out."""
    pieces: list[bytes] = []
    began = 1
    for number, raw in enumerate(data.splitlines(), start=1):
        if raw.startswith(b" ") and pieces:
            pieces.append(raw[1:])
            continue
        if pieces and not pieces[0].startswith(b"#"):
            yield began, b"".join(pieces)
        pieces, began = [raw], number
    if pieces and not pieces[0].startswith(b"#"):
        yield began, b"".join(pieces)
