"""EF.COM (ICAO Doc 9303-10, 4.6.1): which data groups the chip says that it has. It is not signed."""

from dataclasses import dataclass
from typing import Final

from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.files import BY_TAG

TAG_COM: Final = 0x60
TAG_LDS_VERSION: Final = 0x5F01
TAG_UNICODE_VERSION: Final = 0x5F36
TAG_LIST: Final = 0x5C


@dataclass(frozen=True, slots=True)
class CommonData:
    """The index of a chip."""

    lds_version: str
    unicode_version: str
    tags: tuple[int, ...]
    """In the order of the file, unknown ones too."""

    @property
    def names(self) -> tuple[str, ...]:
        """The files that the tags stand for; a tag that stands for none is left out."""
        return tuple(BY_TAG[tag].name for tag in self.tags if tag in BY_TAG)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The data groups' numbers."""
        return tuple(int(name[2:]) for name in self.names if name.startswith("DG"))


def read_com(content: bytes) -> CommonData:
    """EF.COM.

    Raises:
        Malformed: it is none.
    """
    found = {one.tag: one.value for one in tlv.decode_one(content, TAG_COM).children()}
    tags = tlv.decode_one(content, TAG_COM).child(TAG_LIST).value
    return CommonData(
        found.get(TAG_LDS_VERSION, b"").decode("ascii", "replace"),
        found.get(TAG_UNICODE_VERSION, b"").decode("ascii", "replace"),
        tuple(tags),
    )
