"""The elementary files of an eMRTD (ICAO Doc 9303-10, 4): where each is, how it begins."""

from dataclasses import dataclass

from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError

EMRTD_APPLICATION = bytes.fromhex("A0000002471001")
MASTER_FILE = 0x3F00


@dataclass(frozen=True, slots=True)
class ElementaryFile:
    """One file: its name here, its identifier on the chip, its outermost tag."""

    name: str
    file_id: int
    tag: int

    @property
    def short_id(self) -> int:
        """The short EF identifier, five bits of the long one (Doc 9303-10, 3.6.2)."""
        return self.file_id & 0x1F


CARD_ACCESS = ElementaryFile("CardAccess", 0x011C, 0x31)
"""In the master file, readable by anyone, present when the chip offers PACE."""
CARD_SECURITY = ElementaryFile("CardSecurity", 0x011D, 0x30)
"""In the master file, readable after PACE, present with chip authentication mapping."""
ATR_INFO = ElementaryFile("ATR", 0x2F01, 0x00)
"""EF.ATR/INFO: data objects side by side, so it has no tag of its own."""

APPLICATION_FILES = (
    ElementaryFile("COM", 0x011E, 0x60),
    ElementaryFile("SOD", 0x011D, 0x77),
    ElementaryFile("DG1", 0x0101, 0x61),
    ElementaryFile("DG2", 0x0102, 0x75),
    ElementaryFile("DG3", 0x0103, 0x63),
    ElementaryFile("DG4", 0x0104, 0x76),
    ElementaryFile("DG5", 0x0105, 0x65),
    ElementaryFile("DG6", 0x0106, 0x66),
    ElementaryFile("DG7", 0x0107, 0x67),
    ElementaryFile("DG8", 0x0108, 0x68),
    ElementaryFile("DG9", 0x0109, 0x69),
    ElementaryFile("DG10", 0x010A, 0x6A),
    ElementaryFile("DG11", 0x010B, 0x6B),
    ElementaryFile("DG12", 0x010C, 0x6C),
    ElementaryFile("DG13", 0x010D, 0x6D),
    ElementaryFile("DG14", 0x010E, 0x6E),
    ElementaryFile("DG15", 0x010F, 0x6F),
    ElementaryFile("DG16", 0x0110, 0x70),
)

BY_NAME = {file.name: file for file in APPLICATION_FILES}
BY_TAG = {file.tag: file for file in APPLICATION_FILES}

MASTER_FILES = (CARD_ACCESS, CARD_SECURITY)
_SECURITY_OBJECT_TYPE = bytes.fromhex("06080400 7F00 0703 0201")
"""0.4.0.127.0.7.3.2.1, what EF.CardSecurity signs; other CMS files begin alike."""
_DIRECTORY_ENTRY = 0x4F
"""EF.DIR begins with DG1's tag, and holds application identifiers."""


def identify(content: bytes) -> tuple[str, bytes] | None:
    """Which file these bytes are, by their outer tag, and the file without what it was filled up with.

    None for what is no file of a chip.
    """
    try:
        header = tlv.read_header(content)
    except EmrtdError:
        return None
    end = header.size + header.length
    if end > len(content) or content[end:].strip(b"\x00\xff"):
        return None
    whole = content[:end]
    if header.tag in BY_TAG:
        if header.tag == BY_NAME["DG1"].tag and content[header.size : header.size + 1] == bytes(
            (_DIRECTORY_ENTRY,)
        ):
            return None
        return BY_TAG[header.tag].name, whole
    if header.tag == CARD_ACCESS.tag:
        return CARD_ACCESS.name, whole
    if header.tag == CARD_SECURITY.tag and _SECURITY_OBJECT_TYPE in whole[:128]:
        return CARD_SECURITY.name, whole
    return None
