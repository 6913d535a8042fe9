"""The files of a chip: built from an MRZ and a picture, or loaded from a folder of a real format."""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from appliance.chip import tlv
from appliance.chip.errors import Malformed
from appliance.chip.files import BY_NAME, BY_TAG, CARD_ACCESS
from appliance.simulation.chip.sod import security_object

MAX_FILE_BYTES = 65_535
LDS_VERSION = b"0107"
UNICODE_VERSION = b"040000"
_TAG_MRZ = 0x5F1F
_TAG_LDS_VERSION = 0x5F01
_TAG_UNICODE_VERSION = 0x5F36
_TAG_LIST = 0x5C

_FACE_HEADER = bytes.fromhex("A10E8101028201008702010188020008")
"""CBEFF: facial features, ISO/IEC JTC 1 SC 37, format 8 (face image)."""


class UnusableFiles(Exception):
    """What was given cannot be made into a chip, in one plain sentence."""


def build_files(*, mrz_lines: Sequence[str], picture: bytes) -> dict[str, bytes]:
    """COM, DG1, DG2 and SOD of one traveller; `picture` is JPEG or JPEG 2000.

    The security object is whole in form, and signed by a key that is thrown away.
    """
    groups = {"DG1": build_dg1(mrz_lines), "DG2": build_dg2(picture)}
    hashes = {int(name[2:]): hashlib.sha256(content).digest() for name, content in groups.items()}
    return {
        "COM": build_com(groups),
        **groups,
        "SOD": tlv.encode(BY_NAME["SOD"].tag, security_object(hashes)),
    }


def build_com(groups: Mapping[str, bytes]) -> bytes:
    """EF.COM: versions, and the tags of the data groups that there are."""
    tags = bytes(BY_NAME[name].tag for name in groups)
    return tlv.encode(
        BY_NAME["COM"].tag,
        tlv.encode(_TAG_LDS_VERSION, LDS_VERSION)
        + tlv.encode(_TAG_UNICODE_VERSION, UNICODE_VERSION)
        + tlv.encode(_TAG_LIST, tags),
    )


def build_dg1(mrz_lines: Sequence[str]) -> bytes:
    mrz = "".join(mrz_lines)
    mrz_information(mrz)  # refuses what is no MRZ
    return tlv.encode(BY_NAME["DG1"].tag, tlv.encode(_TAG_MRZ, mrz.encode("ascii")))


def build_dg2(picture: bytes) -> bytes:
    """One face of ISO/IEC 19794-5:2005 in a CBEFF group."""
    try:
        with Image.open(BytesIO(picture)) as opened:
            (width, height), kind = opened.size, opened.format
    except (UnidentifiedImageError, OSError) as error:
        raise UnusableFiles("The portrait is not a picture that can be read.") from error
    if kind not in ("JPEG", "JPEG2000"):
        raise UnusableFiles(f"A chip's portrait is JPEG or JPEG 2000, not {kind}.")
    face = struct.pack(">IH", 20 + 12 + len(picture), 0) + bytes(14)
    information = struct.pack(">2B2H2B2sH", 1, int(kind == "JPEG2000"), width, height, 1, 0, bytes(2), 0)
    body = face + information + picture
    record = struct.pack(">4s4sIH", b"FAC\0", b"010\0", 14 + len(body), 1) + body
    template = tlv.encode(0x7F60, _FACE_HEADER + tlv.encode(0x5F2E, record))
    content = tlv.encode(BY_NAME["DG2"].tag, tlv.encode(0x7F61, tlv.encode(0x02, b"\x01") + template))
    if len(content) > MAX_FILE_BYTES:
        raise UnusableFiles("The portrait is too large for a chip; 65,000 bytes are the most.")
    return content


def load_folder(folder: Path) -> dict[str, bytes]:
    """The files of a chip by name, known by their outermost tag, whatever they are called.

    Files that are none of a chip's are passed over.
    """
    found: dict[str, bytes] = {}
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
        for path in paths:
            if path.stat().st_size > MAX_FILE_BYTES:
                continue
            content = path.read_bytes()
            name = _name_of(content)
            if name is not None and found.setdefault(name, content) != content:
                raise UnusableFiles(f"{folder} holds two different files that are both {name}.")
    except OSError as error:
        raise UnusableFiles(f"{folder} cannot be read: {error.strerror}.") from error
    if "DG1" not in found:
        raise UnusableFiles(f"{folder} holds no DG1, so nothing could open the chip.")
    return found


def mrz_information_of(files: Mapping[str, bytes]) -> str:
    """What opens the chip with these files, from its own DG1."""
    try:
        mrz = tlv.decode_one(files["DG1"], BY_NAME["DG1"].tag).child(_TAG_MRZ).value.decode("ascii")
    except (Malformed, UnicodeDecodeError) as error:
        raise UnusableFiles("DG1 holds no MRZ.") from error
    return mrz_information(mrz)


def mrz_information(mrz: str) -> str:
    """Document number, birth and expiry date with their check digits (Doc 9303-11, 4.3.2)."""
    match len(mrz):
        case 88:  # TD3
            line = mrz[44:]
            return line[0:10] + line[13:20] + line[21:28]
        case 72:  # TD2
            number, rest, line = mrz[36:46], mrz[64:71], mrz[36:]
        case 90:  # TD1
            number, rest, line = mrz[5:15], mrz[15:30], mrz[30:]
            return _long_number(number, rest) + line[0:7] + line[8:15]
        case _:
            raise UnusableFiles("An MRZ has 72, 88 or 90 characters.")
    return _long_number(number, rest) + line[13:20] + line[21:28]


def _long_number(number: str, rest: str) -> str:
    """A number of more than nine characters goes on in the optional data (Doc 9303-5, 4.2.2)."""
    if not number.endswith("<"):
        return number
    continued = rest.split("<", 1)[0]
    return number[:9] + continued if continued else number[:9] + "0"


def _name_of(content: bytes) -> str | None:
    if not content:
        return None
    if content[0] == CARD_ACCESS.tag:
        name = CARD_ACCESS.name
    elif content[0] in BY_TAG:
        name = BY_TAG[content[0]].name
    else:
        return None
    try:
        tlv.decode_one(content, content[0])
    except Malformed:
        return None
    return name
