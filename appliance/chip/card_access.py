"""EF.CardAccess (ICAO Doc 9303-11, 9.2): which access protocols a chip offers beside BAC."""

from appliance.chip import tlv
from appliance.chip.errors import Malformed
from appliance.chip.files import CARD_ACCESS

TAG_SEQUENCE = 0x30
TAG_OBJECT_IDENTIFIER = 0x06
PACE_OID = bytes.fromhex("04007F0007020204")
"""0.4.0.127.0.7.2.2.4, id-PACE; the mapping and the cipher follow."""


def offers_pace(content: bytes) -> bool:
    """Whether the file names PACE; a file that cannot be understood counts as an offer.

    Otherwise whoever garbles it on its way would have PACE forgotten without a trace.
    """
    try:
        infos = tlv.decode_one(content, CARD_ACCESS.tag).children()
        return any(_oid(info).startswith(PACE_OID) for info in infos)
    except Malformed:
        return True


def _oid(info: tlv.Tlv) -> bytes:
    if info.tag != TAG_SEQUENCE:
        raise Malformed("A SecurityInfo is no sequence.")
    return info.child(TAG_OBJECT_IDENTIFIER).value
