"""The files of a chip: built from an MRZ and a picture, or loaded from a folder of a real format."""

import datetime as dt
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from appliance.simulation.chip.authority import Holder, signer_of
from appliance.simulation.chip.secrets import ChipSecrets
from appliance.simulation.chip.sod import security_object
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import Malformed
from appliance.travel_document.lds.files import ATR_INFO, BY_NAME, CARD_ACCESS, CARD_SECURITY, identify

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


def build_files(
    *,
    mrz_lines: Sequence[str],
    picture: bytes,
    secrets: ChipSecrets | None = None,
    signer: Holder | None = None,
    more: Mapping[str, bytes] | None = None,
    signed_at: dt.datetime | None = None,
    atr: bytes = b"",
) -> dict[str, bytes]:
    """The files of one traveller's chip; `picture` is JPEG or JPEG 2000.

    The security object is signed by the test authority of the MRZ's issuing state, or by `signer`; `more` are
    further data groups; `secrets` bring DG14, DG15, EF.CardAccess and EF.CardSecurity with them.
    """
    secrets = secrets or ChipSecrets()
    signer = signer or signer_of(mrz_lines[0][2:5].rstrip("<"))
    groups = {"DG1": build_dg1(mrz_lines), "DG2": build_dg2(picture), **(more or {})}
    groups |= {name: made for name, made in (("DG14", secrets.dg14()), ("DG15", secrets.dg15())) if made}
    groups = dict(sorted(groups.items(), key=lambda pair: int(pair[0][2:])))
    contents = {int(name[2:]): content for name, content in groups.items()}
    files = {
        "COM": build_com(groups),
        **groups,
        "SOD": tlv.encode(
            BY_NAME["SOD"].tag, security_object(contents, signer, signed_at=signed_at or _this_morning())
        ),
    }
    outside = {
        CARD_ACCESS.name: secrets.card_access(),
        CARD_SECURITY.name: secrets.card_security(signer),
        ATR_INFO.name: atr or None,
    }
    return files | {name: content for name, content in outside.items() if content is not None}


def card_limits(command_bytes: int, response_bytes: int) -> bytes:
    """EF.ATR/INFO of a card that carries extended lengths (9303-10, 3.9)."""
    sizes = b"".join(tlv.encode(0x02, size.to_bytes(3)) for size in (command_bytes, response_bytes))
    return tlv.encode(0x47, bytes((0, 0, 0xC0))) + tlv.encode(0x7F66, sizes)


def _this_morning() -> dt.datetime:
    """A signing time in the recent past."""
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=400)).replace(
        hour=8, minute=0, second=0, microsecond=0
    )


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
            known = identify(path.read_bytes())
            if known is not None and found.setdefault(*known) != known[1]:
                raise UnusableFiles(f"{folder} holds two different files that are both {known[0]}.")
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
