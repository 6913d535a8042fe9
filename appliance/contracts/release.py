"""What a release says of an image: a manifest in a COSE_Sign1 beside it, signed by whoever builds."""

from typing import Annotated, Final

import msgspec

MANIFEST_TYPE: Final = "application/vnd.borne.image+json"
MAX_MANIFEST_BYTES: Final = 16 * 1024
SUFFIX: Final = ".manifest"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One image file."""

    board: Annotated[str, msgspec.Meta(max_length=64)]
    version: Annotated[str, msgspec.Meta(max_length=64)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    size: Annotated[int, msgspec.Meta(ge=512, le=64 * 1024**3)]
    """Bytes; a card larger than 64 GiB is none that an image was built for."""
    config_offset: Annotated[int, msgspec.Meta(ge=0, le=1024**3)]
    """Where the configuration partition begins: bytes."""
