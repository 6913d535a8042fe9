"""What lane asks of capture's receipt printer."""

import msgspec


class PrintPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page for the receipt printer's paper."""

    rows: bytes
    """Each of `dots` / 8 bytes, the first dot in the highest bit, 1 is black."""
    dots: int
    timeout: float = 30.0
    """Until it is on paper; a person may have to load a roll."""
