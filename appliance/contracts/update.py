"""New software for the box: what central offers through the gate, and what agent asks of uplink for it.

An offer names a bundle; it makes nobody believe the bundle. That is signed by whoever builds the software,
and the updater verifies it, wherever it came from.
"""

from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

MAX_BUNDLE_BYTES: Final = 4 * 1024**3
MAX_OFFERS_BYTES: Final = 64 * 1024

Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+~-]{0,63}\Z")]
"""Versions and kinds of board: they become parts of file names."""


class UpdateOfferError(ValueError):
    """Offers that no box could go by, in one plain sentence."""


class UpdateOffer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bundle for one kind of board."""

    compatible: Word
    """The kind of board, in the updater's word: RAUC's `compatible`."""
    version: Word
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_BUNDLE_BYTES)]
    """Bytes."""
    url: Annotated[str, msgspec.Meta(max_length=512)]
    """https; whoever serves it shows a certificate of the broker's authority."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 443) > 0
        except ValueError:
            fits = False
        if (
            not fits
            or not self.url.isascii()
            or not self.url.isprintable()
            or " " in self.url
            or "@" in self.url
        ):
            raise ValueError("a bundle is fetched from an https address without a name or a password in it")


class _Offers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    updates: Annotated[tuple[UpdateOffer, ...], msgspec.Meta(max_length=64)]


def read_offers(content: bytes) -> tuple[UpdateOffer, ...]:
    """The offers of a signed `update`: one JSON object, `{"updates": [...]}`, a kind of board at most once.

    Raises:
        UpdateOfferError: it is not that.
    """
    if len(content) > MAX_OFFERS_BYTES:
        raise UpdateOfferError(f"The offers of updates are larger than {MAX_OFFERS_BYTES} bytes.")
    try:
        offers = msgspec.json.decode(content, type=_Offers).updates
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UpdateOfferError(f"These are no offers of updates: {error}.") from error
    kinds = [one.compatible for one in offers]
    if len(set(kinds)) != len(kinds):
        raise UpdateOfferError("The offers name a kind of board twice.")
    return offers


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """How far a bundle is that uplink was asked for."""

    have: int
    """Bytes on the box."""
    path: str | None = None
    """Where it lies once it is whole and has the offer's hash."""
    problem: str = ""
    """Why the last try ended early; it goes on where it stopped when it is asked for again."""
