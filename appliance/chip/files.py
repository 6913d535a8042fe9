"""The elementary files of an eMRTD (ICAO Doc 9303-10, 4): where each is, how it begins."""

from dataclasses import dataclass

EMRTD_APPLICATION = bytes.fromhex("A0000002471001")
MASTER_FILE = 0x3F00


@dataclass(frozen=True, slots=True)
class ElementaryFile:
    """One file: its name here, its identifier on the chip, its outermost tag."""

    name: str
    file_id: int
    tag: int


CARD_ACCESS = ElementaryFile("CardAccess", 0x011C, 0x31)
"""In the master file, readable by anyone, present when the chip offers PACE."""

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
