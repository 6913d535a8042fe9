"""What every part of the table of rules is made of."""

from typing import Annotated

import msgspec

Words = dict[str, Annotated[str, msgspec.Meta(max_length=300)]]
"""Language to sentence."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that nobody knows is refused, with its line."""
