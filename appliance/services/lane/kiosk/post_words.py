"""The box's place in its post, in words: whether it belongs to it, and what it asks of its authority."""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from appliance.contracts.post_joining import PostReport
from appliance.services.lane.kiosk.words import Words

MAX_QR_BYTES: Final = 2900
"""ISO/IEC 18004, version 40 at level L: 2,953 bytes. A request has some eight hundred."""
WORRY: Final = ("asked", "ended")


@dataclass(frozen=True, slots=True)
class PostPlaceWords:
    """The part of the technician's page."""

    state: str
    state_word: str
    worry: bool
    until: str
    authority: str
    members: str
    event_word: str
    refused: bool
    sentence: str
    letters: str
    request: str
    """Its address as a picture; empty: nothing is asked."""


def post_words(report: PostReport, words: Words) -> PostPlaceWords:
    """The part in these words; the sentence on a file is in English, as in status.txt."""
    return PostPlaceWords(
        state=report.state,
        state_word=words.say("post_state", report.state),
        worry=report.state in WORRY,
        until=words.date(report.until) if _is_date(report.until) else "",
        authority=report.authority,
        members=str(report.members) if report.members else "",
        event_word=words.say("post_event", report.event) if report.event else "",
        refused=report.event in ("refused", "no_authority"),
        sentence=report.sentence,
        letters=report.letters,
        # another request, another picture: no browser shows the one before
        request=f"/technician/post-request.svg?{report.letters.replace(' ', '')}" if report.letters else "",
    )


@lru_cache(maxsize=2)
def qr_of(text: str) -> str:
    """The text as a QR code in SVG; nothing where there is none, or more than one code holds."""
    import zxingcpp  # most boxes never ask while lane runs

    if not 0 < len(text.encode()) <= MAX_QR_BYTES:
        return ""
    return str(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="L").to_svg())


def _is_date(text: str) -> bool:
    try:
        return bool(dt.date.fromisoformat(text))
    except ValueError:
        return False
